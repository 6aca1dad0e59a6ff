"""Géographie administrative de la Polynésie française: associated communes, united into communes by their INSEE code."""

from __future__ import annotations

from loaders.sources.columns import Columns
from loaders.sources.publisher import Publisher

POLYNESIA = Publisher(
    key="polynesie",
    publisher="Polynésie française (SAU)",
    licence="etalab-2.0",
    columns=Columns(code=("code_com_i",), name=("nom", "commune")),
    signature=frozenset({"code_com_i"}),
    precision_m=25.0,
    features_may_repeat=True,
)
