"""Bounds in SQL: who holds a place, who has none, over the survivors of the bound before.

Decided cases hold their places first, then survivors in their order. Each bound adds a code
column to the layer it is given; a bound that spills also moves the case to another tier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    and_,
    case,
    extract,
    func,
    literal,
    or_,
    select,
    true,
)

from models.application import APPROVED, PAID, RETURNED, WAITING, Application
from models.programme import ASK, REFUSE, SPILL, WAIT, Bound, Revision
from portal.policy.codes import (
    ASKED,
    FINE,
    HOLDS,
    MISSED,
    OVERRIDDEN,
    REFUSED,
    UNKNOWN,
    code_column,
    materialized,
    passed_by_person,
)
from portal.policy.facts import MONEY, Fact, fact, source
from portal.policy.terms import facts_in, guard_sql
from portal.policy.tiers import tier_fen

Sql = ColumnElement[Any]
PLACED = (APPROVED, PAID)
JUDGED = (WAITING, RETURNED, APPROVED, PAID)


def is_collective(bound: Bound) -> bool:
    """Whether one more case can change what *bound* says of cases before it."""
    return bound.at_least is not None or bound.take == "share" or bound.over in (WAIT, SPILL)


def bound_columns(revision: Revision) -> Iterator[Sql]:
    """What the first layer must hold for every bound: keys, guard, value, tiers to spill to."""
    for number, bound in enumerate(revision.bounds):
        for place, part in enumerate(_keys(bound, revision)):
            yield part.label(f"k_{number}_{place}")
        yield guard_sql(bound.when, revision).label(f"w_{number}")
        for name, value in _values(bound, revision):
            yield value.label(f"{name}_{number}")
        if bound.over == ASK:
            yield passed_by_person(bound.key, revision.id).label(f"p_{number}")
        if bound.over == SPILL:
            lower = next(row for row in revision.tiers if row.key == bound.spill_to)
            yield tier_fen(lower, revision).label(f"s_{number}")


def bound_needs(revision: Revision) -> frozenset[Any]:
    """The tables that the bounds of *revision* read."""
    needed: set[Any] = set()
    for bound in revision.bounds:
        needed |= _needs(bound, revision)
    return frozenset(needed)


def bounded(
    layer: CTE, worst: Sql, number: int, revision: Revision, rivals: Sequence[int]
) -> tuple[CTE, Sql]:
    """Add the bound at *number* to *layer*; gives the new layer and what is now the worst."""
    bound = revision.bounds[number]
    kept = select(*_carried(layer), worst.label("worst")).cte(f"before_{number}")
    claims = _claims(kept, bound, number)
    if bound.take == "distinct" or _distinct_of(bound):
        kept, claims = _first_ones(kept, claims, bound, number, revision)
    joined, outside = _outside(kept, claims.keys, bound, number, revision, rivals)
    code = _code(kept, claims, bound, number, outside, revision)
    if bound.over == ASK:
        waved = and_(kept.c[f"p_{number}"], code.in_((MISSED, UNKNOWN)))
        code = case((waved, OVERRIDDEN), else_=code)
    columns = [*_carried(kept), kept.c.worst, code.label(code_column(bound.key))]
    added = materialized(select(*columns).select_from(joined), f"bound_{number}")
    if bound.over == SPILL:
        added = _spilled(added, bound, number)
    return added, _worse(added, bound)


def sharing(revision: Revision, only: Any) -> Any:
    """The ids in *only* and of every case that a bound weighs together with one of them.

    From the last bound to the first: who survives the earlier bounds decides the later ones.
    """
    reached = only
    for number in reversed(range(len(revision.bounds))):
        reached = _sharing(revision, revision.bounds[number], number, reached)
    return reached


@dataclass(frozen=True)
class _Claims:
    """Which rows of a layer a bound weighs: partition, counted, surely and perhaps in, weight."""

    keys: list[Any]
    counted: Sql
    sure: Sql
    maybe: Sql
    weight: Sql
    match: Sql


def _keys(bound: Bound, revision: Revision) -> list[Sql]:
    return [_fact(key, revision).build(revision) for key in bound.per] + _span(bound, revision)


def _span(bound: Bound, revision: Revision) -> list[Sql]:
    if bound.within == "window":
        return [Application.window_id.expression]
    if bound.within == "year":
        return [extract("year", _fact(str(bound.dated), revision).build(revision))]
    return []


def _values(bound: Bound, revision: Revision) -> Iterator[tuple[str, Sql]]:
    """``v``: the fact that is summed or told apart; ``m``: whether a case counts for a share."""
    named = _distinct_of(bound) or (bound.of if isinstance(bound.of, str) else None)
    if named:
        yield "v", _fact(named, revision).build(revision)
    if bound.take == "share":
        yield "m", guard_sql(_share_terms(bound), revision)


def _distinct_of(bound: Bound) -> str | None:
    return bound.of.get("distinct") if isinstance(bound.of, dict) else None


def _share_terms(bound: Bound) -> list[Any]:
    return (bound.of.get("where") if isinstance(bound.of, dict) else bound.of) or []


def _needs(bound: Bound, revision: Revision) -> frozenset[Any]:
    terms = [*bound.when, *(_share_terms(bound) if bound.take == "share" else [])]
    named = [item for term in terms for item in facts_in(term, revision)]
    more = [*bound.per, bound.dated, _distinct_of(bound), bound.of]
    named += [_fact(key, revision) for key in more if isinstance(key, str)]
    if bound.over == SPILL:
        named += [item for row in revision.tiers for item in _amount_facts(row, revision)]
    return frozenset[Any]().union(*(item.needs for item in named))


def _amount_facts(row: Any, revision: Revision) -> Iterator[Fact]:
    for key in (row.rule or {}).values():
        found = fact(key, revision) if isinstance(key, str) else None
        if found is not None:
            yield found


def _claims(kept: CTE, bound: Bound, number: int) -> _Claims:
    """Who surely takes a place, and who might once a person has decided."""
    parts = [column for column in kept.c if column.key.startswith(f"k_{number}_")]
    counted = and_(kept.c[f"w_{number}"], *(part.is_not(None) for part in parts))
    if bound.tiers:
        counted = and_(counted, kept.c.tier_key.in_(bound.tiers))
    weight: Sql = literal(1)
    if bound.take == "sum":
        weight = func.coalesce(kept.c[f"v_{number}"], 0)
    match = func.coalesce(kept.c[f"m_{number}"], False) if bound.take == "share" else true()
    if bound.counts == "submitted":
        return _Claims(parts, counted, counted, literal(False), weight, match)
    sure = counted & (kept.c.placed | (kept.c.worst == FINE))
    maybe = counted & ~kept.c.placed & (kept.c.worst == ASKED)
    return _Claims(parts, counted, sure, maybe, weight, match)


def _first_ones(
    kept: CTE, claims: _Claims, bound: Bound, number: int, revision: Revision
) -> tuple[CTE, _Claims]:
    """Let only the first row of each value count; the others add nothing."""
    same = {
        "partition_by": [*claims.keys, kept.c[f"v_{number}"]],
        "order_by": _turn(kept, revision),
        "rows": (None, -1),
    }
    before_sure = func.coalesce(func.sum(case((claims.sure, 1), else_=0)).over(**same), 0)  # type: ignore[arg-type]
    either = or_(claims.sure, claims.maybe)
    before_any = func.coalesce(func.sum(case((either, 1), else_=0)).over(**same), 0)  # type: ignore[arg-type]
    told = materialized(
        select(
            *kept.c,
            before_sure.label(f"fs_{number}"),
            before_any.label(f"fa_{number}"),
        ),
        f"apart_{number}",
    )
    again = _claims(told, bound, number)
    first, first_any = told.c[f"fs_{number}"] == 0, told.c[f"fa_{number}"] == 0
    maybe = and_(or_(again.sure, again.maybe), first_any, ~and_(again.sure, first))
    return told, _Claims(
        again.keys, again.counted, and_(again.sure, first), maybe, again.weight, again.match
    )


def _code(
    kept: CTE, claims: _Claims, bound: Bound, number: int, outside: Sql, revision: Revision
) -> Sql:
    if bound.take == "share":
        low, high = _shares(claims)
    elif bound.at_least is not None:
        low, high = _totals(claims, outside)
    else:
        return _running(kept, claims, bound, number, outside, revision)
    least, most = _limit(bound.at_least, bound, revision), _limit(bound.at_most, bound, revision)
    missed = high < least if least is not None else low > most
    open_ = low < least if least is not None else high > most
    return case(
        (or_(kept.c.placed, ~claims.counted, low.is_(None)), HOLDS),
        (missed, MISSED),
        (open_, UNKNOWN),
        else_=HOLDS,
    )


def _limit(value: int | None, bound: Bound, revision: Revision) -> int | None:
    """The limit in the unit that is counted: a sum of money is limited in yuan."""
    money = bound.take == "sum" and _fact(str(bound.of), revision).kind == MONEY
    return value * 100 if value is not None and money else value


def _over(claims: _Claims, value: Sql) -> Sql:
    return func.coalesce(func.sum(value).over(partition_by=claims.keys or None), 0)


def _totals(claims: _Claims, outside: Sql) -> tuple[Sql, Sql]:
    """What is surely, and at most, reached by the whole partition."""
    sure = _over(claims, case((claims.sure, claims.weight), else_=0))
    either = or_(claims.sure, claims.maybe)
    return outside + sure, outside + _over(claims, case((either, claims.weight), else_=0))


def _shares(claims: _Claims) -> tuple[Sql, Sql]:
    """The least and greatest share in percent, as open cases come out."""
    shares = []
    for who in (claims.sure, or_(claims.sure, claims.maybe)):
        every = _over(claims, case((who, 1), else_=0))
        found = _over(claims, case((and_(who, claims.match), 1), else_=0))
        shares.append(100.0 * found / func.nullif(every, 0))
    first, second = shares
    either = func.coalesce(first, second)
    return (
        case((second < either, second), else_=either),
        case((second > either, second), else_=either),
    )


def _running(
    kept: CTE, claims: _Claims, bound: Bound, number: int, outside: Sql, revision: Revision
) -> Sql:
    """At most so much: what those ahead take, and this case on top of it."""
    ahead: dict[str, Any] = {
        "partition_by": claims.keys or None,
        "order_by": _turn(kept, revision),
        "rows": (None, -1),
    }

    def taken(who: Sql) -> Sql:
        weighed = func.sum(case((who, claims.weight), else_=0)).over(**ahead)
        return outside + func.coalesce(weighed, 0)

    sure, either = taken(claims.sure), taken(or_(claims.sure, claims.maybe))
    most = _limit(bound.at_most, bound, revision)
    own: Sql = claims.weight
    if bound.take == "distinct":
        own = case((kept.c[f"fs_{number}"] == 0, 1), else_=0)
    return case(
        (or_(kept.c.placed, ~claims.counted, own == 0), HOLDS),
        (sure + own > most, MISSED),
        (either + own > most, UNKNOWN),
        else_=HOLDS,
    )


def _turn(kept: CTE, revision: Revision) -> list[Any]:
    """Decided cases first, then by the programme's orders, last by the submission sequence."""
    known: list[Any] = []
    for place, row in enumerate(revision.orders):
        column = kept.c[f"o_{place}"]
        known += [column.is_(None), column.desc() if row.descending else column]
    return [kept.c.placed.desc(), *known, kept.c.sequence, kept.c.id]


def _outside(
    kept: CTE,
    keys: list[Any],
    bound: Bound,
    number: int,
    revision: Revision,
    rivals: Sequence[int],
) -> tuple[Any, Sql]:
    """What is already taken in other revisions that the bound's span reaches."""
    if not rivals or bound.within == "window" or bound.take not in ("cases", "sum"):
        return kept, literal(0)
    states = PLACED if bound.counts == "awarded" else JUDGED
    own = _keys(bound, revision)
    reached: list[Sql] = [
        Application.revision_id.in_(rivals),
        Application.state.in_(states),
        guard_sql(bound.when, revision),
    ]
    if bound.tiers:
        reached.append(Application.tier_key.in_(bound.tiers))
    if bound.within == "programme":
        reached.append(Application.programme_id == revision.programme_id)
    weight: Sql = func.count()
    if bound.take == "sum":
        awarded = bound.of == "award.amount"
        value = Application.amount_fen if awarded else dict(_values(bound, revision))["v"]
        weight = func.coalesce(func.sum(value), 0)
    held = (
        select(*(key.label(f"r_{place}") for place, key in enumerate(own)), weight.label("n"))
        .select_from(source(_needs(bound, revision)))
        .where(*reached)
        .group_by(*own)
        .cte(f"rivals_{number}")
    )
    same = and_(true(), *(key == held.c[f"r_{place}"] for place, key in enumerate(keys)))
    return kept.outerjoin(held, same), func.coalesce(held.c.n, 0)


def _spilled(added: CTE, bound: Bound, number: int) -> CTE:
    """Whoever found no place falls to the bound's lower tier."""
    fell = added.c[code_column(bound.key)] == MISSED
    moved = {
        "tier_key": case((fell, bound.spill_to), else_=added.c.tier_key),
        "tier_fen": case((fell, added.c[f"s_{number}"]), else_=added.c.tier_fen),
    }
    columns = [moved[c.key].label(c.key) if c.key in moved else c for c in added.c]
    return materialized(select(*columns), f"spilled_{number}")


def _worse(layer: CTE, bound: Bound) -> Sql:
    code = layer.c[code_column(bound.key)]
    over = {REFUSE: REFUSED, ASK: ASKED, WAIT: ASKED}.get(bound.over, FINE)
    doubt = ASKED if bound.over == SPILL else min(over, ASKED)
    reached = case((code == MISSED, over), (code == UNKNOWN, doubt), else_=FINE)
    return case((layer.c.worst >= reached, layer.c.worst), else_=reached)


def _carried(layer: CTE) -> list[Any]:
    return [column for column in layer.c if column.key != "worst"]


def _sharing(revision: Revision, bound: Bound, number: int, only: Any) -> Any:
    own = select(Application.id).where(Application.revision_id == revision.id)
    keys = _keys(bound, revision)
    if not keys:
        return own
    joined = source(_needs(bound, revision))
    asked = select(next(iter(only.subquery(f"asked_{number}").c)))
    shared = select(keys[0]).select_from(joined).where(Application.id.in_(asked))
    also = (
        select(Application.id.label("id"))
        .select_from(joined)
        .where(Application.revision_id == revision.id, keys[0].in_(shared))
    )
    made: Select[Any] = asked.union(also)  # type: ignore[assignment]
    return made


def _fact(key: str, revision: Revision) -> Fact:
    found = fact(key, revision)
    if found is None:
        raise KeyError(key)
    return found
