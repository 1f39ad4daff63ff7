"""What waits for a person, as numbers: the work of their role within their own part of the tree.

Each number counts what a list shows under the same conditions. Nothing here names anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, not_, or_, select
from sqlalchemy.orm import Session

from models.adjustment import PROPOSED, Adjustment
from models.application import APPROVED, HELD, RETURNED, WAITING, Application
from models.evidence import DIFFERS
from models.funding import MADE, TRANSFERRED, Payment, PaymentBatch
from models.panel import ScoreSheet
from models.papers import BatchPaper
from models.programme import Revision
from models.publicity import OPEN, Objection
from models.sharing import CONFIRMATION
from portal.access.actor import Actor
from portal.access.permissions import may
from portal.access.scope import visible
from portal.calendar import Calendar
from portal.evidence.duplicates import looks_duplicate
from portal.funding.routes import rule_of
from portal.review.deadlines import DUE_SOON, OVERDUE, stands
from portal.review.instalments import instalments_due
from portal.review.registry_checks import standing_at
from portal.review.standing import not_own

CAP = 10_000
"""Counting stops here: one more means more."""
_DECIDES = "application:decide"


@dataclass(frozen=True)
class Desk:
    """Whose work is counted, on which day, by which calendar and rules."""

    actor: Actor
    calendar: Calendar
    revisions: Sequence[Revision]
    today: date


def numbers(session: Session, desk: Desk, only: Iterable[str] = ()) -> dict[str, int]:
    """How much of each kind of work there is for the actor, those of their role only.

    Counts stop at ``CAP + 1``; *only* names the kinds wanted, all by default.
    """
    wanted = kinds_of(desk.actor, desk.revisions)
    chosen = set(only) or set(wanted)
    return {key: _count(session, KINDS[key][1](desk)) for key in wanted if key in chosen}


def kinds_of(actor: Actor, revisions: Iterable[Revision]) -> list[str]:
    """The kinds of work that *actor* has: deciding only where a stage is their role's."""
    acts = any(row.acts == actor.role for revision in revisions for row in revision.stages)
    return [
        key
        for key, (permission, _rows) in KINDS.items()
        if may(actor, permission) and (acts or permission != _DECIDES)
    ]


def mine(actor: Actor, revisions: Iterable[Revision]) -> list[ColumnElement[bool]]:
    """The cases that *actor* decides where they wait, wherever in the tree they are."""
    acting: dict[str, None] = {}
    others = []
    for revision in revisions:
        keys = {row.key: row.acts == actor.role for row in revision.stages}
        acting |= dict.fromkeys(key for key, is_own in keys.items() if is_own)
        others.append((revision.id, [key for key, is_own in keys.items() if not is_own]))
    if not acting or not may(actor, _DECIDES):
        return [false()]
    # a stage of this name may be another role's elsewhere
    foreign = [
        and_(Application.revision_id == revision_id, Application.stage_key.in_(shared))
        for revision_id, keys in others
        if (shared := [key for key in keys if key in acting])
    ]
    return [
        Application.state == WAITING,
        Application.stage_key.in_(acting),
        not_(or_(false(), *foreign)),
        not_own(actor),
    ]


def _cases(*where: ColumnElement[bool]) -> Select[Any]:
    return select(Application.id).where(*where)


def _seen(desk: Desk, *where: ColumnElement[bool]) -> Select[Any]:
    return _cases(visible(Application, desk.actor), *where)


def _mine(desk: Desk, *where: ColumnElement[bool]) -> Select[Any]:
    return _seen(desk, *mine(desk.actor, desk.revisions), *where)


def _stands(desk: Desk, how: str) -> ColumnElement[bool]:
    return stands(desk.calendar, desk.revisions, desk.today, how)


def _instalments(desk: Desk, how: str) -> Select[Any]:
    return _seen(desk, instalments_due(desk.calendar, desk.revisions, desk.today, how))


def _late_batches(desk: Desk) -> Select[Any]:
    return select(PaymentBatch.id).where(
        visible(PaymentBatch, desk.actor),
        PaymentBatch.state.in_((MADE, TRANSFERRED)),
        PaymentBatch.due_on < desk.today,
    )


def unconfirmed(revisions: Iterable[Revision]) -> ColumnElement[bool]:
    """Whether a batch was transferred and lacks the confirmation that its programme wants."""
    ways = [
        and_(Application.revision_id == revision.id, Application.channel.in_(channels))
        for revision in revisions
        if (channels := [row.key for row in revision.channels if _confirms(revision, row.key)])
    ]
    wants = exists().where(
        Payment.batch_id == PaymentBatch.id,
        Payment.application_id == Application.id,
        or_(false(), *ways),
    )
    given = exists().where(BatchPaper.batch_id == PaymentBatch.id, BatchPaper.kind == CONFIRMATION)
    return and_(PaymentBatch.state == TRANSFERRED, wants, ~given)


def _confirms(revision: Revision, channel: str) -> bool:
    rule = rule_of(revision, channel)
    return rule is not None and CONFIRMATION in rule.papers


def _unconfirmed(desk: Desk) -> Select[Any]:
    return select(PaymentBatch.id).where(
        visible(PaymentBatch, desk.actor), unconfirmed(desk.revisions)
    )


def _proposals(desk: Desk) -> Select[Any]:
    return select(Adjustment.id).where(
        visible(Adjustment, desk.actor), Adjustment.state == PROPOSED
    )


def _sheets(desk: Desk) -> Select[Any]:
    return select(ScoreSheet.id).where(
        visible(ScoreSheet, desk.actor), ScoreSheet.submitted_at.is_(None)
    )


def _objections(desk: Desk) -> Select[Any]:
    return select(Objection.id).where(visible(Objection, desk.actor), Objection.state == OPEN)


KINDS: dict[str, tuple[str, Callable[[Desk], Select[Any]]]] = {
    "mine": (_DECIDES, _mine),
    "mine_overdue": (_DECIDES, lambda desk: _mine(desk, _stands(desk, OVERDUE))),
    "mine_soon": (_DECIDES, lambda desk: _mine(desk, _stands(desk, DUE_SOON))),
    "mine_held": (_DECIDES, lambda desk: _mine(desk, Application.verdict == HELD)),
    "overdue": ("application:read", lambda desk: _seen(desk, _stands(desk, OVERDUE))),
    "returned": ("application:write", lambda desk: _seen(desk, Application.state == RETURNED)),
    "duplicates": (
        "duplicate:decide",
        lambda desk: _seen(
            desk, Application.state.in_((WAITING, RETURNED, APPROVED)), looks_duplicate()
        ),
    ),
    "registry": (
        "registry:write",
        lambda desk: _seen(desk, Application.state == WAITING, standing_at(DIFFERS)),
    ),
    "objections": ("objection:read", _objections),
    "pay_overdue": ("payment:make", lambda desk: _instalments(desk, OVERDUE)),
    "pay_soon": ("payment:make", lambda desk: _instalments(desk, DUE_SOON)),
    "batches_late": ("payment:export", _late_batches),
    "batches_confirm": ("payment:confirm", _unconfirmed),
    "adjustments": ("adjustment:approve", _proposals),
    "sheets": ("score:write", _sheets),
}
"""Each kind of work: whose it is, and the rows that it counts."""


def _count(session: Session, rows: Select[Any]) -> int:
    some = rows.limit(CAP + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()
