"""The command line: every verb, registered; how results and refusals are printed."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable
from functools import wraps
from pkgutil import iter_modules
from typing import Any, ParamSpec

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_babel import force_locale
from sqlalchemy.exc import OperationalError, ProgrammingError

import portal.commands
from models.base import N_, Refusal, begin_writing
from portal.clock import Clock
from portal.web.errors import words_of

P = ParamSpec("P")
_NO_TABLE = re.compile(r"no such table|no such column|relation .* does not exist")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def register(app: Flask) -> None:
    """Add every command of ``portal.commands`` (each module's ``commands``) to ``flask``."""
    for module in iter_modules(portal.commands.__path__, "portal.commands."):
        for command in importlib.import_module(module.name).commands:
            app.cli.add_command(command)


class NotMigrated(Refusal):
    """The database has not got its tables yet."""

    message = N_("The database is not ready. Run “flask db upgrade” first.")


def clock() -> Clock:
    """The clock that commands and pages share."""
    chosen: Clock = current_app.extensions["portal_clock"]
    return chosen


def wants_json() -> bool:
    """Whether the command that runs was asked for one JSON object."""
    return bool(click.get_current_context().params.get("as_json"))


def verb(function: Callable[P, dict[str, Any]]) -> Callable[..., None]:
    """Make *function* a command that writes, takes ``--json`` and prints the dict it returns.

    A ``Refusal`` goes to standard error with exit status 1. A result with ``"ok": False`` is
    printed and exits with 1 as well. A result that is only ``{"text": …}`` prints that text.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @with_appcontext
    @wraps(function)
    def run(*args: Any, as_json: bool, **kwargs: Any) -> None:
        _refuse_no_text(kwargs)
        begin_writing()
        with force_locale(current_app.config["BABEL_DEFAULT_LOCALE"]):
            try:
                result = function(*args, **kwargs)
            except Refusal as refusal:
                _refuse(refusal, as_json)
            except (OperationalError, ProgrammingError) as error:
                if not _NO_TABLE.search(str(error.orig)):
                    raise
                _refuse(NotMigrated(), as_json)
        click.echo(json.dumps(result, ensure_ascii=False) if as_json else _plain(result))
        if result.get("ok") is False:
            sys.exit(1)

    return run


def _refuse_no_text(arguments: dict[str, Any]) -> None:
    """Bytes that are not UTF-8 come as surrogates, which no database takes; paths may have them."""
    for value in arguments.values():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and _SURROGATE.search(text):
                raise click.UsageError("an argument is not UTF-8 text")


def _refuse(refusal: Refusal, as_json: bool) -> None:
    message = words_of(refusal)
    kind = type(refusal).__name__
    click.echo(
        json.dumps({"error": kind, "message": message}, ensure_ascii=False) if as_json else message,
        err=True,
    )
    sys.exit(1)


def _plain(result: dict[str, Any], indent: str = "") -> str:
    if list(result) == ["text"]:
        return str(result["text"])
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", _plain(value, indent + "  ")]
        elif isinstance(value, list):
            lines += [f"{indent}{name}: {len(value)}"]
            lines += [f"{indent}  {json.dumps(item, ensure_ascii=False)}" for item in value]
        else:
            lines.append(f"{indent}{name}: {value}")
    return "\n".join(line for line in lines if line)
