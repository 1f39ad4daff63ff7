"""The environment: what it may say, and what production must not run with."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from portal.config import BadConfiguration, Config, Mail

KEY = b64encode(b"k" * 32).decode()
SECRETS = {"SECRET_KEY": "s" * 40, "FIELD_KEYS": f"a={KEY}", "INDEX_KEY": KEY}
MAIL = {"PORTAL_MAIL_FROM": "portal@union.example", "PORTAL_URL": "https://portal.example/"}


@pytest.mark.parametrize("kind", ["bogus", "Production", "prod", "production ", "0"])
def test_an_environment_that_is_neither_is_refused(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    with pytest.raises(BadConfiguration, match="PORTAL_ENV"):
        Config.from_env(SECRETS | {"PORTAL_HOME": str(home), "PORTAL_ENV": kind})
    assert not home.exists()


@pytest.mark.parametrize("kind", [None, "", "development"])
def test_development_makes_its_own_secrets_once(tmp_path: Path, kind: str | None) -> None:
    env = {"PORTAL_HOME": str(tmp_path)} | ({} if kind is None else {"PORTAL_ENV": kind})
    first, second = Config.from_env(env), Config.from_env(env)
    assert not first.production and not first.require_totp
    assert first == second
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_production_runs_with_everything_given(tmp_path: Path) -> None:
    env = SECRETS | {"PORTAL_HOME": str(tmp_path), "PORTAL_ENV": "production"}
    found = Config.from_env(env)
    assert found.production and found.require_totp
    assert not (tmp_path / "secrets.json").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"FIELD_KEYS": ""}, "FIELD_KEYS"),
        ({"INDEX_KEY": ""}, "INDEX_KEY"),
        ({"INDEX_KEY": "c2hvcnQ="}, "INDEX_KEY"),
        ({"PORTAL_TODAY": "2026-08-03"}, "PORTAL_TODAY"),
        ({"PORT": "http"}, "PORT"),
        ({"PORTAL_REQUIRE_TOTP": "yes"}, "PORTAL_REQUIRE_TOTP"),
        ({"PORTAL_SMTP": "smtp://mail.example"}, "PORTAL_MAIL_FROM"),
        ({"PORTAL_SMTP": "smtp://mail.example", "PORTAL_MAIL_FROM": "a@b.cn"}, "PORTAL_URL"),
        (MAIL | {"PORTAL_SMTP": "mail.example:25"}, "PORTAL_SMTP"),
        (MAIL | {"PORTAL_SMTP": "http://mail.example"}, "PORTAL_SMTP"),
        (MAIL | {"PORTAL_SMTP": "smtp://mail.example:x"}, "PORTAL_SMTP"),
        (MAIL | {"PORTAL_SMTP": "smtp://me:secret@mail.example"}, "PORTAL_SMTP"),
    ],
)
def test_production_names_what_it_must_not_run_with(
    tmp_path: Path, change: dict[str, str], named: str
) -> None:
    env = SECRETS | {"PORTAL_HOME": str(tmp_path), "PORTAL_ENV": "production"} | change
    with pytest.raises(BadConfiguration, match=named):
        Config.from_env(env)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("smtp://localhost", Mail("smtp", "localhost", 25, "portal@union.example")),
        (
            "starttls://me%40union:s%3Aecret@mail.example:2525",
            Mail("starttls", "mail.example", 2525, "portal@union.example", "me@union", "s:ecret"),
        ),
        ("smtps://mail.example", Mail("smtps", "mail.example", 465, "portal@union.example")),
    ],
)
def test_where_mail_goes(tmp_path: Path, text: str | None, expected: Mail | None) -> None:
    env = {"PORTAL_HOME": str(tmp_path)} | MAIL | ({"PORTAL_SMTP": text} if text else {})
    found = Config.from_env(env)
    assert (found.mail, found.public_url) == (expected, "https://portal.example")
