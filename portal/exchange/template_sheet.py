"""The empty sheet that units fill: the form's headings with drop-downs, and how to fill it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import IO

from sqlalchemy import select
from sqlalchemy.orm import Session
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from models.base import N_
from models.catalogue import Catalogue, CatalogueEntry
from models.programme import FormField, Revision
from portal.exchange.sheet_writer import (
    Told,
    clean,
    heading_format,
    new_book,
    sheet_title,
    text_format,
    write_heading,
)

ROWS = 2_000
"""Rows that get drop-downs."""
_CHOICES = "choices"
_REQUIRED = "#FFE3B3"
_HOW = {
    "date": N_("A day, such as 2026-08-31"),
    "yes_no": N_("Yes or no"),
    "number": N_("A number"),
    "money": N_("An amount in yuan"),
    "id_number": N_("18 characters, as text"),
    "phone": N_("11 digits, as text"),
    "card": N_("16 to 19 digits, as text"),
    "table": N_("A row a line, cells apart by | : %(columns)s"),
}


def write_template(session: Session, revision: Revision, target: IO[bytes], told: Told) -> None:
    """Write the empty sheet of *revision*'s form to *target*.

    It has no example row, which somebody would send in. Headings that must be filled have
    another colour; the second sheet says how; the third, hidden one holds the drop-downs.
    """
    fields = [row for row in revision.fields if row.in_sheet and not row.stage]
    choices = [_choices(session, row, told) for row in fields]
    with new_book(target) as book:
        _write_form(book, revision.programme.title, fields, choices)
        _write_hints(book, fields, told)
        _write_choices(book, choices)


def _write_form(
    book: Workbook, title: str, fields: Sequence[FormField], choices: Sequence[list[str]]
) -> None:
    sheet = book.add_worksheet(sheet_title(title))
    text = text_format(book)
    for place, row in enumerate(fields):
        sheet.set_column(place, place, max(12, len(row.label) * 2 + 2), text)
        _offer(sheet, place, len(choices[place]))
    plain, required = heading_format(book), heading_format(book, _REQUIRED)
    write_heading(sheet, [row.label for row in fields], plain)
    for place, row in enumerate(fields):
        if row.critical:
            sheet.write_string(0, place, clean(row.label), required)


def _offer(sheet: Worksheet, place: int, count: int) -> None:
    """A drop-down that warns and lets pass: other spellings are read too."""
    if count:
        column = xl_col_to_name(place, True)
        source = f"={_CHOICES}!{column}$1:{column}${count}"
        rule = {"validate": "list", "source": source, "error_type": "warning"}
        sheet.data_validation(1, place, ROWS, place, rule)


def _write_hints(book: Workbook, fields: Sequence[FormField], told: Told) -> None:
    sheet = book.add_worksheet(sheet_title(told(N_("How to fill this in"), {})))
    headings = [told(word, {}) for word in (N_("Column"), N_("Required"), N_("How"))]
    for place, width in enumerate((26, 10, 70)):
        sheet.set_column(place, place, width)
    write_heading(sheet, headings, heading_format(book))
    required = told(N_("Required"), {})
    for number, row in enumerate(fields, 1):
        columns = {"columns": " | ".join(column["label"] for column in row.columns)}
        words = [told(_HOW[row.kind], columns) if row.kind in _HOW else "", row.hint]
        how = "；".join(word for word in words if word)
        for place, text in enumerate((row.label, required if row.critical else "", how)):
            sheet.write_string(number, place, clean(text))


def _write_choices(book: Workbook, choices: Sequence[list[str]]) -> None:
    sheet = book.add_worksheet(_CHOICES)
    sheet.hide()
    for number, row in enumerate(zip_longest(*choices, fillvalue="")):
        for place, text in enumerate(row):
            if text:
                sheet.write_string(number, place, clean(text))


def _choices(session: Session, row: FormField, told: Told) -> list[str]:
    if row.kind == "yes_no":
        return [told(N_("Yes"), {}), told(N_("No"), {})]
    if not row.catalogue:
        return list(row.choices.values())
    return list(
        session.scalars(
            select(CatalogueEntry.title)
            .join(Catalogue)
            .where(Catalogue.key == row.catalogue, CatalogueEntry.retired_on.is_(None))
            .order_by(CatalogueEntry.position)
        )
    )
