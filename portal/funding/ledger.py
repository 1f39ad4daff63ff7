"""The ledger: balanced entries in fen, never changed.

Money of each payer moves budget → committed → transferred → paid, and from there back to returned
or recovered; what was committed and never sent goes back where it came from. An entry names each
person on one side and the sum of each payer on the other, or each person on both; its postings add
up to zero. What the bank returned goes back to the budget once its person is to get something else,
or nothing. What is recovered, as a whole or in parts, can be spent again: a budget has spent what
was taken from it less what lies recovered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
    true,
)
from sqlalchemy.orm import Session, aliased

from models.base import N_
from models.funding import (
    BOUNCED,
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
SPENT = (BUDGET, RECOVERED)
"""The purses that tell what a budget has spent: their sum, turned round."""
COMMIT, TRANSFER, PAY, REVERSE = "commit", "transfer", "pay", "reverse"
CANCEL, RECOVER, RELEASE = "cancel", "recover", "release"


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


def recover(
    session: Session,
    actor: Actor,
    now: datetime,
    batch: PaymentBatch,
    key: str,
    application_id: int,
    given: Mapping[int, int],
) -> None:
    """What a person of *batch* was paid too much came in: *given* (fen by payer) is recovered."""
    entry_id = _entry(session, actor, now, RECOVER, batch, key)
    rows: list[dict[str, Any]] = []
    for payer_id, fen in sorted(given.items()):
        about = {"entry_id": entry_id, "programme_id": batch.programme_id, "payer_id": payer_id}
        about["application_id"] = application_id
        rows.append(about | {"purse": PAID, "amount_fen": -fen})
        rows.append(about | {"purse": RECOVERED, "amount_fen": fen})
    session.execute(insert(LedgerPosting), [row for row in rows if row["amount_fen"]])


def release(session: Session, actor: Actor, now: datetime, payment: Payment) -> None:
    """What the bank returned of *payment* goes back to the payers' budgets."""
    entry_id = _entry(session, actor, now, RELEASE, payment.batch, f"{RELEASE}:{payment.id}")
    _each(session, entry_id, payment.batch, RETURNED, -1, Payment.id == payment.id)
    _sum(session, entry_id, payment.batch, BUDGET, +1, Payment.id == payment.id)


def drawn_by(batch: PaymentBatch) -> Select[int, int]:
    """What *batch* took from the payers' budgets when it was made: ``payer_id`` and ``fen``."""
    return (
        select(LedgerPosting.payer_id, (-func.sum(LedgerPosting.amount_fen)).label("fen"))
        .join(LedgerEntry, LedgerEntry.id == LedgerPosting.entry_id)
        .where(LedgerEntry.key == f"{COMMIT}:{batch.number}", LedgerPosting.purse == BUDGET)
        .group_by(LedgerPosting.payer_id)
    )


def came_back_before() -> ColumnElement[bool]:
    """Whether a payment is made again of money that the bank returned."""
    return is_returned(Payment.application_id, Payment.instalment, Payment.attempt)


def is_returned(
    application_id: SQLColumnExpression[Any],
    instalment: SQLColumnExpression[Any],
    before: SQLColumnExpression[Any] | None = None,
) -> ColumnElement[bool]:
    """Whether the bank returned the instalment of a case, in an attempt *before* that one, and it
    was not released since."""
    back, bounced = aliased(Payment), aliased(PaymentReversal)
    upto = back.attempt < before if before is not None else true()
    own = (back.application_id == application_id, back.instalment == instalment, upto)
    freed = aliased(Payment)
    return exists().where(
        *own,
        bounced.payment_id == back.id,
        bounced.kind == BOUNCED,
        ~exists().where(
            freed.application_id == back.application_id,
            freed.instalment == back.instalment,
            freed.attempt >= back.attempt,
            freed.attempt < before if before is not None else true(),
            was_released(freed.id),
        ),
    )


def was_released(payment_id: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Whether what the bank returned of a payment went back to the budgets."""
    key = literal(f"{RELEASE}:") + cast(payment_id, String)
    return exists().where(LedgerEntry.key == key)


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
