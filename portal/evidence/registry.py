"""Authorities that answer by number: what a live service must offer, and one that reads files.

S26 一（三）has certificate and membership checked by the system itself. A service of the city is
put behind ``Registry``; until there is one, a folder of files answers.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from models.base import N_, Refusal
from models.evidence import CERTIFICATE, MEMBERSHIP, PATENT
from portal.evidence.comparison import FIELDS, Answer
from portal.evidence.identifiers import certificate_key, tidy
from portal.evidence.patents import patent_key

_KEYS = {
    CERTIFICATE: ("number", certificate_key),
    PATENT: ("number", patent_key),
    MEMBERSHIP: ("id_number", lambda text: tidy(text).upper()),
}
"""The field by which each kind is asked for, and its normal form."""


class NoRegistry(Refusal):
    """Nobody answers for this kind."""

    message = N_("There is no registry for %(kind)s: put %(kind)s.csv or .json into its folder.")


class BadRegistry(Refusal):
    """The file of a registry cannot be read."""

    message = N_("The registry file %(name)s cannot be read: %(why)s")


class Unreachable(Exception):
    """A service does not answer now; its cases stay unchecked."""


class Registry(Protocol):
    """An authority that is asked one number at a time."""

    @property
    def name(self) -> str:
        """What the record of a check calls it."""

    def look_up(self, kind: str, number: str) -> Answer | None:
        """What it says of *number*, by field of the kind; ``None`` where it knows none.

        Raises ``Unreachable`` where it cannot say now, ``NoRegistry`` where it never will.
        """


class FiledRegistry:
    """A registry in a folder: ``<kind>.csv`` with field keys as headings, or ``<kind>.json``.

    A JSON file is a list of objects with the same keys. Fields of a kind: see
    ``portal.evidence.comparison.FIELDS``; certificates and patents are found by ``number``,
    members by ``id_number``.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self._folder = folder
        self._name = name
        self._read: dict[str, dict[str, Answer]] = {}

    @property
    def name(self) -> str:
        """The name it was given, else that of its folder."""
        return self._name or self._folder.name

    def look_up(self, kind: str, number: str) -> Answer | None:
        """The row of *number*; raises ``NoRegistry`` or ``BadRegistry``."""
        if kind not in self._read:
            self._read[kind] = self._load(kind)
        return self._read[kind].get(_KEYS[kind][1](number))

    def _load(self, kind: str) -> dict[str, Answer]:
        for path, read in (
            (self._folder / f"{kind}.csv", _csv_rows),
            (self._folder / f"{kind}.json", _json_rows),
        ):
            if path.is_file():
                return _by_number(kind, path, read(path))
        raise NoRegistry(kind=kind)


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        yield from csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRegistry(name=path.name, why=type(error).__name__) from None


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise BadRegistry(name=path.name, why=type(error).__name__) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadRegistry(name=path.name, why="[{…}, …]")
    yield from rows


def _by_number(kind: str, path: Path, rows: Iterable[Mapping[str, Any]]) -> dict[str, Answer]:
    key, normal = _KEYS[kind]
    known = [row.key for row in FIELDS[kind]]
    found: dict[str, Answer] = {}
    for row in rows:
        if not row.get(key):
            raise BadRegistry(name=path.name, why=key)
        answer = {name: str(row[name]) for name in known if row.get(name) not in (None, "")}
        found[normal(str(row[key]))] = answer
    return found
