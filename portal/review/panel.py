"""Expert panels: the sheets of a case, and the score that they make.

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


SHORT = N_("has %(have)s of %(fewest)s sheets")
OPEN_SHEETS = N_("%(count)s sheets are not handed in yet")
NOT_HERE = N_("does not wait at this stage, or you entered it yourself")


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
    note(session, actor, clock, "panel:declare", case, expert.id, reason)


def void(session: Session, actor: Actor, clock: Clock, sheet: ScoreSheet, reason: str) -> None:
    """Put a sheet aside, handed in or not; the expert may then be given another."""
    take(actor, _stage_of(sheet))
    reason = _said(reason)
    if sheet.voided_at is not None:
        raise SheetLocked()
    _put_aside(session, clock, sheet, reason)
    note(session, actor, clock, "panel:void", sheet.application, sheet.expert_id, reason)


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
        take(actor, _stage_of(sheet))
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
    note(session, actor, clock, "panel:score", sheet.application, sheet.expert_id, "")


def join(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
) -> Joined:
    """Write the joined score of every waiting case whose sheets are all in, and judge once."""
    take(actor, stage)
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


def take(actor: Actor, stage: Stage) -> None:
    """Only who acts at a panel stage works on it; raises ``NotThisStage`` or ``NotAPanel``."""
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


def _put_aside(session: Session, clock: Clock, sheet: ScoreSheet, reason: str) -> None:
    sheet.voided_at, sheet.voided_for = clock.now(), reason
    sheet.version += 1
    session.flush()


def _said(text: str) -> str:
    text = text.strip()
    if not SHORTEST <= len(text) <= LONGEST:
        raise JustificationRequired()
    return text


def note(
    session: Session,
    actor: Actor,
    clock: Clock,
    action: str,
    case: Application,
    expert_id: int,
    reason: str,
) -> None:
    """Audit what was done about an expert and a case."""
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
