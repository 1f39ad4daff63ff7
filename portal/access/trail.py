"""One decision row and one audit row for every case that a batch moved, set-wise."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, literal, select
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.decision import Decision, DecisionBatch
from portal.access import audit
from portal.access.actor import Actor

ACTIONS = "application:"
"""How the audit names what was decided: ``application:pass`` and so on."""


def begin_act(
    session: Session, actor: Actor, now: datetime, outcome: str, decided: int = 0, reason: str = ""
) -> DecisionBatch:
    """The act of *actor* that cases are about to be moved by; *decided* says how many."""
    act = DecisionBatch(
        account_id=actor.account_id,
        outcome=outcome,
        reason=reason,
        decided=decided,
        decided_at=now,
    )
    session.add(act)
    session.flush()
    return act


def record_batch(
    session: Session,
    actor: Actor,
    now: datetime,
    batch: DecisionBatch,
    from_stage: ColumnElement[Any],
    *,
    reason: str = "",
) -> None:
    """Write decisions and sealed audit entries of the cases whose ``batch_id`` is *batch*.

    Call it after the cases were moved: their version, state and verdict are taken as they stand.
    Cases of the batch that already have their row are left alone.
    """
    decide_rows(session, actor, now, batch, from_stage, reason=reason)
    seal_rows(session, actor, now, batch, reason=reason)


def decide_rows(
    session: Session,
    actor: Actor,
    now: datetime,
    batch: DecisionBatch,
    from_stage: ColumnElement[Any],
    *,
    reason: str | ColumnElement[str] = "",
    where: ColumnElement[bool] | None = None,
) -> None:
    """The decision rows alone, for the cases of *batch* that *where* keeps.

    *reason* is one for all, or SQL that gives each case its own.
    """
    moved = Application
    values: dict[str, Any] = {
        "application_id": moved.id,
        "batch_id": literal(batch.id),
        "account_id": literal(actor.account_id),
        "outcome": literal(batch.outcome),
        "from_stage": from_stage,
        "to_stage": moved.stage_key,
        "to_state": moved.state,
        "reason": _worded(reason),
        "version": moved.version,
        "revision_id": moved.revision_id,
        "verdict": moved.verdict,
        "tier_key": moved.tier_key,
        "amount_fen": moved.amount_fen,
        "decided_at": literal(now, Decision.decided_at.type),
    }
    rows = select(*values.values()).where(moved.batch_id == batch.id).order_by(moved.id)
    if where is not None:
        rows = rows.where(where)
    session.execute(insert(Decision).from_select(list(values), rows))


def seal_rows(
    session: Session,
    actor: Actor,
    now: datetime,
    batch: DecisionBatch,
    *,
    reason: str | ColumnElement[str] = "",
) -> None:
    """The audit entries of all cases of *batch*, sealed by one link of the chain."""

    def write(seal_id: int) -> None:
        values: dict[str, Any] = {
            "seal_id": literal(seal_id),
            "at": literal(now, AuditEntry.at.type),
            "account_id": literal(actor.account_id),
            "action": literal(ACTIONS + batch.outcome),
            "entity": literal("application"),
            "entity_id": Application.id,
            "organization_id": Application.organization_id,
            "outcome": literal("done"),
            "reason": _worded(reason),
            "address": literal(actor.address),
            "details": literal({}, AuditEntry.details.type),
        }
        rows = (
            select(*values.values())
            .where(Application.batch_id == batch.id)
            .order_by(Application.id)
        )
        session.execute(insert(AuditEntry).from_select(list(values), rows))

    audit.seal(session, now, write)


def _worded(reason: str | ColumnElement[str]) -> ColumnElement[str]:
    return literal(reason) if isinstance(reason, str) else reason
