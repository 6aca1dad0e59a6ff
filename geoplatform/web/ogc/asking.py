"""What a request for features says, read once: filters, area, order, part, spelling. From `items` and `search`."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import shapely
from flask import request

from geoplatform import cql2, references
from geoplatform.cql2 import Checked, Type
from geoplatform.cql2.tree import Array, Literal, Name, Node, Operation
from geoplatform.errors import BadCursor, BadParameter
from geoplatform.references import CRS84, Reference
from geoplatform.store import filtering
from geoplatform.store.collections import GEOMETRY, Collection
from geoplatform.store.spelling import compared
from geoplatform.store.wanted import OF_TERRITORY, Wanted, Window

LARGEST_LIMIT, DEFAULT_LIMIT = 10_000, 1_000
LARGEST_OFFSET = 10**9 - 1
#: Parameters of every list of features, beside the queryables.
GENERAL = (
    "f", "limit", "offset", "cursor", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang", "filter-crs",
    "sortby", "properties", "skipGeometry",
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: The most that a territory narrows the walk, the narrowest first.
_NARROW_FIRST = ("commune_code", "epci_code", "department_code", "region_code")
_SPATIAL = ("s_intersects", "s_within", "s_equals")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which features, which part of them, and how they are to be spelled. `key`: the filter and area in one spelling."""

    wanted: Wanted
    window: Window
    reference: Reference
    names: tuple[str, ...] | None
    with_geometry: bool
    key: str


def parameters(collection: Collection) -> list[str]:
    """Names of the parameters that a list of this collection takes."""
    own = ("vintage", "at") if collection.editions is not None else ()
    return [*GENERAL, *own, *(name for name in collection.queryables if name != GEOMETRY)]


def read(collection: Collection, default_limit: int = DEFAULT_LIMIT, vintage: int | None = None) -> Asked:
    """What the query of this request asks of a collection. BadParameter or BadFilter names what is wrong."""
    bbox_crs = references.named(request.args.get("bbox-crs", CRS84.uri), "bbox-crs")
    area = bbox(request.args["bbox"], bbox_crs) if "bbox" in request.args else None
    trees = [*_own_filters(collection), *_moments(collection), *_filter()]
    crs = references.named(request.args.get("filter-crs", CRS84.uri), "filter-crs")
    checked = check(collection, trees, crs)
    window = Window(
        limit=_whole("limit", default_limit, 1, LARGEST_LIMIT),
        sort=_sort(collection),
        after=_cursor(request.args.get("cursor")),
        offset=_whole("offset", 0, 0, LARGEST_OFFSET, refuse_more=True),
    )
    return Asked(
        wanted=wanted(collection, area, checked, vintage),
        window=window,
        reference=references.named(request.args.get("crs", CRS84.uri), "crs"),
        names=_properties(collection),
        with_geometry=not _truth("skipGeometry"),
        key=key_of(area, checked, vintage),
    )


def check(collection: Collection, trees: Iterable[Node], crs: Reference = CRS84) -> Checked | None:
    """All of these conditions as one that means something for the collection; None for none."""
    parts = list(trees)
    if not parts:
        return None
    return cql2.check(parts[0] if len(parts) == 1 else Operation("and", tuple(parts)), collection.queryables, crs)


def wanted(
    collection: Collection, area: shapely.Geometry | None, checked: Checked | None, vintage: int | None
) -> Wanted:
    """The features in an area that fulfil a condition."""
    if checked is None:
        return Wanted(area=area, vintage=vintage)
    asked = checked
    conjuncts = list(_conjuncts(checked.root))

    def where(table: Any) -> Any:
        return filtering.condition(asked, {name: compared(collection, table.c[name]) for name in asked.names})

    territory = _territory_of(conjuncts) if collection.holds_points else None
    return Wanted(
        area=area if area is not None else _area_of(conjuncts),
        where=where,
        names=checked.names,
        territory=territory,
        vintage=vintage,
        only_territory=territory is not None and len(conjuncts) == 1,
    )


def key_of(area: shapely.Geometry | None, checked: Checked | None, vintage: int | None) -> str:
    """A filter and an area in one spelling."""
    spelled = cql2.to_text(checked.root) if checked else ""
    return f"{vintage}|{shapely.to_wkb(area, hex=True) if area is not None else ''}|{spelled}"


def bbox(raw: str, reference: Reference) -> shapely.Geometry:
    """The area of a `bbox` of four numbers, or six with heights. BadParameter otherwise."""
    parts = raw.split(",")
    if len(parts) not in (4, 6) or not all(_NUMBER.fullmatch(part.strip()) for part in parts):
        raise BadParameter("bbox", raw[:80], "is not four numbers, or six, with commas between them")
    numbers = [float(part) for part in parts]
    return references.box(numbers if len(numbers) == 4 else [*numbers[:2], *numbers[3:5]], reference)


def spelled_cursor(cursor: tuple[Any, ...]) -> str:
    """A cursor as a parameter."""
    return base64.urlsafe_b64encode(json.dumps(cursor, default=str).encode()).decode().rstrip("=")


def _cursor(raw: str | None) -> tuple[Any, ...] | None:
    if raw is None:
        return None
    try:
        read = json.loads(base64.b64decode(raw + "=" * (-len(raw) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        read = None
    if not isinstance(read, list) or not read or not isinstance(read[0], str):
        raise BadCursor("cursor", raw[:40], "cannot be read: follow the links of this very query")
    return tuple(read)


def _filter() -> list[Node]:
    raw = request.args.get("filter")
    spoken = request.args.get("filter-lang", "cql2-text")
    if spoken not in ("cql2-text", "cql2-json"):
        raise BadParameter(
            "filter-lang", spoken[:40], "is not one of cql2-text, cql2-json", allowed=["cql2-text", "cql2-json"]
        )
    if raw is None:
        return []
    return [cql2.parse_text(raw) if spoken == "cql2-text" else cql2.parse_json(raw)]


def _own_filters(collection: Collection) -> list[Node]:
    """One equality for each queryable that is a parameter."""
    return [
        Operation("=", (Name(name), literal(name, queryable.type, request.args[name])))
        for name, queryable in collection.queryables.items()
        if name in request.args and name != GEOMETRY
    ]


def literal(name: str, wanted: Type, raw: str) -> Literal:
    """The value of a parameter as its property's type. BadParameter if it cannot be one."""
    if wanted is Type.STRING:
        if "\x00" in raw or len(raw) > 4096:
            raise BadParameter(name, raw[:40], "is no text of a property")
        return Literal(raw, wanted)
    try:
        if wanted is Type.DATE:
            return Literal(dt.date.fromisoformat(raw), wanted)
        if not _NUMBER.fullmatch(raw) or len(raw) > 18:
            raise ValueError
        number = float(raw)
    except ValueError as error:
        raise BadParameter(
            name, raw[:40], f"is not {'a day as YYYY-MM-DD' if wanted is Type.DATE else 'a number'}"
        ) from error
    if wanted is Type.INTEGER and number.is_integer():
        return Literal(int(number), Type.INTEGER)
    return Literal(number, Type.NUMBER)


def _moments(collection: Collection) -> list[Node]:
    """Conditions of `datetime` on the collection's day; none where features have no time: then all of them match."""
    raw = request.args.get("datetime")
    if raw is None:
        return []
    parts = raw.split("/")
    if len(parts) > 2 or raw in ("", "/", "../.."):
        raise BadParameter("datetime", raw[:80], "is not an instant or an interval start/end")
    ends = [_day(part, raw, may_be_open=len(parts) == 2) for part in parts]
    first, last = ends[0], ends[-1]
    if first and last and first > last:
        raise BadParameter("datetime", raw[:80], "ends before it begins")
    if collection.day is None:
        return []
    name = Name(collection.day)
    bounds = [(op, end) for op, end in ((">=", first), ("<=", last)) if end is not None]
    return [Operation(op, (name, Literal(end, Type.DATE))) for op, end in bounds]


def _day(part: str, raw: str, *, may_be_open: bool) -> dt.date | None:
    """The day (UTC) of an instant; None where the interval is open. Years 0000 and 9999, which QGIS sends, are open ends."""
    if may_be_open and (part in ("", "..") or re.match("0000-|9999-12-31", part)):
        return None
    matched = re.fullmatch(
        r"(\d{4}-\d{2}-\d{2})(?:[Tt](\d{2}:\d{2}:\d{2})(?:\.\d+)?([Zz]|[+-]\d{2}:\d{2}))?", part, re.ASCII
    )
    try:
        if not matched:
            raise ValueError
        day, time, zone = matched.groups()
        if time is None:
            return dt.date.fromisoformat(day)
        time = time.replace(":59:60", ":59:59")  # a leap second belongs to the day that it ends
        moment = dt.datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}")
        return moment.astimezone(dt.UTC).date()
    except (ValueError, OverflowError) as error:
        raise BadParameter("datetime", raw[:80], f"{part[:40]!r} is no date or date-time of RFC 3339") from error


def _whole(name: str, default: int, low: int, high: int, *, refuse_more: bool = False) -> int:
    """A whole number; one above the highest is the highest (OGC 17-069r4 /req/core/fc-limit-response-1), or is refused."""
    raw = request.args.get(name)
    if raw is None:
        return default
    if not (
        raw.isascii() and raw.isdigit() and len(raw) <= 18 and int(raw) >= low and (int(raw) <= high or not refuse_more)
    ):
        raise BadParameter(name, raw[:40], f"is not a whole number from {low} to {high}")
    return min(int(raw), high)


def _truth(name: str) -> bool:
    raw = request.args.get(name, "false").lower()
    if raw not in ("true", "false"):
        raise BadParameter(name, raw[:40], "is not one of true, false", allowed=["true", "false"])
    return raw == "true"


def _sort(collection: Collection) -> tuple[tuple[str, bool], ...]:
    raw = request.args.get("sortby")
    if raw is None:
        return ()
    allowed = [name for name in collection.queryables if name != GEOMETRY]
    keys: dict[str, bool] = {}
    for part in raw.split(","):
        part = part.strip()  # a + in an address is a space
        name = part.removeprefix("-").removeprefix("+")
        if name not in allowed or name in keys:
            raise BadParameter("sortby", part[:40], f"is not one of {', '.join(allowed)}, each once", allowed=allowed)
        keys[name] = part.startswith("-")
    return tuple(keys.items())


def _properties(collection: Collection) -> tuple[str, ...] | None:
    raw = request.args.get("properties")
    if raw is None:
        return None
    return chosen_properties(collection, [name.strip() for name in raw.split(",") if name.strip()])


def chosen_properties(collection: Collection, names: list[Any]) -> tuple[str, ...]:
    """Those properties. BadParameter for one that the collection does not have."""
    allowed = [column.name for column in collection.columns]
    unknown = next((name for name in names if name not in allowed), None)
    if unknown is not None:
        raise BadParameter("properties", str(unknown)[:40], f"is not one of {', '.join(allowed)}", allowed=allowed)
    return tuple(names)


def _conjuncts(node: Node) -> Iterable[Node]:
    if isinstance(node, Operation) and node.op == "and":
        for part in node.args:
            yield from _conjuncts(part)
    else:
        yield node


def _area_of(conjuncts: list[Node]) -> shapely.Geometry | None:
    """An area outside of which one of the conditions is false, so that the walk can keep to it."""
    for node in conjuncts:
        if not isinstance(node, Operation) or not any(isinstance(arg, Name) for arg in node.args):
            continue
        shape = next((shape for arg in node.args if (shape := getattr(arg, "shape", None)) is not None), None)
        if node.op == "s_dwithin" and shape is not None and isinstance(node.args[2], Literal):
            boxes = filtering.around(shape, float(node.args[2].value))  # type: ignore[arg-type]
            if boxes:
                return shapely.union_all(boxes)
        elif node.op in _SPATIAL and shape is not None and shape.geom_type in ("Polygon", "MultiPolygon"):
            return shape
    return None


def _territory_of(conjuncts: list[Node]) -> tuple[str, tuple[str, ...]] | None:
    """The narrowest territory that the conditions demand."""
    found: dict[str, tuple[str, ...]] = {}
    for node in conjuncts:
        match node:
            case Operation(op="=", args=(Name(name=name), Literal(value=str(value)))) if name in OF_TERRITORY:
                found[name] = (value,)
            case Operation(op="in", args=(Name(name=name), Array(items=items))) if name in OF_TERRITORY:
                if all(isinstance(item, Literal) and isinstance(item.value, str) for item in items):
                    found[name] = tuple(str(item.value) for item in items if isinstance(item, Literal))
    return next(((name, found[name]) for name in _NARROW_FIRST if name in found), None)
