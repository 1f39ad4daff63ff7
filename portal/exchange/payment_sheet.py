"""The payment list of a batch (S26 四（一）5): who is paid, how much, into which account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

from sqlalchemy.orm import Session

from models.application import PAYEE_KINDS
from models.base import N_
from models.funding import PaymentBatch
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import may, require
from portal.clock import Clock
from portal.evidence.identifiers import mask_card, mask_id
from portal.exchange.batch_rows import PaidRow, batch_rows
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.funding.papers import payers_of

WORDS = (
    N_("No."), N_("Application number"), N_("Name"), N_("ID number"), N_("Unit"), N_("Paid to"),
    N_("Bank"), N_("Card or account number"),
)  # fmt: skip
SUMS = N_("Amount (yuan)"), N_("Added by the union (yuan)"), N_("To be paid (yuan)")
CORRECTED = N_("corrected since")


def write_payments(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, target: IO[bytes], told: Told
) -> int:
    """Write *batch* in order of approval, audited; gives its people.

    Accounts are in full for whoever makes the payment or passes it on, masked for who looks on.
    Where the union adds to an award, both parts stand beside the one sum that goes out.
    """
    require(actor, "payment:export")
    rows = list(batch_rows(session, actor, batch))
    sums = SUMS if any(row.on_top_fen for row in rows) else SUMS[:1]
    columns = [SheetColumn(told(word, {}), 20) for word in WORDS]
    columns += [SheetColumn(told(word, {}), 14, "fen") for word in sums]
    is_clear = may(actor, "applicant:reveal")
    shown = str if is_clear else mask_card
    cells = _cells(rows, shown, len(sums), told)
    feet = _feet(session, batch, rows, len(sums), told)
    count = write_sheet(target, batch.number, columns, cells, feet=feet)
    audit.record(
        session, actor, clock.now(), "payment:export", "payment_batch", batch.id,
        details={"people": count, "clear": is_clear}, organization_id=batch.district_id,
    )  # fmt: skip
    return count


def _cells(
    rows: list[PaidRow], shown: Callable[[str], str], sums: int, told: Told
) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield (
            row.position,
            row.number,
            row.name,
            mask_id(row.id_number),
            row.unit,
            told(PAYEE_KINDS[row.payee_kind], {}) if row.payee_kind else "",
            row.bank,
            told(CORRECTED, {}) if row.is_corrected else shown(row.account),
            *_sums([row], sums),
        )


def _feet(
    session: Session, batch: PaymentBatch, rows: list[PaidRow], sums: int, told: Told
) -> list[list[Any]]:
    """The sum of all, and what each payer bears of it."""
    total = ["", "", told(N_("Total"), {}), *[""] * 5, *_sums(rows, sums)]
    payers = payers_of(session, batch)
    if len(payers) < 2:
        return [total]
    each = [["", "", name, *[""] * 5, *_placed(fen, on_top, sums)] for name, on_top, fen in payers]
    return [total, *each]


def _placed(fen: int, on_top: bool, sums: int) -> list[Any]:
    """*fen* in the column of what it is a part of."""
    if sums == 1:
        return [fen]
    return [None, fen, None] if on_top else [fen, None, None]


def _sums(rows: list[PaidRow], sums: int) -> list[int]:
    found = [sum(row.fen for row in rows), sum(row.on_top_fen for row in rows)]
    return [*found, sum(found)][:sums]
