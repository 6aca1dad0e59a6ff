"""What happened to the places of a commune, by the day. From the web."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Happening:
    """The last change of a place. `operation`: create, modify or delete, which is also what a move to elsewhere is here;
    `name`, `kind`, `category`: None where it is gone.
    """

    place_id: uuid.UUID
    operation: str
    day: dt.date
    name: str | None
    kind: str | None
    category: str | None


_OF_COMMUNE = text("""
    WITH recent AS (
        (SELECT c.seq, c.place_id, c.operation, c.occurred_on, c.commune_code_before, c.commune_code_after
         FROM published.changes AS c WHERE c.commune_code_after = :code ORDER BY c.seq DESC LIMIT :most)
        UNION
        (SELECT c.seq, c.place_id, c.operation, c.occurred_on, c.commune_code_before, c.commune_code_after
         FROM published.changes AS c WHERE c.commune_code_before = :code AND c.operation <> 'create'
         ORDER BY c.seq DESC LIMIT :most)
    ), last AS (
        SELECT DISTINCT ON (r.place_id) r.*, r.commune_code_after IS DISTINCT FROM :code AS went,
               r.commune_code_before IS DISTINCT FROM :code AS came
        FROM recent AS r ORDER BY r.place_id, r.seq DESC
    )
    SELECT l.place_id, CASE WHEN l.went OR p.id IS NULL THEN 'delete' WHEN l.came THEN 'create' ELSE 'modify' END AS operation,
           l.occurred_on AS day, p.name, p.kind, p.category
    FROM last AS l LEFT JOIN published.places AS p ON p.id = l.place_id AND NOT l.went
    ORDER BY l.occurred_on DESC, l.place_id LIMIT :most
""")


def of_commune(connection: Connection, code: str, most: int) -> list[Happening]:
    """The last change of each place that came to a commune, changed in it or left it; the latest day first, without an order
    within a day."""
    return [Happening(*row) for row in connection.execute(_OF_COMMUNE, {"code": code, "most": most})]
