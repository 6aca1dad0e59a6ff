"""Etalab `contours-administratifs`: ADMIN EXPRESS and overseas collectivities, generalised. Arrondissements of Paris, Lyon and
Marseille stand in the same layer and name their `commune`: they are left out.
"""

from __future__ import annotations

from loaders.sources.columns import Columns
from loaders.sources.publisher import Publisher

ETALAB = Publisher(
    key="contours-administratifs",
    publisher="Etalab (IGN, INSEE)",
    licence="etalab-2.0",
    columns=Columns(
        code=("code",),
        name=("nom",),
        department=("departement",),
        region=("region",),
        epci=("epci",),
        parent=("commune",),
    ),
    signature=frozenset({"code", "nom", "departement", "region"}),
    precision_m=50.0,
)
