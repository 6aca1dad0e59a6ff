"""How the platform is, for operators: limits, releases, health, and who decides where."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response

from geoplatform.store import releases, vintages
from geoplatform.store.citizens import operation
from geoplatform.store.citizens.operation import Remit
from geoplatform.web import context
from geoplatform.web.limits import counted
from geoplatform.web.pages import who

blueprint = Blueprint("operating", __name__)

#: A disk with less than this part of it free is told of.
_LEAST_FREE = 0.1
#: What waits longer than this is told of.
_PATIENCE_DAYS = 7


@dataclass(frozen=True, slots=True)
class Disk:
    """Room where the data lie, in bytes; `letters`: how many messages wait there, since no mail server takes them."""

    free: int
    total: int
    letters: int


@blueprint.get("/operator")
@counted("read")
def page() -> Response:
    """Everything at once; what is not well stands first. NotAllowed for whoever is no operator."""
    if who.signed_in() is None:
        return who.to_sign_in()
    key, now = who.key(), context.now()
    with context.store().reading() as connection:
        state = operation.state(connection, key, now)
        held = operation.roles(connection, key, now)
        kept = vintages.public(connection)
        found = {vintage.id: vintages.counted_findings(connection, vintage.id) for vintage in kept}
        reports = {vintage.id: (vintages.documents(connection, vintage.id) or ({}, None))[0] for vintage in kept}
        published = releases.current(connection)
    disk = _disk()
    response = context.page(
        "citizens/operator.html",
        state=state,
        roles=held,
        remits=list(Remit),
        kept=kept,
        found=found,
        gates={number: _verdicts(report) for number, report in reports.items()},
        published=published,
        disk=disk,
        settings=context.settings(),
        worries=_worries(state, disk),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _disk() -> Disk:
    settings = context.settings()
    folder = next(folder for folder in (settings.data_dir, *settings.data_dir.parents) if folder.exists())
    room = shutil.disk_usage(folder)
    letters = 0 if settings.smtp_url else sum(1 for _ in (settings.data_dir / "outbox").glob("*.eml"))
    return Disk(room.free, room.total, letters)


def _verdicts(report: dict[str, Any]) -> dict[str, int]:
    """How many checks of a vintage were ok, a warning, waived or a failure."""
    told: dict[str, int] = {}
    for gate in report.get("gates", []):
        told[gate["severity"]] = told.get(gate["severity"], 0) + 1
    return told


def _worries(state: dict[str, Any], disk: Disk) -> list[str]:
    """What an operator should see to, by name; the page has the words."""
    settings = context.settings()
    waited = state["waiting_since"] and (context.now() - context.moment(state["waiting_since"])).days
    found = {
        "disk": disk.free < disk.total * _LEAST_FREE,
        "worker": state["cuts_waiting"] and not state["is_worker_there"],
        "cuts": state["cuts_failed"],
        "queue": waited and waited > _PATIENCE_DAYS,
        "mail": settings.smtp_url is None,
        "address": settings.public_url is None,
        "contact": settings.contact is None,
    }
    return [name for name, is_so in found.items() if is_so]
