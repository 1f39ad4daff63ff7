"""Reading a sheet that somebody sent: bounded before it is opened, parsed in a child process.

A sheet of 5 KB can name two cells so far apart that a parser asks for gigabytes; so the archive
and the cell references are measured first, and the parser runs with limits of its own.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from models.base import N_, Refusal
from portal.exchange import workbook_child


class NotAWorkbook(Refusal):
    """The file is no sheet that can be read."""

    message = N_("This file is not an Excel workbook (.xlsx) or CSV file, or it is damaged.")


class WorkbookTooLarge(Refusal):
    """The file, or what it unpacks to, is too large."""

    message = N_(
        "The sheet is too large: at most %(rows)s rows, %(columns)s columns and %(size)s MB."
    )


class EmptySheet(Refusal):
    """The first sheet has no heading or no row."""

    message = N_("The first sheet is empty.")


@dataclass(frozen=True)
class Limits:
    """How much a sheet may hold; sizes in bytes, time in seconds."""

    size: int = 20 * 1024 * 1024
    unpacked: int = 300 * 1024 * 1024
    entries: int = 300
    rows: int = 50_001
    columns: int = 200
    memory: int = 1536 * 1024 * 1024
    seconds: int = 60


@dataclass(frozen=True)
class Sheet:
    """The first sheet: its heading, and its rows with their numbers as the program shows them."""

    heading: list[str]
    rows: list[tuple[int, list[str]]]


def read_sheet(path: Path, limits: Limits | None = None) -> Sheet:
    """Read the first sheet of *path* (.xlsx or CSV); every cell as text, days as ISO dates.

    Raises ``NotAWorkbook``, ``WorkbookTooLarge`` or ``EmptySheet``.
    """
    limits = limits or Limits()
    if path.stat().st_size > limits.size:
        raise _too_large(limits)
    with path.open("rb") as file:
        start = file.read(4)
    cells = _workbook(path, limits) if start == b"PK\x03\x04" else _csv(path, limits)
    filled = [(number, row) for number, row in enumerate(cells, 1) if any(row)]
    if len(filled) < 2:
        raise EmptySheet()
    return Sheet([cell.strip() for cell in filled[0][1]], filled[1:])


def _workbook(path: Path, limits: Limits) -> list[list[str]]:
    _measure(path, limits)
    command = [sys.executable, "-m", workbook_child.__name__, str(path)]
    command += [str(limits.rows), str(limits.columns), str(limits.memory), str(limits.seconds)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module and a path of our own making
            command, capture_output=True, timeout=limits.seconds + 5, check=False
        )
    except subprocess.TimeoutExpired:
        raise _too_large(limits) from None
    if done.returncode == workbook_child.TOO_LARGE:
        raise _too_large(limits)
    if done.returncode != 0:
        raise NotAWorkbook()
    rows: list[list[str]] = json.loads(done.stdout)
    return rows


def _measure(path: Path, limits: Limits) -> None:
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
    except (BadZipFile, OSError, ValueError):
        raise NotAWorkbook() from None
    if len(parts) > limits.entries or sum(part.file_size for part in parts) > limits.unpacked:
        raise _too_large(limits)


def _csv(path: Path, limits: Limits) -> list[list[str]]:
    data = path.read_bytes()
    if b"\0" in data:
        raise NotAWorkbook()
    text = _decoded(data)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(StringIO(text)):
            if len(rows) == limits.rows or len(row) > limits.columns:
                raise _too_large(limits)
            rows.append(row)
    except csv.Error:
        raise NotAWorkbook() from None
    return rows


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise NotAWorkbook()


def _too_large(limits: Limits) -> WorkbookTooLarge:
    size = limits.size // 1024 // 1024
    return WorkbookTooLarge(rows=limits.rows - 1, columns=limits.columns, size=size)
