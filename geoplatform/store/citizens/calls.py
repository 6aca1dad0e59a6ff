"""How the functions of the schema `citizens` are called. From the modules beside this one."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sqlalchemy import Connection, text


def call(connection: Connection, name: str, key: bytes | None, now: dt.datetime, **values: Any) -> Any:
    """What `citizens.<name>(key, at, …)` returns: its first column of its first row. Arguments are named as its parameters."""
    given = {"key": key, "at": now, **values}
    return connection.execute(text(f"SELECT citizens.{name}({_named(given)})"), _spelled(given)).scalar()


def rows(connection: Connection, name: str, key: bytes, now: dt.datetime, **values: Any) -> list[dict[str, Any]]:
    """The rows that `citizens.<name>(key, at, …)` returns.

    The key is asked for apart: where there are no rows to look at, PostgreSQL need not ask whose they would be.
    """
    connection.execute(text("SELECT citizens.require_citizen(:key, :at)"), {"key": key, "at": now})
    given = {"key": key, "at": now, **values}
    found = connection.execute(text(f"SELECT * FROM citizens.{name}({_named(given)})"), _spelled(given))  # noqa: S608 - ours
    return [dict(row._mapping) for row in found]


def _named(given: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} => CAST(:{name} AS jsonb)" if isinstance(value, dict) else f"{name} => :{name}"
        for name, value in given.items()
    )


def _spelled(given: dict[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in given.items()}
