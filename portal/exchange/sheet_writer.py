"""Writing sheets: streamed, no formulas, no links, identifiers as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import quote

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet

from models.base import N_, Refusal

Told = Callable[[str, dict[str, Any]], str]
"""Puts a msgid with its parameters into the reader's language."""
MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_TEXT = 32_767
"""Characters that a cell holds; a program drops what is longer."""
MOST_ROWS = 1_048_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_TEXT = 49
"""The number of the built-in format ``@``."""
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


class TooManyRows(Refusal):
    """More rows than a sheet holds."""

    message = N_("A sheet holds at most %(most)s rows. Please choose fewer.")


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
    feet: Iterable[Sequence[Any]] = (),
    editable: bool = False,
) -> int:
    """Write one sheet to *target* in constant memory; gives the number of *rows*.

    Raises ``TooManyRows``.

    *feet* are totals: read after the rows, they stand below them and outside the filter. In an
    *editable* sheet digits that somebody types stay text.
    """
    with new_book(target) as book:
        sheet = book.add_worksheet(sheet_title(title))
        looks = {"fen": _money_format(book), "text": text_format(book) if editable else None}
        fen = [column.kind == "fen" for column in columns]
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width, looks[column.kind])
        write_heading(sheet, [column.heading for column in columns], heading_format(book))
        count = 0
        for count, row in enumerate(rows, 1):
            if count > MOST_ROWS:
                raise TooManyRows(most=MOST_ROWS)
            _write_row(sheet, count, row, fen)
        last = max(len(columns) - 1, 0)
        sheet.ignore_errors({"number_stored_as_text": xl_range(0, 0, count, last)})
        sheet.autofilter(0, 0, count, last)
        bold = _money_format(book, bold=True)
        for number, row in enumerate(feet, count + 1):
            _write_row(sheet, number, row, fen, bold)
    return count


@contextmanager
def new_book(target: Path | IO[bytes]) -> Iterator[Workbook]:
    """A workbook that keeps one row in memory and takes text for text.

    It reaches *target* only whole, and leaves no part of itself behind when the work breaks off.
    """
    with TemporaryDirectory(prefix="sheet-") as folder:
        book = Workbook(target, _OPTIONS | {"tmpdir": folder})
        try:
            yield book
        except BaseException:
            for sheet in book.worksheets():
                sheet.row_data_fh.close()
            raise
        book.close()


def heading_format(book: Workbook, colour: str = "#EEF1F5") -> Format:
    """How headings look."""
    return book.add_format({"bold": True, "bg_color": colour, "border": 1, "valign": "vcenter"})


def text_format(book: Workbook) -> Format:
    """Cells that stay text when somebody types 18 digits into them."""
    return book.add_format({"num_format": _TEXT})


def write_heading(sheet: Worksheet, headings: Sequence[str], look: Format) -> None:
    """The first row, which stays in sight."""
    sheet.freeze_panes(1, 0)
    for place, heading in enumerate(headings):
        sheet.write_string(0, place, clean(heading), look)


def clean(value: Any) -> str:
    """*value* as text that a sheet may hold."""
    text = str(value)
    if text.isprintable() and len(text) <= LONGEST_TEXT:
        return text
    return _CONTROL.sub("", text)[:LONGEST_TEXT]


def content_disposition(name: str) -> str:
    """The header that names a download, Chinese names included (RFC 5987)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def sheet_title(title: str) -> str:
    """*title* as a name that Excel takes for a sheet."""
    return re.sub(r"[\x00-\x1f\[\]:*?/\\']", " ", title)[:31].strip() or "Sheet1"


def _write_row(
    sheet: Worksheet, number: int, row: Sequence[Any], fen: Sequence[bool], look: Any = None
) -> None:
    for place, value in enumerate(row):
        if value is None or value == "":
            continue
        if fen[place]:
            sheet.write_number(number, place, value / 100, look)
        else:
            sheet.write_string(number, place, clean(value), look)


def _money_format(book: Workbook, *, bold: bool = False) -> Format:
    return book.add_format({"num_format": "#,##0.00", "bold": bold})
