"""CSV (RFC 4180): with commas for programs, with semicolons, decimal commas and a byte order mark for a French Excel.

Positions are two columns, never one "lon,lat", which data.gouv.fr's reader takes for lat,lon. Cells that a spreadsheet would run
are defused as `encode.inert` defuses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from exports.formats.text import joined
from exports.slices import Slice
from exports.spelling import once, positions
from geoplatform.cql2 import Type
from geoplatform.encode import FORMULA_START, TELEPHONE
from geoplatform.store.collections import GEOMETRY

_BOM = "\N{BYTE ORDER MARK}"
_CRLF = "\r\n"
_DECIMALS = 7


def write_plain(rows: Slice, target: Path) -> None:
    """Commas, dot decimals, no byte order mark."""
    _write(rows, target, ",", "", ".")


def write_excel(rows: Slice, target: Path) -> None:
    """Semicolons, decimal commas, a byte order mark: what a French Excel opens rightly by a double click."""
    _write(rows, target, ";", _BOM, ",")


def header(rows: Slice) -> list[str]:
    """Names of the columns, in order."""
    return [*rows.names, *(["longitude", "latitude"] if rows.dataset.holds_points else [])]


def count_plain(path: Path) -> int:
    """Number of rows that are read back. ValueError if the file is not what it should be."""
    return _count(path, ",")


def count_excel(path: Path) -> int:
    """Number of rows that are read back. ValueError if the file is not what it should be."""
    return _count(path, ";")


def _write(rows: Slice, target: Path, comma: str, mark: str, point: str) -> None:
    kinds = {field.name: field.type for field in rows.dataset.fields}
    names = rows.names + ([GEOMETRY] if rows.dataset.holds_points else [])
    with target.open("wb") as file, rows.batches(names) as batches:
        file.write((mark + comma.join(header(rows)) + _CRLF).encode())
        for batch in batches:
            cells = [
                once(batch.column(name), partial(_spelled, kind=kinds[name], comma=comma, point=point))
                for name in rows.names
            ]
            if rows.dataset.holds_points:
                cells += [_decimal(side, point) for side in _positions(batch.column(GEOMETRY))]
            lines = pc.binary_join_element_wise(*cells, comma, null_handling="replace", null_replacement="")
            file.write(joined(lines, _CRLF) + _CRLF.encode())


def _spelled(values: pa.Array, kind: Type, comma: str, point: str) -> pa.Array:
    if kind is Type.NUMBER:
        return _decimal(values, point)
    texts = values.cast(pa.string())
    if kind is not Type.STRING:
        return texts
    runs = pc.and_(
        pc.match_substring_regex(texts, FORMULA_START), pc.invert(pc.match_substring_regex(texts, f"^(?:{TELEPHONE})$"))
    )
    texts = pc.if_else(runs, pc.binary_join_element_wise("'", texts, ""), texts)
    # A text of nothing is quoted, so that it is not taken for no text.
    special = pc.match_substring_regex(texts, f'["\r\n{comma}]|^$')
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(special, quoted, texts)


def _decimal(values: pa.Array, point: str) -> pa.Array:
    texts = pc.cast(values, pa.string())
    return texts if point == "." else pc.replace_substring(texts, ".", point)


def _positions(shapes: pa.Array) -> Iterator[pa.Array]:
    """Longitudes, then latitudes, of points in WKB; null where there is no point."""
    missing = np.asarray(shapes.is_null())
    for side in positions(shapes):
        yield pa.array(np.round(side, _DECIMALS), mask=missing)


def _count(path: Path, comma: str) -> int:
    options = pcsv.ParseOptions(delimiter=comma, newlines_in_values=True)
    with path.open("rb") as file:
        names = file.readline().decode("utf-8-sig").strip().split(comma)
        texts = pcsv.ConvertOptions(column_types={name: pa.string() for name in names})
        read = pcsv.ReadOptions(column_names=names, block_size=1 << 20, use_threads=False)
        try:
            with pcsv.open_csv(file, read_options=read, parse_options=options, convert_options=texts) as found:
                return sum(batch.num_rows for batch in found)
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return 0
            raise ValueError(str(error)) from error
