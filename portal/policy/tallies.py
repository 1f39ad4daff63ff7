"""How much of a bound is taken: surely, and at most once every open case is decided.

A case surely counts when nothing of it is open; it may count while a person is asked about it or
its guard is not known. Who misses the bound in every outcome misses it, who in some is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from models.programme import SPILL, Bound, Revision
from portal.policy.codes import FINE, HOLDS, MISSED, UNKNOWN, WAITS, materialized
from portal.policy.facts import AWARD, MONEY, fact
from portal.policy.sql_numbers import MILLIONTHS

Sql = ColumnElement[Any]


@dataclass(frozen=True)
class Tally:
    """How *bound* weighs the rows of the layer *kept*.

    ``counted`` is three-valued; ``sure`` and ``either`` (surely or perhaps) are not. ``fell`` are
    awarded cases that were awarded what they fell to, and hold no place here.
    """

    bound: Bound
    number: int
    revision: Revision
    kept: CTE
    keys: list[Any]
    counted: Sql
    sure: Sql
    either: Sql
    fell: Sql


def tally(kept: CTE, number: int, revision: Revision) -> Tally:
    """Who counts in *kept* for the bound at *number*; values that are told apart are ranked."""
    found = _tally(kept, number, revision)
    if isinstance(found.bound.of, dict):
        return _tally(_marked(found), number, revision)
    if found.bound.take != "distinct":
        return found
    found = _tally(_told_apart(found), number, revision)
    return found if found.bound.at_most is None else _tally(_ranked(found), number, revision)


def code_of(found: Tally, outside: Sql) -> Sql:
    """The code that the bound gives each row; *outside* is what other revisions hold."""
    kept = found.kept
    missed, open_ = _beyond(found, outside)
    surely, perhaps = (func.coalesce(found.counted, known) for known in (false(), true()))
    return case(
        (found.fell, MISSED),
        (or_(kept.c.placed, not_(perhaps)), HOLDS),
        (and_(surely, missed), MISSED),
        (or_(missed, open_), UNKNOWN),
        else_=HOLDS,
    )


def _tally(kept: CTE, number: int, revision: Revision) -> Tally:
    bound = revision.bounds[number]
    keys = [column for column in kept.c if column.key.startswith(f"k_{number}_")]
    guard = and_(kept.c[f"w_{number}"], *(key.is_not(None) for key in keys))
    fell = _fell(kept, bound) if bound.over == SPILL else false()
    counted = and_(guard, ~fell)
    if bound.tiers:
        counted = and_(counted, _of_tiers(kept, bound))
    sure: Sql = func.coalesce(counted, false())
    either: Sql = func.coalesce(counted, true())
    if bound.counts != "submitted":
        sure = and_(sure, or_(kept.c.placed, kept.c.worst == FINE))
        either = and_(either, or_(kept.c.placed, kept.c.worst < WAITS))
    fallen = and_(func.coalesce(guard, false()), fell)
    return Tally(bound, number, revision, kept, keys, counted, sure, either, fallen)


def _told_apart(found: Tally) -> CTE:
    """A layer that knows, for each row, how many rows ahead have its value."""
    columns = [
        _ahead(found, who, _same(found)).label(f"{name}_{found.number}")
        for name, who in (("fs", found.sure), ("fa", found.either))
    ]
    return materialized(select(*found.kept.c, *columns), f"apart_{found.number}")


def _ranked(found: Tally) -> CTE:
    """A layer that knows how many other values stand ahead of each row: surely, and at most."""
    kept, number = found.kept, found.number
    first_sure, first = _firsts(found)
    own = case((kept.c[f"fa_{number}"] > 0, 1), else_=0)
    columns = [
        _ahead(found, first_sure).label(f"rs_{number}"),
        (_ahead(found, first) - own).label(f"ra_{number}"),
    ]
    return materialized(select(*kept.c, *columns), f"ranked_{number}")


def _awarded_tier(kept: CTE) -> Sql:
    """The tier whose place a case holds: what it was awarded, else what it is judged to get."""
    given = and_(kept.c.placed, kept.c.given_tier.is_not(None))
    return case((given, kept.c.given_tier), else_=kept.c.tier_key)


def _of_tiers(kept: CTE, bound: Bound) -> Sql:
    """Whether a case is of the bound's tiers; not known while it is open whether it has one."""
    tier = _awarded_tier(kept)
    without = and_(tier.is_(None), kept.c.tier_doubt == 0)
    return case((without, false()), else_=tier.in_(bound.tiers))


def _fell(kept: CTE, bound: Bound) -> Sql:
    """Whether a case was awarded another tier than it would hold a place of here."""
    given, tier = kept.c.given_tier, kept.c.tier_key
    if bound.tiers:
        fell = and_(tier.in_(bound.tiers), given.not_in(bound.tiers))
    else:
        fell = and_(given == bound.spill_to, tier != bound.spill_to)
    return and_(kept.c.placed, func.coalesce(fell, false()))


def _beyond(found: Tally, outside: Sql) -> tuple[Sql, Sql]:
    """Whether a row that counts is beyond the bound: in every outcome, and in some."""
    bound = found.bound
    if bound.take == "share":
        return _share_beyond(found)
    if bound.at_least is not None:
        low, high = _totals(found, outside)
        least = _limit(bound.at_least, found)
        return high < least, low < least
    if bound.take == "distinct":
        return _rank_beyond(found)
    return _running_beyond(found, outside)


def _limit(value: int, found: Tally) -> int:
    """The limit in the unit that is counted: sums are of fen, or of millionths."""
    bound = found.bound
    of = fact(str(bound.of), found.revision) if bound.take == "sum" else None
    if of is None:
        return value
    return value * (100 if of.kind == MONEY else MILLIONTHS)


def _weight(found: Tally) -> Sql:
    """What a row adds; what is not given adds nothing, what was awarded stays as it was."""
    kept, bound = found.kept, found.bound
    if bound.take != "sum":
        return literal(1)
    if bound.of == AWARD:
        return case((kept.c.placed, kept.c.given_fen), else_=func.coalesce(kept.c.tier_fen, 0))
    return func.coalesce(kept.c[f"v_{found.number}"], 0)


def _running_beyond(found: Tally, outside: Sql) -> tuple[Sql, Sql]:
    """At most so much: what those ahead take, and this case on top of it."""
    most, own = _limit(found.bound.at_most or 0, found), _weight(found)
    sure, either = (
        and_(own != 0, outside + _ahead(found, who, weight=own) + own > most)
        for who in (found.sure, found.either)
    )
    return sure, either


def _rank_beyond(found: Tally) -> tuple[Sql, Sql]:
    """At most so many values: the rank of this one where it first stands.

    Its best rank is had where its first open case counts, its worst where only sure ones do.
    """
    kept, number, most = found.kept, found.number, found.bound.at_most or 0
    first_sure, first = _firsts(found)
    best, worst = (
        case((kept.c[f"{seen}_{number}"] > 0, _over(func.min, there, _same(found))), else_=here)
        for seen, there, here in (
            ("fa", case((first, kept.c[f"rs_{number}"])), kept.c[f"rs_{number}"]),
            ("fs", case((first_sure, kept.c[f"ra_{number}"])), kept.c[f"ra_{number}"]),
        )
    )
    return best >= most, worst >= most


def _totals(found: Tally, outside: Sql) -> tuple[Sql, Sql]:
    """What is surely, and at most, reached by the whole partition."""
    sure, either = found.sure, found.either
    if found.bound.take == "distinct":
        sure, either = _firsts(found)
    low, high = (
        outside
        + func.coalesce(_over(func.sum, case((who, _weight(found)), else_=0), found.keys), 0)
        for who in (sure, either)
    )
    return low, high


def _share_beyond(found: Tally) -> tuple[Sql, Sql]:
    """The least and greatest share in percent, as open cases come out; nobody has no share."""
    bound, marks = found.bound, _marks(found)
    if isinstance(bound.of, dict):
        column = {name: found.kept.c[f"{name}_{found.number}"] for name in (*marks, "one")}
        marks = {name: and_(column["one"], column[name]) for name in marks}
    low, high = (_percent(found, marks, *pair) for pair in (("hm", "cn"), ("cm", "cm")))
    if bound.at_least is not None:
        return high < bound.at_least, low < bound.at_least
    return low > bound.at_most, high > bound.at_most


def _percent(found: Tally, marks: dict[str, Sql], matching: str, beside: str) -> Sql:
    def how_many(*who: Sql) -> Sql:
        return _over(func.sum, case((or_(*who), 1), else_=0), found.keys)

    every = how_many(marks["hs"], marks[beside])
    return 100.0 * how_many(marks[matching]) / func.nullif(every, 0)


def _marks(found: Tally) -> dict[str, Sql]:
    """Of each row: surely there, surely matching, may match, may be there without matching."""
    match = found.kept.c[f"m_{found.number}"]
    surely, perhaps = func.coalesce(match, false()), func.coalesce(match, true())
    return {
        "hs": found.sure,
        "hm": and_(found.sure, surely),
        "cm": and_(found.either, perhaps),
        "cn": and_(found.either, not_(surely)),
    }


def _marked(found: Tally) -> CTE:
    """A layer that knows the marks of each row's value, which matches where one of its cases does;
    one row speaks for the value."""
    same, number = _same(found), found.number
    place = func.row_number().over(partition_by=same, order_by=found.kept.c.id)
    columns = [
        (_over(func.max, case((mark, 1), else_=0), same) == 1).label(f"{name}_{number}")
        for name, mark in _marks(found).items()
    ]
    marked = select(*found.kept.c, *columns, (place == 1).label(f"one_{number}"))
    return materialized(marked, f"marked_{number}")


def _firsts(found: Tally) -> tuple[Sql, Sql]:
    """The rows that bring a value: surely, and perhaps."""
    kept, number = found.kept, found.number
    return (
        and_(found.sure, kept.c[f"fs_{number}"] == 0),
        and_(found.either, kept.c[f"fa_{number}"] == 0),
    )


def _same(found: Tally) -> list[Any]:
    """What rows of one value share."""
    return [*found.keys, found.kept.c[f"v_{found.number}"]]


def _over(take: Any, value: Sql, keys: list[Any]) -> Sql:
    made: Sql = take(value).over(partition_by=keys or None)
    return made


def _ahead(found: Tally, who: Sql, keys: list[Any] | None = None, weight: Sql | None = None) -> Sql:
    """How much *who* take of those ahead of each row."""
    taken = func.sum(case((who, literal(1) if weight is None else weight), else_=0)).over(
        partition_by=(found.keys if keys is None else keys) or None,
        order_by=_turn(found),
        rows=(None, -1),
    )
    return func.coalesce(taken, 0)


def _turn(found: Tally) -> list[Any]:
    """Decided cases first, then by the programme's orders, last by the submission sequence.

    What counts as soon as it is submitted is taken as it was submitted.
    """
    kept = found.kept
    known: list[Any] = []
    for place, row in enumerate(found.revision.orders if found.bound.counts == "awarded" else ()):
        column = kept.c[f"o_{place}"]
        known += [column.is_(None), column.desc() if row.descending else column]
    return [kept.c.placed.desc(), *known, kept.c.sequence, kept.c.id]
