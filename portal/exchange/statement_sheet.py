"""A statement of the ledger as a sheet: the lines, their totals, and the summary below them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy.orm import Session

from models.base import N_
from portal.access import audit
from portal.access.actor import Actor
from portal.clock import SHANGHAI, Clock
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.funding.ledger import PURSES
from portal.funding.statement import KINDS, MOVES, Statement


def write_statement(
    session: Session,
    actor: Actor,
    clock: Clock,
    found: Statement,
    title: str,
    target: IO[bytes],
    told: Told,
) -> int:
    """Write *found*, audited; gives its lines."""
    words = (
        N_("Recorded on"),
        N_("What happened"),
        N_("Batch number"),
        N_("District"),
        N_("Payer"),
    )
    columns = [SheetColumn(told(word, {}), 18) for word in words]
    columns += [SheetColumn(told(word, {}), 14, "fen") for word in PURSES.values()]
    lines = (
        (
            line.at.astimezone(SHANGHAI).date(),
            told(KINDS[line.kind], {}),
            line.batch,
            line.district,
            line.payer,
            *line.purses.values(),
        )
        for line in found.lines
    )
    count = write_sheet(target, title, columns, lines, feet=_feet(found, told))
    audit.record(
        session, actor, clock.now(), "statement:read", "ledger", None, details={"lines": count}
    )
    return count


def _feet(found: Statement, told: Told) -> Iterator[list[Any]]:
    """The totals; then per programme and payer what was out before, what moved, what is out now
    (under the heading of the budget)."""
    yield [told(N_("Total"), {}), "", "", "", "", *found.totals.values()]
    for row in found.summaries:
        named = [row.programme, "", "", row.payer]
        blank: list[Any] = [None] * len(MOVES)
        yield [told(N_("Opening"), {}), *named, row.opening, *blank]
        yield [told(N_("In the month"), {}), *named, None, *row.moves.values()]
        yield [told(N_("Closing"), {}), *named, row.closing, *blank]
        if row.cap is not None:
            yield [told(N_("Budget"), {}), *named, row.cap, *blank]
            yield [told(N_("Left of the budget"), {}), *named, row.left, *blank]
