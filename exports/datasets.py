"""What is published: the datasets of a release and their columns, described once for every container and paper.

From every module of `exports`. Names, types and meanings come from the registry of collections and from the database's comments.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from geoplatform.cql2 import Type
from geoplatform.store import collections, looks
from geoplatform.store.collections import type_of
from geoplatform.store.cutting import Scope, filed
from geoplatform.store.looks import Look

#: In the order in which they are cut.
NAMES = ("places", "communes", "epci", "departments", "regions")
TITLES = {
    "places": "Lieux ajoutés par les habitants et les registres publics",
    "communes": "Communes",
    "epci": "Intercommunalités (EPCI à fiscalité propre)",
    "departments": "Départements",
    "regions": "Régions",
}
_LEVEL_NAMES = {"region": "région", "department": "département", "epci": "intercommunalité", "commune": "commune"}
#: Names of at most ten characters for Shapefiles, where cutting would make two alike or unclear.
_SHORT = {
    "description": "descr", "opening_hours": "opening_h", "source_name": "src_name", "commune_code": "com_code",
    "commune_name": "com_name", "department_code": "dep_code", "department_name": "dep_name", "region_code": "reg_code",
    "region_name": "reg_name", "commune_code_at_entry": "entry_code", "modified_on": "modif_on",
    "territory_code": "terr_code", "postal_codes": "post_codes", "geometry_source": "geom_src",
}  # fmt: skip


#: What has a layer of vector tiles, and by which levels of scope its tiles can be asked.
_TILED: dict[str, tuple[str, ...]] = {"places": ("commune", "department"), "communes": (), "departments": ()}


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `type`: of `cql2.Type`; `meaning`: the database's own comment; `short`: its name in Shapefiles."""

    name: str
    type: Type
    meaning: str
    short: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset: a collection, of France or of a scope. `fields`: its columns but the geometry, in the order of every file;
    `geometry_type`: as GeoJSON calls it; `looks`: how QGIS draws it.
    """

    collection: str
    geometry_type: str
    scope: Scope | None
    fields: tuple[Field, ...]
    looks: tuple[Look, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in addresses and in the register of releases."""
        scope = self.scope
        return self.collection if scope is None else f"{self.collection}-{scope.level}-{scope.code}"

    @property
    def title(self) -> str:
        """Title in French."""
        title = TITLES[self.collection]
        return (
            f"{title} — France"
            if self.scope is None
            else f"{title} — {_LEVEL_NAMES[self.scope.level]} {self.scope.name}"
        )

    @property
    def holds_points(self) -> bool:
        """Whether its geometries are points, which text formats spell as longitude and latitude."""
        return self.geometry_type == "Point"


def has_tiles(dataset: Dataset) -> bool:
    """Whether the server has vector tiles of just this dataset: a layer, and a filter for its scope."""
    levels = _TILED.get(dataset.collection)
    return levels is not None and (dataset.scope is None or dataset.scope.level in levels)


def described(connection: Connection, name: str, scope: Scope | None) -> Dataset:
    """The dataset of a collection and scope, with what the database says of its columns and looks."""
    found, meanings = filed(name), collections.meanings(connection)
    fields = (
        Field(column.name, type_of(column), meanings[name][column.name], _SHORT.get(column.name, column.name))
        for column in found.columns
    )
    return Dataset(name, found.geometry_type, scope, tuple(fields), looks.of_collection(connection, name))
