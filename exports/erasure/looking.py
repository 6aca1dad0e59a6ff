"""Which releases hold places that files may no longer hold: looked for in the files themselves. From `exports.erasure.applying`.

Identifiers are compared as 16 bytes each, so that a million of them take little memory.
"""

from __future__ import annotations

import binascii
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio

from exports.changes import applying
from geoplatform.errors import BadSource
from geoplatform.store import cutting
from geoplatform.store.collections import GEOMETRY
from geoplatform.store.cutting import Moment
from geoplatform.store.engine import Store
from geoplatform.store.erasures import Gone, Reason
from geoplatform.store.releases import Release, ReleasedFile


class _Feature(msgspec.Struct):
    id: str
    geometry: msgspec.Raw


_feature = msgspec.json.Decoder(_Feature)
_KML = "{http://www.opengis.net/kml/2.2}"
_AT_ONCE = 50_000
_KEY = "S16"
Array = Any
#: Identifiers of places, and which of them have a position.
Rows = tuple[Array, Array]


class Shown:
    """The places that files may hold at a moment, by licence: sorted keys of all, and of those with a position."""

    def __init__(self, store: Store, moment: Moment) -> None:
        every: dict[str, list[Array]] = {}
        located: dict[str, list[Array]] = {}
        with cutting.identified(store, moment) as reader:
            for batch in reader:
                keys, licences = _keys(batch.column("id")), batch.column("licence")
                has_position = batch.column("located").to_numpy(zero_copy_only=False)
                for licence in pc.unique(licences).to_pylist():
                    of = pc.equal(licences, licence).to_numpy(zero_copy_only=False)
                    every.setdefault(licence, []).append(keys[of])
                    located.setdefault(licence, []).append(keys[of & has_position])
        self._every, self._located = _sorted(every), _sorted(located)

    def gone(self, held: Iterable[Rows], licence: str) -> list[Gone]:
        """Which of these a file of a licence may no longer hold."""
        every, positions = (one.get(licence, np.empty(0, _KEY)) for one in (self._every, self._located))
        found: list[Gone] = []
        for keys, has_position in held:
            is_shown = _are_in(keys, every)
            found += _told(keys[~is_shown], licence, "withdrawn")
            found += _told(keys[is_shown & has_position & ~_are_in(keys, positions)], licence, "position")
        return found


def gone(folder: Path, release: Release, shown: Shown) -> list[Gone] | None:
    """What a release of places holds and may no longer. None if it has only tiles, which cannot be asked.

    OSError, ValueError, KeyError or RuntimeError if no file of a licence is there as it should be.
    """
    files: dict[str, dict[str, ReleasedFile]] = {}
    for file in release.files:
        if file.licence:
            files.setdefault(file.licence, {})[file.format] = file
    found: list[Gone] = []
    for licence, own in files.items():
        readers = [(own[name], read) for name, read in _READERS.items() if name in own]
        if not readers:
            return None
        place = folder / release.dataset / release.name
        for number, (file, read) in enumerate(readers, 1):
            try:
                if file.rows:
                    found += shown.gone(_counted(read(place / file.name), file), licence)  # all of it, or nothing
                break
            except (OSError, ValueError, KeyError, RuntimeError):  # the next may tell
                if number == len(readers):
                    raise
    return found


def _counted(rows: Iterable[Rows], file: ReleasedFile) -> Iterator[Rows]:
    """The same. ValueError at the end if there are not as many as were published: a damaged file may read as an empty one."""
    count = 0
    for keys, has_position in rows:
        count += len(keys)
        yield keys, has_position
    if count != file.rows:
        raise ValueError(f"{file.name}: {count} rows are read of {file.rows} that were published")


def gone_in_changes(path: Path, licence: str, shown: Shown) -> bool:
    """Whether a diff holds, as content, what files of its licence may no longer hold; a tombstone is none.

    Nothing is held by one that is not there. ValueError if it is no diff.
    """
    if not path.exists():
        return False
    try:
        features = [_feature.decode(line) for lines in applying.read(path).after.values() for line in lines]
    except (BadSource, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error
    if not features:
        return False
    keys = _keys(pa.array([one.id for one in features], pa.string()))
    has_position = np.array([bytes(one.geometry) != b"null" for one in features])
    return bool(shown.gone([(keys, has_position)], licence))


def _sorted(parts: dict[str, list[Array]]) -> dict[str, Array]:
    return {licence: np.sort(np.concatenate(some)) for licence, some in parts.items()}


def _are_in(keys: Array, known: Array) -> Array:
    """Which of the keys are among those that are known, which are sorted."""
    if not len(known):
        return np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return known[at] == keys


def _keys(ids: pa.Array | pa.ChunkedArray) -> Array:
    """Identifiers as 16 bytes each. ValueError for what is none."""
    bare = pc.replace_substring(ids.cast(pa.string()), "-", "")
    digits = "".join(bare.fill_null("").to_pylist())
    if len(digits) != 32 * len(ids):
        raise ValueError("not every row has an identifier")
    return np.frombuffer(binascii.unhexlify(digits), _KEY)


def _told(keys: Array, licence: str, reason: Reason) -> list[Gone]:
    return [Gone(str(uuid.UUID(bytes=bytes(one).ljust(16, b"\0"))), licence, reason) for one in keys]


def _of_parquet(path: Path) -> Iterator[Rows]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_AT_ONCE, columns=["id", GEOMETRY]):
            yield _keys(batch.column("id")), batch.column(GEOMETRY).is_valid().to_numpy(zero_copy_only=False)


def _of_gdal(prefix: str = "", position: str | None = None) -> Callable[[Path], Iterator[Rows]]:
    """A reader by GDAL. `position`: the column whose value tells that there is one; the geometry where none is named."""

    def read(path: Path) -> Iterator[Rows]:
        columns = ["id", *([position] if position else [])]
        try:
            with pyogrio.open_arrow(
                f"{prefix}{path}",
                layer=0,
                columns=columns,
                read_geometry=position is None,
                use_pyarrow=True,
                batch_size=_AT_ONCE,
            ) as (told, reader):
                for batch in reader:
                    value = batch.column(position or told["geometry_name"] or "wkb_geometry")
                    is_located = value.is_valid()
                    if position:
                        is_located = pc.and_(is_located, pc.not_equal(value.cast(pa.string()).fill_null(""), ""))
                    yield _keys(batch.column("id")), is_located.to_numpy(zero_copy_only=False)
        except pyogrio.errors.DataSourceError as error:
            raise ValueError(f"{path.name}: {error}") from error

    return read


def _of_kml(path: Path) -> Iterator[Rows]:
    """GDAL takes a placemark's own number for its `id`."""
    try:
        for _, element in ElementTree.iterparse(path):  # noqa: S314 - our own file
            if element.tag == f"{_KML}Placemark":
                found = element.find(f".//{_KML}SimpleData[@name='id']")
                key = _keys(pa.array([None if found is None else found.text], pa.string()))
                yield key, np.array([element.find(f"{_KML}Point") is not None])
                element.clear()
    except ElementTree.ParseError as error:
        raise ValueError(f"{path.name}: {error}") from error


#: The quickest first, and last what leaves out places without a position; each format but tiles has one.
_READERS: dict[str, Callable[[Path], Iterator[Rows]]] = {
    "parquet": _of_parquet,
    "gpkg": _of_gdal(),
    "csv": _of_gdal(position="longitude"),
    "excel": _of_gdal(position="longitude"),
    "geojsonseq": _of_gdal("/vsigzip/"),
    "geojson": _of_gdal(),
    "shp": _of_gdal("/vsizip/"),
    "kml": _of_kml,
    "fgb": _of_gdal(),
}
