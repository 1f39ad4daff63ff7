"""The 申请单 of a union as a sheet; refused where its breakdowns do not add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from models.base import N_
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.funding.requests import Request, Row, refuse_faults


def write_request(found: Request, title: str, target: IO[bytes], told: Told) -> int:
    """Write *found*; gives its rows. Raises ``DoesNotAddUp``."""
    refuse_faults(found)
    columns = [
        SheetColumn(told(N_("By"), {}), 18),
        SheetColumn(found.union, 28),
        SheetColumn(told(N_("Applications"), {}), 12),
        SheetColumn(told(N_("Amount (yuan)"), {}), 16, "fen"),
        SheetColumn(told(N_("Added by the union (yuan)"), {}), 18, "fen"),
    ]
    total = _cells("", told(N_("Total"), {}), found.total)
    return write_sheet(target, title, columns, _rows(found, told), feet=[total])


def _rows(found: Request, told: Told) -> Iterator[list[Any]]:
    for each in found.breakdowns:
        for row in each.rows.values():
            yield _cells(each.label or told(N_("Award tier"), {}), row.title, row)


def _cells(by: str, title: str, row: Row) -> list[Any]:
    return [by, title, row.cases, row.fen, row.on_top_fen]
