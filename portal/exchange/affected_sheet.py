"""The cases that a later finding affects, as a sheet: a row each, a column for each payer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import STATES
from models.base import N_
from models.organization import Organization
from models.programme import Programme
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.exchange.programme_sheet import write_audited
from portal.exchange.sheet_writer import SheetColumn, Told
from portal.funding.affected import Affected, Found, settled_by_payer

TEXTS = (
    (N_("Application"), 18),
    (N_("Applicant"), 12),
    (N_("District"), 20),
    (N_("State"), 12),
    (N_("Clause"), 12),
    (N_("Finding"), 50),
)
MONEY = (
    N_("Awarded (yuan)"),
    N_("In batches (yuan)"),
    N_("Now (yuan)"),
    N_("Difference (yuan)"),
)


def write_affected(
    session: Session,
    actor: Actor,
    clock: Clock,
    programme: Programme,
    found: Found,
    target: IO[bytes],
    told: Told,
) -> int:
    """Write the cases of *programme* that were *found*, audited; gives their number.

    Under a payer's name stands what it pays extra, or below zero gets back, of what is out. The
    session must be writing.
    """
    require(actor, "application:export")
    settled = settled_by_payer(session, found.rows)
    ids = {payer for parts in settled.values() for payer in parts}
    payers = session.execute(
        select(Organization.id, Organization.name)
        .where(Organization.id.in_(ids))
        .order_by(Organization.path)
    ).all()
    columns = [SheetColumn(told(text, {}), width) for text, width in TEXTS]
    columns += [SheetColumn(told(text, {}), 18, "fen") for text in MONEY]
    columns += [SheetColumn(payer.name, 20, "fen") for payer in payers]
    rows = (
        (*_cells(row, told), *(settled[row.id][payer.id] for payer in payers)) for row in found.rows
    )
    return write_audited(
        session, actor, clock, "application:export", programme, target, columns, rows
    )


def _cells(row: Affected, told: Told) -> Iterator[Any]:
    yield from (row.number, row.person, row.district, told(STATES[row.state], {}))
    yield from (row.clause, row.says)
    yield from (row.award_fen, row.out_fen, row.now_fen, row.difference_fen)
