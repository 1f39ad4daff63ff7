"""Tables that people paste from a notice or a sheet, and the rows that catalogues are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from models.base import N_, Because, Refusal
from models.catalogue import CatalogueEntry
from portal.evidence.identifiers import plain

_CODE = re.compile(r"(?=.*[0-9])(?![0-9]{1,3}$)[A-Za-z0-9.-]+")
_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
"""What may be a code where a row has none that looks like one: ``1``, ``A``, ``js``."""
_NO_CODE = N_("no code was found; a code has letters, digits, full stops and hyphens only")
_LIMITS = {
    name: getattr(CatalogueEntry, name).type.length
    for name in ("code", "title", "category", "mark")
}


class BadCatalogue(Refusal):
    """Rows cannot be a catalogue; the row and the reason are named."""

    message = N_("Row %(row)s: %(reason)s")


@dataclass(frozen=True)
class Entry:
    """One row as read: code, title, class, mark (such as newly added), rank, other spellings."""

    code: str
    title: str
    category: str = ""
    mark: str = ""
    rank: int | None = None
    aliases: tuple[str, ...] = ()


@dataclass
class Table:
    """A pasted or uploaded table: its rows in order, and what is wrong as (row, reason msgid)."""

    rows: list[Entry] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


def parse_table(text: str) -> Table:
    """Read a table pasted from a notice or a sheet.

    Cells are separated by tabs or spaces on one line, or stand one a line as notices paste them.
    A row has a code and a title, in either order, perhaps its number before them and its class
    after them. A class such as ``A（新）`` gives class and mark. A short code such as ``1`` or
    ``js`` stands on one line with its title. The heading is passed over, and said to be.
    """
    table = Table()
    rows = list(_grid(text, splits=not any(map(_CODE.fullmatch, plain(text).split()))))
    for number, cells in enumerate(rows, 1):
        place = _code_place(cells)
        if place is None:
            place = _short_place(cells, is_first=number == 1)
        if place is not None:
            _add(table, number, cells, place)
        else:
            is_heading = number == 1 and len(rows) > 1
            table.problems.append((number, N_("taken as the heading") if is_heading else _NO_CODE))
    if not rows:
        table.problems.append((1, _NO_CODE))
    return table


def refuse_unusable(rows: Iterable[Entry]) -> None:
    """Raise ``BadCatalogue`` for the first row that no catalogue can keep."""
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        reason = _unusable(row, seen)
        if reason:
            raise BadCatalogue(row=number, reason=Because(reason))
        seen.add(row.code)


def _unusable(row: Entry, seen: set[str]) -> str:
    if not row.code or not row.title:
        return N_("code and title are required")
    if row.code in seen:
        return N_("this code stands twice")
    long = [name for name, limit in _LIMITS.items() if len(getattr(row, name)) > limit]
    if long or any(len(alias) > _LIMITS["title"] for alias in row.aliases):
        return N_("a cell is too long")
    return ""


def _grid(text: str, *, splits: bool) -> Iterator[list[str]]:
    """The rows of a pasted table, whichever way its cells were separated.

    With *splits*, in a table of short codes, spaces separate cells on every line.
    """
    gathered: list[str] = []
    for line in [*text.splitlines(), ""]:
        cells = plain(line).split() if splits and "\t" not in line.strip() else _cells(line)
        if len(cells) == 1:
            gathered += cells
            continue
        yield from _parted(gathered)
        gathered = []
        if cells:
            yield cells


def _cells(line: str) -> list[str]:
    """The cells of one line; empty ones inside it are kept, so that columns stay apart."""
    if "\t" in line.strip():
        return [plain(cell) for cell in line.strip().split("\t")]
    words = plain(line).split(" ") if line.strip() else []
    return words if _code_place(words) is not None else [plain(line)] if words else []


def _parted(cells: list[str]) -> Iterator[list[str]]:
    """Rows whose cells stood one a line with nothing between the rows."""
    starts = [
        place - 1 if place and cells[place - 1].isdecimal() else place
        for place, cell in enumerate(cells)
        if _CODE.fullmatch(cell)
    ]
    for start, end in zip([0, *starts], [*starts, len(cells)], strict=True):
        if cells[start:end]:
            yield cells[start:end]


def _code_place(cells: Sequence[str]) -> int | None:
    """Where the code stands: among the first cells, and not just the row's number."""
    places = (place for place, cell in enumerate(cells[:3]) if _CODE.fullmatch(cell))
    return next(places, None)


def _short_place(cells: Sequence[str], *, is_first: bool) -> int | None:
    """Where a short code stands beside its title, after the row's number if there is one.

    A first row of nothing but such words is a heading.
    """
    short = [bool(_SHORT.fullmatch(cell)) for cell in cells[:3]]
    if len(cells) < 2 or (is_first and all(map(_SHORT.fullmatch, filter(None, cells)))):
        return None
    if len(cells) > 2 and cells[0].isdecimal() and short[1]:
        return 1
    return next((place for place in (0, 1) if short[place]), None)


def _add(table: Table, number: int, cells: Sequence[str], place: int) -> None:
    before = [cell for cell in cells[:place] if cell and not cell.isdecimal()]
    after = list(cells[place + 1 :])
    title = before[-1] if before else after.pop(0) if after else ""
    category, _, mark = (after[0] if after else "").partition("(")
    row = Entry(cells[place], title, category.strip(), mark.rstrip(") ").strip())
    reason = _unusable(row, {known.code for known in table.rows})
    if reason:
        table.problems.append((number, reason))
    else:
        table.rows.append(row)
