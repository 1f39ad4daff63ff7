"""A revision becomes one SELECT: per application its tier, its amount, and what it misses.

Layers, each a materialised CTE so that no expression is worked out twice: ``looked`` (facts →
one code per condition, the tier), then per bound the worst code so far and the bound's own
(``portal.policy.bounds``), then the verdict.
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
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from models.application import ELIGIBLE, HELD, INELIGIBLE, Application
from models.programme import (
    ASK,
    NOTE,
    REFUSE,
    WAIT,
    AttachmentRule,
    Condition,
    FormField,
    OrderKey,
    Revision,
)
from portal.policy.bounds import JUDGED, PLACED, bound_columns, bound_needs, bounded, sharing
from portal.policy.codes import (
    ASKED,
    FINE,
    HOLDS,
    MISSED,
    NO_TIER,
    OVERRIDDEN,
    REFUSED,
    UNKNOWN,
    code_column,
    in_doubt,
    materialized,
    passed_by_person,
)
from portal.policy.facts import Fact, fact, source
from portal.policy.terms import facts_in, group_sql, guard_sql, named_in, terms_in
from portal.policy.tiers import offer_columns, tier_columns

Sql = ColumnElement[Any]


@dataclass(frozen=True)
class Policy:
    """A compiled revision. ``statement`` gives ``id, tier_key, verdict, amount_fen, missed,
    asked`` and a code column ``c_<key>`` per condition, attachment rule and bound."""

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
    for number in range(len(revision.bounds)):
        layer, worst = bounded(layer, worst, number, revision, rivals)
    return Policy(revision, _verdict(layer, worst, revision, only))


def rules_of(revision: Revision) -> list[Condition]:
    """Everything that is checked of a case, as conditions: those of *revision* in their order,
    then the answers that its form asks only sometimes, then its files. Papers people look at."""
    asked = [row for row in revision.fields if row.critical and row.when and not row.stage]
    return [
        *revision.conditions,
        *(_as_answered(row) for row in asked),
        *(_as_attached(row) for row in revision.attachments if row.medium != "paper"),
    ]


def _as_answered(row: FormField) -> Condition:
    """What must be answered where the field's terms hold; the reviewer asks for it."""
    given = [row.key, "at least", 1] if row.kind == "table" else [row.key, "is given"]
    return _rule(row, row.label, given, ASK)


def _as_attached(row: AttachmentRule) -> Condition:
    """Enough files answer the rule."""
    enough = [f"attachment.{row.key}", "at least", row.at_least]
    return _rule(row, row.title, enough, row.otherwise)


def _rule(row: FormField | AttachmentRule, says: str, term: list[Any], otherwise: str) -> Condition:
    return Condition(
        key=row.key,
        clause=row.clause,
        says=says,
        when=row.when,
        require={"all": [term]},
        otherwise=otherwise,
        reading="",
        moments=[],
        revision_id=row.revision_id,
    )


def _looked(revision: Revision, only: Select[Any] | None) -> CTE:
    chosen = [Application.revision_id == revision.id, Application.state.in_(JUDGED)]
    if only is not None:
        chosen.append(Application.id.in_(sharing(revision, only)))
    tables: Any = source(_needs(revision))
    offers = _offered(revision, tables, chosen)
    columns: list[Any] = [
        Application.id.label("id"),
        Application.sequence.label("sequence"),
        Application.state.in_(PLACED).label("placed"),
        _wanted(only).label("wanted"),
        *(_condition_code(row, revision) for row in rules_of(revision)),
        *tier_columns(revision, offers),
        _doubt_passed(revision).label("tier_passed"),
        *bound_columns(revision),
        *_order_columns(revision),
    ]
    if offers is not None:
        tables = tables.join(offers, offers.c.id == Application.id)
    return materialized(select(*columns).select_from(tables).where(*chosen), "looked")


def _offered(revision: Revision, tables: Any, chosen: list[Sql]) -> CTE | None:
    """What each tier pays each case, worked out once, where tiers are compared case by case."""
    columns = offer_columns(revision)
    if not columns:
        return None
    named: list[Any] = [Application.id.label("id"), *columns]
    offered = select(*named).select_from(tables).where(*chosen)
    return materialized(offered, "offered")


def _wanted(only: Select[Any] | None) -> Sql:
    """Whether a case was asked for, or only shares a key with one that was.

    Worked out here, not by joining *only* once more at the end: PostgreSQL, which knows nothing
    of rows that its own transaction wrote, would loop over all pairs.
    """
    return true() if only is None else Application.id.in_(only)


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
    return case((passed_by_person(row.key, row.revision_id), OVERRIDDEN), else_=code)


def _doubt_passed(revision: Revision) -> Sql:
    return passed_by_person(NO_TIER, revision.id)


def _order_columns(revision: Revision) -> list[Sql]:
    return [
        order_value(row, revision).label(f"o_{place}") for place, row in enumerate(revision.orders)
    ]


def order_value(row: OrderKey, revision: Revision) -> Sql:
    """The fact that a case is ordered by; a preference puts those first for whom it holds."""
    if row.fact:
        return _fact(row.fact, revision).build(revision)
    return case((guard_sql(row.when, revision), 0), else_=1)


def _needs(revision: Revision) -> frozenset[Any]:
    needed: set[Any] = set(bound_needs(revision))
    for term in _all_terms(revision):
        for named in facts_in(term, revision):
            needed |= named.needs
    for row in revision.tiers:
        for key in named_in([*(row.rule or {}).values()]):
            found = fact(key, revision)
            needed |= found.needs if found else frozenset()
    for order in revision.orders:
        needed |= _fact(order.fact, revision).needs if order.fact else frozenset()
    return frozenset(needed)


def _all_terms(revision: Revision) -> Iterator[list[Any]]:
    for row in rules_of(revision):
        yield from [*row.when, *terms_in(row.require)]
    for tier in revision.tiers:
        yield from [*tier.when, *(tier.uplift or {}).get("when", [])]
    for bound in revision.bounds:
        yield from bound.when
    for order in revision.orders:
        yield from order.when


def _fact(key: str, revision: Revision) -> Fact:
    found = fact(key, revision)
    if found is None:
        raise KeyError(key)
    return found


def _worst(layer: CTE, revision: Revision) -> Sql:
    """What the conditions and the tier make of a case, before any bound."""
    refused: list[Sql] = [_no_tier(layer)]
    asked: list[Sql] = [in_doubt(layer)]
    for row in rules_of(revision):
        code = layer.c[code_column(row.key)]
        if row.otherwise == REFUSE:
            refused.append(code == MISSED)
            asked.append(code == UNKNOWN)
        elif row.otherwise == ASK:
            asked.append(code.in_((MISSED, UNKNOWN)))
    return case((or_(*refused), REFUSED), (or_(*asked), ASKED), else_=FINE)


def _no_tier(layer: CTE) -> Sql:
    return and_(layer.c.tier_key.is_(None), layer.c.tier_doubt == 0)


def _verdict(layer: CTE, worst: Sql, revision: Revision, only: Select[Any] | None) -> Select[Any]:
    carried = [column for column in layer.c if column.key != "worst"]
    final = select(*carried, worst.label("worst")).cte("weighed")
    verdict = case(
        (final.c.worst == REFUSED, INELIGIBLE), (final.c.worst == FINE, ELIGIBLE), else_=HELD
    )
    amount = case((final.c.worst == REFUSED, 0), else_=func.coalesce(final.c.tier_fen, 0))
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
    return [row.key for row in rules_of(revision)] + [row.key for row in revision.bounds]


def _refusals(final: CTE, revision: Revision) -> list[tuple[str, Sql]]:
    rows: list[tuple[str, Sql]] = [
        (row.key, final.c[code_column(row.key)] == MISSED)
        for row in rules_of(revision)
        if row.otherwise == REFUSE
    ]
    rows.append((NO_TIER, _no_tier(final)))
    rows += [
        (row.key, final.c[code_column(row.key)] == MISSED)
        for row in revision.bounds
        if row.over == REFUSE
    ]
    return rows


def _questions(final: CTE, revision: Revision) -> list[tuple[str, Sql]]:
    rows: list[tuple[str, Sql]] = [(NO_TIER, in_doubt(final))]
    for row in rules_of(revision):
        code = final.c[code_column(row.key)]
        if row.otherwise == ASK:
            rows.append((row.key, code.in_((MISSED, UNKNOWN))))
        elif row.otherwise == REFUSE:
            rows.append((row.key, code == UNKNOWN))
    for bound in revision.bounds:
        if bound.over == NOTE:
            continue
        code = final.c[code_column(bound.key)]
        open_ = code.in_((MISSED, UNKNOWN)) if bound.over in (ASK, WAIT) else code == UNKNOWN
        rows.append((bound.key, open_))
    return rows


def _keys_where(rows: list[tuple[str, Sql]]) -> Sql:
    """``,key,key,`` of the rows that are true; the empty string when none is."""
    joined: Sql = literal("")
    for key, is_true in rows:
        joined = joined.op("||")(case((is_true, f",{key}"), else_=""))
    ended = case((or_(*(is_true for _, is_true in rows)), ","), else_="")
    return joined.op("||")(ended)
