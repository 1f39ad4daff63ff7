"""Judging in sets: the compiled statement, written where it changed something."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Select, exists, func, or_, select, update
from sqlalchemy.orm import Session

from models.application import (
    DRAFT,
    ELIGIBLE,
    HELD,
    INELIGIBLE,
    RETURNED,
    WAITING,
    Application,
)
from models.programme import PUBLISHED, Programme, Revision
from portal.policy.bounds import is_collective, touched
from portal.policy.compile import Policy, compile_policy

_WRITTEN = ("verdict", "tier_key", "amount_fen", "missed", "asked")


def judge(session: Session, revision: Revision, *, only: Select[Any] | None = None) -> None:
    """Write verdict, tier, amount and findings of the undecided cases of *revision*.

    *only* selects application ids to judge; whoever shares a bound's keys with them is judged
    again, for a corrected case may take the place of a later one, and where one more case can
    change what a bound says of earlier ones, all are. Rows that come out as they were are not
    written; a decided case is never touched.
    """
    if any(is_collective(bound) for bound in revision.bounds):
        only = None
    elif only is not None and revision.bounds:
        only = touched(revision, only)
    found = policy_for(session, revision, only).statement.subquery("judged")
    differs = or_(*(_column(name).is_distinct_from(found.c[name]) for name in _WRITTEN))
    statement = (
        update(Application)
        .where(
            Application.id == found.c.id,
            Application.state.in_((WAITING, RETURNED)),
            differs,
        )
        .values({name: found.c[name] for name in _WRITTEN})
        .execution_options(synchronize_session=False)
    )
    session.execute(statement)


def judge_programme(session: Session, programme: Programme) -> dict[str, Any]:
    """Judge every revision of *programme* that has cases; gives ``summary`` with ``seconds``."""
    started = time.perf_counter()
    for revision in session.scalars(
        select(Revision).where(Revision.programme_id == programme.id).order_by(Revision.id)
    ):
        judge(session, revision)
    return summary(session, programme) | {"seconds": round(time.perf_counter() - started, 3)}


def policy_for(session: Session, revision: Revision, only: Select[Any] | None = None) -> Policy:
    """*revision* compiled with the rest of its family as rivals."""
    family = (
        select(Revision.id)
        .join(Programme)
        .where(Programme.family == revision.programme.family, Revision.id != revision.id)
        .where(exists().where(Application.revision_id == Revision.id))
        .order_by(Revision.id)
    )
    return compile_policy(revision, rivals=session.scalars(family).all(), only=only)


def summary(session: Session, programme: Programme) -> dict[str, Any]:
    """Counts and fen by verdict and tier over the submitted cases of *programme*."""
    rows = session.execute(
        select(
            Application.tier_key,
            Application.verdict,
            func.count(),
            func.coalesce(func.sum(Application.amount_fen), 0),
        )
        .where(Application.programme_id == programme.id, Application.state != DRAFT)
        .group_by(Application.tier_key, Application.verdict)
    ).all()
    counts = {verdict: sum(n for _, v, n, _ in rows if v == verdict) for verdict in _VERDICTS}
    fen = {verdict: int(sum(f for _, v, _, f in rows if v == verdict)) for verdict in _VERDICTS}
    return {
        "applications": sum(counts.values()),
        "eligible": counts[ELIGIBLE],
        "held": counts[HELD],
        "ineligible": counts[INELIGIBLE],
        "eligible_fen": fen[ELIGIBLE],
        "held_fen": fen[HELD],
        "tiers": _by_tier(session, programme, rows),
    }


_VERDICTS = (ELIGIBLE, HELD, INELIGIBLE)


def _by_tier(session: Session, programme: Programme, rows: Any) -> dict[str, dict[str, int]]:
    revision = in_force(session, programme)
    tiers = [tier.key for tier in revision.tiers] if revision else []
    return {
        key: {
            verdict: sum(n for tier, v, n, _ in rows if (tier, v) == (key, verdict))
            for verdict in (ELIGIBLE, HELD)
        }
        for key in tiers
    }


def in_force(session: Session, programme: Programme) -> Revision | None:
    """The published revision with the highest number, or ``None`` while there is only a draft."""
    return session.scalar(
        select(Revision)
        .where(Revision.programme_id == programme.id, Revision.state == PUBLISHED)
        .order_by(Revision.number.desc())
        .limit(1)
    )


def _column(name: str) -> Any:
    return getattr(Application, name)
