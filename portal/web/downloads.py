"""Answering with a sheet."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import send_file
from werkzeug.wrappers import Response

from portal.exchange.sheet_writer import MIME, content_disposition
from portal.translations.words import gettext as _


def told(message: str, params: dict[str, Any]) -> str:
    """A msgid with its parameters, in the language of the request."""
    text: str = _(message)
    return text % params if params else text


def sheet_answer(target: BytesIO, name: str) -> Response:
    """The sheet in *target* as a download called *name*."""
    target.seek(0)
    answer = send_file(target, mimetype=MIME)
    answer.headers["Content-Disposition"] = content_disposition(name)
    return answer
