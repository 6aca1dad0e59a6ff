"""Places as GeoJSON, spelled by Arrow, many at once: byte for byte what `store.spelling` has PostgreSQL spell. From `exports.cut`.

PostgreSQL takes four times as long for a feature, and its rows come as values anyway. A test holds the two spellings together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from geoplatform.store.collections import GEOMETRY, Collection
from geoplatform.store.spelling import label, rounding

_DECIMALS = 7
_UNIT = Decimal(1).scaleb(-_DECIMALS)
#: PostGIS does not round what is not larger.
_TINY = 1e-8
#: What JSON escapes.
_ESCAPED = r'["\\\x00-\x1f]'
_NULL = "null"
#: How often a value must come on average to be spelled once.
_AGAIN = 4

Doubles = np.ndarray[tuple[int], np.dtype[np.float64]]


def features(rows: pa.RecordBatch, collection: Collection) -> pa.Array:
    """A GeoJSON text for each row of a collection of points: `rows` has its columns as `store.cutting` gives values."""
    pieces: list[pa.Array | str] = ['{"type":"Feature","id":"', rows.column("id"), '","geometry":']
    pieces += [_points(rows.column(GEOMETRY)), ',"properties":{']
    names = [column.name for column in collection.columns if column.name != "id"]
    for number, name in enumerate(names):
        pieces += [label(name, number), _json(rows.column(name), collection, name)]
    return pc.binary_join_element_wise(*_merged([*pieces, "}}"]), "")


def positions(shapes: pa.Array) -> tuple[Doubles, Doubles]:
    """Longitudes and latitudes of points in WKB; NaN where there is no point."""
    points = shapely.from_wkb(shapes.to_numpy(zero_copy_only=False))
    return shapely.get_x(points), shapely.get_y(points)


def once(values: pa.Array, spelled: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """`spelled` of an array; each of those that come again and again is spelled once."""
    encoded = values.dictionary_encode()
    if len(encoded.dictionary) * _AGAIN < len(values):
        return spelled(encoded.dictionary).take(encoded.indices)
    return spelled(values)


def _merged(pieces: list[pa.Array | str]) -> list[pa.Array | pa.Scalar]:
    """The same with literal texts beside each other as one."""
    found: list[pa.Array | str] = []
    for piece in pieces:
        if found and isinstance(piece, str) and isinstance(found[-1], str):
            found[-1] += piece
        else:
            found.append(piece)
    return [pa.scalar(piece) if isinstance(piece, str) else piece for piece in found]


def _json(values: pa.Array, collection: Collection, name: str) -> pa.Array | str:
    """A column as JSON; a literal where there is nothing in it."""
    if values.null_count == len(values):
        return _NULL
    return pc.fill_null(once(values, partial(_spelled, collection=collection, name=name)), _NULL)


def _spelled(values: pa.Array, collection: Collection, name: str) -> pa.Array:
    decimals = rounding(collection, name)
    if decimals is not None:
        return values.cast(pa.decimal128(18, decimals), safe=False).cast(pa.string())
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    texts = values.cast(pa.string())
    if pa.types.is_string(values.type) and name not in collection.unescaped:
        special = pc.fill_null(pc.match_substring_regex(texts, _ESCAPED), False)
        if pc.any(special).as_py():
            spelled = [json.dumps(one, ensure_ascii=False)[1:-1] for one in texts.filter(special).to_pylist()]
            texts = pc.replace_with_mask(texts, special, pa.array(spelled, pa.string()))
    return pc.binary_join_element_wise('"', texts, '"', "")


def _points(shapes: pa.Array) -> pa.Array:
    there = shapes.is_valid()
    x, y = (_coordinates(side) for side in positions(shapes.filter(there)))
    spelled = pc.binary_join_element_wise('{"type":"Point","coordinates":[', x, ",", y, "]}", "")
    if not shapes.null_count:
        return spelled
    return pc.replace_with_mask(pa.array([_NULL] * len(shapes), pa.string()), there, spelled)


def _coordinates(values: Doubles) -> pa.Array:
    """Numbers to seven decimals as PostGIS spells them: no zeros at the end, no exponents but for the smallest."""
    scaled = np.abs(values) * 10**_DECIMALS
    texts = pa.array(np.round(values, _DECIMALS)).cast(pa.string())
    # What may lie on a half, or be spelled with an exponent, is spelled one by one.
    delicate = (np.abs(scaled % 1 - 0.5) < 1e-6) | (np.abs(values) < 1e-3)
    if not delicate.any():
        return texts
    each = [_coordinate(value) for value in values[delicate].tolist()]
    return pc.replace_with_mask(texts, pa.array(delicate), pa.array(each, pa.string()))


def _coordinate(value: float) -> str:
    """PostGIS rounds the shortest decimal number that is this one, a half to the even digit."""
    if 0 < abs(value) <= _TINY:
        return re.sub(r"e-0", "e-", repr(value))
    rounded = Decimal(repr(value)).quantize(_UNIT, ROUND_HALF_EVEN)
    return re.sub(r"\.?0+$", "", f"{rounded:f}") if rounded else "0"
