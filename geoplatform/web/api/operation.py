"""How the platform is, and who decides where: for operators."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response

from geoplatform.store.citizens import operation
from geoplatform.store.citizens.operation import Remit
from geoplatform.web import context
from geoplatform.web.api import caller, saying
from geoplatform.web.limits import counted

blueprint = Blueprint("operation", __name__, url_prefix="/api/v1/operator")


@blueprint.get("/state")
@counted("read")
def state() -> Response:
    """How the platform is, in numbers."""
    key = caller.key()
    with context.store().reading() as connection:
        return saying.private(operation.state(connection, key, context.now()))


@blueprint.get("/roles")
@counted("read")
def roles() -> Response:
    """Referents and operators."""
    key = caller.key()
    with context.store().reading() as connection:
        return saying.private({"roles": operation.roles(connection, key, context.now())})


@blueprint.post("/roles")
@counted("submit")
def grant() -> Response:
    """Give the citizen of an address (`email`) a role. 201.

    `scope`: decide in a `commune` or a `department`, whose `code` is given, or in `all`; or be an `operator`.
    """
    key, now, new_id = caller.key(), context.now(), uuid.uuid4()
    said = saying.members()
    email, remit, code = said.email("email"), said.choice("scope", Remit, required=True), said.text("code", 5)
    if remit in (Remit.COMMUNE, Remit.DEPARTMENT) and code is None:
        said.refuse("code", None, "required_insee_code")
    elif remit in (Remit.ALL, Remit.OPERATOR) and code is not None:
        said.refuse("code", code, "no_code_here")
    saying.done(said, "a role")
    to, where, at = saying.sure(email), saying.sure(remit), (code or "").upper()
    given = context.write(
        lambda connection: operation.grant(connection, key, now, new_id, to, where, at), repeatable=True
    )
    return saying.private({"id": given, "scope": where, "code": at}, 201)


@blueprint.delete("/roles/<role>")
@counted("submit")
def revoke(role: str) -> Response:
    """Take a role back. 204."""
    key, now, of_id = caller.key(), context.now(), saying.identifier(role, "role")
    context.write(lambda connection: operation.revoke(connection, key, now, of_id))
    return Response(status=204)
