"""Moving undecided cases to the revision in force: an explicit act that first shows who flips.

A case keeps the revision under which it was submitted until somebody moves it, with a reason. What
is shown beforehand is the act itself, taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from models.application import DRAFT, RETURNED, WAITING, Application
from models.base import N_, Refusal
from models.decision import (
    LONGEST_REASON,
    MOVE,
    SHORTEST_REASON,
    Decision,
    DecisionBatch,
    Override,
)
from models.programme import Programme, Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import begin_act, record_batch
from portal.clock import Clock
from portal.funding.returned import release, take_turns
from portal.policy.judge import in_force, judge
from portal.policy.packs import programme_called
from portal.policy.simulate import Simulation, Tally
from portal.review.decide import ReasonRequired, ReasonTooLong
from portal.review.route import settle_routes

READY, CLAIM, CHANNEL, WINDOW, STAGE = "ready", "claim", "channel", "window", "stage"
STAYS = {
    CLAIM: N_("The new rules pay for something else, or count it otherwise"),
    CHANNEL: N_("The new rules have no such channel"),
    WINDOW: N_("The new rules have no such window"),
    STAGE: N_("The new rules have no such stage for its channel"),
}
"""Why a case keeps its revision."""
MOST_STAYING = 50
"""Staying cases that are named; all are counted."""
_UNDECIDED = (DRAFT, WAITING, RETURNED)


class NotPublished(Refusal):
    """The programme has no revision in force."""

    message = N_("%(code)s is not published.")


class NothingToMove(Refusal):
    """Every case that could be moved stands under the rules in force already."""

    message = N_("No application of %(code)s can be moved to the rules in force.")


@dataclass(frozen=True)
class Staying:
    """A case that keeps its revision; ``kind`` is a key of ``STAYS``."""

    number: str
    kind: str

    @property
    def reason(self) -> str:
        """Why, as a msgid."""
        return STAYS[self.kind]


@dataclass
class Moved:
    """What moving does: how many cases (``drafts`` of them drafts) go to ``revision``.

    ``staying`` counts by kind those that keep theirs, ``stays`` names the first. ``effect`` sets
    the verdicts of all submitted cases under the revision, moved and others, against those before.
    """

    programme: str
    revision: int
    moved: int = 0
    drafts: int = 0
    staying: dict[str, int] = field(default_factory=dict)
    stays: list[Staying] = field(default_factory=list)
    effect: Simulation = field(default_factory=Simulation)


def preview_move(session: Session, actor: Actor, clock: Clock, code: str) -> Moved:
    """What ``move`` would do now. It is done and taken back, so the session must be writing."""
    require(actor, "programme:publish")
    taken_back = session.begin_nested()
    try:
        return _Move(session, actor, clock, code).done("")
    finally:
        taken_back.rollback()


def move(session: Session, actor: Actor, clock: Clock, code: str, reason: str) -> Moved:
    """Move drafts, waiting and returned cases of the programme *code* to the revision in force.

    Each keeps its place in the sequence and its stage where its route still has it, else it starts
    at the first; what a person let pass is void; every case gets its decision and audit row.
    Raises ``ReasonRequired``, ``NotPublished`` and ``NothingToMove``; nothing is committed here.
    """
    require(actor, "programme:publish")
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise ReasonRequired()
    if len(reason) > LONGEST_REASON:
        raise ReasonTooLong(most=LONGEST_REASON)
    with session.begin_nested():
        act = _Move(session, actor, clock, code)
        moved = act.done(reason)
        if not moved.moved:
            raise NothingToMove(code=code)
        act.recorded(moved)
    return moved


class _Move:
    """One act of moving, while it runs."""

    def __init__(self, session: Session, actor: Actor, clock: Clock, code: str) -> None:
        self.session, self.actor, self.now = session, actor, clock.now()
        self.programme = programme_called(session, code)
        found = in_force(session, self.programme)
        if found is None:
            raise NotPublished(code=code)
        self.target = found
        self.origins = _origins(session, self.programme, found)

    def done(self, reason: str) -> Moved:
        """Move what can be moved and judge it; decisions and audit come after."""
        self.batch = begin_act(self.session, self.actor, self.now, MOVE, reason=reason)
        take_turns(self.session, self._undecided())
        self._lock()
        stays = [stay for origin in self.origins for stay in self._rehome(origin)]
        self._void_overrides()
        settle_routes(self.session, self.target, self._submitted())
        told = self._told(stays)
        for revision in (*self.origins, self.target):
            judge(self.session, revision)
        moved = select(Application.id).where(Application.batch_id == self.batch.id)
        release(self.session, self.actor, self.now, moved)
        return told

    def recorded(self, moved: Moved) -> None:
        """A decision and an audit row a case, and one audit entry that counts them."""
        self.batch.decided, self.batch.skipped = moved.moved, moved.staying
        self.session.flush()
        reason = self.batch.reason
        record_batch(
            self.session, self.actor, self.now, self.batch, _last_stage(self.batch), reason=reason
        )
        details = {
            "programme": moved.programme,
            "revision": moved.revision,
            "moved": moved.moved,
            "drafts": moved.drafts,
            "flipped": moved.effect.flipped,
            "staying": moved.staying,
        }
        audit.record(
            self.session,
            self.actor,
            self.now,
            "programme:move-cases",
            "revision",
            self.target.id,
            reason=reason,
            details=details,
        )

    def _lock(self) -> None:
        """PostgreSQL: take the rows in order of id, as deciding does."""
        chosen = self._undecided().order_by(Application.id)
        self.session.execute(chosen.with_for_update()).all()

    def _undecided(self) -> Select[int]:
        ids = [origin.id for origin in self.origins]
        return select(Application.id).where(
            Application.revision_id.in_(ids), Application.state.in_(_UNDECIDED)
        )

    def _rehome(self, origin: Revision) -> Iterator[Staying]:
        """Give the cases of *origin* that can go their new revision and window; tells who stays."""
        windows = _windows(origin, self.target)
        here = (
            Application.revision_id == origin.id,
            Application.state.in_(_UNDECIDED),
            visible(Application, self.actor),
        )
        kind = _kind(origin, self.target)
        self.session.execute(
            update(Application)
            .where(*here, kind == READY)
            .values(
                revision_id=self.target.id,
                window_id=case(windows, value=Application.window_id, else_=None)
                if windows
                else null(),
                batch_id=self.batch.id,
                updated_at=self.now,
                version=Application.version + 1,
            )
            .execution_options(synchronize_session=False)
        )
        rows = select(Application.number, kind).where(*here).order_by(Application.id)
        return (Staying(number, why) for number, why in self.session.execute(rows).all())

    def _void_overrides(self) -> None:
        moved = select(Application.id).where(Application.batch_id == self.batch.id)
        self.session.execute(
            update(Override)
            .where(Override.application_id.in_(moved), Override.voided_at.is_(None))
            .values(voided_at=self.now)
            .execution_options(synchronize_session=False)
        )

    def _submitted(self) -> Any:
        return select(Application.id).where(
            Application.batch_id == self.batch.id, Application.state != DRAFT
        )

    def _told(self, stays: list[Staying]) -> Moved:
        """What was moved; set against the verdicts that stand until the cases are judged."""
        tally = Tally(self.session)
        latest = self.origins[-1] if self.origins else self.target
        tally.add(self.actor, latest, self.target)
        moved, drafts = self.session.execute(
            select(func.count(), func.coalesce(func.sum(case((_is_draft(), 1), else_=0)), 0)).where(
                Application.batch_id == self.batch.id
            )
        ).one()
        kinds = [stay.kind for stay in stays]
        return Moved(
            programme=self.programme.code,
            revision=self.target.number,
            moved=moved,
            drafts=int(drafts),
            staying={kind: kinds.count(kind) for kind in STAYS if kind in kinds},
            stays=stays[:MOST_STAYING],
            effect=tally.told(),
        )


def as_json(moved: Moved) -> dict[str, Any]:
    """*moved* as plain values."""
    return asdict(moved)


def _origins(session: Session, programme: Programme, target: Revision) -> list[Revision]:
    undecided = exists().where(
        Application.revision_id == Revision.id, Application.state.in_(_UNDECIDED)
    )
    found = session.scalars(
        select(Revision)
        .where(Revision.programme_id == programme.id, Revision.id != target.id, undecided)
        .order_by(Revision.number)
    )
    return list(found)


def _kind(origin: Revision, target: Revision) -> ColumnElement[str]:
    """Whether a case of *origin* can go, or why not, as SQL."""
    pays = (origin.pays_for, origin.claims_within) == (target.pays_for, target.claims_within)
    channels = [row.key for row in target.channels]
    staged = [
        and_(
            Application.channel == channel,
            Application.stage_key.in_(
                [row.key for row in target.stages if not row.channels or channel in row.channels]
            ),
        )
        for channel in channels
    ]
    windowed = Application.window_id.in_(list(_windows(origin, target)))
    steps: list[Any] = [] if pays else [(Application.revision_id == origin.id, CLAIM)]
    steps += [
        (Application.channel.not_in(channels), CHANNEL),
        (_is_draft(), READY),
        (~windowed, WINDOW),
        (~or_(false(), *staged), STAGE),
    ]
    return case(*steps, else_=READY)


def _windows(origin: Revision, target: Revision) -> dict[int, int]:
    """Window of *origin* → the one of *target* with its key."""
    there = {row.key: row.id for row in target.windows}
    return {row.id: there[row.key] for row in origin.windows if row.key in there}


def _last_stage(batch: DecisionBatch) -> ColumnElement[Any]:
    """The stage at which the last decision before *batch* left a case."""
    found: Any = (
        select(Decision.to_stage)
        .where(Decision.application_id == Application.id, Decision.batch_id != batch.id)
        .order_by(Decision.id.desc())
        .limit(1)
        .correlate(Application)
        .scalar_subquery()
    )
    return found  # type: ignore[no-any-return]


def _is_draft() -> ColumnElement[bool]:
    return Application.state == DRAFT
