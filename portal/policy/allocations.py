"""What is short and to whom it goes, in SQL: the row that a case belongs to, its pool, its order.

The first row whose tiers and terms fit a case is its row; a case without one is paid as it is
approved. The arithmetic of a run is in ``portal.funding.allocation``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    and_,
    cast,
    literal,
    or_,
    select,
    true,
)

from models.allocation import RANKED, TIER, Allocation
from models.application import Application
from models.base import N_, Refusal
from models.functions import drawn
from models.programme import OrderKey, Revision
from portal.policy.facts import AWARD, CODE, FACTS, MONEY, NUMBER, TEXT, Fact, fact, source
from portal.policy.sql_numbers import nearest
from portal.policy.terms import facts_in, guard_sql, value_sql

Sql = ColumnElement[Any]
IDENTITIES = ("district", "unit", "studio")
"""Identities that a pool may be made for each of, kept by their numbers."""
BETWEEN = "|"
"""What stands between the two values that name a pool."""


@dataclass(frozen=True)
class Award:
    """The tier and the amount of a case, as stored or as other rules judge it."""

    tier: Sql
    amount: Sql


STORED = Award(Application.tier_key.expression, Application.amount_fen.expression)


class NoPool(Refusal):
    """A pool cannot be made for each of this."""

    message = N_("There can be no pool for each %(key)s")


def may_be_paid(revision: Revision) -> Sql:
    """Whether a case needs no run, or one granted it something."""
    rows = [~_fits(row, revision, STORED) for row in revision.allocations]
    return or_(Application.granted_fen.is_not(None), and_(true(), *rows))


def is_payable(revision: Revision) -> Sql:
    """The same by itself, for a statement that reads the tables of no rule."""
    if not revision.allocations:
        return true()
    found = select(Application.id).select_from(source(guards_of(revision)))
    own = found.where(Application.revision_id == revision.id, may_be_paid(revision))
    return Application.id.in_(own)


def belongs(row: Allocation, revision: Revision, award: Award = STORED) -> Sql:
    """Whether *row* is the row of a case so judged; unknown where its terms, or earlier, are."""
    before = [each for each in revision.allocations if each.position < row.position]
    return and_(_fits(row, revision, award), *(~_fits(each, revision, award) for each in before))


def pool_of(row: Allocation, revision: Revision, award: Award = STORED) -> Sql:
    """The pool of a case so judged as text; unknown where a value is. Raises ``NoPool``."""
    if not row.per:
        return literal("")
    first, *others = (_pool_value(key, revision, award.tier) for key in row.per)
    for other in others:
        first = first.op("||")(literal(BETWEEN)).op("||")(other)
    return first


def cap_fen(row: Allocation, revision: Revision) -> Sql:
    """The budget of the pool of a case, in fen; nothing where it has none or it is not stated."""
    if row.budget_rule is None:
        return literal(row.budget_fen, BigInteger)
    return cast(nearest(value_sql(row.budget_rule, MONEY, revision)), BigInteger)


def cap_places(row: Allocation, revision: Revision) -> Sql:
    """The same of its places."""
    if row.places_rule is None:
        return literal(row.places, Integer)
    return cast(nearest(value_sql(row.places_rule, NUMBER, revision)), Integer)


def has_budget(row: Allocation) -> bool:
    """Whether the pools of *row* have a budget."""
    return row.budget_fen is not None or row.budget_rule is not None


def has_places(row: Allocation) -> bool:
    """Whether the pools of *row* have places."""
    return row.places is not None or row.places_rule is not None


def is_ordered_by(row: OrderKey, revision: Revision) -> bool:
    """Whether *revision* knows what the order *row*, perhaps of another revision, goes by."""
    named = [row.fact] if row.fact else []
    named += [key for term in row.when for key in term[:1]]
    return all(fact(key, revision) is not None for key in named)


def draw(seed: str) -> Sql:
    """The lot of a case: whoever knows the seed and the number can draw it again."""
    return drawn(literal(f"{seed}:").op("||")(Application.number))


def needs_of(revision: Revision) -> frozenset[Any]:
    """The tables that the allocation rows of *revision* read, orders included."""
    named = {known for row in revision.allocations for known in _read_by(row, revision)}
    if any(row.method == RANKED for row in revision.allocations):
        named |= {known for row in revision.orders if (known := fact(row.fact, revision))}
        terms = [term for row in revision.orders for term in row.when]
        named |= {known for term in terms for known in facts_in(term, revision)}
    return frozenset[Any]().union(*(known.needs for known in named))


def guards_of(revision: Revision) -> frozenset[Any]:
    """The tables that decide which row a case belongs to."""
    named = {
        known
        for row in revision.allocations
        for term in row.when
        for known in facts_in(term, revision)
    }
    return frozenset[Any]().union(*(known.needs for known in named))


def _fits(row: Allocation, revision: Revision, award: Award) -> Sql:
    tier = award.tier.in_(row.tiers) if row.tiers else true()
    known = replace(FACTS[AWARD], build=lambda _revision: award.amount, needs=frozenset())
    return and_(tier, guard_sql(row.when, revision, {AWARD: known}))


def _pool_value(key: str, revision: Revision, tier: Sql) -> Sql:
    if key == TIER:
        return tier
    known = fact(key, revision)
    usable = known is not None and known.kind in (TEXT, CODE)
    if known is None or not usable or (known.is_key and key not in IDENTITIES):
        raise NoPool(key=key)
    return cast(known.build(revision), Text)


def _read_by(row: Allocation, revision: Revision) -> Iterator[Fact]:
    for term in row.when:
        yield from facts_in(term, revision)
    for key in (*row.per, *(rule["by"] for rule in (row.budget_rule, row.places_rule) if rule)):
        found = fact(key, revision)
        if found is not None:
            yield found
