"""Operators: what a term may say of a fact, and the SQL that says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, not_, select

from models.base import N_, Refusal
from models.catalogue import Catalogue, CatalogueEntry, CatalogueTerm
from portal.policy.facts import CODE, DATE, MONEY, NUMBER, TEXT, YES_NO

NONE, ONE, TWO, MANY, TABLE = "none", "one", "two", "many", "table"
Sql = ColumnElement[Any]


class BadValue(Refusal):
    """A term's value does not fit its fact and operator."""

    message = N_("%(value)s is not a valid value for a fact of kind %(kind)s")


@dataclass(frozen=True)
class Operator:
    """One operator: how many values it takes, which kinds of fact it suits, its SQL."""

    key: str
    label: str
    takes: str
    kinds: frozenset[str]
    build: Callable[[Sql, Any], Sql]


def in_catalogue(expression: Sql, key: str) -> Sql:
    """Whether *expression* is a spelling of an entry in use of the catalogue called *key*."""
    terms = (
        select(CatalogueTerm.term)
        .join(Catalogue, Catalogue.id == CatalogueTerm.catalogue_id)
        .join(CatalogueEntry, CatalogueEntry.id == CatalogueTerm.entry_id)
        .where(Catalogue.key == key, CatalogueEntry.retired_on.is_(None))
    )
    return expression.in_(terms)


def constant(value: Any, kind: str) -> Any:
    """*value* as the Python value that a fact of *kind* compares with; raises ``BadValue``."""
    try:
        return _CONSTANTS[kind](value)
    except (KeyError, ValueError, TypeError):
        raise BadValue(value=value, kind=kind) from None


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _fen(value: Any) -> int:
    """Yuan as written in a pack, in fen."""
    fen = _number(value) * 100
    if abs(fen - round(fen)) > 1e-6:
        raise ValueError(value)
    return round(fen)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return value


_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    TEXT: _text,
    CODE: _text,
    DATE: _date,
    NUMBER: _number,
    MONEY: _fen,
}

_ANY = frozenset({TEXT, CODE, DATE, NUMBER, MONEY, YES_NO})
_EQUAL = frozenset({TEXT, CODE, DATE, NUMBER, MONEY})
_ORDERED = frozenset({NUMBER, MONEY})
_DATES = frozenset({DATE})
_CODES = frozenset({TEXT, CODE})


def _between(expression: Sql, values: Any) -> Sql:
    return and_(expression >= values[0], expression <= values[1])


def _not_between(expression: Sql, values: Any) -> Sql:
    return not_(_between(expression, values))


def _not_in_catalogue(expression: Sql, key: str) -> Sql:
    return not_(in_catalogue(expression, key))


_ALL = (
    Operator("is", N_("is"), ONE, _EQUAL, lambda e, v: e == v),
    Operator("is not", N_("is not"), ONE, _EQUAL, lambda e, v: e != v),
    Operator("one of", N_("is one of"), MANY, _EQUAL, lambda e, v: e.in_(v)),
    Operator("none of", N_("is none of"), MANY, _EQUAL, lambda e, v: e.not_in(v)),
    Operator("before", N_("is before"), ONE, _DATES, lambda e, v: e < v),
    Operator("on or before", N_("is on or before"), ONE, _DATES, lambda e, v: e <= v),
    Operator("after", N_("is after"), ONE, _DATES, lambda e, v: e > v),
    Operator("on or after", N_("is on or after"), ONE, _DATES, lambda e, v: e >= v),
    Operator("less than", N_("is less than"), ONE, _ORDERED, lambda e, v: e < v),
    Operator("at most", N_("is at most"), ONE, _ORDERED, lambda e, v: e <= v),
    Operator("more than", N_("is more than"), ONE, _ORDERED, lambda e, v: e > v),
    Operator("at least", N_("is at least"), ONE, _ORDERED, lambda e, v: e >= v),
    Operator("between", N_("is between"), TWO, _DATES | _ORDERED, _between),
    Operator(
        "not between",
        N_("is not between"),
        TWO,
        _DATES | _ORDERED,
        _not_between,
    ),
    Operator("in table", N_("is in the table"), TABLE, _CODES, in_catalogue),
    Operator(
        "not in table",
        N_("is not in the table"),
        TABLE,
        _CODES,
        _not_in_catalogue,
    ),
    Operator("is true", N_("is yes"), NONE, frozenset({YES_NO}), lambda e, _v: e == literal(True)),
    Operator("is false", N_("is no"), NONE, frozenset({YES_NO}), lambda e, _v: e == literal(False)),
    Operator("is empty", N_("is not given"), NONE, _ANY, lambda e, _v: e.is_(None)),
    Operator("is given", N_("is given"), NONE, _ANY, lambda e, _v: e.is_not(None)),
)
OPERATORS: dict[str, Operator] = {item.key: item for item in _ALL}
