"""The ledger: balanced entries in fen, never changed.

Money of each payer moves budget → committed → transferred → paid, and from there back to returned
or recovered; what was committed and never sent goes back where it came from. An entry names each
person on one side and the sum of each payer on the other, or each person on both; its postings add
up to zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    case,
    exists,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.orm import Session, aliased

from models.base import N_
from models.funding import (
    BOUNCED,
    CANCELLED,
    MADE,
    Budget,
    LedgerEntry,
    LedgerPosting,
    Payment,
    PaymentBatch,
    PaymentReversal,
    PaymentShare,
)
from portal.access.actor import Actor

BUDGET, COMMITTED, TRANSFERRED, PAID = "budget", "committed", "transferred", "paid"
RETURNED, RECOVERED = "returned", "recovered"
PURSES = {
    BUDGET: N_("Budget"),
    COMMITTED: N_("Committed"),
    TRANSFERRED: N_("Transferred"),
    PAID: N_("Paid"),
    RETURNED: N_("Returned by the bank"),
    RECOVERED: N_("Recovered"),
}
COMMIT, TRANSFER, PAY, REVERSE = "commit", "transfer", "pay", "reverse"
CANCEL = "cancel"


def commit(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """Money of *batch* is committed to each person: from the payers' budgets, or where the bank
    returned it before, from what came back."""
    entry_id = _entry(session, actor, now, COMMIT, batch)
    _sum(session, entry_id, batch, BUDGET, -1, ~came_back_before())
    _each(session, entry_id, batch, RETURNED, -1, came_back_before())
    _each(session, entry_id, batch, COMMITTED, +1)


def transfer(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """Committed money of *batch* is on its way to the district, in one transfer a payer."""
    entry_id = _entry(session, actor, now, TRANSFER, batch)
    _each(session, entry_id, batch, COMMITTED, -1)
    _sum(session, entry_id, batch, TRANSFERRED, +1)


def pay(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """The transferred money of *batch* has reached each person."""
    entry_id = _entry(session, actor, now, PAY, batch)
    _sum(session, entry_id, batch, TRANSFERRED, -1)
    _each(session, entry_id, batch, PAID, +1)


def reverse(session: Session, actor: Actor, now: datetime, payment: Payment, purse: str) -> None:
    """What was paid by *payment* came back and lies in *purse*: returned or recovered."""
    key = f"{purse}:{payment.id}"
    entry_id = _entry(session, actor, now, REVERSE, payment.batch, key)
    _each(session, entry_id, payment.batch, PAID, -1, Payment.id == payment.id)
    _each(session, entry_id, payment.batch, purse, +1, Payment.id == payment.id)


def cancel(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """What *batch* committed goes back where it came from: its entry, with every sign turned."""
    made = select(LedgerEntry.id).where(LedgerEntry.key == f"{COMMIT}:{batch.number}")
    committed = session.scalars(made).one()
    entry_id = _entry(session, actor, now, CANCEL, batch, reverses_id=committed)
    old = LedgerPosting
    turned = select(
        literal(entry_id),
        old.programme_id,
        old.payer_id,
        old.purse,
        old.application_id,
        -old.amount_fen,
    ).where(old.entry_id == committed)
    session.execute(insert(LedgerPosting).from_select(_COLUMNS, turned))


def came_back_before() -> ColumnElement[bool]:
    """Whether a payment is made again of money that the bank returned: an earlier one bounced."""
    earlier, back = aliased(Payment), aliased(PaymentReversal)
    return exists().where(
        earlier.application_id == Payment.application_id,
        earlier.instalment == Payment.instalment,
        earlier.attempt < Payment.attempt,
        back.payment_id == earlier.id,
        back.kind == BOUNCED,
    )


def _entry(
    session: Session,
    actor: Actor,
    now: datetime,
    kind: str,
    batch: PaymentBatch,
    key: str | None = None,
    reverses_id: int | None = None,
) -> int:
    entry = LedgerEntry(
        key=key or f"{kind}:{batch.number}",
        kind=kind,
        programme_id=batch.programme_id,
        batch_id=batch.id,
        reverses_id=reverses_id,
        account_id=actor.account_id,
        made_at=now,
    )
    session.add(entry)
    session.flush()
    return entry.id


def _sum(
    session: Session,
    entry_id: int,
    batch: PaymentBatch,
    purse: str,
    sign: int,
    *where: ColumnElement[bool],
) -> None:
    """One posting a payer."""
    rows = _shares(entry_id, batch, purse, literal(None, BigInteger), *where)
    total = func.sum(PaymentShare.amount_fen) * sign
    grouped = rows.add_columns(total).group_by(PaymentShare.payer_id)
    session.execute(insert(LedgerPosting).from_select(_COLUMNS, grouped))


def _each(
    session: Session,
    entry_id: int,
    batch: PaymentBatch,
    purse: str,
    sign: int,
    *where: ColumnElement[bool],
) -> None:
    """One posting a payer and person."""
    rows = _shares(entry_id, batch, purse, Payment.application_id.expression, *where)
    each = rows.add_columns(PaymentShare.amount_fen * sign)
    session.execute(insert(LedgerPosting).from_select(_COLUMNS, each))


_COLUMNS = ["entry_id", "programme_id", "payer_id", "purse", "application_id", "amount_fen"]


def _shares(
    entry_id: int,
    batch: PaymentBatch,
    purse: str,
    application_id: ColumnElement[Any],
    *where: ColumnElement[bool],
) -> Select[Any]:
    return (
        select(
            literal(entry_id),
            literal(batch.programme_id),
            PaymentShare.payer_id,
            literal(purse),
            application_id,
        )
        .join(Payment, Payment.id == PaymentShare.payment_id)
        .where(Payment.batch_id == batch.id, *where)
    )


def statement(session: Session) -> list[dict[str, Any]]:
    """What lies in each purse of each programme and payer:
    ``{programme_id, payer_id, purse, amount_fen}``."""
    columns = (LedgerPosting.programme_id, LedgerPosting.payer_id, LedgerPosting.purse)
    rows = session.execute(
        select(*columns, func.sum(LedgerPosting.amount_fen)).group_by(*columns).order_by(*columns)
    )
    names = ("programme_id", "payer_id", "purse")
    return [dict(zip(names, key, strict=True)) | {"amount_fen": int(fen)} for *key, fen in rows]


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
        select(PaymentBatch.programme_id, func.sum(PaymentBatch.budget_fen).label("fen"))
        .where(PaymentBatch.state != CANCELLED)
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
    """Per batch and payer: what the ledger holds is what payments and reversals say.

    What was cancelled lies nowhere.
    """
    found, again = _in_purses(session), came_back_before()
    shares = session.execute(
        select(
            PaymentBatch.number,
            PaymentBatch.state,
            PaymentShare.payer_id,
            case((again, 1), else_=0).label("again"),
            PaymentReversal.kind,
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
            PaymentReversal.kind,
        )
    )
    expected: Counter[tuple[str, int, str]] = Counter()
    for number, state, payer, is_again, reversal, fen in shares:
        expected[number, payer, RETURNED if is_again else BUDGET] -= int(fen)
        expected[number, payer, _lies_in(state, reversal)] += int(fen)
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
        .group_by(PaymentBatch.number, LedgerPosting.payer_id, LedgerPosting.purse)
    )
    return Counter({(number, payer, purse): int(fen) for number, payer, purse, fen in rows})


def _lies_in(state: str, reversal: str | None) -> str:
    if reversal is not None:
        return RETURNED if reversal == BOUNCED else RECOVERED
    return {MADE: COMMITTED, "transferred": TRANSFERRED}.get(state, PAID)
