"""Award tiers in SQL: which one pays, and how much, in whole fen.

An amount is carried as a numerator and a whole denominator until it is rounded, so that no
percentage ever passes through a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    true,
)

from models.base import N_, Refusal
from models.programme import AwardTier, Revision
from portal.policy.facts import MONEY, NUMBER
from portal.policy.terms import guard_sql, value_sql

Sql = ColumnElement[Any]
UNITS = {"fen": 1, "yuan": 100, "ten": 1_000}
MODES = ("down", "half-up", "half-even")
_PER_CENT = 10_000
"""Percent are counted in hundredths, so that 12.5 stays whole."""


class BadAmount(Refusal):
    """The rule of an amount is none of the kinds there are."""

    message = N_(
        "An amount is yuan, or one of: table by cell; of percent; top_up_to less; each times"
    )


def tier_columns(revision: Revision) -> list[Sql]:
    """``tier_key``, ``tier_fen`` and ``tier_doubt`` of a case.

    In doubt is a case for which an unknown tier could outrank the one that matches, or whose
    amount is not known.
    """
    rows = [(guard_sql(row.when, revision), row) for row in in_choice_order(revision)]
    key, fen = _chosen(rows, revision)
    unsure = case(*_doubts(rows, revision), else_=0)
    if any(row.rule for _, row in rows):
        unsure = case((and_(key.is_not(None), fen.is_(None)), 1), else_=unsure)
    return [key.label("tier_key"), fen.label("tier_fen"), unsure.label("tier_doubt")]


def amount_sql(revision: Revision) -> Sql:
    """What the tier that matches pays, in fen: the fact ``award.amount``."""
    rows = [(guard_sql(row.when, revision), row) for row in in_choice_order(revision)]
    return _chosen(rows, revision)[1]


def tier_fen(row: AwardTier, revision: Revision) -> Sql:
    """What *row* pays a case, in fen; unknown where a fact it reads is."""
    numerator, denominator = _base(row, revision)
    if row.uplift:
        more = _hundredths(row.uplift["percent"])
        lifted = numerator * (_PER_CENT + more)
        guard = guard_sql(row.uplift.get("when", []), revision)
        numerator = case((guard, lifted), else_=numerator * _PER_CENT)
        denominator *= _PER_CENT
    found = _rounded(numerator, denominator, row.rounding or {})
    most = (row.rule or {}).get("at_most")
    if most is None:
        return found
    cap = literal(round(most * 100), BigInteger)
    return case((found > cap, cap), else_=found)


def in_choice_order(revision: Revision) -> list[AwardTier]:
    """The tiers in the order in which they are tried."""
    tiers = list(revision.tiers)
    if revision.choose == "highest" and not any(row.rule for row in tiers):
        tiers.sort(key=lambda row: -(row.amount_fen or 0))
    return tiers


Rows = Sequence[tuple[Sql, AwardTier]]


def _chosen(rows: Rows, revision: Revision) -> tuple[Sql, Sql]:
    """The key and the fen of the tier that pays; with ``each`` all of them together."""
    if not rows:
        return cast(null(), AwardTier.key.type), cast(null(), BigInteger)
    fen = {row.key: tier_fen(row, revision) for _, row in rows}
    guards = _guards(rows, revision, fen)
    key = case(*((guard, row.key) for guard, row in guards), else_=None)
    if revision.choose != "each":
        return key, case(*((guard, fen[row.key]) for guard, row in guards), else_=None)
    parts = (case((guard, fen[row.key]), else_=0) for guard, row in rows)
    total = sum(parts, start=literal(0, BigInteger))
    return key, case((key.is_not(None), total), else_=None)


def _guards(rows: Rows, revision: Revision, fen: dict[str, Sql]) -> Rows:
    """When each tier pays; amounts that are worked out are compared case by case."""
    if revision.choose != "highest" or not any(row.rule for _, row in rows):
        return rows
    return [
        (and_(guard, *(_beaten(rows, place, other, fen) for other in range(len(rows)))), row)
        for place, (guard, row) in enumerate(rows)
    ]


def _beaten(rows: Rows, place: int, other: int, fen: dict[str, Sql]) -> Sql:
    """Whether the tier at *other* does not match or pays less; of equals the first is chosen."""
    guard, row = rows[other]
    if place == other:
        return true()
    ours, theirs = fen[rows[place][1].key], fen[row.key]
    less = theirs < ours if other < place else theirs <= ours
    return or_(~func.coalesce(guard, false()), func.coalesce(less, false()))


def _doubts(rows: Rows, revision: Revision) -> list[Any]:
    """In the order of choice: a match settles it, an unknown tier before that is a doubt."""
    in_order = revision.choose == "first" or not any(row.rule for _, row in rows)
    if revision.choose == "each" or not in_order:
        return [(guard.is_(None), 1) for guard, _ in rows] or [(false(), 0)]
    steps = [step for guard, _ in rows for step in ((guard, 0), (guard.is_(None), 1))]
    return steps or [(false(), 0)]


def _base(row: AwardTier, revision: Revision) -> tuple[Sql, int]:
    """The amount before uplift and rounding, in fen, as a fraction."""
    rule = row.rule
    if rule is None:
        return literal(row.amount_fen, BigInteger), 1
    kinds = {
        frozenset({"table", "by", "cell"}): _of_table,
        frozenset({"of", "percent"}): _of_fact,
        frozenset({"top_up_to", "less"}): _top_up,
        frozenset({"each", "times"}): _each,
    }
    made = kinds.get(frozenset(rule) - {"at_most"})
    if made is None:
        raise BadAmount()
    return made(rule, revision)


def _of_table(rule: dict[str, Any], revision: Revision) -> tuple[Sql, int]:
    cell = {key: rule[key] for key in ("table", "by", "cell")}
    return _whole(value_sql(cell, MONEY, revision)), 1


def _of_fact(rule: dict[str, Any], revision: Revision) -> tuple[Sql, int]:
    fen = _whole(_fact(rule["of"], MONEY, revision))
    return fen * _hundredths(rule["percent"]), _PER_CENT


def _top_up(rule: dict[str, Any], revision: Revision) -> tuple[Sql, int]:
    """What is missing to the target, never less than nothing."""
    missing = literal(round(rule["top_up_to"] * 100), BigInteger) - _whole(
        _fact(rule["less"], MONEY, revision)
    )
    return case((missing < 0, literal(0, BigInteger)), else_=missing), 1


def _each(rule: dict[str, Any], revision: Revision) -> tuple[Sql, int]:
    return _whole(_fact(rule["times"], NUMBER, revision)) * round(rule["each"] * 100), 1


def _fact(key: Any, kind: str, revision: Revision) -> Sql:
    found = value_sql(key, kind, revision)
    if not isinstance(found, ColumnElement):
        raise BadAmount()
    return found


def _whole(value: Sql) -> Sql:
    return cast(func.round(value), BigInteger)


def _hundredths(percent: float) -> int:
    return round(percent * 100)


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
