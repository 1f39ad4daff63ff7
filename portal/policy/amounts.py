"""What one award tier pays a case, in SQL and whole fen.

An amount is carried as a numerator and a whole denominator until it is rounded, so that no
percentage ever passes through a float.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, false, func, literal, or_, true

from models.base import N_, Refusal
from models.programme import AwardTier, Revision
from portal.policy.facts import MONEY, NUMBER
from portal.policy.sql_numbers import nearest
from portal.policy.terms import NO_ROWS, Rows, guard_sql, value_sql

Sql = ColumnElement[Any]
UNITS = {"fen": 1, "yuan": 100, "ten": 1_000}
MODES = ("down", "half-up", "half-even")
_PARTS = 10_000
"""Times are counted to four places, so that two and a half hours stay two and a half."""


class BadAmount(Refusal):
    """The rule of an amount is none of the kinds there are."""

    message = N_(
        "An amount is yuan, or one of: table by cell; of percent; top_up_to less; each times"
    )


def tier_fen(row: AwardTier, revision: Revision) -> Sql:
    """What *row* pays a case, in fen; unknown where a fact it reads is.

    An uplift is paid where its terms surely hold.
    """
    return _fen(row, revision, _lift(row, revision))


def worked_out(rule: dict[str, Any], revision: Revision, known: Rows = NO_ROWS) -> Sql:
    """What *rule* alone comes to, in whole fen, rounded down; *known* facts go before others."""
    return _capped(_rounded(*_base(rule, revision, known), {}), rule)


def most_fen(row: AwardTier, revision: Revision) -> Sql:
    """What *row* may come to, in fen, as an uplift that is open turns out."""
    return _fen(row, revision, func.coalesce(_lift(row, revision), true()))


def is_open(row: AwardTier, revision: Revision) -> Sql:
    """Whether what *row* pays is not known, in whole or for an uplift that may be due."""
    found: list[Sql] = [false()]
    if row.rule:
        found.append(tier_fen(row, revision).is_(None))
    if row.uplift:
        found.append(_lift(row, revision).is_(None))
    return or_(*found)


def _lift(row: AwardTier, revision: Revision) -> Sql:
    return guard_sql(row.uplift.get("when", []), revision) if row.uplift else false()


def _fen(row: AwardTier, revision: Revision, lift: Sql) -> Sql:
    rule = row.rule or {}
    if row.rule is None:
        numerator, denominator = _fixed(row), 1
    else:
        numerator, denominator = _base(rule, revision, NO_ROWS)
    if row.uplift:
        more = 1 + _ratio(row.uplift["percent"])
        lifted = numerator * more.numerator
        numerator = case((lift, lifted), else_=numerator * more.denominator)
        denominator *= more.denominator
    return _capped(_rounded(numerator, denominator, row.rounding or {}), rule)


def _fixed(row: AwardTier) -> Sql:
    return literal(row.amount_fen, BigInteger)


def _capped(found: Sql, rule: dict[str, Any]) -> Sql:
    most = rule.get("at_most")
    if most is None:
        return found
    cap = literal(round(most * 100), BigInteger)
    return case((found > cap, cap), else_=found)


def _base(rule: dict[str, Any], revision: Revision, known: Rows) -> tuple[Sql, int]:
    """The amount before uplift and rounding, in fen, as a fraction."""
    kinds = {
        frozenset({"table", "by", "cell"}): _of_table,
        frozenset({"of", "percent"}): _of_fact,
        frozenset({"top_up_to", "less"}): _top_up,
        frozenset({"each", "times"}): _each,
    }
    made = kinds.get(frozenset(rule) - {"at_most"})
    if made is None:
        raise BadAmount()
    return made(rule, revision, known)


def _of_table(rule: dict[str, Any], revision: Revision, _known: Rows) -> tuple[Sql, int]:
    cell = {key: rule[key] for key in ("table", "by", "cell")}
    return nearest(value_sql(cell, MONEY, revision)), 1


def _of_fact(rule: dict[str, Any], revision: Revision, known: Rows) -> tuple[Sql, int]:
    ratio = _ratio(rule["percent"])
    return nearest(_fact(rule["of"], MONEY, revision, known)) * ratio.numerator, ratio.denominator


def _top_up(rule: dict[str, Any], revision: Revision, known: Rows) -> tuple[Sql, int]:
    """What is missing to the target, never less than nothing."""
    missing = literal(round(rule["top_up_to"] * 100), BigInteger) - nearest(
        _fact(rule["less"], MONEY, revision, known)
    )
    return case((missing < 0, literal(0, BigInteger)), else_=missing), 1


def _each(rule: dict[str, Any], revision: Revision, known: Rows) -> tuple[Sql, int]:
    each = Fraction(str(rule["each"])) * 100
    times = nearest(_fact(rule["times"], NUMBER, revision, known) * _PARTS)
    return times * each.numerator, each.denominator * _PARTS


def _fact(key: Any, kind: str, revision: Revision, known: Rows) -> Sql:
    found = value_sql(key, kind, revision, known)
    if not isinstance(found, ColumnElement):
        raise BadAmount()
    return found


def _ratio(percent: float) -> Fraction:
    return Fraction(str(percent)) / 100


def _rounded(numerator: Sql, denominator: int, rounding: dict[str, str]) -> Sql:
    """*numerator* / *denominator* in whole units of ``to``, given in fen."""
    unit, mode = UNITS[rounding.get("to", "fen")], rounding.get("mode", "down")
    whole = denominator * unit
    if whole == 1:
        return numerator
    if mode == "half-up":
        return (numerator * 2 + whole) // (2 * whole) * unit
    if mode == "down":
        return numerator // whole * unit
    down, rest = numerator // whole, (numerator % whole) * 2
    up = or_(rest > whole, and_(rest == whole, down % 2 == 1))
    return case((up, down + 1), else_=down) * unit
