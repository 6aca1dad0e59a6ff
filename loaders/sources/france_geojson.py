"""france-geojson (Grégoire David): communes as GeoJSON by department or for France, with code and name only."""

from __future__ import annotations

from loaders.sources.columns import Columns
from loaders.sources.publisher import Publisher

FRANCE_GEOJSON = Publisher(
    key="france-geojson",
    publisher="Grégoire David (IGN, INSEE)",
    licence="etalab-2.0",
    columns=Columns(code=("code",), name=("nom",)),
    signature=frozenset({"code", "nom"}),
    precision_m=150.0,
)
