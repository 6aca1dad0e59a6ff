"""How QGIS draws the collections: styles kept beside the views, where QGIS looks for them. From `cli`, `web.qgis` and `exports`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Text, cast, delete, insert, select

from geoplatform.store.kept import layer_style
from geoplatform.store.tables import layer_styles

#: Which view is read in the database in place of a collection of the service.
VIEWS = {"places": "exportable_places"}


@dataclass(frozen=True, slots=True)
class Look:
    """How QGIS draws a layer. `qml`, `sld`: XML documents in UTF-8; one of a layer's is its default."""

    layer: str
    name: str
    qml: bytes
    sld: bytes
    is_default: bool


def keep(connection: Connection, looks: Sequence[Look]) -> None:
    """Have these and no others in `published.layer_styles`. In a transaction of the owner's."""
    connection.execute(delete(layer_style))
    rows = [
        {"layer": s.layer, "name": s.name, "qml": _xml(s.qml), "sld": _xml(s.sld), "is_default": s.is_default}
        for s in looks
    ]
    connection.execute(insert(layer_style), rows)


def is_kept(connection: Connection) -> bool:
    """Whether there are any."""
    return connection.execute(select(layer_styles.c.id).limit(1)).first() is not None


def of_collection(connection: Connection, name: str) -> tuple[Look, ...]:
    """Those that are kept of a collection, the default first."""
    table = layer_styles
    rows = connection.execute(
        select(table.c.stylename, cast(table.c.styleqml, Text), cast(table.c.stylesld, Text), table.c.useasdefault)
        .where(table.c.f_table_name == VIEWS.get(name, name))
        .order_by(table.c.useasdefault.desc(), table.c.stylename)
    )
    return tuple(Look(name, title, qml.encode(), sld.encode(), is_default) for title, qml, sld, is_default in rows)


def _xml(document: bytes) -> str:
    """As PostgreSQL takes it: a text is in the encoding of the connection, whatever its head says."""
    head, mark, rest = document.decode().partition("?>")
    return rest.lstrip() if mark and head.startswith("<?xml") else document.decode()
