"""Configuration, read once from the environment."""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent


class BadConfiguration(Exception):
    """The environment asks for something that cannot run; the message names the variable."""


@dataclass(frozen=True)
class Mail:
    """The server that takes mail and who writes. ``security`` is of ``MAIL_PORTS``."""

    security: str
    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""


MAIL_PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}
"""How the connection to the server is guarded: not at all, once it stands, from the start."""


@dataclass(frozen=True)
class Config:
    """Everything the environment decides. ``field_keys`` maps key id to 32 bytes, first active.

    ``require_totp`` makes city and finance staff enrol a second factor. ``password_kinds`` is how
    many kinds of characters a password mixes, ``password_days`` how long it lasts; 0 asks nothing.
    ``proxies`` is how many proxies before us may be believed about the address of the browser.
    ``attachment_megabytes`` is the most that one attached file may have. ``registry`` is a folder
    of files that answer for an authority. Without ``mail`` nobody is written to; links in a mail
    begin with ``public_url``. From ``digest_hour`` on the day's digests go out.
    """

    database_url: str
    redis_url: str | None
    secret_key: str
    field_keys: Mapping[str, bytes]
    index_key: bytes
    home: Path
    port: int = 8000
    today: date | None = None
    production: bool = False
    testing: bool = False
    locale: str = "zh_CN"
    require_totp: bool = False
    password_kinds: int = 0
    password_days: int = 0
    proxies: int = 0
    attachment_megabytes: int = 20
    registry: Path | None = None
    mail: Mail | None = None
    public_url: str = ""
    digest_hour: int = 8

    @property
    def registry_folder(self) -> Path:
        """Where the files of a registry lie that answers by number."""
        return self.registry or self.home / "registry"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Config:
        """Read *env*; raises ``BadConfiguration`` for what production must not run with."""
        production = _is_production(env)
        home = Path(env.get("PORTAL_HOME") or ROOT / "instance").resolve()
        home.mkdir(parents=True, exist_ok=True)
        secret, keys, index_key = _secrets(env, home, production)
        return cls(
            database_url=_database_url(env, home),
            redis_url=env.get("REDIS_URL") or None,
            secret_key=secret,
            field_keys=keys,
            index_key=index_key,
            home=home,
            port=_number(env, "PORT", 8000),
            today=_today(env, production),
            production=production,
            locale=env.get("PORTAL_LOCALE", "zh_CN"),
            require_totp=_switch(env, "PORTAL_REQUIRE_TOTP", production),
            password_kinds=_number(env, "PORTAL_PASSWORD_KINDS", 0),
            password_days=_number(env, "PORTAL_PASSWORD_DAYS", 0),
            proxies=_number(env, "PORTAL_PROXIES", 0),
            attachment_megabytes=_number(env, "PORTAL_ATTACHMENT_MB", 20),
            registry=Path(env["PORTAL_REGISTRY"]) if env.get("PORTAL_REGISTRY") else None,
            mail=_mail(env),
            public_url=env.get("PORTAL_URL", "").rstrip("/"),
            digest_hour=min(_number(env, "PORTAL_DIGEST_HOUR", 8), 23),
        )


def _database_url(env: Mapping[str, str], home: Path) -> str:
    url = env.get("DATABASE_URL") or f"sqlite:///{home / 'portal.db'}"
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _is_production(env: Mapping[str, str]) -> bool:
    kind = env.get("PORTAL_ENV") or "development"
    if kind not in ("development", "production"):
        raise BadConfiguration(f"PORTAL_ENV is production or development, not {kind!r}")
    return kind == "production"


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal():
        raise BadConfiguration(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _switch(env: Mapping[str, str], name: str, default: bool) -> bool:
    text = env.get(name) or ("1" if default else "0")
    if text not in ("0", "1"):
        raise BadConfiguration(f"{name} must be 0 or 1, not {text!r}")
    return text == "1"


def _mail(env: Mapping[str, str]) -> Mail | None:
    text = env.get("PORTAL_SMTP")
    if not text:
        return None
    for name in ("PORTAL_MAIL_FROM", "PORTAL_URL"):
        if not env.get(name):
            raise BadConfiguration(f"PORTAL_SMTP needs {name}")
    try:
        parts = urlsplit(text)
        port = parts.port or MAIL_PORTS[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not parts.hostname:
        raise BadConfiguration("PORTAL_SMTP must read smtp://, starttls:// or smtps://HOST[:PORT]")
    if parts.password and parts.scheme == "smtp":
        raise BadConfiguration("PORTAL_SMTP: a password needs starttls:// or smtps://")
    user, password = (unquote(word or "") for word in (parts.username, parts.password))
    return Mail(parts.scheme, parts.hostname, port, env["PORTAL_MAIL_FROM"], user, password)


def _today(env: Mapping[str, str], production: bool) -> date | None:
    text = env.get("PORTAL_TODAY")
    if not text:
        return None
    if production:
        raise BadConfiguration("PORTAL_TODAY pins the clock and is refused in production")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadConfiguration(f"PORTAL_TODAY must be YYYY-MM-DD, not {text!r}") from None


def _secrets(
    env: Mapping[str, str], home: Path, production: bool
) -> tuple[str, dict[str, bytes], bytes]:
    given = {name: env.get(name, "") for name in ("SECRET_KEY", "FIELD_KEYS", "INDEX_KEY")}
    missing = [name for name, value in given.items() if not value]
    if missing and production:
        raise BadConfiguration(f"production needs {', '.join(missing)}")
    if missing:
        given = _development_secrets(home) | {k: v for k, v in given.items() if v}
    if production and len(given["SECRET_KEY"]) < 32:
        raise BadConfiguration("SECRET_KEY needs at least 32 characters in production")
    return given["SECRET_KEY"], _field_keys(given["FIELD_KEYS"]), _key(given["INDEX_KEY"])


def _field_keys(text: str) -> dict[str, bytes]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    keys = {name.strip(): _key(value) for name, _, value in pairs}
    if not keys:
        raise BadConfiguration("FIELD_KEYS must read ID=BASE64[,ID=BASE64]")
    return keys


def _key(text: str) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise BadConfiguration("FIELD_KEYS and INDEX_KEY need 32 bytes in base64")
    return key


def _development_secrets(home: Path) -> dict[str, str]:
    """Random secrets made once beside the data, readable by the owner only."""
    path = home / "secrets.json"
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_KEYS": "dev=" + b64encode(secrets.token_bytes(32)).decode(),
        "INDEX_KEY": b64encode(secrets.token_bytes(32)).decode(),
    }
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        stored: dict[str, str] = json.loads(path.read_text())
        return stored
    with os.fdopen(handle, "w") as file:
        json.dump(made, file)
    return made
