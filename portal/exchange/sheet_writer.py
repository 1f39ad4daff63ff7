"""Writing sheets: streamed, no formulas, no links, identifiers as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from xlsxwriter import Workbook

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_LIST = 255
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class SheetColumn:
    """A column: its heading, width, and what it holds (``text`` or ``fen``).

    *choices* become a drop-down.
    """

    heading: str
    width: int = 14
    kind: str = "text"
    choices: Sequence[str] = field(default_factory=tuple)


def write_sheet(
    target: Path | IO[bytes],
    title: str,
    columns: Sequence[SheetColumn],
    rows: Iterable[Sequence[Any]],
    *,
    rows_with_choices: int = 0,
) -> int:
    """Write one sheet to *target* in constant memory; gives the number of rows.

    Amounts come in fen and are written in yuan. *rows_with_choices* rows below the heading get
    the drop-downs of a template.
    """
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = Workbook(target, options)
    sheet = book.add_worksheet(_sheet_title(title))
    head = book.add_format({"bold": True, "bg_color": "#EEF1F5", "border": 1})
    money = book.add_format({"num_format": "#,##0.00"})
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width, money if column.kind == "fen" else None)
        _offer(sheet, place, column, rows_with_choices)
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, [column.heading for column in columns], head)
    fen = {place for place, column in enumerate(columns) if column.kind == "fen"}
    count = 0
    for count, row in enumerate(rows, 1):
        for place, value in enumerate(row):
            if place in fen:
                sheet.write_number(count, place, value / 100)
            elif value:
                sheet.write_string(count, place, clean(value))
    sheet.autofilter(0, 0, count, max(len(columns) - 1, 0))
    book.close()
    return count


def clean(value: Any) -> str:
    """*value* as text that a sheet may hold."""
    text = str(value)
    return _CONTROL.sub("", text) if not text.isprintable() else text


def content_disposition(name: str) -> str:
    """The header that names a download, Chinese names included (RFC 5987)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _offer(sheet: Any, place: int, column: SheetColumn, rows: int) -> None:
    if not rows or not column.choices:
        return
    choices = list(column.choices)
    if len(",".join(choices)) > LONGEST_LIST:
        return
    rule = {"validate": "list", "source": choices, "error_type": "warning"}
    sheet.data_validation(1, place, rows, place, rule)


def _sheet_title(title: str) -> str:
    return re.sub(r"[\[\]:*?/\\']", " ", title)[:31] or "Sheet1"
