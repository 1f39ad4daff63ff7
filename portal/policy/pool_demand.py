"""What the pools of allocations are asked for by rules that are tried, beside what they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Select, cast, func, select
from sqlalchemy.orm import Session

from models.allocation import Allocation
from models.application import INELIGIBLE, Application
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.policy.allocations import (
    Award,
    belongs,
    cap_fen,
    cap_places,
    has_budget,
    has_places,
    needs_of,
    pool_of,
)
from portal.policy.compile import Policy
from portal.policy.facts import source


@dataclass(frozen=True)
class PoolDemand:
    """The cases of one pool that get something, or might, and the fen that they come to.

    ``per`` says what the parts of ``pool`` are. ``budget_fen`` and ``places`` are none where the
    pool has none, or what it has is not stated.
    """

    key: str
    title: str
    per: tuple[str, ...]
    pool: str
    cases: int
    asked_fen: int
    budget_fen: int | None
    places: int | None

    @property
    def missing_fen(self) -> int:
        """What is asked for beyond the budget."""
        return 0 if self.budget_fen is None else max(0, self.asked_fen - self.budget_fen)

    @property
    def missing_places(self) -> int:
        """The cases beyond the places."""
        return 0 if self.places is None else max(0, self.cases - self.places)


def demands(session: Session, judged: Sequence[Policy], actor: Actor) -> list[PoolDemand]:
    """Of all pools that have a budget or places; the cases of several revisions go together."""
    found: dict[tuple[str, str], PoolDemand] = {}
    for policy in judged:
        for row in policy.revision.allocations:
            if not has_budget(row) and not has_places(row):
                continue
            for pool in _of_row(session, policy, row, actor):
                before = found.get((pool.key, pool.pool))
                found[pool.key, pool.pool] = _together(before, pool) if before else pool
    return list(found.values())


def _of_row(
    session: Session, policy: Policy, row: Allocation, actor: Actor
) -> Iterator[PoolDemand]:
    for pool, cases, asked, budget, places in session.execute(_asked(policy, row, actor)):
        yield PoolDemand(
            key=row.key,
            title=row.title,
            per=tuple(row.per),
            pool=pool,
            cases=cases,
            asked_fen=int(asked),
            budget_fen=None if budget is None else int(budget),
            places=None if places is None else int(places),
        )


def _asked(
    policy: Policy, row: Allocation, actor: Actor
) -> Select[str, int, int, int | None, int | None]:
    revision = policy.revision
    found = policy.statement.subquery("judged")
    award = Award(found.c.tier_key, found.c.amount_fen)
    pool = pool_of(row, revision, award).label("pool")
    return (
        select(
            pool,
            func.count(),
            cast(func.coalesce(func.sum(found.c.amount_fen), 0), BigInteger),
            func.max(cap_fen(row, revision)),
            func.max(cap_places(row, revision)),
        )
        .select_from(source(needs_of(revision)).join(found, found.c.id == Application.id))
        .where(
            visible(Application, actor),
            found.c.verdict != INELIGIBLE,
            belongs(row, revision, award),
            pool.is_not(None),
        )
        .group_by(pool)
        .order_by(pool)
    )


def _together(one: PoolDemand, other: PoolDemand) -> PoolDemand:
    cases, asked = one.cases + other.cases, one.asked_fen + other.asked_fen
    return replace(one, cases=cases, asked_fen=asked)
