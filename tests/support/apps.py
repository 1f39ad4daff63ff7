"""One application a worker, given each test's settings: building its screens takes longest.

Its engines are kept as well, one for each kind of database, with all the statements that they
have compiled; only the database that they connect to changes.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import URL, Engine, event, make_url

from models.base import db
from portal.app import configure, create_app
from portal.config import Config

_kept: list[tuple[Flask, dict[str, Any], dict[str, Any]]] = []
_engines: dict[str, Engine] = {}
_place: dict[str, URL] = {}
"""The database that each kind of engine connects to now."""


def kept_app(config: Config) -> Flask:
    """The worker's application as if it was just made with *config*, on its own database."""
    if config.production or config.proxies:
        return create_app(config)
    if not _kept:
        app = create_app(config)
        _kept.append((app, dict(app.config), dict(app.extensions)))
    ((app, settings, extensions),) = _kept
    app.config.clear()
    app.config.update(settings)
    app.extensions.clear()
    app.extensions.update(extensions)
    configure(app, config)
    app._got_first_request = False
    _connect(app, make_url(config.database_url))
    return app


def _connect(app: Flask, url: URL) -> None:
    kind = url.get_backend_name()
    _place[kind] = url
    if kind not in _engines:
        _engines[kind] = _engine(app, kind)
    db._app_engines[app] = {None: _engines[kind]}


def _engine(app: Flask, kind: str) -> Engine:
    options = db._engine_options | app.config["SQLALCHEMY_ENGINE_OPTIONS"] | {"url": _place[kind]}
    db._apply_driver_defaults(options, app)
    engine = db._make_engine(None, options, app)

    @event.listens_for(engine, "do_connect")
    def _there(dialect: Any, _record: Any, _args: Any, _options: Any) -> Any:
        args, options = dialect.create_connect_args(_place[kind])
        return dialect.connect(*args, **options)

    return engine
