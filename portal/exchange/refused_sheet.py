"""The rows that were refused, as they were sent, with the reason beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from portal.exchange.applications_in import RefusedRow
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet


def write_refused(
    target: IO[bytes],
    title: str,
    heading: Sequence[str],
    refused: Sequence[RefusedRow],
    words: tuple[str, str],
    told: Told,
) -> None:
    """Write *refused* to *target*; *words* are the headings of the row number and the reason.

    The sheet can be corrected and sent again as it is: the two added columns are ignored.
    """
    number, reason = words
    columns = [SheetColumn(number, 8), SheetColumn(reason, 50)]
    columns += [SheetColumn(name, 16) for name in heading]
    rows = [[row.row, reasons(row, told), *row.cells] for row in refused]
    write_sheet(target, title, columns, rows, editable=True)


def reasons(row: RefusedRow, told: Told) -> str:
    """All reasons of a row, each with its column."""
    return "；".join(f"{item.label}：{told(item.message, item.params)}" for item in row.problems)
