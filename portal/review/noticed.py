"""Which cases wait for their public notice to end: until then nobody passes them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, select

from models.application import Application
from models.decision import FILL, MOVE, Decision
from models.programme import Stage
from models.publicity import CLEARED, NoticeEntry, PublicNotice
from portal.policy.stage_checks import PUBLIC_NOTICE


def is_notice(stage: Stage) -> bool:
    """Whether cases pass *stage* only once they were on public notice."""
    return stage.kind == PUBLIC_NOTICE and bool(stage.lasts)


def is_cleared(stage: Stage) -> ColumnElement[bool]:
    """Whether a case's notice at *stage* is over, nothing is open and it has not moved since."""
    return on_notice(stage, (CLEARED,))


def on_notice(
    stage: Stage, states: tuple[str, ...], notice: PublicNotice | None = None
) -> ColumnElement[bool]:
    """Whether a case stands in one of *states* on a notice of its present stay at *stage*.

    On *notice* itself where one is given.
    """
    this = [PublicNotice.id == notice.id] if notice is not None else []
    left = exists().where(
        Decision.application_id == Application.id,
        Decision.from_stage == stage.key,
        Decision.outcome.not_in((FILL, MOVE)),
        Decision.decided_at >= PublicNotice.opened_at,
    )
    entry = (
        select(NoticeEntry.id)
        .join(PublicNotice, PublicNotice.id == NoticeEntry.notice_id)
        .where(
            NoticeEntry.application_id == Application.id,
            NoticeEntry.state.in_(states),
            PublicNotice.stage_key == stage.key,
            *this,
            ~left.correlate(Application, PublicNotice),
        )
        .correlate(Application)
    )
    return and_(Application.stage_key == stage.key, entry.exists())
