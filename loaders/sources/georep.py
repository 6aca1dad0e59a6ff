"""Georep, New Caledonia: `limites_terrestres`, EPSG:3163."""

from __future__ import annotations

from loaders.sources.columns import Columns
from loaders.sources.publisher import Publisher

GEOREP = Publisher(
    key="georep",
    publisher="Gouvernement de la Nouvelle-Calédonie (Georep)",
    licence="etalab-2.0",
    columns=Columns(code=("code_com",), name=("nom_minus", "nom")),
    signature=frozenset({"code_com", "nom_minus"}),
    precision_m=25.0,
    features_may_repeat=True,
)
