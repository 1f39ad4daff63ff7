"""Catalogues as staff use them: found by any spelling, pasted from a notice, compared by year."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.catalogue import Catalogue, CatalogueEntry, CatalogueTerm
from models.programme import AwardTier, Bound, Condition, FormField, Programme, Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.evidence.identifiers import occupation_term, plain

COLUMNS = ("code", "title", "category", "mark", "rank", "aliases")


class BadCatalogue(Refusal):
    """A sheet or a pasted table cannot be a catalogue; the row and the reason are named."""

    message = N_("Row %(row)s: %(reason)s")


class UnknownCatalogue(Refusal):
    """No catalogue has this key."""

    message = N_("There is no catalogue called %(key)s.")


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


@dataclass(frozen=True)
class Comparison:
    """What changed from one edition to the next, by code."""

    added: list[CatalogueEntry]
    removed: list[CatalogueEntry]
    changed: list[tuple[CatalogueEntry, CatalogueEntry]]
    moved: list[CatalogueEntry]


def catalogue_called(session: Session, key: str) -> Catalogue:
    """The catalogue with *key*; raises ``UnknownCatalogue``."""
    found = session.scalar(select(Catalogue).where(Catalogue.key == key))
    if found is None:
        raise UnknownCatalogue(key=key)
    return found


def load_catalogue(
    session: Session, clock: Clock, path: Path, facts: Mapping[str, Any]
) -> Catalogue:
    """Create or replace the catalogue that *path* holds (CSV, ``COLUMNS``).

    *facts* are its family, year, title, kind and source; the file's name is its key.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [_entry(row) for row in csv.DictReader(file)]
    _refuse_repeats(rows)
    found = session.scalar(select(Catalogue).where(Catalogue.key == path.stem))
    if found is None:
        found = Catalogue(key=path.stem, version=1, **facts)
        session.add(found)
        session.flush()
    for name, value in facts.items():
        setattr(found, name, value)
    replace_entries(session, clock, found, rows)
    return found


def replace_entries(
    session: Session, clock: Clock, catalogue: Catalogue, rows: Sequence[Entry]
) -> None:
    """Make *rows* the catalogue's entries in their order; codes that are gone are retired."""
    known = {entry.code: entry for entry in catalogue.entries}
    for position, row in enumerate(rows, 1):
        entry = known.pop(row.code, None) or _added(session, catalogue, row)
        entry.position, entry.title, entry.category = position, row.title, row.category
        entry.mark, entry.rank, entry.aliases = row.mark, row.rank, list(row.aliases)
        entry.retired_on = None
    for entry in known.values():
        entry.retired_on = entry.retired_on or clock.today()
    session.flush()
    session.refresh(catalogue)
    set_terms(session, catalogue)


def _added(session: Session, catalogue: Catalogue, row: Entry) -> CatalogueEntry:
    entry = CatalogueEntry(catalogue_id=catalogue.id, code=row.code, version=1)
    session.add(entry)
    return entry


def apply_table(
    session: Session, actor: Actor, clock: Clock, catalogue: Catalogue, rows: Sequence[Entry]
) -> None:
    """Replace a catalogue's entries by a previewed table, audited."""
    require(actor, "catalogue:write")
    _refuse_repeats(rows)
    before = len([entry for entry in catalogue.entries if entry.retired_on is None])
    replace_entries(session, clock, catalogue, rows)
    details = {"entries": [before, len(rows)]}
    audit.record(
        session, actor, clock.now(), "catalogue:replace", "catalogue", catalogue.id, details=details
    )


def set_terms(session: Session, catalogue: Catalogue) -> None:
    """Write every spelling of the entries in use, so that rules find them."""
    session.execute(delete(CatalogueTerm).where(CatalogueTerm.catalogue_id == catalogue.id))
    seen: set[str] = set()
    entries = session.scalars(
        select(CatalogueEntry)
        .where(CatalogueEntry.catalogue_id == catalogue.id, CatalogueEntry.retired_on.is_(None))
        .order_by(CatalogueEntry.position)
    )
    for entry in entries:
        for text in (entry.code, entry.title, *entry.aliases):
            term = occupation_term(text)
            if term and term not in seen:
                seen.add(term)
                session.add(CatalogueTerm(catalogue_id=catalogue.id, entry_id=entry.id, term=term))
    session.flush()


def find_entry(session: Session, key: str, text: str) -> CatalogueEntry | None:
    """The entry in use of the catalogue *key* that *text* spells (code, title or alias)."""
    return session.scalar(
        select(CatalogueEntry)
        .join(CatalogueTerm, CatalogueTerm.entry_id == CatalogueEntry.id)
        .join(Catalogue, Catalogue.id == CatalogueTerm.catalogue_id)
        .where(Catalogue.key == key, CatalogueTerm.term == occupation_term(text))
    )


def parse_table(text: str) -> Table:
    """Read a table pasted from a notice or a sheet.

    Cells are separated by tabs on one line, or stand one a line as notices paste them; columns
    are number, code, title and class, the number and the class optional. A class such as
    ``A（新）`` gives class and mark.
    """
    table = Table()
    for number, cells in enumerate(_grid(text), 1):
        if not _looks_like_code(cells):
            if number > 1:
                table.problems.append((number, N_("no code was found")))
            continue
        _add(table, number, cells)
    if not table.rows:
        table.problems.append((1, N_("no code was found")))
    return table


def compare(old: Catalogue, new: Catalogue) -> Comparison:
    """What the edition *new* changed against *old*."""
    before = {row.code: row for row in old.entries if row.retired_on is None}
    after = {row.code: row for row in new.entries if row.retired_on is None}
    both = [code for code in after if code in before]
    kept_order = [code for code in before if code in after]
    return Comparison(
        added=[row for code, row in after.items() if code not in before],
        removed=[row for code, row in before.items() if code not in after],
        changed=[(before[c], after[c]) for c in both if _words(before[c]) != _words(after[c])],
        moved=[after[code] for code, was in zip(both, kept_order, strict=True) if code != was],
    )


def used_by(session: Session, catalogue: Catalogue) -> list[tuple[Programme, str]]:
    """The programmes whose rules or forms name *catalogue*, each with the row that does."""
    found: dict[tuple[int, str], tuple[Programme, str]] = {}
    tables: tuple[Any, ...] = (Condition, AwardTier, Bound, FormField)
    for table in tables:
        rows = session.execute(
            select(table, Programme)
            .join(Revision, Revision.id == table.revision_id)
            .join(Programme, Programme.id == Revision.programme_id)
        )
        for row, programme in rows:
            if _names(row, catalogue.key):
                found[(programme.id, row.key)] = (programme, row.key)
    return list(found.values())


def _names(row: Any, key: str) -> bool:
    if isinstance(row, FormField):
        return row.catalogue == key
    spoken = json.dumps([getattr(row, "when", None), getattr(row, "require", None)])
    return json.dumps(key) in spoken


def _words(entry: CatalogueEntry) -> tuple[Any, ...]:
    return (entry.title, entry.category, entry.mark, entry.rank, tuple(entry.aliases))


def _entry(row: Mapping[str, str]) -> Entry:
    return Entry(
        code=plain(row["code"]),
        title=plain(row["title"]),
        category=plain(row.get("category") or ""),
        mark=plain(row.get("mark") or ""),
        rank=int(row["rank"]) if row.get("rank") else None,
        aliases=tuple(plain(a) for a in (row.get("aliases") or "").split("|") if a.strip()),
    )


def _refuse_repeats(rows: Iterable[Entry]) -> None:
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        if not row.code or not row.title:
            raise BadCatalogue(row=number, reason=N_("code and title are required"))
        if row.code in seen:
            raise BadCatalogue(row=number, reason=N_("this code stands twice"))
        seen.add(row.code)


def _grid(text: str) -> list[list[str]]:
    """The rows of a pasted table, whichever way its cells were separated."""
    lines = [line.strip("\r") for line in text.strip().splitlines()]
    if sum("\t" in line.strip() for line in lines) * 2 > len([line for line in lines if line]):
        return [
            [plain(cell) for cell in line.split("\t") if cell.strip()] for line in lines if line
        ]
    rows: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            rows[-1].append(plain(line))
        elif rows[-1]:
            rows.append([])
    return [row for row in rows if row]


def _looks_like_code(cells: Sequence[str]) -> bool:
    return _code_place(cells) is not None


def _code_place(cells: Sequence[str]) -> int | None:
    """Where the code stands: the first cell with a digit that is not just the row's number."""
    for place, cell in enumerate(cells[:2]):
        numbered = place == 0 and cell.isdecimal() and len(cells) > 2
        if any(character.isdecimal() for character in cell) and not numbered:
            return place
    return None


def _add(table: Table, number: int, cells: Sequence[str]) -> None:
    place = _code_place(cells) or 0
    code, rest = cells[place], cells[place + 1 :]
    if not rest:
        table.problems.append((number, N_("no title was found")))
    elif code in {row.code for row in table.rows}:
        table.problems.append((number, N_("this code stands twice")))
    else:
        category, _, mark = (rest[1] if len(rest) > 1 else "").partition("(")
        table.rows.append(Entry(code, rest[0], category.strip(), mark.rstrip(") ").strip()))
