"""What is known of a publisher's files. From the publishers' modules; to `loaders.sources.official`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from loaders.files.layers import Layer
from loaders.sources.columns import Columns

_OTHER_UNITS = re.compile("canton|arrondissement|departement|region|epci|iris|circonscription", re.IGNORECASE)


@dataclass(frozen=True)
class Publisher:
    """One family of files. `signature`: fields that only its layer of communes has, without case.

    `precision_m`: 95 % of the limits lie within so many metres of the official ones, where the name of the file does not tell.
    """

    key: str
    publisher: str
    licence: str
    columns: Columns
    signature: frozenset[str]
    precision_m: float
    population_factor: int = 1
    features_may_repeat: bool = False
    collectivities: Columns | None = None
    units: tuple[tuple[str, str, Columns], ...] = ()

    def knows(self, layer: Layer) -> bool:
        """Whether this layer is its layer of communes."""
        fields = {field.lower() for field in layer.fields}
        return bool(self.signature) and self.signature <= fields and not _OTHER_UNITS.search(layer.name)

    def precision_of(self, path: Path) -> float:
        """From what the file's name tells: a scale (`-50m`), IGN's COG-CARTO and CARTO-PE; else the usual one."""
        if re.search(r"CARTO[-_](?:PLUS[-_])?PE", path.name, re.IGNORECASE):
            return 600.0
        if re.search(r"COG[-_]CARTO", path.name, re.IGNORECASE):
            return 50.0
        found = re.search(r"[-_](\d{1,4})m(?=[-_.]|$)", path.name)
        return float(found[1]) if found else self.precision_m
