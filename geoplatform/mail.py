"""Messages to people: through a mail server, or into a folder from which somebody else takes them. Plain text."""

from __future__ import annotations

import os
import secrets
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from geoplatform.errors import MailFailed

_TIMEOUT_S = 10
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Mailer(Protocol):
    """What takes a message."""

    def send(self, message: EmailMessage) -> None:
        """Hand it over. MailFailed if that cannot be done."""


def message(sender: str, to: str, subject: str, text: str, *, now: float) -> EmailMessage:
    """A message in plain text. ValueError for a line break in an address or subject."""
    made = EmailMessage()
    made["From"] = sender
    made["To"] = to
    made["Subject"] = subject
    made["Date"] = formatdate(now)
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">"))
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers
    made.set_content(text)
    return made


class Outbox:
    """A folder in which each message becomes a file (RFC 5322, `.eml`), whole or not at all, readable by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        """Write it. MailFailed if the disk is full or the folder is not ours."""
        name = secrets.token_hex(8)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._folder / f".{name}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(bytes(message))
            draft.rename(self._folder / f"{name}.eml")
        except OSError as error:
            raise MailFailed(f"{self._folder}: {error.strerror}", folder=str(self._folder)) from error


class Smtp:
    """A mail server, as `smtp://`, `smtp+starttls://` or `smtps://` with `user:password@` and a port where it needs them."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None

    def send(self, message: EmailMessage) -> None:
        """Hand it to the server. MailFailed if it does not answer, or refuses."""
        secure = ssl.create_default_context()
        try:
            with (
                smtplib.SMTP_SSL(self._host, self._port, timeout=_TIMEOUT_S, context=secure)
                if self._scheme == "smtps"
                else smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_S)
            ) as server:
                if self._scheme == "smtp+starttls":
                    server.starttls(context=secure)
                if self._login:
                    server.login(*self._login)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise MailFailed(f"{self._host}:{self._port}: {type(error).__name__}", host=self._host) from error


def mailer(smtp_url: str | None, outbox: Path) -> Mailer:
    """The mail server of that URL, or the outbox where none is named."""
    return Smtp(smtp_url) if smtp_url else Outbox(outbox)
