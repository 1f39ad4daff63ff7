"""By which way a batch's money goes, which papers it needs, and until when it should be there.

Rules are a programme's rows (S23 四（二）5, S26 四（一）5, 四（二）3); without any, money goes
through the district and no paper is asked.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.application import Application
from models.decision import PASS, Decision
from models.funding import Payment, PaymentBatch
from models.programme import Revision
from models.sharing import PAPERS, PaymentRule
from portal.calendar import calendar_of
from portal.clock import SHANGHAI
from portal.policy.payment_words import BATCH_DAYS

SUBMITTED, _RELEASED, MADE, TRANSFERRED = BATCH_DAYS


def rule_of(revision: Revision, channel: str) -> PaymentRule | None:
    """The row of *revision* for cases of *channel*: the first that fits."""
    fitting = (row for row in revision.payments if not row.channels or channel in row.channels)
    return next(fitting, None)


def rules_of(session: Session, batch: PaymentBatch) -> list[PaymentRule]:
    """The rows by which the payments of *batch* go, each once."""
    rows = session.execute(
        select(Application.revision_id, Application.channel)
        .join(Payment, Payment.application_id == Application.id)
        .where(Payment.batch_id == batch.id)
        .distinct()
        .order_by(Application.revision_id, Application.channel)
    )
    found: dict[int, PaymentRule] = {}
    for revision_id, channel in rows:
        rule = rule_of(session.get_one(Revision, revision_id), channel)
        if rule is not None:
            found[rule.id] = rule
    return list(found.values())


def wanted(session: Session, batch: PaymentBatch) -> list[str]:
    """The papers that *batch* needs, in their order."""
    named = {kind for rule in rules_of(session, batch) for kind in rule.papers}
    return [kind for kind in PAPERS if kind in named]


def due_day(session: Session, batch: PaymentBatch) -> date | None:
    """Until when the people of *batch* should be paid: the earliest day that its rules name."""
    calendar = calendar_of(session)
    found = []
    for rule in rules_of(session, batch):
        start = _anchor(session, batch, rule.due["after"]) if rule.due else None
        if rule.due and start is not None:
            found.append(calendar.due(start, rule.due).day)
    return min(found, default=None)


def _anchor(session: Session, batch: PaymentBatch, key: str) -> date | None:
    if key == TRANSFERRED:
        return batch.transferred_on
    if key == MADE:
        return batch.made_at.astimezone(SHANGHAI).date()
    cases = select(Payment.application_id).where(Payment.batch_id == batch.id)
    if key == SUBMITTED:
        first = select(func.min(Application.submitted_on)).where(Application.id.in_(cases))
        return session.scalar(first)
    return _released(session, cases)


def _released(session: Session, cases: Any) -> date | None:
    """The day on which the first of *cases* was passed last."""
    last = (
        select(func.max(Decision.decided_at).label("at"))
        .where(Decision.application_id.in_(cases), Decision.outcome == PASS)
        .group_by(Decision.application_id)
        .subquery()
    )
    at = session.scalar(select(func.min(last.c.at)))
    return at.astimezone(SHANGHAI).date() if at else None
