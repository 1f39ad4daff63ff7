"""Deciding one case or ten thousand by the same few statements.

Per outcome and stage at which chosen cases wait: one guarded UPDATE inside the actor's scope, one
INSERT … SELECT of decisions; then one of audit entries. What could not be decided is noted with
its reason. A large set is decided part by part; nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.application import Application
from models.base import N_, Refusal, in_parts
from models.decision import (
    LONGEST_REASON,
    PASS,
    REJECT,
    RETURN,
    SHORTEST_REASON,
    DecisionBatch,
    Selection,
    SelectionItem,
)
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.trail import seal_rows
from portal.clock import Clock
from portal.funding.returned import release, take_turns
from portal.review.corrections import correctable
from portal.review.moves import Act, decide_stage, own_reason
from portal.review.selections import use
from portal.review.standing import (
    CHANGED,
    READY,
    REASONS,
    TAKEN_OUT,
    Items,
    groups,
    items_of,
    standing,
)

LEAVE = "leave"
"""The exception that takes a case out of the set."""
MOST_EXCEPTIONS = 500


class ReasonRequired(Refusal):
    """Returning, refusing or overriding needs a reason."""

    message = N_("Please give a reason.")


class ReasonTooLong(Refusal):
    """The reason does not fit."""

    message = N_("The reason may have at most %(most)s characters.")


class UnknownOutcome(Refusal):
    """Only pass, return and reject are decisions."""

    message = N_("There is no such decision.")


class NotEarlier(Refusal):
    """A case is returned to a stage that it came through."""

    message = N_("Cases can only be returned to a stage before the one they wait at.")


class TooManyExceptions(Refusal):
    """So many exceptions are an act of their own."""

    message = N_(
        "At most %(most)s cases can be exceptions; choose the others as a set of their own."
    )


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
class Exceptional:
    """What happens to one chosen case instead: another outcome, or the same with its own reason."""

    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class Words:
    """What an act says: its reasons, and of a return the fields and the earlier stage.

    ``override_reason`` answers what a person is asked; ``fields`` maps a form field's key (or
    ``attachment.`` and a rule's) to what is wrong with it; ``back_to`` is the key of an earlier
    stage, without which a return goes to whoever edits the form.
    """

    reason: str = ""
    override_reason: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    back_to: str | None = None
    exceptions: Mapping[int, Exceptional] = field(default_factory=dict)


def decide(
    session: Session,
    actor: Actor,
    clock: Clock,
    selection: Selection,
    outcome: str,
    reason: str = "",
    override_reason: str = "",
    *,
    words: Words | None = None,
) -> Outcome:
    """Decide the cases of *selection* at once: ``pass``, ``return`` or ``reject``.

    A held case passes where every open question belongs to a later stage, or with an
    *override_reason* that answers the questions of this stage. Raises what ``begin`` raises.
    """
    words = words or Words(reason, override_reason)
    begin(session, actor, clock, selection, outcome, words)
    batch_id = decide_part(session, actor, clock, selection)
    return told(session, selection, batch_id or 0)


def begin(
    session: Session,
    actor: Actor,
    clock: Clock,
    selection: Selection,
    outcome: str,
    words: Words,
) -> None:
    """Take *selection* for an act, once, and keep what it says; its parts are decided after.

    Raises ``ReasonRequired``, ``ReasonTooLong``, ``SelectionGone``, ``UnknownOutcome``,
    ``NotEarlier`` and ``TooManyExceptions``.
    """
    require(actor, "application:decide")
    reason, override = _reasons(outcome, words)
    found = groups(session, items_of(selection))
    back_to = words.back_to if outcome == RETURN and words.back_to else None
    if back_to and not all(back_to in _before(route, stage.key) for _r, route, stage in found):
        raise NotEarlier()
    use(session, actor, clock, selection)
    selection.outcome, selection.reason, selection.override_reason = outcome, reason, override
    selection.back_to = back_to
    if outcome == RETURN:
        known = {key for revision, _route, _stage in found for key in correctable(revision)}
        selection.fields = {
            key: why.strip()[:200] for key, why in words.fields.items() if key in known
        }
    session.flush()
    _except(session, selection, words.exceptions)


def decide_part(
    session: Session, actor: Actor, clock: Clock, selection: Selection, most: int | None = None
) -> int | None:
    """Decide the next *most* cases of a begun *selection*, or all that are left.

    Each ends decided by a batch or noted with why it was not, so that nothing is decided twice.
    Gives the id of a batch that was made, ``None`` when none was left.
    """
    require(actor, "application:decide")
    part = _next(session, selection, most)
    batch_id = None
    for outcome in _outcomes(session, selection, part):
        own = func.coalesce(SelectionItem.outcome, selection.outcome) == outcome
        batch_id = _decide(session, actor, clock, selection, outcome, [*part, own])
    return batch_id


def told(session: Session, selection: Selection, batch_id: int = 0) -> Outcome:
    """What an act on *selection* did so far."""
    moved = [SelectionItem.selection_id == selection.id, SelectionItem.batch_id.is_not(None)]
    count, fen = session.execute(
        select(func.count(), func.coalesce(func.sum(Application.amount_fen), 0))
        .select_from(SelectionItem)
        .join(Application, Application.id == SelectionItem.application_id)
        .where(*moved)
    ).one()
    rows = session.execute(
        select(Application.id, Application.number, SelectionItem.skipped)
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .where(
            SelectionItem.selection_id == selection.id,
            SelectionItem.batch_id.is_(None),
            SelectionItem.skipped.is_not(None),
        )
        .order_by(Application.id)
    )
    skipped = [Skipped(row_id, number, str(kind)) for row_id, number, kind in rows]
    return Outcome(batch_id, count, int(fen), skipped)


def wrong_words(outcome: str, words: Words) -> Iterator[tuple[str | int, Refusal]]:
    """What is wrong with the reasons of an act, each with where it stands: ``reason``,
    ``override_reason``, or the id of a case that is an exception."""
    shared, override = words.reason.strip(), words.override_reason.strip()
    yield from _wrong("reason", shared, is_needed=outcome != PASS)
    yield from _wrong("override_reason", override, is_needed=bool(override))
    for application_id, item in words.exceptions.items():
        own = item.reason.strip()
        needed = item.outcome in (RETURN, REJECT)
        if own or (needed and outcome == PASS and len(shared) < SHORTEST_REASON):
            yield from _wrong(application_id, own, is_needed=needed)


def _wrong(place: str | int, text: str, *, is_needed: bool) -> Iterator[tuple[str | int, Refusal]]:
    if is_needed and len(text) < SHORTEST_REASON:
        yield place, ReasonRequired()
    elif len(text) > LONGEST_REASON:
        yield place, ReasonTooLong(most=LONGEST_REASON)


def _reasons(outcome: str, words: Words) -> tuple[str, str]:
    if outcome not in (PASS, RETURN, REJECT):
        raise UnknownOutcome()
    for item in words.exceptions.values():
        if item.outcome not in (PASS, RETURN, REJECT, LEAVE):
            raise UnknownOutcome()
    for _place, refusal in wrong_words(outcome, words):
        raise refusal
    if len(words.exceptions) > MOST_EXCEPTIONS:
        raise TooManyExceptions(most=MOST_EXCEPTIONS)
    return words.reason.strip(), words.override_reason.strip()


def _before(route: str, stage_key: str) -> list[str]:
    keys = route.strip(",").split(",")
    return keys[: keys.index(stage_key)] if stage_key in keys else []


def _except(session: Session, selection: Selection, exceptions: Mapping[int, Exceptional]) -> None:
    """Write the exceptions beside their cases."""
    for application_id, item in exceptions.items():
        own: dict[str, Any] = {"outcome": item.outcome, "reason": item.reason.strip() or None}
        if item.outcome == LEAVE:
            own = {"skipped": TAKEN_OUT}
        session.execute(
            update(SelectionItem)
            .where(*items_of(selection), SelectionItem.application_id == application_id)
            .values(own)
            .execution_options(synchronize_session=False)
        )


def _next(session: Session, selection: Selection, most: int | None) -> Items:
    """The first *most* cases whose turn has not come."""
    left = items_of(selection)
    if most is None:
        return left
    upto = session.scalar(
        select(SelectionItem.application_id)
        .where(*left)
        .order_by(SelectionItem.application_id)
        .offset(most - 1)
        .limit(1)
    )
    return left if upto is None else [*left, SelectionItem.application_id <= upto]


def _outcomes(session: Session, selection: Selection, part: Items) -> Sequence[str]:
    outcome = func.coalesce(SelectionItem.outcome, selection.outcome)
    return session.scalars(select(outcome).where(*part).distinct().order_by(outcome)).all()


def _decide(
    session: Session,
    actor: Actor,
    clock: Clock,
    selection: Selection,
    outcome: str,
    items: Items,
) -> int:
    batch = DecisionBatch(
        selection_id=selection.id,
        account_id=actor.account_id,
        outcome=outcome,
        reason=selection.reason or selection.override_reason,
        fields=selection.fields if outcome == RETURN else {},
        decided_at=clock.now(),
    )
    session.add(batch)
    session.flush()
    act = Act(session, actor, clock.now(), selection, batch, items)
    if outcome != PASS:
        take_turns(session, select(SelectionItem.application_id).where(*items))
    _lock(act)
    for revision, route, stage in groups(session, items):
        if stage.acts == actor.role:
            decide_stage(act, revision, route, stage)
    if outcome != PASS:
        moved = select(Application.id).where(Application.batch_id == batch.id)
        release(session, actor, act.now, moved)
    seal_rows(session, actor, act.now, batch, reason=own_reason(act))
    _note(act)
    return batch.id


def _lock(act: Act) -> None:
    """PostgreSQL: take the rows in order of id, so that two acts never wait for each other."""
    if act.session.get_bind().dialect.name == "postgresql":
        chosen = select(SelectionItem.application_id).where(*act.items)
        act.session.execute(
            select(Application.id)
            .where(Application.id.in_(chosen))
            .order_by(Application.id)
            .with_for_update()
        ).all()


def _note(act: Act) -> None:
    """Note with each case of the part that it was decided, or why it was not."""
    moved = select(Application.id).where(Application.batch_id == act.batch.id)
    done = (
        update(SelectionItem)
        .where(*act.items, SelectionItem.application_id.in_(moved))
        .values(batch_id=act.batch.id)
        .returning(SelectionItem.application_id)
        .execution_options(synchronize_session=False)
    )
    act.batch.decided = len(act.session.execute(done).all())
    left = _left(act)
    for kind, ids in left.items():
        for part in in_parts(ids):
            act.session.execute(
                update(SelectionItem)
                .where(*act.items, SelectionItem.application_id.in_(part))
                .values(skipped=kind)
                .execution_options(synchronize_session=False)
            )
    act.batch.skipped = {kind: len(ids) for kind, ids in sorted(left.items())}
    act.session.flush()


def _left(act: Act) -> dict[str, list[int]]:
    """The cases of the part that were not decided, by why."""
    if act.session.scalar(select(SelectionItem.application_id).where(*act.items).limit(1)) is None:
        return {}
    kind = standing(act.session, act.actor, act.items, act.batch.outcome)
    rows = act.session.execute(
        select(Application.id, kind)
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .where(*act.items)
    )
    found: dict[str, list[int]] = {}
    for row_id, name in rows.all():
        # what could be decided and was not, somebody changed in this very moment
        found.setdefault(CHANGED if name == READY else name, []).append(row_id)
    return found
