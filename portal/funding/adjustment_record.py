"""What acts on adjustments share: whom they hold, what they write into the audit trail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from models.adjustment import Adjustment
from models.application import Application
from models.audit import AuditEntry
from models.base import N_, Refusal
from models.funding import RECOVERED, Payment, PaymentReversal
from portal.access import audit
from portal.access.actor import Actor

MOST = 1_000
"""Cases that one act adjusts."""


class NothingToAdjust(Refusal):
    """None of the chosen cases can be adjusted as it was asked."""

    message = N_("None of the chosen cases can be adjusted. Please look at the list again.")


class Outdated(NothingToAdjust):
    """What was proposed would settle something else today."""

    message = N_(
        "Money of these cases moved since this was proposed. Cancel it and propose it again."
    )


class TooManyCases(Refusal):
    """More cases than one act takes."""

    message = N_("Choose at most %(most)s cases at a time.")


class AdjustmentMoved(Refusal):
    """It changed since it was shown, such as by the same form sent twice."""

    message = N_("This adjustment changed while you had it open. Please look again.")


@dataclass(frozen=True)
class Done:
    """How many cases an act took, and how many it left as they are."""

    done: int
    left: int


def refuse_many(ids: Collection[int]) -> None:
    """Raise ``TooManyCases`` where *ids* are more than one act takes."""
    if len(ids) > MOST:
        raise TooManyCases(most=MOST)


def is_recovered(application_id: Any) -> ColumnElement[bool]:
    """Whether a payment of the case was recovered as a whole, by which it is settled already."""
    return (
        select(Payment.id)
        .join(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(Payment.application_id == application_id, PaymentReversal.kind == RECOVERED)
        .exists()
    )


def refuse_moved(adjustment: Adjustment, seen: int | None) -> None:
    """Raise ``AdjustmentMoved`` where *adjustment* is not of the version *seen*, if one is told."""
    if seen is not None and adjustment.version != seen:
        raise AdjustmentMoved()


def hold_cases(session: Session, ids: Collection[int]) -> None:
    """PostgreSQL: hold the cases in the order of their ids; whoever adjusts them too waits."""
    rows = select(Application.id).where(Application.id.in_(ids)).order_by(Application.id)
    session.execute(rows.with_for_update()).all()


def record_adjustments(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    rows: Sequence[Adjustment],
    reason: str,
) -> None:
    """One entry an adjustment, sealed together."""
    if not rows:
        return
    entries = [
        {
            "at": now,
            "account_id": actor.account_id,
            "action": action,
            "entity": "adjustment",
            "entity_id": row.id,
            "organization_id": row.application.organization_id,
            "outcome": "done",
            "reason": reason,
            "address": actor.address,
            "details": {"number": row.application.number, "fen": row.fen, "now": row.settle_fen},
        }
        for row in rows
    ]

    def write(seal_id: int) -> None:
        session.execute(insert(AuditEntry), [entry | {"seal_id": seal_id} for entry in entries])

    audit.seal(session, now, write)
