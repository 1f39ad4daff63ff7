"""The screens that Flask-Admin generates."""

from flask import Flask


def register(app: Flask) -> None:
    """Attach the admin and all its views to *app*."""
