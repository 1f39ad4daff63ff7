"""The child process that parses one workbook under limits and prints its cells as JSON."""

from __future__ import annotations

import json
import re
import resource
import sys
from datetime import date, datetime
from typing import Any
from zipfile import ZipFile

from python_calamine import CalamineWorkbook

TOO_LARGE = 3
"""Exit status for a sheet that reaches beyond the rows or columns allowed."""

# cells, rows and the sheet's own size; drop-downs and formats may well name whole columns
_REFERENCE = re.compile(
    rb"""[\s:"']r=["']([A-Z]{1,7})?(\d{1,12})["']"""
    rb"""|dimension\s+ref=["'][A-Z]+\d+:([A-Z]{1,7})(\d{1,12})["']"""
)
_PART = 1 << 20
_EXACT_DIGITS = 15
_MOST_TEXT = 30_000_000
"""Characters of all cells together; one long text that every cell shares is small in the file."""


def main(path: str, rows: int, columns: int) -> int:
    """Print the first sheet of *path*; gives the exit status."""
    if _reaches_beyond(path, rows, columns):
        return TOO_LARGE
    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    cells = sheet.to_python(skip_empty_area=False)
    if len(cells) > rows:
        return TOO_LARGE
    texts = [[_text(cell) for cell in row] for row in cells]
    if sum(len(text) for row in texts for text in row) > _MOST_TEXT:
        return TOO_LARGE
    json.dump(texts, sys.stdout, ensure_ascii=False)
    return 0


def _reaches_beyond(path: str, rows: int, columns: int) -> bool:
    """Whether any cell reference of any sheet lies beyond *rows* and *columns*."""
    with ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        for name in sheets:
            with archive.open(name) as part:
                tail = b""
                while chunk := part.read(_PART):
                    if _beyond(tail + chunk, rows, columns):
                        return True
                    tail = chunk[-64:]
    return False


def _beyond(text: bytes, rows: int, columns: int) -> bool:
    for match in _REFERENCE.finditer(text):
        letters, number = match.group(1) or match.group(3), match.group(2) or match.group(4)
        if number and int(number) > rows:
            return True
        if letters and _column(letters) > columns:
            return True
    return False


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float | int):
        return _number(cell)
    return "" if cell is None else str(cell)


def _number(cell: float) -> str:
    """A number as typed; one too long to be exact keeps Excel's look, which no check accepts."""
    if cell == int(cell):
        digits = str(int(cell))
        return digits if len(digits) <= _EXACT_DIGITS else f"{cell:.5E}"
    return repr(cell)


if __name__ == "__main__":
    most_memory, most_seconds = int(sys.argv[4]), int(sys.argv[5])
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
    resource.setrlimit(resource.RLIMIT_CPU, (most_seconds, most_seconds))
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
