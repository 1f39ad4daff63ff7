"""Judging in sets: the compiled statement, written where it changed something.

Compiling the rules of a revision takes longer than judging a case by them, and one in force never
changes: its statement is kept by the process for the sets that everyday acts judge.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, Update, bindparam, exists, func, or_, select, update
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

_Statement = TypeVar("_Statement", Select[Any], Update)
_WRITTEN = ("verdict", "tier_key", "amount_fen", "missed", "asked")

OF_BATCH = select(Application.id).where(Application.batch_id == bindparam("of_batch"))
"""The cases that the act of ``of_batch`` was the last to move."""
ALONE = select(Application.id).where(Application.id == bindparam("alone"))
"""The case ``alone``."""
_KEPT: dict[Any, Any] = {}
_MOST = 64


def judge(
    session: Session, revision: Revision, *, only: Select[Any] | None = None, **named: int
) -> None:
    """Write verdict, tier, amount and findings of the undecided cases of *revision*.

    *only* selects application ids to judge; one that has *named* parameters is a constant, such as
    ``OF_BATCH``, whose statement is kept. Whoever shares a bound's keys with them is judged again,
    for a corrected case may take the place of a later one, and where one more case can change what
    a bound says of earlier ones, all are. Rows that come out as they were are not written; a
    decided case is never touched.
    """
    if any(is_collective(bound) for bound in revision.bounds):
        only, named = None, {}
    rivals = _rivals(session, revision)

    def made() -> Update:
        widened = touched(revision, only) if only is not None and revision.bounds else only
        return _writing(compile_policy(revision, rivals=rivals, only=widened))

    keeps = only is None or bool(named)
    session.execute(_kept(session, ("write", only), revision, rivals, made, keeps), named)


def _writing(policy: Policy) -> Update:
    """The statement that writes what *policy* finds over what was found before."""
    found = policy.statement.subquery("judged")
    differs = or_(*(_column(name).is_distinct_from(found.c[name]) for name in _WRITTEN))
    return (
        update(Application)
        .where(
            Application.id == found.c.id,
            Application.state.in_((WAITING, RETURNED)),
            differs,
        )
        .values({name: found.c[name] for name in _WRITTEN})
        .execution_options(synchronize_session=False)
    )


def judged_alone(session: Session, application: Application) -> dict[str, Any] | None:
    """The row of ``Policy.statement`` for *application*, or ``None`` where it is not judged."""
    revision = application.revision
    rivals = _rivals(session, revision)

    def made() -> Select[Any]:
        return compile_policy(revision, rivals=rivals, only=ALONE).statement

    statement = _kept(session, ("read", ALONE), revision, rivals, made)
    row = session.execute(statement, {"alone": application.id}).mappings().one_or_none()
    return None if row is None else dict(row)


def _kept(
    session: Session,
    kind: tuple[str, Select[Any] | None],
    revision: Revision,
    rivals: Sequence[int],
    made: Callable[[], _Statement],
    keeps: bool = True,
) -> _Statement:
    """What *made* gives, made once for a published revision as long as its rivals are the same."""
    if not keeps or revision.published_at is None:
        return made()
    family = revision.programme.family
    key = (session.get_bind(), kind, revision.id, revision.published_at, family, tuple(rivals))
    if key not in _KEPT:
        if len(_KEPT) >= _MOST:
            _KEPT.clear()
        _KEPT[key] = made()
    found: _Statement = _KEPT[key]
    return found


def forget() -> None:
    """Keep nothing of what was compiled: the database is another."""
    _KEPT.clear()


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
    return compile_policy(revision, rivals=_rivals(session, revision), only=only)


def _rivals(session: Session, revision: Revision) -> Sequence[int]:
    """The other revisions of the family that have cases."""
    family = (
        select(Revision.id)
        .join(Programme)
        .where(Programme.family == revision.programme.family, Revision.id != revision.id)
        .where(exists().where(Application.revision_id == Revision.id))
        .order_by(Revision.id)
    )
    return session.scalars(family).all()


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
