"""A public notice as a sheet: exactly the masked list that was frozen when it was opened."""

from __future__ import annotations

from typing import IO

from models.base import N_
from models.publicity import NoticeEntry, PublicNotice
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.review.publicity import COLUMNS

_WIDTHS = {"subject": 36, "unit": 30, "district": 22, "person": 10, "tier": 20}
DAYS = N_("On notice from %(starts)s to %(ends)s, both days included")


def write_notice(
    notice: PublicNotice, entries: list[NoticeEntry], target: IO[bytes], told: Told
) -> int:
    """Write *entries* of *notice*; gives how many."""
    headings = [SheetColumn(told(N_("No."), {}), 6)]
    headings += [SheetColumn(told(word, {}), _WIDTHS[key]) for key, word in COLUMNS.items()]
    rows = ([row.position, *(row.cells.get(key, "") for key in COLUMNS)] for row in entries)
    days = told(DAYS, {"starts": notice.starts_on, "ends": notice.ends_on})
    return write_sheet(target, notice.title, headings, rows, feet=[["", days]])
