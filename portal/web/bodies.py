"""How much one request may carry: a page that takes files may be sent several at once."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from portal.evidence.cleaning import MEGABYTE
from portal.web.actor import config

FILES_AT_ONCE = 5
"""How many files of the largest size one request may bring."""
_TAKES_FILES = frozenset({"application.attach"})


def register(app: Flask) -> None:
    """Raise the limit before the first look into a form, which the check of its token is."""

    @app.url_value_preprocessor
    def _allow(endpoint: str | None, _values: dict[str, Any] | None) -> None:
        if endpoint in _TAKES_FILES:
            files = FILES_AT_ONCE * config().attachment_megabytes
            request.max_content_length = (files + 1) * MEGABYTE
