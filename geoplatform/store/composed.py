"""SQL that differs in values only: composed once in a process, and planned once by PostgreSQL (`Store.reading`, `one_plan`), which
together take most of the time of a short list. From the walks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select

from geoplatform.store.engine import driver

_MOST = 500
_KEPT: dict[tuple[Any, ...], str] = {}


def rows(
    connection: Connection, shape: tuple[Any, ...], compose: Callable[[], Select[Any]], values: dict[str, Any]
) -> Sequence[Any]:
    """What a query finds. `shape`: all that its SQL depends on; `values`: of its parameters, by name."""
    if shape not in _KEPT:
        if len(_KEPT) >= _MOST:
            _KEPT.clear()
        told = compose().compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        _KEPT[shape] = str(told)
    return driver(connection).execute(_KEPT[shape], values).fetchall()
