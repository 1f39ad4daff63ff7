"""The ledger: balanced entries in fen, never changed.

Money moves budget → committed → transferred → paid. An entry names each person on one side and
the sum on the other; its postings add up to zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, insert, literal, select
from sqlalchemy.orm import Session

from models.funding import Budget, LedgerEntry, LedgerPosting, Payment, PaymentBatch
from models.organization import Organization
from portal.access.actor import Actor

BUDGET, COMMITTED, TRANSFERRED, PAID = "budget", "committed", "transferred", "paid"
COMMIT, TRANSFER, PAY = "commit", "transfer", "pay"


def commit(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """Money of *batch* leaves the budget and is committed to each person."""
    entry_id = _entry(session, actor, now, COMMIT, batch)
    _sum(session, entry_id, batch, BUDGET, -1)
    _each(session, entry_id, batch, COMMITTED, +1)


def transfer(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """Committed money of *batch* is on its way to the district, in one transfer."""
    entry_id = _entry(session, actor, now, TRANSFER, batch)
    _each(session, entry_id, batch, COMMITTED, -1)
    _sum(session, entry_id, batch, TRANSFERRED, +1)


def pay(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """The transferred money of *batch* has reached each person."""
    entry_id = _entry(session, actor, now, PAY, batch)
    _sum(session, entry_id, batch, TRANSFERRED, -1)
    _each(session, entry_id, batch, PAID, +1)


def _entry(session: Session, actor: Actor, now: datetime, kind: str, batch: PaymentBatch) -> int:
    entry = LedgerEntry(
        key=f"{kind}:{batch.number}",
        kind=kind,
        programme_id=batch.programme_id,
        batch_id=batch.id,
        account_id=actor.account_id,
        made_at=now,
    )
    session.add(entry)
    session.flush()
    return entry.id


def _sum(session: Session, entry_id: int, batch: PaymentBatch, purse: str, sign: int) -> None:
    session.execute(
        insert(LedgerPosting).values(
            entry_id=entry_id,
            programme_id=batch.programme_id,
            payer_id=_payer(session),
            purse=purse,
            amount_fen=sign * batch.total_fen,
        )
    )


def _each(session: Session, entry_id: int, batch: PaymentBatch, purse: str, sign: int) -> None:
    rows = select(
        literal(entry_id),
        literal(batch.programme_id),
        literal(_payer(session)),
        literal(purse),
        Payment.application_id,
        Payment.amount_fen * sign,
    ).where(Payment.batch_id == batch.id)
    columns = ["entry_id", "programme_id", "payer_id", "purse", "application_id", "amount_fen"]
    session.execute(insert(LedgerPosting).from_select(columns, rows))


def _payer(session: Session) -> int:
    """The city federation, the one payer until programmes name several."""
    root = select(Organization.id).where(Organization.parent_id.is_(None)).order_by(Organization.id)
    return session.scalars(root.limit(1)).one()


def statement(session: Session) -> list[dict[str, Any]]:
    """What lies in each purse of each programme: ``{programme_id, purse, amount_fen}``."""
    rows = session.execute(
        select(LedgerPosting.programme_id, LedgerPosting.purse, func.sum(LedgerPosting.amount_fen))
        .group_by(LedgerPosting.programme_id, LedgerPosting.purse)
        .order_by(LedgerPosting.programme_id, LedgerPosting.purse)
    )
    return [{"programme_id": p, "purse": purse, "amount_fen": int(fen)} for p, purse, fen in rows]


def violations(session: Session) -> Iterator[str]:
    """Each way in which ledger, payments, batches and budgets disagree, as a sentence."""
    yield from _unbalanced(session)
    yield from _batches_off(session)
    yield from _budgets_off(session)
    yield from _purses_off(session)


def _unbalanced(session: Session) -> Iterator[str]:
    total = func.coalesce(func.sum(LedgerPosting.amount_fen), 0)
    sides = func.count(LedgerPosting.id)
    rows = session.execute(
        select(LedgerEntry.key, total)
        .outerjoin(LedgerPosting, LedgerPosting.entry_id == LedgerEntry.id)
        .group_by(LedgerEntry.id, LedgerEntry.key)
        .having((total != 0) | (sides < 2))
    )
    for key, fen in rows:
        yield f"ledger: entry {key} does not balance ({fen} fen)"


def _batches_off(session: Session) -> Iterator[str]:
    total = func.coalesce(func.sum(Payment.amount_fen), 0)
    rows = session.execute(
        select(PaymentBatch.number, PaymentBatch.total_fen, total)
        .outerjoin(Payment, Payment.batch_id == PaymentBatch.id)
        .group_by(PaymentBatch.id)
        .having(
            (PaymentBatch.total_fen != total)
            | (PaymentBatch.payments_count != func.count(Payment.id))
        )
    )
    for number, said, found in rows:
        yield f"payment: batch {number} says {said} fen, its payments come to {found}"


def _budgets_off(session: Session) -> Iterator[str]:
    spent = (
        select(PaymentBatch.programme_id, func.sum(PaymentBatch.total_fen).label("fen"))
        .group_by(PaymentBatch.programme_id)
        .subquery()
    )
    found = func.coalesce(spent.c.fen, 0)
    rows = session.execute(
        select(Budget.programme_id, Budget.spent_fen, Budget.cap_fen, found)
        .outerjoin(spent, spent.c.programme_id == Budget.programme_id)
        .where((Budget.spent_fen != found) | (Budget.spent_fen > Budget.cap_fen))
    )
    for programme_id, said, cap, real in rows:
        yield f"budget: programme {programme_id} spent {said} of {cap} fen, batches come to {real}"


def _purses_off(session: Session) -> Iterator[str]:
    """Per batch: what the ledger committed, transferred and paid is what its state says."""
    signed = LedgerPosting.amount_fen
    moved = {
        purse: func.coalesce(func.sum(case((LedgerPosting.purse == purse, signed), else_=0)), 0)
        for purse in (BUDGET, COMMITTED, TRANSFERRED, PAID)
    }
    rows = session.execute(
        select(PaymentBatch.number, PaymentBatch.state, PaymentBatch.total_fen, *moved.values())
        .outerjoin(LedgerEntry, LedgerEntry.batch_id == PaymentBatch.id)
        .outerjoin(LedgerPosting, LedgerPosting.entry_id == LedgerEntry.id)
        .group_by(PaymentBatch.id)
    )
    for number, state, total, *purses in rows:
        if purses != _expected(state, total):
            yield f"ledger: the postings of batch {number} do not match its state {state}"


def _expected(state: str, total: int) -> list[int]:
    place = {"made": COMMITTED, "transferred": TRANSFERRED, "paid": PAID}.get(state)
    return [-total, *(total if place == purse else 0 for purse in (COMMITTED, TRANSFERRED, PAID))]
