"""Communes derived from OpenStreetMap (openfla): licence ODbL, which the vintage then carries."""

from __future__ import annotations

from loaders.sources.columns import Columns
from loaders.sources.publisher import Publisher

OSM = Publisher(
    key="osm",
    publisher="contributeurs d’OpenStreetMap",
    licence="ODbL-1.0",
    columns=Columns(code=("insee",), name=("nom",)),
    signature=frozenset({"insee", "nom"}),
    precision_m=10.0,
)
