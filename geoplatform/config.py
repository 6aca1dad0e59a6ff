"""Settings of one run. Leaf module, and the only reader of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from geoplatform import basemap
from geoplatform.basemap import Basemap
from geoplatform.errors import Misuse
from geoplatform.model import DEFAULT_LICENCE, Licence

PREFIX = "GEOPLATFORM_"
_MAILBOX = re.compile("[A-Za-z0-9._+-]+@[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+")
_MAIL_SCHEMES = ("smtp", "smtp+starttls", "smtps")
_LOCATION = re.compile("/([A-Za-z0-9_.-]+/)+")


@dataclass(frozen=True)
class Settings:
    """Everything a run may be told from outside. Made once, by `Settings.from_environment`.

    `database_url` is None when the embedded cluster in `data_dir/postgres` is to be used;
    otherwise it is a libpq URL of a role that may create roles and schemas.
    `web_database_url` is the least-privileged URL the web uses; when it is None the web
    connects with `database_url` and takes the role `geoplatform_web` at once.
    `tile_folder`: where tiles are kept, None to make each anew. `export_folder`: where releases are
    written and served from, None to serve none. `accel`: the internal location of nginx that sends the files of
    releases in our place (deploy/nginx), None to send them ourselves. `publisher`: who answers for the open data, by name;
    `contact`: an e-mail address for questions about them, None to name only the site.
    `smtp_url`: the mail server (geoplatform.mail), None to put messages into `data_dir/outbox`; `mail_from`: who sends them.
    `oidc_issuer`, with `oidc_client_id` and `oidc_client_secret`: an OpenID Connect provider by which people may sign in too;
    `oidc_acr`: the assurance that is asked of it (`eidas1` of FranceConnect).
    `default_licence`: SPDX identifier of the licence of contributions that name none.
    `basemap`: raster tiles that readers may turn on below our limits, None for our own map alone.
    """

    data_dir: Path
    database_url: str | None = None
    web_database_url: str | None = None
    tile_folder: Path | None = None
    export_folder: Path | None = None
    accel: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    public_url: str | None = None
    publisher: str = "La carte de ma commune"
    contact: str | None = None
    smtp_url: str | None = None
    mail_from: str = "carte@localhost.localdomain"
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_acr: str | None = None
    default_licence: Licence = DEFAULT_LICENCE
    basemap: Basemap | None = None
    submit_rate: str = "120 per minute"
    read_rate: str = "1200 per minute"
    tile_rate: str = "6000 per minute"
    mail_rate: str = "10 per minute"
    trusted_proxies: int = 0
    statement_timeout_ms: int = 10_000

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings told by `GEOPLATFORM_*` variables. Misuse names the variable and its value."""
        env = os.environ if environ is None else environ

        def text(name: str) -> str | None:
            return env.get(PREFIX + name) or None

        def whole(name: str, default: int, low: int, high: int) -> int:
            raw = text(name)
            if raw is None:
                return default
            if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
                raise Misuse(
                    f"{PREFIX}{name}={raw!r} is not a whole number from {low} to {high}",
                    variable=PREFIX + name,
                    value=raw,
                )
            return int(raw)

        def location(name: str) -> str | None:
            raw = text(name)
            if raw is not None and not _LOCATION.fullmatch(raw):
                raise Misuse(
                    f"{PREFIX}{name}={raw!r} is not a path like /protected-exports/", variable=PREFIX + name, value=raw
                )
            return raw

        def mailbox(name: str) -> str | None:
            raw = text(name)
            if raw is not None and not _MAILBOX.fullmatch(raw):
                raise Misuse(f"{PREFIX}{name}={raw!r} is not an e-mail address", variable=PREFIX + name, value=raw)
            return raw

        def mail_server(name: str) -> str | None:
            raw = text(name)
            if raw is not None:
                try:
                    parts = urlsplit(raw)
                    usable = parts.scheme in _MAIL_SCHEMES and bool(parts.hostname) and parts.port != 0
                except ValueError:
                    usable = False
                if not usable:  # it may hold a password: it is not told
                    raise Misuse(f"{PREFIX}{name} is not like smtps://user:password@host:465", variable=PREFIX + name)
            return raw

        def issuer(name: str) -> str | None:
            raw = text(name)
            if raw is None:
                return None
            if not raw.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
                raise Misuse(f"{PREFIX}{name}={raw!r} is not an https address", variable=PREFIX + name, value=raw)
            for needed in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"):
                if text(needed) is None:
                    raise Misuse(f"{PREFIX}{name} needs {PREFIX}{needed}", variable=PREFIX + needed, value="")
            return raw

        def licence(name: str) -> Licence:
            raw = text(name)
            if raw is not None and raw not in list(Licence):
                known = ", ".join(Licence)
                raise Misuse(f"{PREFIX}{name}={raw!r} is not one of {known}", variable=PREFIX + name, value=raw)
            return Licence(raw) if raw else DEFAULT_LICENCE

        data_dir = Path(text("DATA") or "data").absolute()
        tile_folder = text("TILES") or str(data_dir / "tiles")
        return cls(
            data_dir=data_dir,
            tile_folder=None if tile_folder == "off" else Path(tile_folder).absolute(),
            export_folder=Path(text("EXPORTS") or data_dir / "exports").absolute(),
            accel=location("ACCEL"),
            database_url=text("DATABASE_URL"),
            web_database_url=text("WEB_DATABASE_URL"),
            host=text("HOST") or cls.host,
            port=whole("PORT", cls.port, 1, 65535),
            workers=whole("WORKERS", cls.workers, 1, 64),
            public_url=(text("PUBLIC_URL") or "").rstrip("/") or None,
            publisher=text("PUBLISHER") or cls.publisher,
            contact=mailbox("CONTACT"),
            smtp_url=mail_server("SMTP_URL"),
            mail_from=mailbox("MAIL_FROM") or cls.mail_from,
            oidc_issuer=issuer("OIDC_ISSUER"),
            oidc_client_id=text("OIDC_CLIENT_ID"),
            oidc_client_secret=text("OIDC_CLIENT_SECRET"),
            oidc_acr=text("OIDC_ACR"),
            default_licence=licence("DEFAULT_LICENCE"),
            basemap=basemap.told(env),
            submit_rate=text("SUBMIT_RATE") or cls.submit_rate,
            read_rate=text("READ_RATE") or cls.read_rate,
            tile_rate=text("TILE_RATE") or cls.tile_rate,
            mail_rate=text("MAIL_RATE") or cls.mail_rate,
            trusted_proxies=whole("TRUSTED_PROXIES", 0, 0, 8),
            statement_timeout_ms=whole("STATEMENT_TIMEOUT_MS", cls.statement_timeout_ms, 100, 600_000),
        )

    def as_environment(self) -> dict[str, str]:
        """The variables that make another process read these same settings."""
        pairs = {
            "DATA": str(self.data_dir),
            "DATABASE_URL": self.database_url or "",
            "WEB_DATABASE_URL": self.web_database_url or "",
            "TILES": str(self.tile_folder or "off"),
            "EXPORTS": str(self.export_folder or ""),
            "ACCEL": self.accel or "",
            "HOST": self.host,
            "PORT": str(self.port),
            "WORKERS": str(self.workers),
            "PUBLIC_URL": self.public_url or "",
            "PUBLISHER": self.publisher,
            "CONTACT": self.contact or "",
            "SMTP_URL": self.smtp_url or "",
            "MAIL_FROM": self.mail_from,
            "OIDC_ISSUER": self.oidc_issuer or "",
            "OIDC_CLIENT_ID": self.oidc_client_id or "",
            "OIDC_CLIENT_SECRET": self.oidc_client_secret or "",
            "OIDC_ACR": self.oidc_acr or "",
            "DEFAULT_LICENCE": self.default_licence.value,
            "SUBMIT_RATE": self.submit_rate,
            "READ_RATE": self.read_rate,
            "TILE_RATE": self.tile_rate,
            "MAIL_RATE": self.mail_rate,
            "TRUSTED_PROXIES": str(self.trusted_proxies),
            "STATEMENT_TIMEOUT_MS": str(self.statement_timeout_ms),
        }
        return {PREFIX + name: value for name, value in pairs.items()} | basemap.as_variables(self.basemap)
