"""Ledger, payments, batches and budgets set against each other, for ``flask verify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import ColumnElement, Subquery, and_, case, func, select, text
from sqlalchemy.orm import Session

from models.funding import (
    BOUNCED,
    CANCELLED,
    MADE,
    TRANSFERRED,
    Budget,
    LedgerEntry,
    LedgerPosting,
    Payment,
    PaymentBatch,
    PaymentReversal,
    PaymentShare,
)
from models.organization import Organization
from portal.funding import ledger
from portal.funding.dues import city
from portal.funding.ledger import BUDGET, RECOVERED, RETURNED, came_back_before


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
    """What each payer's budget says is spent is what the ledger took from it and did not recover,
    and within the cap; so is what the batches say they took from the city federation's."""
    drawn = _drawn(LedgerPosting.purse.in_(ledger.SPENT))
    found = func.coalesce(drawn.c.fen, 0)
    own = and_(drawn.c.programme_id == Budget.programme_id, drawn.c.payer_id == Budget.payer_id)
    rows = session.execute(
        select(Budget.programme_id, Organization.code, Budget.spent_fen, Budget.cap_fen, found)
        .join(Organization, Organization.id == Budget.payer_id)
        .outerjoin(drawn, own)
        .where((Budget.spent_fen != found) | (Budget.spent_fen > Budget.cap_fen))
    )
    for programme_id, payer, said, cap, real in rows:
        yield (
            f"budget: programme {programme_id}, payer {payer}: spent {said} of {cap} fen, "
            f"the ledger took {real}"
        )
    batches = (
        select(PaymentBatch.programme_id, func.sum(PaymentBatch.budget_fen).label("fen"))
        .where(PaymentBatch.state != CANCELLED)
        .group_by(PaymentBatch.programme_id)
        .subquery()
    )
    drawn = _drawn(LedgerPosting.purse == BUDGET, LedgerEntry.kind != ledger.RELEASE)
    found = func.coalesce(drawn.c.fen, 0)
    theirs = and_(drawn.c.programme_id == batches.c.programme_id, drawn.c.payer_id == city())
    told = session.execute(
        select(batches.c.programme_id, batches.c.fen, found)
        .outerjoin(drawn, theirs)
        .where(batches.c.fen != found)
    )
    for programme_id, said, real in told:
        yield (
            f"budget: programme {programme_id}: batches took {said} fen from the city's, "
            f"the ledger {real}"
        )


def _drawn(*where: ColumnElement[bool]) -> Subquery:
    """What the postings for which *where* holds took from each programme and payer."""
    return (
        select(
            LedgerPosting.programme_id,
            LedgerPosting.payer_id,
            (-func.sum(LedgerPosting.amount_fen)).label("fen"),
        )
        .join(LedgerEntry, LedgerEntry.id == LedgerPosting.entry_id)
        .where(*where)
        .group_by(LedgerPosting.programme_id, LedgerPosting.payer_id)
        .subquery()
    )


def _purses_off(session: Session) -> Iterator[str]:
    """Per batch and payer: what the ledger holds is what payments and reversals say.

    What was cancelled lies nowhere; what adjustments brought back is proved with these.
    """
    found, again = _in_purses(session), came_back_before()
    freed = ledger.was_released(Payment.id)
    back = case((freed, ledger.RELEASE), else_=PaymentReversal.kind)
    shares = session.execute(
        select(
            PaymentBatch.number,
            PaymentBatch.state,
            PaymentShare.payer_id,
            case((again, 1), else_=0).label("again"),
            back.label("back"),
            func.sum(PaymentShare.amount_fen),
        )
        .join(Payment, Payment.batch_id == PaymentBatch.id)
        .join(PaymentShare, PaymentShare.payment_id == Payment.id)
        .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(PaymentBatch.state != CANCELLED)
        .group_by(
            PaymentBatch.number,
            PaymentBatch.state,
            PaymentShare.payer_id,
            text("again"),
            text("back"),
        )
    )
    expected: Counter[tuple[str, int, str]] = Counter()
    for number, state, payer, is_again, back_by, fen in shares:
        expected[number, payer, RETURNED if is_again else BUDGET] -= int(fen)
        expected[number, payer, _lies_in(state, back_by)] += int(fen)
    off = {key[0] for key in found.keys() | expected.keys() if found[key] != expected[key]}
    for number in sorted(off):
        yield f"ledger: the postings of batch {number} do not match its payments"


def _in_purses(session: Session) -> Counter[tuple[str, int, str]]:
    rows = session.execute(
        select(
            PaymentBatch.number,
            LedgerPosting.payer_id,
            LedgerPosting.purse,
            func.sum(LedgerPosting.amount_fen),
        )
        .join(LedgerEntry, LedgerEntry.batch_id == PaymentBatch.id)
        .join(LedgerPosting, LedgerPosting.entry_id == LedgerEntry.id)
        .where(LedgerEntry.kind != ledger.RECOVER)
        .group_by(PaymentBatch.number, LedgerPosting.payer_id, LedgerPosting.purse)
    )
    return Counter({(number, payer, purse): int(fen) for number, payer, purse, fen in rows})


def _lies_in(state: str, back_by: str | None) -> str:
    if back_by is not None:
        return {BOUNCED: RETURNED, ledger.RELEASE: BUDGET}.get(back_by, RECOVERED)
    return {MADE: ledger.COMMITTED, TRANSFERRED: ledger.TRANSFERRED}.get(state, ledger.PAID)
