"""A revision becomes one SELECT: per application its tier, its amount, and what it misses.

Layers, each a materialised CTE so that no expression is worked out twice: ``looked`` (facts →
one code per condition, the tier), ``weighed`` (the worst code so far), one layer per bound
(window functions over the survivors), then the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union,
)

from models.application import (
    APPROVED,
    ELIGIBLE,
    HELD,
    INELIGIBLE,
    PAID,
    RETURNED,
    WAITING,
    Application,
)
from models.decision import Override
from models.programme import ASK, REFUSE, AwardTier, Bound, Condition, Revision
from portal.policy.facts import Fact, fact, source
from portal.policy.terms import facts_in, group_sql, guard_sql, terms_in

Sql = ColumnElement[Any]
HOLDS, MISSED, UNKNOWN, OVERRIDDEN = 0, 1, 2, 3
"""Codes of a condition: it holds or does not apply; missed; not stated; passed by a person."""
NO_TIER = "tier"
"""The pseudo condition that is missed when no tier matches."""
_FINE, _ASKED, _REFUSED = 0, 1, 2
_PLACED = (APPROVED, PAID)
_JUDGED = (WAITING, RETURNED, APPROVED, PAID)


@dataclass(frozen=True)
class Policy:
    """A compiled revision. ``statement`` gives ``id, tier_key, verdict, amount_fen, missed,
    asked`` and a code column ``c_<key>`` per condition and bound."""

    revision: Revision
    statement: Select[Any]


def compile_policy(
    revision: Revision,
    *,
    rivals: Sequence[int] = (),
    only: Select[Any] | None = None,
) -> Policy:
    """Compile *revision* for all its submitted cases, or those whose ids *only* selects.

    *rivals* are the other revisions of the family, whose awarded cases hold places of bounds.
    Bounds need every case that shares a key, so *only* is widened first and narrowed last.
    """
    looked = _looked(revision, only)
    layer, worst = looked, _worst(looked, revision)
    for number, bound in enumerate(revision.bounds):
        layer, worst = _bounded(layer, worst, bound, number, revision, rivals)
    return Policy(revision, _verdict(layer, worst, revision, only))


def code_column(key: str) -> str:
    """The name of the code column of a condition or bound."""
    return f"c_{key.replace('-', '_')}"


def _looked(revision: Revision, only: Select[Any] | None) -> CTE:
    columns: list[Any] = [
        Application.id.label("id"),
        Application.sequence.label("sequence"),
        Application.state.in_(_PLACED).label("placed"),
        _wanted(only).label("wanted"),
        *(_condition_code(row, revision) for row in revision.conditions),
        *_tier_columns(revision),
        *_bound_keys(revision),
        *_order_columns(revision),
    ]
    chosen = (
        select(*columns)
        .select_from(source(_needs(revision)))
        .where(Application.revision_id == revision.id, Application.state.in_(_JUDGED))
    )
    if only is not None:
        chosen = chosen.where(Application.id.in_(_widened(revision, only)))
    return _materialized(chosen, "looked")


def _wanted(only: Select[Any] | None) -> Sql:
    """Whether a case was asked for, or only shares a key with one that was.

    Worked out here, not by joining *only* once more at the end: PostgreSQL, which knows nothing
    of rows that its own transaction wrote, would loop over all pairs.
    """
    return true() if only is None else Application.id.in_(only)


def _materialized(statement: Select[Any], name: str) -> CTE:
    made: CTE = statement.cte(name).prefix_with("MATERIALIZED")
    return made


def _condition_code(row: Condition, revision: Revision) -> Sql:
    guard = guard_sql(row.when, revision)
    if row.require is None:
        code: Sql = case((~guard, HOLDS), else_=_asked_code(row, MISSED))
        return code.label(code_column(row.key))
    holds = group_sql(row.require, revision)
    missed = literal_column(str(MISSED)) if row.otherwise == REFUSE else _asked_code(row, MISSED)
    code = case(
        (or_(~guard, holds), HOLDS),
        (and_(guard, ~holds), missed),
        else_=_asked_code(row, UNKNOWN),
    )
    return code.label(code_column(row.key))


def _asked_code(row: Condition, code: int) -> Sql:
    """*code*, or OVERRIDDEN where a person passed the condition and the case is unchanged since."""
    passed = exists().where(
        Override.application_id == Application.id,
        Override.condition_key == row.key,
        Override.revision_id == row.revision_id,
        Override.voided_at.is_(None),
    )
    return case((passed, OVERRIDDEN), else_=code)


def _tier_columns(revision: Revision) -> list[Sql]:
    tiers = _in_choice_order(revision)
    matches = [(guard_sql(row.when, revision), row) for row in tiers]
    matches = matches or [(false(), AwardTier(key="", amount_fen=None))]
    doubts = [step for part, _ in matches for step in ((part, 0), (part.is_(None), 1))]
    return [
        case(*((part, row.key) for part, row in matches), else_=None).label("tier_key"),
        case(*((part, row.amount_fen) for part, row in matches), else_=None).label("tier_fen"),
        case(*doubts, else_=0).label("tier_doubt"),
    ]


def _in_choice_order(revision: Revision) -> list[AwardTier]:
    tiers = list(revision.tiers)
    if revision.choose == "highest":
        tiers.sort(key=lambda row: -(row.amount_fen or 0))
    return tiers


def _bound_keys(revision: Revision) -> list[Sql]:
    columns: list[Sql] = []
    for number, bound in enumerate(revision.bounds):
        columns += [
            part.label(f"k_{number}_{place}") for place, part in enumerate(_keys(bound, revision))
        ]
        columns.append(guard_sql(bound.when, revision).label(f"w_{number}"))
    return columns


def _order_columns(revision: Revision) -> list[Sql]:
    return [
        _fact(row.fact, revision).build(revision).label(f"o_{place}")
        for place, row in enumerate(revision.orders)
    ]


def _keys(bound: Bound, revision: Revision) -> list[Sql]:
    return [_fact(key, revision).build(revision) for key in bound.per] + _span(bound)


def _span(bound: Bound) -> list[Sql]:
    return [Application.window_id.expression] if bound.within == "window" else []


def _needs(revision: Revision) -> frozenset[type]:
    needed: set[type] = set()
    for row in revision.conditions:
        for term in [*row.when, *terms_in(row.require)]:
            needed |= _tables(term, revision)
    for guard in [row.when for row in revision.tiers] + [row.when for row in revision.bounds]:
        for term in guard:
            needed |= _tables(term, revision)
    for bound in revision.bounds:
        for key in bound.per:
            needed |= _fact(key, revision).needs
    for order in revision.orders:
        needed |= _fact(order.fact, revision).needs
    return frozenset(needed)


def _tables(term: list[Any], revision: Revision) -> frozenset[type]:
    return frozenset().union(*(named.needs for named in facts_in(term, revision)))


def _widened(revision: Revision, only: Select[Any]) -> Any:
    """The ids in *only* and of every case of the revision that shares a bound's keys with them."""
    parts = [only]
    for bound in revision.bounds:
        facts = [_fact(key, revision) for key in bound.per]
        joined = source(frozenset().union(*(item.needs for item in facts)))
        first = facts[0].build(revision)
        shared = select(first).select_from(joined).where(Application.id.in_(only))
        parts.append(
            select(Application.id)
            .select_from(joined)
            .where(Application.revision_id == revision.id, first.in_(shared))
        )
    return only if len(parts) == 1 else union(*parts)


def _fact(key: str, revision: Revision) -> Fact:
    found = fact(key, revision)
    if found is None:
        raise KeyError(key)
    return found


def _worst(layer: CTE, revision: Revision) -> Sql:
    """What the conditions and the tier make of a case, before any bound."""
    refused: list[Sql] = [layer.c.tier_key.is_(None) & (layer.c.tier_doubt == 0)]
    asked: list[Sql] = [layer.c.tier_doubt == 1]
    for row in revision.conditions:
        code = layer.c[code_column(row.key)]
        if row.otherwise == REFUSE:
            refused.append(code == MISSED)
            asked.append(code == UNKNOWN)
        elif row.otherwise == ASK:
            asked.append(code.in_((MISSED, UNKNOWN)))
    return case((or_(*refused), _REFUSED), (or_(*asked), _ASKED), else_=_FINE)


def _bounded(
    layer: CTE, worst: Sql, bound: Bound, number: int, revision: Revision, rivals: Sequence[int]
) -> tuple[CTE, Sql]:
    """Add one bound: places go to awarded cases, then to survivors in their order."""
    kept = select(*_carried(layer), worst.label("worst")).cte(f"before_{number}")
    keys = [kept.c[f"k_{number}_{place}"] for place in range(len(bound.per) + len(_span(bound)))]
    counted = kept.c[f"w_{number}"] & and_(*(key.is_not(None) for key in keys))
    sure, maybe = _claims(kept, bound, counted)
    ahead: dict[str, Any] = {
        "partition_by": keys,
        "order_by": [kept.c.placed.desc(), *_order(kept, revision), kept.c.sequence, kept.c.id],
        "rows": (None, -1),
    }
    taken = func.coalesce(func.sum(case((sure, 1), else_=0)).over(**ahead), 0)
    reserved = func.coalesce(func.sum(case((maybe, 1), else_=0)).over(**ahead), 0)
    joined, outside = _outside(kept, keys, bound, number, revision, rivals)
    code = case(
        (or_(kept.c.placed, ~counted), HOLDS),
        (outside + taken >= bound.at_most, MISSED),
        (outside + taken + reserved >= bound.at_most, UNKNOWN),
        else_=HOLDS,
    )
    columns = [*_carried(kept), kept.c.worst, code.label(code_column(bound.key))]
    added = _materialized(select(*columns).select_from(joined), f"bound_{number}")
    return added, _worse(added, bound)


def _carried(layer: CTE) -> list[Any]:
    return [column for column in layer.c if column.key != "worst"]


def _claims(kept: CTE, bound: Bound, counted: Sql) -> tuple[Sql, Sql]:
    """Who surely takes a place, and who might once a person has decided."""
    if bound.counts == "submitted":
        return counted, literal(False)
    sure = counted & (kept.c.placed | (kept.c.worst == _FINE))
    return sure, counted & ~kept.c.placed & (kept.c.worst == _ASKED)


def _order(kept: CTE, revision: Revision) -> list[Any]:
    columns = [(kept.c[f"o_{place}"], row) for place, row in enumerate(revision.orders)]
    return [column.desc() if row.descending else column for column, row in columns]


def _outside(
    kept: CTE,
    keys: list[Any],
    bound: Bound,
    number: int,
    revision: Revision,
    rivals: Sequence[int],
) -> tuple[Any, Sql]:
    """Places already held in other revisions that the bound's span reaches."""
    if not rivals or bound.within == "window":
        return kept, literal(0)
    states = _PLACED if bound.counts == "awarded" else _JUDGED
    own = _keys(bound, revision)
    reached: list[Sql] = [Application.revision_id.in_(rivals), Application.state.in_(states)]
    if bound.within == "programme":
        reached.append(Application.programme_id == revision.programme_id)
    needs = frozenset().union(*(_fact(key, revision).needs for key in bound.per))
    held = (
        select(*(key.label(f"r_{place}") for place, key in enumerate(own)), func.count().label("n"))
        .select_from(source(needs))
        .where(*reached)
        .group_by(*own)
        .cte(f"rivals_{number}")
    )
    same = and_(*(key == held.c[f"r_{place}"] for place, key in enumerate(keys)))
    return kept.outerjoin(held, same), func.coalesce(held.c.n, 0)


def _worse(layer: CTE, bound: Bound) -> Sql:
    code = layer.c[code_column(bound.key)]
    over = {REFUSE: _REFUSED, ASK: _ASKED}.get(bound.over, _FINE)
    doubt = min(over, _ASKED)
    reached = case((code == MISSED, over), (code == UNKNOWN, doubt), else_=_FINE)
    return case((layer.c.worst >= reached, layer.c.worst), else_=reached)


def _verdict(layer: CTE, worst: Sql, revision: Revision, only: Select[Any] | None) -> Select[Any]:
    final = select(*_carried(layer), worst.label("worst")).cte("weighed")
    verdict = case(
        (final.c.worst == _REFUSED, INELIGIBLE), (final.c.worst == _ASKED, HELD), else_=ELIGIBLE
    )
    amount = case((final.c.worst == _REFUSED, 0), else_=func.coalesce(final.c.tier_fen, 0))
    statement = select(
        final.c.id,
        final.c.tier_key,
        verdict.label("verdict"),
        amount.label("amount_fen"),
        _keys_where(_refusals(final, revision)).label("missed"),
        _keys_where(_questions(final, revision)).label("asked"),
        *(final.c[code_column(key)] for key in _coded(revision)),
    )
    return statement if only is None else statement.where(final.c.wanted)


def _coded(revision: Revision) -> list[str]:
    return [row.key for row in revision.conditions] + [row.key for row in revision.bounds]


def _refusals(final: CTE, revision: Revision) -> list[tuple[str, Sql]]:
    rows: list[tuple[str, Sql]] = [
        (row.key, final.c[code_column(row.key)] == MISSED)
        for row in revision.conditions
        if row.otherwise == REFUSE
    ]
    rows.append((NO_TIER, final.c.tier_key.is_(None) & (final.c.tier_doubt == 0)))
    rows += [
        (row.key, final.c[code_column(row.key)] == MISSED)
        for row in revision.bounds
        if row.over == REFUSE
    ]
    return rows


def _questions(final: CTE, revision: Revision) -> list[tuple[str, Sql]]:
    rows: list[tuple[str, Sql]] = [(NO_TIER, final.c.tier_doubt == 1)]
    for row in revision.conditions:
        code = final.c[code_column(row.key)]
        if row.otherwise == ASK:
            rows.append((row.key, code.in_((MISSED, UNKNOWN))))
        elif row.otherwise == REFUSE:
            rows.append((row.key, code == UNKNOWN))
    for bound in revision.bounds:
        code = final.c[code_column(bound.key)]
        rows.append(
            (bound.key, code.in_((MISSED, UNKNOWN)) if bound.over == ASK else code == UNKNOWN)
        )
    return rows


def _keys_where(rows: list[tuple[str, Sql]]) -> Sql:
    """``,key,key,`` of the rows that are true; the empty string when none is."""
    joined: Sql = literal("")
    for key, is_true in rows:
        joined = joined.op("||")(case((is_true, f",{key}"), else_=""))
    ended = case((or_(*(is_true for _, is_true in rows)), ","), else_="")
    return joined.op("||")(ended)
