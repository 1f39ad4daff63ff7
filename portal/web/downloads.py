"""Answering with a sheet."""

from __future__ import annotations

from io import BytesIO

from flask import send_file
from werkzeug.wrappers import Response

from portal.exchange.sheet_writer import MIME, content_disposition


def sheet_answer(target: BytesIO, name: str) -> Response:
    """The sheet in *target* as a download called *name*."""
    target.seek(0)
    answer = send_file(target, mimetype=MIME)
    answer.headers["Content-Disposition"] = content_disposition(name)
    return answer
