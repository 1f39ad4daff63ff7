"""Expert panels: who scores which case, their sheets, and the score that the sheets make.

S20 二（三） and B22 二（四）2 leave open how experts score; a stage's ``panel`` says it as data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from models.application import WAITING, Application
from models.base import N_, Refusal
from models.panel import Expert, ExpertConflict, ScoreSheet
from models.programme import Revision, Stage
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import may, require
from portal.access.scope import visible
from portal.clock import Clock
from portal.review.conflicts import Conflicts
from portal.review.scoring import joined, read_points, total_of
from portal.review.stage_answers import NotThisStage, fill_in_each
from portal.review.standing import not_own

SHORTEST, LONGEST = 2, 2_000


class NotAPanel(Refusal):
    """The stage is none at which experts score."""

    message = N_("Experts do not score at this stage.")


class InConflict(Refusal):
    """The expert is not free towards the case."""

    message = N_("%(expert)s may not score %(number)s: %(why)s.")


class SheetLocked(Refusal):
    """The sheet was handed in or put aside, or somebody else changed it meanwhile."""

    message = N_("This score sheet can no longer be changed.")


class JustificationRequired(Refusal):
    """Points are not given without a word."""

    message = N_("Please say why, in 2 to 2,000 characters.")


class NoExperts(Refusal):
    """Nobody was named who could score."""

    message = N_("No expert was chosen.")


SHORT = N_("has %(have)s of %(fewest)s sheets")
OPEN_SHEETS = N_("%(count)s sheets are not handed in yet")
NOT_HERE = N_("does not wait at this stage, or you entered it yourself")


@dataclass
class Given:
    """What assigning did: sheets made, and what was left with its reason (msgid and params)."""

    made: int = 0
    left: list[tuple[str, str, str]] = field(default_factory=list)
    """(number of the case, name of the expert, key of the conflict)."""
    short: list[tuple[str, int]] = field(default_factory=list)
    """(number of the case, experts it has) where that is fewer than asked."""


@dataclass
class Joined:
    """What joining did: cases that got a score, and those left with their reason."""

    done: int = 0
    same: int = 0
    left: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)


def panel_of(stage: Stage) -> dict[str, Any]:
    """How the experts of *stage* score; raises ``NotAPanel``."""
    if not stage.panel:
        raise NotAPanel()
    return stage.panel


def waiting_at(
    session: Session, actor: Actor, revision: Revision, stage: Stage
) -> list[Application]:
    """The cases that wait at *stage* and that *actor* sees, by number."""
    found = (
        select(Application)
        .where(
            Application.revision_id == revision.id,
            Application.state == WAITING,
            Application.stage_key == stage.key,
            visible(Application, actor),
        )
        .order_by(Application.id)
    )
    return list(session.scalars(found))


def assign(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
    experts: Iterable[int],
    cases: Iterable[int],
) -> Given:
    """Give each of *experts* a sheet for each of *cases*; conflicts are left out and told."""
    _take(actor, stage)
    people, wanted = _experts(session, experts), set(cases)
    chosen = [row for row in waiting_at(session, actor, revision, stage) if row.id in wanted]
    known = Conflicts(session, panel_of(stage), people, chosen)
    have = _standing(session, stage, chosen)
    done = Given()
    for case in chosen:
        for expert in people:
            _give_one(session, actor, clock, stage, expert, case, known, have, done)
    session.flush()
    return done


def spread(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
    each: int,
    experts: Iterable[int] = (),
) -> Given:
    """Bring every waiting case to *each* experts who are free towards it, evenly.

    Cases with the fewest free experts come first; whoever has the fewest sheets gets the next.
    Without *experts* all that are in use take part.
    """
    _take(actor, stage)
    people = _experts(session, experts)
    chosen = waiting_at(session, actor, revision, stage)
    known = Conflicts(session, panel_of(stage), people, chosen)
    have = _standing(session, stage, chosen)
    load = {row.id: sum(expert == row.id for _case, expert in have) for row in people}
    done = Given()
    chosen.sort(key=lambda case: (len(known.free(case)), case.id))
    for case in chosen:
        held = sum(found == case.id for found, _expert in have)
        free = [row for row in known.free(case) if (case.id, row.id) not in have]
        free.sort(key=lambda row: (load[row.id], row.id))
        for expert in free[: max(each - held, 0)]:
            _give_one(session, actor, clock, stage, expert, case, known, have, done)
            load[expert.id] += 1
            held += 1
        if held < each:
            done.short.append((case.number, held))
    session.flush()
    return done


def declare(
    session: Session, actor: Actor, clock: Clock, expert: Expert, case: Application, reason: str
) -> None:
    """Note that *expert* is not free towards *case*; their sheets for it are put aside."""
    own = actor.account_id is not None and expert.account_id == actor.account_id
    require(actor, "score:write" if own else "panel:write")
    reason = _said(reason)
    known = select(ExpertConflict.id).where(
        ExpertConflict.expert_id == expert.id, ExpertConflict.application_id == case.id
    )
    if session.scalar(known) is None:
        session.add(
            ExpertConflict(
                expert_id=expert.id,
                application_id=case.id,
                reason=reason,
                account_id=actor.account_id,
                made_at=clock.now(),
            )
        )
    standing = select(ScoreSheet).where(
        ScoreSheet.expert_id == expert.id,
        ScoreSheet.application_id == case.id,
        ScoreSheet.voided_at.is_(None),
    )
    for sheet in session.scalars(standing).all():
        _put_aside(session, clock, sheet, reason)
    _note(session, actor, clock, "panel:declare", case, expert.id, reason)


def void(session: Session, actor: Actor, clock: Clock, sheet: ScoreSheet, reason: str) -> None:
    """Put a sheet aside, handed in or not; the expert may then be given another."""
    _take(actor, _stage_of(sheet))
    reason = _said(reason)
    if sheet.voided_at is not None:
        raise SheetLocked()
    _put_aside(session, clock, sheet, reason)
    _note(session, actor, clock, "panel:void", sheet.application, sheet.expert_id, reason)


def score(
    session: Session,
    actor: Actor,
    clock: Clock,
    sheet: ScoreSheet,
    typed: Mapping[str, Any],
    justification: str,
    seen_version: int,
) -> None:
    """Fill in *sheet* and lock it: the expert their own, or the centre one that came on paper.

    Raises ``NotThisStage``, ``SheetLocked``, ``BadPoints`` or ``JustificationRequired``.
    """
    own = is_own(actor, sheet)
    if not own:
        _take(actor, _stage_of(sheet))
    _refuse_moved(session, actor, sheet)
    panel = panel_of(_stage_of(sheet))
    points = read_points(panel, typed)
    guarded = (
        update(ScoreSheet)
        .where(
            ScoreSheet.id == sheet.id,
            ScoreSheet.version == seen_version,
            ScoreSheet.submitted_at.is_(None),
            ScoreSheet.voided_at.is_(None),
        )
        .values(
            points=points,
            total=total_of(panel, points),
            justification=_said(justification),
            submitted_at=clock.now(),
            entered_by_id=actor.account_id,
            from_paper=not own,
            version=ScoreSheet.version + 1,
        )
        .returning(ScoreSheet.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(guarded) is None:
        raise SheetLocked()
    session.refresh(sheet)
    _note(session, actor, clock, "panel:score", sheet.application, sheet.expert_id, "")


def join(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
) -> Joined:
    """Write the joined score of every waiting case whose sheets are all in, and judge once."""
    _take(actor, stage)
    panel, done = panel_of(stage), Joined()
    cases = {row.id: row for row in waiting_at(session, actor, revision, stage)}
    own = panel["into"].removeprefix("field.")
    scores: dict[int, str] = {}
    for case_id, sheets in sheets_of(session, stage, cases).items():
        why = _unready(panel, sheets)
        if why is not None:
            done.left.append((cases[case_id].number, *why))
            continue
        found = joined(panel, [sheet.total or 0 for sheet in sheets])
        if cases[case_id].fields.get(own) == float(found):
            done.same += 1
        else:
            scores[case_id] = str(found)
    if scores:
        numbers = {key: row.number for key, row in cases.items()}
        left = fill_in_each(session, actor, clock, revision, stage, panel["into"], scores)
        done.done = len(scores) - len(left)
        done.left += [(numbers[case], NOT_HERE, {}) for case in left]
    return done


def sheets_of(session: Session, stage: Stage, cases: Iterable[int]) -> dict[int, list[ScoreSheet]]:
    """The standing sheets of each of *cases* at *stage*, with their experts."""
    found: dict[int, list[ScoreSheet]] = {case: [] for case in cases}
    rows = session.scalars(
        select(ScoreSheet)
        .where(
            ScoreSheet.stage_key == stage.key,
            ScoreSheet.voided_at.is_(None),
            ScoreSheet.application_id.in_(list(found)),
        )
        .options(joinedload(ScoreSheet.expert), joinedload(ScoreSheet.entered_by))
        .order_by(ScoreSheet.id)
    )
    for row in rows:
        found[row.application_id].append(row)
    return found


def is_own(actor: Actor, sheet: ScoreSheet) -> bool:
    """Whether *sheet* is that of the expert who acts."""
    mine = actor.account_id is not None and sheet.expert.account_id == actor.account_id
    return mine and sheet.expert.is_active and may(actor, "score:write")


def _unready(
    panel: Mapping[str, Any], sheets: Sequence[ScoreSheet]
) -> tuple[str, dict[str, Any]] | None:
    """Why a case gets no score yet."""
    waiting = sum(sheet.submitted_at is None for sheet in sheets)
    if len(sheets) - waiting < panel["fewest"]:
        return SHORT, {"have": len(sheets) - waiting, "fewest": panel["fewest"]}
    return (OPEN_SHEETS, {"count": waiting}) if waiting else None


def _take(actor: Actor, stage: Stage) -> None:
    require(actor, "panel:write")
    if stage.acts != actor.role:
        raise NotThisStage()
    panel_of(stage)


def _stage_of(sheet: ScoreSheet) -> Stage:
    for stage in sheet.application.revision.stages:
        if stage.key == sheet.stage_key:
            return stage
    raise NotAPanel()


def _refuse_moved(session: Session, actor: Actor, sheet: ScoreSheet) -> None:
    """Sheets are filled in while the case waits at their stage, never by who entered it."""
    here = select(Application.id).where(
        Application.id == sheet.application_id,
        Application.state == WAITING,
        Application.stage_key == sheet.stage_key,
        visible(Application, actor),
        not_own(actor),
    )
    if session.scalar(here) is None:
        raise NotThisStage()


def _experts(session: Session, ids: Iterable[int]) -> list[Expert]:
    wanted = list(ids)
    rows = select(Expert).where(Expert.is_active).options(joinedload(Expert.organization))
    if wanted:
        rows = rows.where(Expert.id.in_(wanted))
    found = list(session.scalars(rows.order_by(Expert.id)))
    if not found:
        raise NoExperts()
    return found


def _standing(session: Session, stage: Stage, cases: Sequence[Application]) -> set[tuple[int, int]]:
    """(case, expert) of the standing sheets."""
    rows = session.execute(
        select(ScoreSheet.application_id, ScoreSheet.expert_id).where(
            ScoreSheet.stage_key == stage.key,
            ScoreSheet.voided_at.is_(None),
            ScoreSheet.application_id.in_([case.id for case in cases]),
        )
    )
    return {(case, expert) for case, expert in rows}


def _give_one(
    session: Session,
    actor: Actor,
    clock: Clock,
    stage: Stage,
    expert: Expert,
    case: Application,
    known: Conflicts,
    have: set[tuple[int, int]],
    done: Given,
) -> None:
    why = known.of(expert, case)
    if why is not None:
        done.left.append((case.number, expert.name, why))
    elif (case.id, expert.id) not in have:
        have.add((case.id, expert.id))
        session.add(
            ScoreSheet(
                application_id=case.id,
                stage_key=stage.key,
                expert_id=expert.id,
                points={},
                given_at=clock.now(),
                given_by_id=actor.account_id,
                version=1,
                from_paper=False,
                justification="",
                voided_for="",
            )
        )
        done.made += 1
        _note(session, actor, clock, "panel:assign", case, expert.id, "")


def _put_aside(session: Session, clock: Clock, sheet: ScoreSheet, reason: str) -> None:
    sheet.voided_at, sheet.voided_for = clock.now(), reason
    sheet.version += 1
    session.flush()


def _said(text: str) -> str:
    text = text.strip()
    if not SHORTEST <= len(text) <= LONGEST:
        raise JustificationRequired()
    return text


def _note(
    session: Session,
    actor: Actor,
    clock: Clock,
    action: str,
    case: Application,
    expert_id: int,
    reason: str,
) -> None:
    audit.record(
        session,
        actor,
        clock.now(),
        action,
        "application",
        case.id,
        reason=reason,
        details={"expert": expert_id},
        organization_id=case.organization_id,
    )
