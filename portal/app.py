"""Builds the application: configuration, database, language, screens, commands."""

from __future__ import annotations

import json
import os
from functools import cache, partial

from babel import Locale
from flask import Flask, current_app, request
from flask_babel import Babel
from flask_migrate import Migrate
from flask_wtf.csrf import CSRFProtect

import models  # noqa: F401 - registers every table
from models.base import begin_writing, db
from models.types import keyring
from portal import remembered
from portal.clock import Clock
from portal.config import ROOT, Config
from portal.evidence.vault import vault
from portal.jobs import queue
from portal.policy import judge
from portal.translations import words
from portal.translations.build import build_if_stale

csrf = CSRFProtect()
migrate = Migrate(db=db, directory=str(ROOT / "migrations"), render_as_batch=False)


def create_app(config: Config | None = None) -> Flask:
    """The application for *config*, by default the one of the environment."""
    config = config or Config.from_env(os.environ)
    app = Flask("portal", instance_path=str(config.home))
    configure(app, config)
    db.init_app(app)
    migrate.init_app(app)
    csrf.init_app(app)
    build_if_stale()
    Babel(app, locale_selector=_locale)
    words.register(app)
    app.before_request(_begin)
    _register(app)
    return app


def configure(app: Flask, config: Config) -> None:
    """Give *app* and what it works with the settings of *config*."""
    app.instance_path = str(config.home)
    app.config.update(_flask_settings(config))
    clock = Clock(config.today)
    app.extensions["portal_config"] = config
    app.extensions["portal_clock"] = clock
    keyring.configure(config.field_keys, config.index_key)
    vault.configure(config.home)
    judge.forget()
    remembered.forget()
    queue.configure(config.home, config.redis_url, clock, app.app_context, config.testing)


def _flask_settings(config: Config) -> dict[str, object]:
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "hide_parameters": True,
            "pool_pre_ping": True,
            "query_cache_size": 4_000,  # of 500 the statements of one screen push out another's
            # SQLite finds a key of JSON by its letters: escaped ones would never be found
            "json_serializer": partial(json.dumps, ensure_ascii=False),
        },
        "TESTING": config.testing,
        "MAX_CONTENT_LENGTH": 20 * 1024 * 1024,
        "MAX_FORM_PARTS": 2000,
        "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "portal" / "translations"),
        "BABEL_DEFAULT_LOCALE": config.locale,
        "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
        "WTF_CSRF_TIME_LIMIT": None,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": config.production,
        "JSON_AS_ASCII": False,
    }


def _locale() -> Locale:
    config: Config = current_app.extensions["portal_config"]
    chosen = request.cookies.get("locale", "") if request else ""
    return _parsed(chosen if chosen in ("zh_CN", "en") else config.locale)


@cache
def _parsed(locale: str) -> Locale:
    return Locale.parse(locale)


def _begin() -> None:
    begin_writing(request.method not in ("GET", "HEAD", "OPTIONS"))


def _register(app: Flask) -> None:
    import admin_views
    from portal import cli, web

    web.register(app)
    admin_views.register(app)
    cli.register(app)
