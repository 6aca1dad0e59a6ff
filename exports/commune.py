"""The places of one commune as a file. From the command line; to a folder of the operator's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from geoplatform import encode
from geoplatform.errors import NoVintage
from geoplatform.model import Place, commune_code
from geoplatform.store import communes, places, vintages
from geoplatform.store.engine import Store

FORMATS = ("geojson", "csv")


def write(store: Store, code: str, form: str, target: Path, year: int | None = None) -> int:
    """Number of places written to `target`: whole or not at all (a temporary file beside it, then renamed).

    `year`: that of an earlier vintage, whose communes are meant. UnknownCommune if the vintage has none of this code,
    NoVintage if none of that year is kept. Places licensed `display-only` are left out.
    """
    counted = _Counted()
    with store.snapshot() as connection:
        vintage = vintages.active(connection) if year is None else vintages.of_year(connection, year)
        if year is not None and vintage is None:
            kept = ", ".join(str(one.year) for one in vintages.public(connection)) or "none"
            raise NoVintage(f"no vintage of {year} is kept here; there are {kept}", year=year)
        number = vintage.id if vintage and year else None
        commune = communes.get(connection, commune_code(code), number)
        rows = counted.each(places.exportable_of_commune(connection, commune.code, number))
        head = encode.places_head(commune, vintage.attribution if vintage else None)
        pieces = encode.places_csv(rows) if form == "csv" else encode.places_geojson(rows, head)
        _write_whole(target, pieces)
    return counted.count


class _Counted:
    def __init__(self) -> None:
        self.count = 0

    def each(self, rows: Iterable[Place]) -> Iterator[Place]:
        for row in rows:
            self.count += 1
            yield row


def _write_whole(target: Path, pieces: Iterable[str]) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
