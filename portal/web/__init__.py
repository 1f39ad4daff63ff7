"""Pages that are no grid: login, review, downloads, health."""

from flask import Flask


def register(app: Flask) -> None:
    """Attach every page, error handler and header rule to *app*."""
