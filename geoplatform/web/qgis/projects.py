"""Projects (.qgz), layer definitions (.qlr) and styles (.qml) of QGIS, the same bytes for the same content."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from pyproj import CRS

from geoplatform.web.qgis import forms, symbols

#: The oldest version that we try in tests; QGIS warns when a project is newer than itself, not when it is older.
_VERSION = "3.22.16-Białowieża"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_DOCTYPE = b"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_CRS84 = "OGC:CRS84"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `name`: of its collection, or `tiles`; `address`: of the service; `least_scale`: drawn from 1:this on.

    `only`: (field, value) of the features wanted, None for all; `properties`: JSON Schema by field; `choices`: label by value.
    """

    name: str
    title: str
    address: str
    attribution: str
    style_address: str = ""
    only: tuple[str, str] | None = None
    least_scale: int | None = None
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    choices: forms.Choices = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What the layer is called inside a project."""
        return f"geoplatform_{self.name}"

    @property
    def provider(self) -> str:
        """The provider of QGIS that reads it, empty for vector tiles: those are a type of layer."""
        return "" if self.name == "tiles" else "OAPIF"

    @property
    def source(self) -> str:
        """Where QGIS reads it from, as its provider spells that."""
        if not self.provider:
            address, style = (quote(part, safe=":/") for part in (self.address, self.style_address))
            return f"type=xyz&url={address}&zmin=0&zmax=18&styleUrl={style}"
        # Only what the map shows is fetched. QGIS 3.32 and later send the filter, earlier ones apply it themselves.
        facts = {"pagingEnabled": "true", "restrictToRequestBBOX": "1", "srsname": _CRS84, "typename": self.name}
        facts |= {"url": self.address}
        if self.only:
            facts["filter"] = "\"{}\" = '{}'".format(*self.only)
        return " ".join("{}='{}'".format(name, value.replace("'", "\\'")) for name, value in facts.items())


@dataclass(frozen=True, slots=True)
class Group:
    """Layers under one title, the topmost first."""

    title: str
    layers: tuple[Layer, ...]
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Project:
    """A project. `bounds`: west, south, east, north in the units of EPSG:`srid`."""

    title: str
    srid: int
    bounds: tuple[float, float, float, float]
    rights: str
    groups: tuple[Group, ...]


def packed(project: Project, name: str) -> bytes:
    """The project as a .qgz. `name`: of the .qgs inside."""
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(f"{name}.qgs", _EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, _spelled(_project(project)))
    return told.getvalue()


def definition(layer: Layer) -> bytes:
    """The layer as a .qlr, which QGIS adds to any project."""
    root = Element("qlr")
    _tree(SubElement(root, "layer-tree-group", checked="Qt::Checked", expanded="1"), [layer])
    SubElement(root, "maplayers").append(_map_layer(layer))
    return _spelled(root, b"<!DOCTYPE qgis-layer-definition>\n")


def style(layer: Layer) -> bytes:
    """The layer's symbols and forms as QML."""
    root = Element("qgis", version=_VERSION, styleCategories="AllStyleCategories")
    root.extend(_look(layer))
    return _spelled(root)


def _project(project: Project) -> Element:
    root = Element("qgis", projectname=project.title, version=_VERSION)
    SubElement(root, "title").text = project.title
    root.append(_crs("projectCrs", f"EPSG:{project.srid}"))
    tree = SubElement(root, "layer-tree-group")
    for group in project.groups:
        shown = "Qt::Checked" if group.is_shown else "Qt::Unchecked"
        _tree(SubElement(tree, "layer-tree-group", name=group.title, checked=shown, expanded="1"), group.layers)
    canvas = SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    extent = SubElement(canvas, "extent")
    for name, number in zip(("xmin", "ymin", "xmax", "ymax"), project.bounds, strict=True):
        SubElement(extent, name).text = f"{number:.3f}"
    canvas.append(_crs("destinationsrs", f"EPSG:{project.srid}"))
    layers = SubElement(root, "projectlayers")
    layers.extend(_map_layer(layer) for group in project.groups for layer in group.layers)
    # Without this QGIS takes a project to have no coordinate system.
    reference = SubElement(SubElement(root, "properties"), "SpatialRefSys")
    SubElement(reference, "ProjectionsEnabled", type="int").text = "1"
    told = SubElement(root, "projectMetadata")
    SubElement(told, "title").text = project.title
    SubElement(told, "rights").text = project.rights
    return root


def _tree(group: Element, layers: Iterable[Layer]) -> None:
    for layer in layers:
        facts = {"id": layer.id, "name": layer.title, "source": layer.source, "providerKey": layer.provider}
        SubElement(group, "layer-tree-layer", facts, checked="Qt::Checked", expanded="0")


def _map_layer(layer: Layer) -> Element:
    told = Element("maplayer", type="vector" if layer.provider else "vector-tile")
    if layer.provider:
        told.set("geometry", "Point" if layer.name == "places" else "Polygon")
    if layer.least_scale:
        told.attrib |= {"hasScaleBasedVisibilityFlag": "1", "minScale": str(layer.least_scale), "maxScale": "0"}
    SubElement(told, "id").text = layer.id
    SubElement(told, "datasource").text = layer.source
    SubElement(told, "layername").text = layer.title
    SubElement(told, "attribution").text = layer.attribution
    told.append(_crs("srs", _CRS84 if layer.provider else "EPSG:3857"))
    about = SubElement(told, "resourceMetadata")
    SubElement(about, "title").text = layer.title
    SubElement(about, "rights").text = layer.attribution
    if layer.provider:
        SubElement(told, "provider", encoding="UTF-8").text = layer.provider
    told.extend(_look(layer))
    return told


def _look(layer: Layer) -> list[Element]:
    if not layer.provider:
        return [symbols.tile_renderer()]
    return [
        symbols.renderer(layer.name, layer.choices.get("kind", {})),
        *forms.elements(layer.properties, layer.choices),
    ]


def _crs(name: str, authority: str) -> Element:
    told = Element(name)
    system = SubElement(told, "spatialrefsys", nativeFormat="Wkt")
    # QGIS 3.22 takes no projected system by its name alone.
    SubElement(system, "wkt").text = CRS.from_user_input(authority).to_wkt("WKT2_2019")
    SubElement(system, "authid").text = authority
    return told


def _spelled(root: Element, doctype: bytes = _DOCTYPE) -> bytes:
    spelled: bytes = tostring(root, encoding="utf-8")
    return doctype + spelled
