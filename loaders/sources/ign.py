"""IGN: ADMIN EXPRESS, ADMIN EXPRESS COG and COG-CARTO of every schema since 2017, and GEOFLA before it.

Fields of schema 4.0 (2025 on) are lower-case French words, those of 1.x to 3.x upper-case abbreviations; a Shapefile of the
former cuts them to ten signs.
"""

from __future__ import annotations

from loaders.sources.columns import Columns
from loaders.sources.publisher import Publisher

_IGN_UNITS = (
    ("region", "region", Columns(("code_insee", "INSEE_REG"), ("nom_officiel", "NOM", "NOM_REG"))),
    (
        "departement",
        "department",
        Columns(("code_insee", "INSEE_DEP"), ("nom_officiel", "NOM", "NOM_DEP"),
                region=("code_insee_de_la_region", "INSEE_REG")),
    ),
    ("epci", "epci", Columns(("code_siren", "CODE_SIREN", "SIREN_EPCI", "CODE_EPCI"), ("nom_officiel", "NOM", "NOM_EPCI"))),
)  # fmt: skip

ADMIN_EXPRESS_4 = Publisher(
    key="admin-express",
    publisher="IGN",
    licence="etalab-2.0",
    columns=Columns(
        code=("code_insee",),
        name=("nom_officiel",),
        department=("code_insee_du_departement",),
        region=("code_insee_de_la_region",),
        epci=("codes_siren_des_epci",),
        postal=("code_postal",),
        population=("population",),
    ),
    signature=frozenset({"code_insee", "nom_officiel", "codes_siren_des_epci"}),
    precision_m=10.0,
    collectivities=Columns(code=("code_insee",), name=("nom_officiel",)),
    units=_IGN_UNITS,
)

ADMIN_EXPRESS = Publisher(
    key="admin-express",
    publisher="IGN",
    licence="etalab-2.0",
    columns=Columns(
        code=("INSEE_COM",),
        name=("NOM", "NOM_COM"),
        department=("INSEE_DEP",),
        region=("INSEE_REG",),
        epci=("SIREN_EPCI", "CODE_EPCI"),
        population=("POPULATION",),
        parent=("INSEE_RATT", "INSEE_ARM"),
    ),
    signature=frozenset({"insee_com", "insee_dep"}),
    precision_m=10.0,
    units=_IGN_UNITS,
)

GEOFLA = Publisher(
    key="geofla",
    publisher="IGN",
    licence="etalab-2.0",
    columns=Columns(
        code=("INSEE_COM",),
        name=("NOM_COM", "NOM_COMM"),
        department=("CODE_DEPT",),
        region=("CODE_REG",),
        population=("POPULATION",),
    ),
    signature=frozenset({"insee_com", "code_dept"}),
    precision_m=150.0,
    features_may_repeat=True,  # Paris, Lyon and Marseille stand there as their arrondissements
)
