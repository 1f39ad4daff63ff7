"""The face of the portal: a Flask-Admin theme with its templates and assets, no CDN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flask import Blueprint, Flask, request
from flask_admin.theme import Theme
from flask_babel import get_locale

from portal.theme import cells
from portal.theme.assets import PREFIX, asset
from portal.theme.shapes import Shell
from portal.translations.words import gettext

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What these pages need: no inline script, no inline style, nothing from elsewhere."""


@dataclass
class PortalTheme(Theme):
    """Flask-Admin in our clothes; pages we do not replace fall back to upstream's."""

    folder: Literal["bootstrap4"] = "bootstrap4"
    base_template: str = "admin/base.html"


def register(app: Flask, shell: Callable[[], Shell]) -> PortalTheme:
    """Give *app* our templates, ``/assets`` and the variables of every page.

    Call it before ``Admin(app, theme=…)``, so that our templates are found first. *shell* is
    called once for a page.
    """
    theme = Blueprint(
        "theme",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path=PREFIX,
    )
    app.register_blueprint(theme)
    app.jinja_env.globals["ui"] = cells
    app.jinja_env.globals["asset"] = asset
    # for words that are no constant of a template: what it gives is escaped, what _() gives is not
    app.jinja_env.globals["say"] = gettext
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def _page() -> dict[str, Any]:
        return {"shell": shell(), "scheme": _scheme(), "lang": _lang()}

    return PortalTheme()


def _scheme() -> str:
    return "dark" if request.cookies.get("scheme") == "dark" else "light"


def _lang() -> str:
    return str(get_locale() or "en").replace("_", "-")
