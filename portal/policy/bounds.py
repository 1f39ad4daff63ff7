"""Bounds in SQL: who holds a place, who has none, over the survivors of the bound before.

Decided cases hold their places first, then survivors in their order. Each bound adds a code
column to the layer it is given; a bound that spills also moves the case to another tier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from models.evidence import PastAward
from models.programme import ASK, REFUSE, SPILL, WAIT, Bound, Revision
from portal.policy.amounts import tier_fen
from portal.policy.codes import (
    ASKED,
    FINE,
    MISSED,
    OVERRIDDEN,
    REFUSED,
    UNKNOWN,
    WAITS,
    code_column,
    in_doubt,
    materialized,
    passed_by_person,
)
from portal.policy.facts import AWARD, MONEY, Fact, fact, source
from portal.policy.sql_numbers import in_millionths
from portal.policy.tallies import Tally, code_of, tally
from portal.policy.terms import facts_in, guard_sql

Sql = ColumnElement[Any]
PLACED = (APPROVED, PAID)
JUDGED = (WAITING, RETURNED, APPROVED, PAID)
_PAST_KEYS: dict[str, Any] = {
    "person": PastAward.id_number_index,
    "claim": PastAward.claim_key,
    "certificate": PastAward.claim_key,
    "patent": PastAward.number_key,
    "unit": PastAward.organization_id,
    "district": PastAward.district_id,
}
"""The key facts that a payment from before the system keeps."""


def is_collective(bound: Bound) -> bool:
    """Whether one more case can change what *bound* says of cases before it."""
    return bound.at_least is not None or bound.take == "share" or bound.over in (WAIT, SPILL)


def bound_columns(revision: Revision) -> Iterator[Sql]:
    """What the first layer must hold for every bound: keys, guard, value, tiers to spill to,
    and what was awarded."""
    if revision.bounds:
        yield Application.tier_key.label("given_tier")
        yield Application.amount_fen.label("given_fen")
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
    found = tally(kept, number, revision)
    kept = found.kept
    joined, outside = _outside(found, rivals)
    code = code_of(found, outside)
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
        reached = _sharing(revision, number, reached, "near")
    return reached


def touched(revision: Revision, only: Any) -> Any:
    """The ids in *only* and of every case whose outcome one of them may change.

    From the first bound to the last: who loses a place in one gives way in the next.
    """
    reached = only
    for number in range(len(revision.bounds)):
        reached = _sharing(revision, number, reached, "far")
    return reached


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
        known = _fact(named, revision)
        value = known.build(revision)
        in_parts = bound.take == "sum" and known.kind != MONEY
        yield "v", in_millionths(value) if in_parts else value
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


def _outside(found: Tally, rivals: Sequence[int]) -> tuple[Any, Sql]:
    """What is already taken in other revisions that the bound's span reaches."""
    bound, kept = found.bound, found.kept
    if bound.within == "window" or bound.take not in ("cases", "sum"):
        return kept, literal(0)
    joined: Any = kept
    taken: Sql = literal(0)
    for held in (_of_rivals(found, rivals), _of_past(found)):
        if held is not None:
            keys = enumerate(found.keys)
            same = and_(true(), *(key == held.c[f"r_{place}"] for place, key in keys))
            joined = joined.outerjoin(held, same)
            taken = taken + func.coalesce(held.c.n, 0)
    return joined, taken


def _of_rivals(found: Tally, rivals: Sequence[int]) -> CTE | None:
    """What cases of other revisions hold, by the keys of the bound."""
    bound, number, revision = found.bound, found.number, found.revision
    if not rivals:
        return None
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
        awarded = bound.of == AWARD
        value = Application.amount_fen if awarded else dict(_values(bound, revision))["v"]
        weight = func.coalesce(func.sum(value), 0)
    return (
        select(*(key.label(f"r_{place}") for place, key in enumerate(own)), weight.label("n"))
        .select_from(source(_needs(bound, revision)))
        .where(*reached)
        .group_by(*own)
        .cte(f"rivals_{number}")
    )


def _of_past(found: Tally) -> CTE | None:
    """What was paid before the system, by the keys of the bound (Q32).

    A bound that asks what such payments do not keep does not count them.
    """
    bound, revision = found.bound, found.revision
    own = [_PAST_KEYS.get(key) for key in bound.per]
    if bound.within == "year":
        own.append(PastAward.year)
    if any(key is None for key in own) or bound.when or bound.tiers or not revision.programme:
        return None
    if bound.take == "sum" and bound.of != AWARD:
        return None
    reached = PastAward.family == revision.programme.family
    if bound.within == "programme":
        reached = PastAward.programme_id == revision.programme_id
    weight: Sql = func.count() if bound.take == "cases" else func.sum(PastAward.amount_fen)
    keys = [key.label(f"r_{place}") for place, key in enumerate(own) if key is not None]
    held = select(*keys, weight.label("n")).select_from(PastAward).where(reached)
    return held.group_by(*(key for key in own if key is not None)).cte(f"past_{found.number}")


def _spilled(added: CTE, bound: Bound, number: int) -> CTE:
    """Whoever found no place falls to the bound's lower tier; its amount may be open in turn."""
    lower = added.c[f"s_{number}"]
    fell = and_(added.c[code_column(bound.key)] == MISSED, added.c.tier_key.is_not(None))
    moved = {
        "tier_key": case((fell, bound.spill_to), else_=added.c.tier_key),
        "tier_fen": case((fell, lower), else_=added.c.tier_fen),
        "tier_doubt": case((and_(fell, lower.is_(None)), 1), else_=added.c.tier_doubt),
        "tier_passed": and_(added.c.tier_passed, or_(~fell, added.c.tier_fen.is_not(None))),
    }
    columns = [moved[c.key].label(c.key) if c.key in moved else c for c in added.c]
    return materialized(select(*columns), f"spilled_{number}")


def _worse(layer: CTE, bound: Bound) -> Sql:
    code = layer.c[code_column(bound.key)]
    over = {REFUSE: REFUSED, ASK: ASKED, WAIT: WAITS}.get(bound.over, FINE)
    doubt = ASKED if bound.over == SPILL else min(over, ASKED)
    reached: Sql = case((code == MISSED, over), (code == UNKNOWN, doubt), else_=FINE)
    if bound.over == SPILL:
        reached = case((in_doubt(layer), ASKED), else_=reached)
    return case((layer.c.worst >= reached, layer.c.worst), else_=reached)


def _carried(layer: CTE) -> list[Any]:
    return [column for column in layer.c if column.key != "worst"]


def _sharing(revision: Revision, number: int, only: Any, name: str) -> Any:
    """*only* and whoever shares the first key of the bound at *number*: more than is needed."""
    own = select(Application.id).where(Application.revision_id == revision.id)
    bound = revision.bounds[number]
    keys = _keys(bound, revision)
    if not keys:
        return own
    asked = only.cte(f"{name}_{number}")
    ids = select(next(iter(asked.c)))
    joined = source(_needs(bound, revision))
    shared = select(keys[0]).select_from(joined).where(Application.id.in_(ids))
    also = (
        select(Application.id.label("id"))
        .select_from(joined)
        .where(Application.revision_id == revision.id, keys[0].in_(shared))
    )
    made: Select[Any] = ids.union(also)  # type: ignore[assignment]
    return made


def _fact(key: str, revision: Revision) -> Fact:
    found = fact(key, revision)
    if found is None:
        raise KeyError(key)
    return found
