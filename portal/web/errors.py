"""What a person is told when something is refused or breaks; never a traceback."""

from __future__ import annotations

import secrets
import traceback

from flask import Flask, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateError
from markupsafe import escape
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException

from models.base import Refusal, db
from portal.access.permissions import NotAllowed
from portal.translations.words import gettext as _
from portal.translations.words import told


def register(app: Flask) -> None:
    """Answer every error with a page, or with JSON where a script asked."""
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(OverflowError, _nonsense)
    app.register_error_handler(DataError, _nonsense)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(Exception, _broken)


def words_of(refusal: Refusal) -> str:
    """What *refusal* says, in the language of the page or command."""
    params = {
        name: words_of(value) if isinstance(value, Refusal) else value
        for name, value in refusal.params.items()
    }
    return told(refusal.message, params)


def _csrf(_error: CSRFError) -> ResponseReturnValue:
    return _answer(400, _("This page was open too long. Go back, reload it and try again."))


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error
    return _answer(error.code)


def _refused(refusal: Refusal) -> ResponseReturnValue:
    return _answer(403 if isinstance(refusal, NotAllowed) else 400, words_of(refusal))


def _nonsense(_error: Exception) -> ResponseReturnValue:
    return _answer(400)


def _busy(error: OperationalError) -> ResponseReturnValue:
    log_id = _log(error)
    return _answer(503, _("The portal is busy. Try again in a moment."), log_id)


def _broken(error: Exception) -> ResponseReturnValue:
    return _answer(500, log_id=_log(error))


def _log(error: Exception) -> str:
    """Log where it broke, without the exception's words: they may hold what a person typed."""
    log_id = secrets.token_hex(4)
    frames = "".join(traceback.format_tb(error.__traceback__))
    current_app.logger.error(
        "error %s: %s at %s %s\n%s",
        log_id,
        type(error).__name__,
        request.method,
        request.endpoint,
        frames,
    )
    return log_id


def _answer(code: int, message: str = "", log_id: str = "") -> ResponseReturnValue:
    db.session.rollback()
    if _asked_by_script():
        return jsonify(error=message or _plain(code), log_id=log_id), code
    try:
        page = render_template("portal/error.html", code=code, message=message, log_id=log_id)
    except TemplateError:
        page = f"<!doctype html><title>{code}</title><p>{escape(message or _plain(code))} {log_id}"
    return page, code


def _asked_by_script() -> bool:
    accepted = request.accept_mimetypes
    wants_json = accepted.best_match(["text/html", "application/json"]) == "application/json"
    return "X-CSRFToken" in request.headers or wants_json


def _plain(code: int) -> str:
    return str(_("The request was refused (%(code)s).", code=code))
