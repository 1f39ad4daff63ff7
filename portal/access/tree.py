"""The sheet of the union tree: read, checked and put in an order in which it can be built."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.base import N_, Refusal
from models.organization import BUREAU, CITY, DISTRICT, GROUP, KINDS, UNIT

COLUMNS = ("code", "name", "kind", "parent_code", "nature")
_LONGEST = {"code": 40, "name": 120, "nature": 20}
_DEEPEST = 16
_LARGEST_FILE = 20 * 1024 * 1024


class BadTree(Refusal):
    """The tree cannot be built; subclasses name the row (the heading is row 1)."""

    message = N_("The union tree is broken.")


class MissingColumns(BadTree):
    """The heading lacks a column."""

    message = N_("The sheet needs the columns %(columns)s.")


class UnreadableSheet(BadTree):
    """Neither UTF-8 nor GB 18030 text, or absurdly large."""

    message = N_("The file is not a readable CSV sheet.")


class BadCell(BadTree):
    """A cell is empty, too long or holds control characters."""

    message = N_("Row %(row)s: %(column)s is missing or cannot be used.")


class DuplicateCode(BadTree):
    """Two rows have one code."""

    message = N_("Row %(row)s: code %(code)s is already in row %(first)s.")


class UnknownKind(BadTree):
    """No such kind of union."""

    message = N_("Row %(row)s: unknown kind %(kind)s. Known: %(kinds)s.")


class UnknownParent(BadTree):
    """The parent is neither in the sheet nor in the portal."""

    message = N_("Row %(row)s: there is no parent union with code %(code)s.")


class ParentCycle(BadTree):
    """Following the parents leads back to the row."""

    message = N_("Row %(row)s: union %(code)s would be above itself.")


class TooDeep(BadTree):
    """More levels than a path can hold."""

    message = N_("Row %(row)s: more than %(levels)s levels of unions.")


class MisplacedRoot(BadTree):
    """Exactly one city federation, at the top; everything else below it."""

    message = N_("Row %(row)s: only the one city federation stands at the top, and only there.")


class MisplacedUnion(BadTree):
    """A unit has no unions below it; districts and bureaus hang under the city alone."""

    message = N_("Row %(row)s: a union of this kind does not stand under that parent.")


@dataclass(frozen=True)
class Row:
    """One line of the sheet. ``number`` counts the heading as 1."""

    number: int
    code: str
    name: str
    kind: str
    parent_code: str
    nature: str


def read_sheet(path: Path) -> list[Row]:
    """The rows of a CSV file (UTF-8 or GB 18030); raises a ``BadTree`` naming the row."""
    try:
        return _rows(csv.DictReader(io.StringIO(_text_of(path)), strict=True))
    except csv.Error:
        raise UnreadableSheet() from None


PARENTS = {
    CITY: frozenset[str](),
    DISTRICT: frozenset({CITY}),
    BUREAU: frozenset({CITY}),
    GROUP: frozenset({DISTRICT, BUREAU, GROUP}),
    UNIT: frozenset({CITY, DISTRICT, BUREAU, GROUP}),
}
"""Under which kinds a kind of union hangs."""


def checked(row: Row) -> Row:
    """*row*, if every cell can be used; raises ``BadCell`` or ``UnknownKind``."""
    for column, longest in _LONGEST.items():
        text = getattr(row, column)
        if len(text) > longest or not text.isprintable() or not (text or column == "nature"):
            raise BadCell(row=row.number, column=column)
    if row.kind not in KINDS:
        raise UnknownKind(row=row.number, kind=row.kind, kinds=", ".join(KINDS))
    return row


def refuse_repeats(rows: Iterable[Row]) -> None:
    """Raise ``DuplicateCode`` when two rows have one code."""
    first: dict[str, int] = {}
    for row in rows:
        if row.code in first:
            raise DuplicateCode(row=row.number, code=row.code, first=first[row.code])
        first[row.code] = row.number


def parents_first(rows: Sequence[Row], parents: Mapping[str, str]) -> list[Row]:
    """*rows* with every parent before its children.

    *parents* maps the codes of unions that exist already to their parents' codes. Raises
    ``UnknownParent``, ``ParentCycle`` or ``TooDeep``.
    """
    parents = dict(parents) | {row.code: row.parent_code for row in rows}
    depths = {row.code: _depth(row, parents) for row in rows}
    return sorted(rows, key=lambda row: (depths[row.code], row.number))


def refuse_parent(row: Row, parent_kind: str | None) -> None:
    """Raise ``MisplacedUnion`` unless a union of *row*'s kind may hang under *parent_kind*."""
    if parent_kind is not None and parent_kind not in PARENTS[row.kind]:
        raise MisplacedUnion(row=row.number)


def refuse_root(row: Row, root: str | None) -> None:
    """Raise ``MisplacedRoot`` unless the city federation, and it alone, stands at the top.

    *root* is the code of the one that stands there already.
    """
    is_top = not row.parent_code
    if is_top != (row.kind == CITY) or (is_top and root not in (None, row.code)):
        raise MisplacedRoot(row=row.number)


def _text_of(path: Path) -> str:
    if path.stat().st_size > _LARGEST_FILE:
        raise UnreadableSheet()
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableSheet()


def _rows(reader: csv.DictReader[str]) -> list[Row]:
    missing = [column for column in COLUMNS[:4] if column not in (reader.fieldnames or ())]
    if missing:
        raise MissingColumns(columns=", ".join(missing))
    return [_row(number, cells) for number, cells in enumerate(reader, 2)]


def _row(number: int, cells: Mapping[str, str | None]) -> Row:
    code, name, kind, parent_code, nature = (_cell(cells.get(c)) for c in COLUMNS)
    return checked(Row(number, code, name, kind, parent_code, nature))


def _cell(text: str | None) -> str:
    return " ".join((text or "").split())


def _depth(row: Row, parents: Mapping[str, str]) -> int:
    seen, code = {row.code}, row.parent_code
    while code:
        if code not in parents:
            raise UnknownParent(row=row.number, code=code)
        if code in seen:
            raise ParentCycle(row=row.number, code=row.code)
        seen.add(code)
        code = parents[code]
    if len(seen) > _DEEPEST:
        raise TooDeep(row=row.number, levels=_DEEPEST)
    return len(seen)
