"""The calculation of shares and matches as a sheet: a row for each district and payer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy.orm import Session

from models.base import N_
from models.programme import Programme
from models.sharing import PAYERS
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.exchange.programme_sheet import write_audited
from portal.exchange.sheet_writer import SheetColumn, Told
from portal.funding.matching import Matching


def write_matching(
    session: Session,
    actor: Actor,
    clock: Clock,
    programme: Programme,
    found: Matching,
    target: IO[bytes],
    told: Told,
) -> int:
    """Write *found* of *programme*, audited; gives its rows."""
    require(actor, "matching:read")
    money = [*found.instalments.values()] if len(found.instalments) > 1 else []
    money += [told(word, {}) for word in (N_("Owed"), N_("In batches"), N_("Left"))]
    columns = [
        SheetColumn(told(N_("District"), {}), 24),
        SheetColumn(told(N_("Payer"), {}), 30),
        SheetColumn(told(N_("Applications"), {}), 12),
        SheetColumn(told(N_("Not stated"), {}), 12),
        *(SheetColumn(title, 16, "fen") for title in money),
    ]
    return write_audited(
        session, actor, clock, "matching:read", programme, target, columns, _rows(found, told)
    )


def _rows(found: Matching, told: Told) -> Iterator[tuple[Any, ...]]:
    several = len(found.instalments) > 1
    for row in found.rows:
        parts = [row.instalments.get(place, 0) for place in found.instalments] if several else []
        payer = row.title or told(PAYERS[row.payer], {})
        yield (
            row.district,
            payer,
            row.cases,
            row.unknown,
            *parts,
            row.fen,
            row.paid,
            (row.fen - row.paid),
        )
