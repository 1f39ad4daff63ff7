"""Writing sheets: streamed, no formulas, no links, identifiers as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_TEXT = 32_767
"""Characters that a cell holds; a program drops what is longer."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True)
class SheetColumn:
    """A column: its heading, its width in characters, and what it holds.

    *kind* is ``text`` (days are written YYYY-MM-DD), or ``fen``: whole fen that are written as
    yuan with two decimals.
    """

    heading: str
    width: int = 14
    kind: str = "text"


def write_sheet(
    target: Path | IO[bytes],
    title: str,
    columns: Sequence[SheetColumn],
    rows: Iterable[Sequence[Any]],
    *,
    total: str = "",
) -> int:
    """Write one sheet to *target* in constant memory; gives the number of *rows*.

    With *total*, that word and the sum of every ``fen`` column stand below the rows.
    """
    book = new_book(target)
    sheet = book.add_worksheet(sheet_title(title))
    looks = {"fen": book.add_format({"num_format": "#,##0.00"}), "text": text_format(book)}
    fen = [column.kind == "fen" for column in columns]
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width, looks[column.kind])
    write_heading(sheet, [column.heading for column in columns], heading_format(book))
    sums = [0] * len(columns)
    count = 0
    for count, row in enumerate(rows, 1):
        for place, value in enumerate(row):
            if value is None or value == "":
                continue
            if fen[place]:
                sums[place] += value
                sheet.write_number(count, place, value / 100)
            else:
                sheet.write_string(count, place, clean(value))
    last = max(len(columns) - 1, 0)
    sheet.ignore_errors({"number_stored_as_text": xl_range(0, 0, count, last)})
    sheet.autofilter(0, 0, count, last)
    if total:
        _write_total(book, sheet, count + 1, total, sums, fen)
    book.close()
    return count


def new_book(target: Path | IO[bytes]) -> Workbook:
    """A workbook that keeps one row in memory and takes text for text."""
    return Workbook(target, _OPTIONS)


def heading_format(book: Workbook, colour: str = "#EEF1F5") -> Format:
    """How headings look."""
    return book.add_format({"bold": True, "bg_color": colour, "border": 1, "valign": "vcenter"})


def text_format(book: Workbook) -> Format:
    """Cells that stay text when somebody types 18 digits into them."""
    return book.add_format({"num_format": "@"})


def write_heading(sheet: Worksheet, headings: Sequence[str], look: Format) -> None:
    """The first row, which stays in sight."""
    sheet.freeze_panes(1, 0)
    for place, heading in enumerate(headings):
        sheet.write_string(0, place, clean(heading), look)


def clean(value: Any) -> str:
    """*value* as text that a sheet may hold."""
    text = str(value)
    if not text.isprintable():
        text = _CONTROL.sub("", text)
    return text[:LONGEST_TEXT]


def content_disposition(name: str) -> str:
    """The header that names a download, Chinese names included (RFC 5987)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def sheet_title(title: str) -> str:
    """*title* as a name that Excel takes for a sheet."""
    return re.sub(r"[\x00-\x1f\[\]:*?/\\']", " ", title)[:31].strip() or "Sheet1"


def _write_total(
    book: Workbook, sheet: Worksheet, row: int, word: str, sums: Sequence[int], fen: Sequence[bool]
) -> None:
    look = book.add_format({"bold": True, "top": 1, "num_format": "#,##0.00"})
    sheet.write_string(row, 0, clean(word), look)
    for place, value in enumerate(sums):
        if fen[place]:
            sheet.write_number(row, place, value / 100, look)
