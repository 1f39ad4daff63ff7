"""Pages that are no grid: login, review, downloads, health."""

from flask import Flask

from portal.web import (
    actor,
    bodies,
    errors,
    evidence_sheets,
    exports,
    headers,
    health,
    imports,
    login,
    own_address,
    publicity,
    routes,
)


def register(app: Flask) -> None:
    """Attach every page, error handler and header rule to *app*."""
    headers.register(app)
    bodies.register(app)
    errors.register(app)
    actor.register(app)
    routes.register(app)
    login.register(app)
    own_address.register(app)
    health.register(app)
    imports.register(app)
    evidence_sheets.register(app)
    exports.register(app)
    publicity.register(app)
