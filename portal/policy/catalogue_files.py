"""Catalogues as files: CSV, with an ``index.yaml`` beside them that says what each one is."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import N_, Because, Refusal
from models.catalogue import Catalogue
from portal.access.actor import Actor
from portal.clock import Clock
from portal.evidence.identifiers import plain
from portal.policy.catalogue_tables import BadCatalogue, Entry
from portal.policy.catalogues import apply_table

COLUMNS = ("code", "title", "category", "mark", "rank", "aliases")
_FACTS = ("family", "year", "title", "kind", "source")


class BadCatalogueFile(Refusal):
    """A file cannot be read as a catalogue; it and the reason are named."""

    message = N_("%(file)s: %(reason)s")

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(file=file, reason=Because(reason))


def load_catalogues(session: Session, actor: Actor, clock: Clock, path: Path) -> list[str]:
    """Load the CSV file *path*, or every one that a folder's index describes; gives their keys.

    A file's name is its catalogue's key. Entries that are gone from the file retire.
    Raises ``BadCatalogueFile`` or ``BadCatalogue``.
    """
    index = _index(path if path.is_dir() else path.parent)
    files = [path / f"{key}.csv" for key in index] if path.is_dir() else [path]
    for file in files:
        if not isinstance(index.get(file.stem), dict):
            raise BadCatalogueFile(file.name, N_("index.yaml does not describe it"))
        rows = _rows(file)
        apply_table(session, actor, clock, _catalogue(session, file.stem, index[file.stem]), rows)
    return [file.stem for file in files]


def _index(folder: Path) -> Mapping[str, Any]:
    file = folder / "index.yaml"
    try:
        found = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError):
        found = None
    if not isinstance(found, dict):
        raise BadCatalogueFile(str(file), N_("there is no index of catalogues here"))
    return found


def _catalogue(session: Session, key: str, facts: Mapping[str, Any]) -> Catalogue:
    """The catalogue with *key*, new or brought up to date with what the index says."""
    found = session.scalar(select(Catalogue).where(Catalogue.key == key))
    if found is None:
        found = Catalogue(key=key, version=1)
    for name in _FACTS:
        setattr(found, name, facts.get(name, "" if name == "source" else None))
    if not (found.family and found.title and found.kind):
        reason = N_("index.yaml must say its family, title and kind")
        raise BadCatalogueFile(key, reason)
    session.add(found)
    session.flush()
    return found


def _rows(file: Path) -> list[Entry]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            missing = {"code", "title"} - set(reader.fieldnames or ())
            rows = [] if missing else list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise BadCatalogueFile(file.name, N_("it cannot be read as CSV")) from None
    if missing:
        raise BadCatalogueFile(file.name, N_("it lacks the columns code and title"))
    return [_entry(number, row) for number, row in enumerate(rows, 1)]


def _entry(number: int, row: Mapping[str, str | None]) -> Entry:
    cells = {name: plain(row.get(name) or "") for name in COLUMNS}
    if cells["rank"] and not cells["rank"].isdecimal():
        raise BadCatalogue(row=number, reason=Because(N_("the rank must be a whole number")))
    return Entry(
        code=cells["code"],
        title=cells["title"],
        category=cells["category"],
        mark=cells["mark"],
        rank=int(cells["rank"]) if cells["rank"] else None,
        aliases=tuple(alias.strip() for alias in cells["aliases"].split("|") if alias.strip()),
    )
