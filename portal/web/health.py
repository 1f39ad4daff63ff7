"""What a supervisor asks: is the process alive, can it work."""

from __future__ import annotations

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from models.base import db
from models.organization import Organization


def register(app: Flask) -> None:
    """Add ``/healthz`` and ``/readyz``."""
    app.add_url_rule("/healthz", "healthz", _alive)
    app.add_url_rule("/readyz", "readyz", _ready)


def _alive() -> ResponseReturnValue:
    return jsonify(ok=True)


def _ready() -> ResponseReturnValue:
    try:
        db.session.execute(select(Organization.id).limit(1))
    except SQLAlchemyError:
        return jsonify(ok=False), 503
    return jsonify(ok=True)
