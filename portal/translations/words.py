"""The interface's words in the language of the request: one look-up a word.

Flask-Babel chooses language and catalogue; what it chose is kept where it keeps such things, so
that ``force_locale`` still rules. A page says two hundred words, and finding the catalogue anew
for each of them took a seventh of the page's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, g
from flask_babel import get_translations
from flask_babel.speaklater import LazyString
from markupsafe import Markup


def gettext(text: str, /, **values: Any) -> str:
    """*text* in the language of the request, *values* put in; as it is where there is none."""
    said: str = _catalogue().ugettext(text) if text else ""  # "" stands for the catalogue's head
    return said % values if values else said


def told(text: str, params: Mapping[str, Any]) -> str:
    """What a service says: the msgid *text* in the language of the request, *params* put in."""
    return gettext(text, **params)


def lazy_gettext(text: str) -> Any:
    """*text*, translated each time it is shown."""
    return LazyString(gettext, text)


def register(app: Flask) -> None:
    """Let templates of *app* say words by the same way; values that are no markup are escaped.

    The words themselves are not: ``_()`` takes constants only, ``say()`` the rest.
    """
    app.jinja_env.globals["_"] = app.jinja_env.globals["gettext"] = _markup


def _markup(text: str, /, **values: Any) -> Markup:
    return Markup(_catalogue().ugettext(text)) % values  # noqa: S704 - catalogues are ours


def _catalogue() -> Any:
    try:
        found = g._flask_babel.babel_translations
    except (AttributeError, RuntimeError):
        found = None
    if found is None:
        found = get_translations()
        if g:
            g._flask_babel.babel_translations = found
    return found
