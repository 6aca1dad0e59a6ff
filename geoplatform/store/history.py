"""How communes came and went, and what that did to places: movements, former codes, re-attribution. From `store.vintages`
and the loaders."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from sqlalchemy import Connection, text

from geoplatform.model import Movement, Vintage
from geoplatform.store.engine import driver
from geoplatform.succession import Heirs, former_communes, heirs

_LISTED = 5_000
_COMMUNES = ("inside", "border")


def store_movements(connection: Connection, movements: Iterable[Movement]) -> int:
    """Number of movements that are kept from now on, instead of those that were."""
    connection.execute(text("DELETE FROM geoplatform.movement"))
    columns = ", ".join(Movement.__slots__)
    count = 0
    with (
        driver(connection).cursor() as cursor,
        cursor.copy(f"COPY geoplatform.movement (ordinal, {columns}) FROM STDIN") as copy,
    ):
        for count, movement in enumerate(movements, start=1):
            copy.write_row((count, *astuple(movement)))
    return count


def movements(connection: Connection) -> list[Movement]:
    """All movements that are kept, in the publisher's order."""
    columns = ", ".join(Movement.__slots__)
    rows = connection.execute(text(f"SELECT {columns} FROM geoplatform.movement ORDER BY ordinal"))  # noqa: S608 - ours
    return [Movement(*row) for row in rows]


def refresh_former(connection: Connection, vintage: Vintage) -> int:
    """Number of codes that are no longer in force in a vintage, as the movements tell; kept with their successors."""
    living = connection.execute(
        text("SELECT code FROM geoplatform.commune WHERE vintage_id = :id"), {"id": vintage.id}
    ).scalars()
    found = former_communes(movements(connection), set(living), vintage.effective_on)
    connection.execute(text("DELETE FROM geoplatform.former_commune"))
    with (
        driver(connection).cursor() as cursor,
        cursor.copy("COPY geoplatform.former_commune (code, name, until_on, how, successors) FROM STDIN") as copy,
    ):
        for one in found:
            copy.write_row((one.code, one.name, one.until_on, one.how.value, list(one.successors)))
    return len(found)


def reattribution(connection: Connection, earlier: Vintage, later: Vintage) -> dict[str, Any]:
    """What becomes of the places when one vintage takes the place of another; both have their verdicts.

    `counts` by kind: same (the same commune, or none as before), allowed (a commune that the movements lead to), unexpected
    (another commune), now_border (nearer to a limit than the precision), was_border (it was, and another commune has it now),
    now_outside (in no commune any more), now_inside. `passages` by commune, the unexpected first, are cut off after 5,000;
    `passages_total` tells how many there are. The connection must be in a transaction, as `Store.snapshot` gives it.
    """
    for setting in _FOR_A_MILLION:
        connection.execute(text(f"SET LOCAL {setting}"))
    which = {"earlier": earlier.id, "later": later.id}
    comparable = connection.execute(text("SELECT geoplatform.is_comparable(:later, :earlier)"), which).scalar_one()
    rows = connection.execute(_PASSAGES_OF_UNSETTLED if comparable else _PASSAGES, which).all()
    kept = movements(connection)
    forward = later.effective_on >= earlier.effective_on
    first, last = sorted((earlier.effective_on, later.effective_on))
    fates = heirs(kept, first, last)
    counts = Counter(dict.fromkeys((*_ORDER, "same"), 0))
    passages = []
    for row in rows:
        kind = _kind(row, fates, forward)
        counts[kind] += row.places
        if kind != "same":
            passages.append({"kind": kind, **row._mapping})
    passages.sort(key=lambda p: (_ORDER.index(p["kind"]), -p["places"], p["code_before"] or "", p["code_after"] or ""))
    until = max((movement.effective_on for movement in kept), default=None)
    return {
        "earlier_id": earlier.id,
        "earlier_year": earlier.year,
        "later_year": later.year,
        "movements_until": until.isoformat() if until else None,
        "movements_cover": until is not None and until >= _january(last),
        "counts": dict(counts),
        "passages_total": len(passages),
        "passages": passages[:_LISTED],
    }


#: Both cores for the join of a million places with a million.
_FOR_A_MILLION = ("work_mem = '256MB'", "parallel_setup_cost = 0", "parallel_tuple_cost = 0")
#: Those that did not move are one row of NULLs and their count.
_OF_PAIRS = """
    SELECT CASE WHEN differs THEN old_verdict END AS verdict_before, CASE WHEN differs THEN old_code END AS code_before,
           CASE WHEN differs THEN new_verdict END AS verdict_after, CASE WHEN differs THEN new_code END AS code_after,
           count(*) AS places
    FROM (SELECT old.verdict AS old_verdict, old.commune_code AS old_code,
                 new.verdict AS new_verdict, new.commune_code AS new_code,
                 (old.verdict, old.commune_code) IS DISTINCT FROM (new.verdict, new.commune_code) AS differs
          FROM {pairs}
          WHERE old.vintage_id = :earlier) AS pair
    GROUP BY 1, 2, 3, 4
"""
_BOTH = """geoplatform.placement AS old
    JOIN geoplatform.placement AS new ON new.place_id = old.place_id AND new.vintage_id = :later"""
_PASSAGES = text(_OF_PAIRS.format(pairs=_BOTH))
#: The same, where only the unsettled ones can have moved: the others are counted, not compared.
_PASSAGES_OF_UNSETTLED = text(f"""
    WITH unsettled AS MATERIALIZED (SELECT id FROM geoplatform.unsettled_places(:later, :earlier))
    {_OF_PAIRS.format(pairs=f"{_BOTH} JOIN unsettled AS u ON u.id = new.place_id")}
    UNION ALL
    SELECT NULL, NULL, NULL, NULL,
           (SELECT count(*) FROM geoplatform.placement AS l WHERE l.vintage_id = :later)
           - (SELECT count(*) FROM unsettled AS u JOIN geoplatform.placement AS l ON l.place_id = u.id AND l.vintage_id = :later)
""")  # noqa: S608 - our own parts
_ORDER = ("unexpected", "now_outside", "now_border", "was_border", "now_inside", "allowed")


def _kind(row: Any, fates: Heirs, forward: bool) -> str:
    was, now = row.verdict_before in _COMMUNES, row.verdict_after in _COMMUNES
    if was and not now:
        return "now_outside"
    if not now:
        return "same"
    if row.verdict_after == "border" and row.verdict_before != "border":
        return "now_border"
    if not was:
        return "now_inside"
    if row.code_before == row.code_after:
        return "same"
    old, new = (row.code_before, row.code_after) if forward else (row.code_after, row.code_before)
    if new in fates.get(old, ()):
        return "allowed"
    return "was_border" if row.verdict_before == "border" else "unexpected"


def _january(day: dt.date) -> dt.date:
    return day.replace(month=1, day=1)
