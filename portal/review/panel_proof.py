"""What must hold of score sheets and public notices; a sentence a violation."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from models.application import Application
from models.decision import PASS, Decision
from models.panel import ScoreSheet
from models.programme import Stage
from models.publicity import NoticeEntry, PublicNotice
from portal.policy.stage_checks import PUBLIC_NOTICE
from portal.review.scoring import shown, total_of


def violations(session: Session) -> Iterator[str]:
    """Every sheet that does not add up, every case that passed a notice it was not on."""
    yield from _sums(session)
    yield from _unshown(session)


def _sums(session: Session) -> Iterator[str]:
    rows = session.execute(
        select(Application.number, ScoreSheet.points, ScoreSheet.total, Stage.panel)
        .join(ScoreSheet, ScoreSheet.application_id == Application.id)
        .join(
            Stage,
            and_(Stage.revision_id == Application.revision_id, Stage.key == ScoreSheet.stage_key),
        )
        .where(ScoreSheet.submitted_at.is_not(None), Stage.panel.is_not(None))
    )
    for number, points, total, panel in rows.yield_per(1_000):
        if {item["key"] for item in panel["criteria"]} != set(points):
            continue  # filled in under rules that the case has left
        said, real = shown(total or 0), shown(total_of(panel, points))
        if said != real:
            yield f"panel: a sheet of {number} says {said}, it adds up to {real}"


def _unshown(session: Session) -> Iterator[str]:
    """Passed a public notice without having been on one that ended."""
    ended = exists().where(
        NoticeEntry.application_id == Decision.application_id,
        NoticeEntry.notice_id == PublicNotice.id,
        NoticeEntry.ended_on.is_not(None),
        PublicNotice.stage_key == Stage.key,
        PublicNotice.opened_at <= Decision.decided_at,
    )
    rows = session.execute(
        select(Application.number, Stage.key)
        .join(Decision, Decision.application_id == Application.id)
        .join(
            Stage,
            and_(Stage.revision_id == Decision.revision_id, Stage.key == Decision.from_stage),
        )
        .where(
            Decision.outcome == PASS,
            Stage.kind == PUBLIC_NOTICE,
            Stage.lasts.is_not(None),
            ~ended,
        )
    )
    for number, key in rows:
        yield f"notice: {number} passed {key} without a public notice that ended"
