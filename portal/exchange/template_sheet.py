"""The empty sheet that units fill: the form's headings, with drop-downs."""

from __future__ import annotations

from typing import IO

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.catalogue import Catalogue, CatalogueEntry
from models.programme import FormField, Revision
from portal.exchange.sheet_writer import SheetColumn, write_sheet

ROWS = 2_000
"""Rows that get drop-downs."""


def write_template(session: Session, revision: Revision, target: IO[bytes]) -> None:
    """Write the empty sheet of *revision*'s form."""
    columns = [_column(session, row) for row in revision.fields if row.in_sheet]
    write_sheet(target, revision.programme.title, columns, [], rows_with_choices=ROWS)


def _column(session: Session, row: FormField) -> SheetColumn:
    width = max(12, len(row.label) * 2 + 2)
    return SheetColumn(row.label, width, choices=_choices(session, row))


def _choices(session: Session, row: FormField) -> list[str]:
    if row.kind == "yes_no":
        return ["是", "否"]
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
