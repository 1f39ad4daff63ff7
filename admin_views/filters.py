"""Filters of a list: stable ASCII names in the URL, words on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import ColumnElement, true
from werkzeug.exceptions import BadRequest

Choices = Callable[[], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class ListFilter:
    """One filter: its name in the URL, its label, its choices, and what it keeps.

    What is not ``offered`` beside the others is reached by a link and shown as a chip.
    """

    name: str
    label: Any
    keeps: Callable[[Any], ColumnElement[bool]]
    choices: Choices | None = None
    kind: Literal["select", "date"] = "select"
    offered: bool = True

    def condition(self, value: str) -> ColumnElement[bool]:
        """What *value* keeps; a value that was never offered is a bad request."""
        if not value:
            return true()
        if self.kind == "date":
            return self.keeps(_day(value))
        offered = dict(self.choices() if self.choices else ())
        if value not in offered:
            raise BadRequest()
        return self.keeps(value)

    def word(self, value: str) -> str:
        """*value* as the chip shows it."""
        return dict(self.choices()).get(value, value) if self.choices else value


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BadRequest() from None


def equals(column: Any) -> Callable[[Any], ColumnElement[bool]]:
    """Keeps rows whose *column* is the value."""
    return lambda value: column == value


def equals_number(column: Any) -> Callable[[Any], ColumnElement[bool]]:
    """Keeps rows whose whole-number *column* is the value."""
    return lambda value: column == int(value)
