"""Commands about people and keys: tokens of programs, referents, accounts, settings, digests. From `cli`."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from email.message import EmailMessage

import click

from geoplatform import mail
from geoplatform.errors import MailFailed
from geoplatform.session import OWNER, Session
from geoplatform.store import tokens
from geoplatform.store.citizens import operating
from geoplatform.store.citizens.operating import Digest

_DIGESTS_AT_ONCE = 100
_WORDS = {
    "fr": {
        "subject": "Ce qui change sur « {site} »",
        "head": "Bonjour,\n\nvoici ce qui a changé là où vous regardez ({where}) :\n",
        "create": "nouveau : {name}",
        "modify": "modifié : {name}",
        "delete": "n’y est plus",
        "foot": "\nVous recevez ce courriel parce que vous l’avez demandé ; « Mes alertes » y met fin.\n{site} · {url}\n",
        "area": "une zone dessinée",
    },
    "en": {
        "subject": "What changes on “{site}”",
        "head": "Hello,\n\nhere is what changed where you look ({where}):\n",
        "create": "new: {name}",
        "modify": "changed: {name}",
        "delete": "is no longer there",
        "foot": "\nYou get this because you asked for it; “My alerts” ends it.\n{site} · {url}\n",
        "area": "an area you drew",
    },
}


def _label(_: click.Context, __: click.Parameter, value: str) -> str:
    if not 1 <= len(value.strip()) <= 100:
        raise click.BadParameter("is not a text of 1 to 100 signs")
    return value.strip()


@click.group("token")
def token() -> None:
    """Keys for programs that submit places."""


@token.command("create")
@click.option("--label", required=True, callback=_label, help="Who or what will use it; stands in the change log.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires; never without this.")
@click.pass_obj
def token_create(session: Session, label: str, days: int | None) -> None:
    """Make a key and print it: it is shown this once and kept nowhere."""
    secret = "gp_" + secrets.token_urlsafe(32)
    now = dt.datetime.now(dt.UTC)
    expires_at = now + dt.timedelta(days=days) if days else None
    with session.store(OWNER).transaction() as connection:
        tokens.issue(connection, uuid.uuid4(), secret, label, now, expires_at)
    click.echo(secret)


@token.command("list")
@click.pass_obj
def token_list(session: Session) -> None:
    """List keys by label; the secrets are not kept."""
    with session.store(OWNER).reading() as connection:
        for row in tokens.every(connection):
            state = "revoked" if row.revoked_at else f"expires {row.expires_at:%Y-%m-%d}" if row.expires_at else "valid"
            click.echo(f"{row.id}  {row.label}  {state}")


@token.command("revoke")
@click.argument("identifier", type=click.UUID)
@click.pass_obj
def token_revoke(session: Session, identifier: uuid.UUID) -> None:
    """Make a key useless from now on."""
    with session.store(OWNER).transaction() as connection:
        tokens.revoke(connection, identifier, dt.datetime.now(dt.UTC))


@click.group("referents")
def referents() -> None:
    """Who decides on what citizens propose and report, and where."""


@referents.command("list")
@click.pass_obj
def referents_list(session: Session) -> None:
    """List referents and where they decide."""
    with session.store(OWNER).reading() as connection:
        for row in operating.holders(connection):
            click.echo(f"{row.email or '—'}  {row.scope} {row.code}".rstrip())


@referents.command("add")
@click.argument("email")
@click.option("--commune", metavar="CODE", help="INSEE code of the commune in which to decide.")
@click.option("--department", metavar="CODE", help="INSEE code of the department in which to decide.")
@click.option("--everywhere", is_flag=True, help="Decide in all communes.")
@click.pass_obj
def referents_add(session: Session, email: str, commune: str | None, department: str | None, everywhere: bool) -> None:
    """Have the citizen of this address, who has signed in once, decide somewhere."""
    if [commune is not None, department is not None, everywhere].count(True) != 1:
        raise click.UsageError("name one of --commune, --department, --everywhere")
    scope = "commune" if commune else "department" if department else "all"
    with session.store(OWNER).transaction() as connection:
        operating.grant(connection, email, scope, (commune or department or "").upper(), dt.datetime.now(dt.UTC))


@referents.command("remove")
@click.argument("email")
@click.pass_obj
def referents_remove(session: Session, email: str) -> None:
    """Have the citizen of this address decide nowhere any more."""
    with session.store(OWNER).transaction() as connection:
        click.echo(f"{operating.revoke(connection, email)} removed")


@click.group("operators")
def operators() -> None:
    """Who sees how the platform is (/operator), and says there who decides where."""


@operators.command("list")
@click.pass_obj
def operators_list(session: Session) -> None:
    """List operators."""
    with session.store(OWNER).reading() as connection:
        for row in operating.holders(connection, operator=True):
            click.echo(row.email or "—")


@operators.command("add")
@click.argument("email")
@click.pass_obj
def operators_add(session: Session, email: str) -> None:
    """Have the citizen of this address, who has signed in once, be an operator."""
    with session.store(OWNER).transaction() as connection:
        operating.grant(connection, email, "operator", "", dt.datetime.now(dt.UTC))


@operators.command("remove")
@click.argument("email")
@click.pass_obj
def operators_remove(session: Session, email: str) -> None:
    """Have the citizen of this address be no operator any more."""
    with session.store(OWNER).transaction() as connection:
        click.echo(f"{operating.revoke(connection, email, operator=True)} removed")


@click.command("suspend")
@click.argument("email")
@click.option("--lift", is_flag=True, help="Let it write again.")
@click.pass_obj
def suspend(session: Session, email: str, lift: bool) -> None:
    """Have an account write nothing any more: its sessions and tokens end."""
    with session.store(OWNER).transaction() as connection:
        operating.suspend(connection, email, suspended=not lift)


@click.command("settings")
@click.argument("name", required=False)
@click.argument("value", required=False, type=int)
@click.pass_obj
def settings(session: Session, name: str | None, value: int | None) -> None:
    """Show the numbers that rule accounts and moderation, or give the one of this NAME another VALUE."""
    store = session.store(OWNER)
    if name is not None and value is not None:
        with store.transaction() as connection:
            operating.set_value(connection, name, value)
    with store.reading() as connection:
        for row in operating.settings(connection):
            if name in (None, row.name):
                click.echo(f"{row.name} = {row.value}  ({row.lowest} to {row.highest}): {row.meaning}")


@click.command("digests")
@click.pass_obj
def digests(session: Session) -> None:
    """Mail what changed to those who asked for it and whose turn it is, and sweep what has had its time. For a timer."""
    store, now = session.store(OWNER), dt.datetime.now(dt.UTC)
    mailed = failed = 0
    mailer = mail.mailer(session.settings.smtp_url, session.settings.data_dir / "outbox")
    while True:
        with store.reading() as connection:
            due = operating.due_digests(connection, now, _DIGESTS_AT_ONCE)
        for digest in due:
            if digest.changes:
                try:
                    mailer.send(_letter(session, digest, now))
                    mailed += 1
                except MailFailed as error:  # the others get theirs
                    failed += 1
                    click.echo(f"geoplatform: a digest was not mailed: {error}", err=True)
            with store.transaction() as connection:  # each for itself: whoever is stopped mails none twice but the last
                operating.digest_mailed(connection, digest, now)
        if len(due) < _DIGESTS_AT_ONCE:
            break
    with store.transaction() as connection:
        swept = operating.sweep(connection, now)
    click.echo(f"{mailed} mailed, {failed} not; {swept} deleted places lost their content")
    if failed:
        raise MailFailed(f"{failed} digests were not mailed: their turn comes again with the next changes")


def _letter(session: Session, digest: Digest, now: dt.datetime) -> EmailMessage:
    words, site = _WORDS[digest.language], " ".join(session.settings.publisher.split())
    url = session.settings.public_url or f"http://{session.settings.host}:{session.settings.port}"
    where = [digest.commune_code, digest.kind, words["area"] if digest.has_area else None]
    lines = [words["head"].format(where=", ".join(filter(None, where)))]
    for change in digest.changes:
        told = words[change["operation"]].format(name=" ".join((change["name"] or "").split()))
        address = (
            f" · {url}/places/{change['place_id']}" if change["operation"] != "delete" else f" ({change['place_id']})"
        )
        lines.append(f"- {told}{address}")
    lines.append(words["foot"].format(site=site, url=url))
    subject = words["subject"].format(site=site)
    return mail.message(session.settings.mail_from, digest.email, subject, "\n".join(lines), now=now.timestamp())


COMMANDS = (token, referents, operators, suspend, settings, digests)
