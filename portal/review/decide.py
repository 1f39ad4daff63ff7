"""Deciding one case or ten thousand by the same few statements.

Per stage at which chosen cases wait: one guarded UPDATE inside the actor's scope, one INSERT …
SELECT of decisions; then one of audit entries. What could not be decided comes back with its
reason. Nothing is committed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from models.application import (
    APPROVED,
    ELIGIBLE,
    HELD,
    REFUSED,
    RETURNED,
    WAITING,
    Application,
)
from models.base import N_, Refusal
from models.decision import (
    PASS,
    REJECT,
    RETURN,
    Decision,
    DecisionBatch,
    Override,
    Selection,
    SelectionItem,
)
from models.programme import ASK, Revision, Stage
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import decide_rows, seal_rows
from portal.clock import Clock
from portal.policy.codes import NO_TIER
from portal.policy.compile import rules_of
from portal.policy.judge import judge
from portal.policy.moments import looked_at
from portal.review.route import stages_of
from portal.review.selections import use
from portal.review.standing import REASONS, groups, not_own, questions_left, standing

SHORTEST_REASON, LONGEST_REASON = 2, 500


class ReasonRequired(Refusal):
    """Returning, refusing or overriding needs a reason."""

    message = N_("Please give a reason.")


class ReasonTooLong(Refusal):
    """The reason does not fit."""

    message = N_("The reason may have at most %(most)s characters.")


class UnknownOutcome(Refusal):
    """Only pass, return and reject are decisions."""

    message = N_("There is no such decision.")


@dataclass(frozen=True)
class Skipped:
    """A chosen case that was not decided; ``kind`` is a key of ``standing.REASONS``."""

    application_id: int
    number: str
    kind: str

    @property
    def reason(self) -> str:
        """Why, as a msgid."""
        return REASONS[self.kind]


@dataclass(frozen=True)
class Outcome:
    """What an act did: how many cases it moved, the money they carry, and what it left."""

    batch_id: int
    decided: int
    decided_fen: int
    skipped: list[Skipped]


@dataclass(frozen=True)
class Act:
    """One act of deciding, while it runs."""

    session: Session
    actor: Actor
    now: datetime
    selection: Selection
    batch: DecisionBatch
    reason: str
    override_reason: str


def decide(
    session: Session,
    actor: Actor,
    clock: Clock,
    selection: Selection,
    outcome: str,
    reason: str = "",
    override_reason: str = "",
) -> Outcome:
    """Decide the cases of *selection*: ``pass``, ``return`` or ``reject``.

    A held case passes where every open question belongs to a later stage, or with an
    *override_reason* that answers the questions of this stage. Raises ``ReasonRequired``,
    ``SelectionGone``, ``UnknownOutcome``.
    """
    require(actor, "application:decide")
    reason, override_reason = _reasons(outcome, reason, override_reason)
    use(session, actor, clock, selection)
    batch = DecisionBatch(
        selection_id=selection.id,
        account_id=actor.account_id,
        outcome=outcome,
        reason=reason or override_reason,
        decided_at=clock.now(),
    )
    session.add(batch)
    session.flush()
    act = Act(session, actor, clock.now(), selection, batch, reason, override_reason)
    _lock(act)
    for revision, route, stage in groups(session, selection):
        if stage.acts == actor.role:
            _decide_stage(act, revision, route, stage)
    seal_rows(session, actor, act.now, batch, reason=batch.reason)
    return _told(act)


def _reasons(outcome: str, reason: str, override_reason: str) -> tuple[str, str]:
    if outcome not in (PASS, RETURN, REJECT):
        raise UnknownOutcome()
    reason, override_reason = reason.strip(), override_reason.strip()
    if outcome != PASS and len(reason) < SHORTEST_REASON:
        raise ReasonRequired()
    if override_reason and len(override_reason) < SHORTEST_REASON:
        raise ReasonRequired()
    if max(len(reason), len(override_reason)) > LONGEST_REASON:
        raise ReasonTooLong(most=LONGEST_REASON)
    return reason, override_reason


def _lock(act: Act) -> None:
    """PostgreSQL: take the rows in order of id, so that two acts never wait for each other."""
    if act.session.get_bind().dialect.name == "postgresql":
        chosen = select(SelectionItem.application_id).where(
            SelectionItem.selection_id == act.selection.id
        )
        act.session.execute(
            select(Application.id)
            .where(Application.id.in_(chosen))
            .order_by(Application.id)
            .with_for_update()
        ).all()


def _decide_stage(act: Act, revision: Revision, route: str, stage: Stage) -> None:
    if act.batch.outcome == PASS and looked_at(revision, stage.key):
        waiting = select(Application.id).where(*_guards(act, revision, route, stage))
        judge(act.session, revision, only=waiting)
    if act.batch.outcome == PASS and act.override_reason:
        _override(act, revision, route, stage)
    guards = _guards(act, revision, route, stage)
    if act.batch.outcome == PASS:
        left = questions_left(revision, route, stage)
        later = and_(Application.verdict == HELD, left.in_(("", ",")))
        guards.append(or_(Application.verdict == ELIGIBLE, later))
    act.session.execute(
        update(Application)
        .where(*guards)
        .values(
            **_move(act.batch.outcome, revision, route, stage),
            batch_id=act.batch.id,
            updated_at=act.now,
            version=Application.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    here = and_(Application.revision_id == revision.id, Application.route == route)
    decide_rows(
        act.session,
        act.actor,
        act.now,
        act.batch,
        literal(stage.key),
        reason=act.reason or act.override_reason,
        where=and_(here, _came_from(act.batch)),
    )


def _came_from(batch: DecisionBatch) -> Any:
    """Cases of the batch whose decision row is not written yet."""
    written = select(Decision.application_id).where(Decision.batch_id == batch.id)
    return Application.id.not_in(written)


def _guards(act: Act, revision: Revision, route: str, stage: Stage) -> list[Any]:
    return [
        SelectionItem.selection_id == act.selection.id,
        SelectionItem.application_id == Application.id,
        SelectionItem.version == Application.version,
        Application.state == WAITING,
        Application.stage_key == stage.key,
        Application.revision_id == revision.id,
        Application.route == route,
        visible(Application, act.actor),
        not_own(act.actor),
    ]


def _move(outcome: str, revision: Revision, route: str, stage: Stage) -> dict[str, Any]:
    keys = [row.key for row in stages_of(revision, route)]
    if outcome == RETURN:
        back = [key for key in keys if key == stage.returns_to] or keys
        return {"state": RETURNED, "stage_key": back[0]}
    if outcome == REJECT:
        return {"state": REFUSED, "claims": False}
    place = keys.index(stage.key)
    if place + 1 == len(keys):
        return {"state": APPROVED}
    return {"stage_key": keys[place + 1]}


def _override(act: Act, revision: Revision, route: str, stage: Stage) -> None:
    """Answer this stage's open questions of the held cases, and judge them again."""
    held = [*_guards(act, revision, route, stage), Application.verdict == HELD]
    left = questions_left(revision, route, stage)
    for key in _answerable(revision):
        values: dict[str, Any] = {
            "application_id": Application.id,
            "condition_key": literal(key),
            "revision_id": literal(revision.id),
            "batch_id": literal(act.batch.id),
            "account_id": literal(act.actor.account_id),
            "reason": literal(act.override_reason),
            "made_at": literal(act.now, Override.made_at.type),
        }
        asked = left.contains(f",{key},", autoescape=True)
        rows = select(*values.values()).where(*held, asked)
        act.session.execute(insert(Override).from_select(list(values), rows))
    passed = select(Override.application_id).where(Override.batch_id == act.batch.id)
    judge(act.session, revision, only=passed)


def _answerable(revision: Revision) -> list[str]:
    """The findings that a person may pass: all but a place that there is not."""
    bounds = [row.key for row in revision.bounds if row.over == ASK]
    return [*(row.key for row in rules_of(revision)), *bounds, NO_TIER]


def _told(act: Act) -> Outcome:
    moved = Application.batch_id == act.batch.id
    count, fen = act.session.execute(
        select(func.count(), func.coalesce(func.sum(Application.amount_fen), 0)).where(moved)
    ).one()
    skipped = _skipped(act) if count < _chosen(act) else []
    _note_skipped(act, skipped)
    kinds = {row.kind for row in skipped}
    act.batch.decided = count
    act.batch.skipped = {kind: sum(row.kind == kind for row in skipped) for kind in sorted(kinds)}
    act.session.flush()
    return Outcome(act.batch.id, count, int(fen), skipped)


def _chosen(act: Act) -> int:
    items = select(func.count()).where(SelectionItem.selection_id == act.selection.id)
    return act.session.execute(items).scalar_one()


def _note_skipped(act: Act, skipped: list[Skipped]) -> None:
    """Keep why each case was left, for the page that tells it."""
    for kind in {row.kind for row in skipped}:
        ids = [row.application_id for row in skipped if row.kind == kind]
        act.session.execute(
            update(SelectionItem)
            .where(
                SelectionItem.selection_id == act.selection.id,
                SelectionItem.application_id.in_(ids),
            )
            .values(skipped=kind)
            .execution_options(synchronize_session=False)
        )


def _skipped(act: Act) -> list[Skipped]:
    kind = standing(act.session, act.actor, act.selection, act.batch.outcome)
    rows = act.session.execute(
        select(Application.id, Application.number, kind)
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .where(
            SelectionItem.selection_id == act.selection.id,
            or_(Application.batch_id.is_(None), Application.batch_id != act.batch.id),
        )
        .order_by(Application.id)
    )
    return [Skipped(row_id, number, name) for row_id, number, name in rows]
