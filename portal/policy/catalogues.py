"""Catalogues as staff use them: replaced, put in order, found by any spelling, compared by year."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
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
from portal.evidence.identifiers import occupation_term
from portal.policy.catalogue_tables import Entry, refuse_unusable


class UnknownCatalogue(Refusal):
    """No catalogue has this key."""

    message = N_("There is no catalogue called %(key)s.")


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


def apply_table(
    session: Session, actor: Actor, clock: Clock, catalogue: Catalogue, rows: Sequence[Entry]
) -> bool:
    """Make *rows* the catalogue's entries in their order, audited; codes that are gone retire.

    Gives whether anything changed. Raises ``BadCatalogue`` before anything is written.
    """
    require(actor, "catalogue:write")
    refuse_unusable(rows)
    used = [entry for entry in catalogue.entries if entry.retired_on is None]
    if [_as_row(entry) for entry in used] == list(rows):
        return False
    _replace(session, clock, catalogue, rows)
    details = {"entries": [len(used), len(rows)]}
    audit.record(
        session, actor, clock.now(), "catalogue:replace", "catalogue", catalogue.id, details=details
    )
    return True


def settle(session: Session, entry: CatalogueEntry) -> None:
    """After *entry* was added or edited: give it the place it asks for, and keep its spellings.

    The other entries move up or down, so that places stay 1, 2, 3 without gaps.
    """
    session.flush()
    session.refresh(entry.catalogue, ["entries"])
    others = [row for row in entry.catalogue.entries if row is not entry]
    others.insert(max(entry.position - 1, 0), entry)
    for position, row in enumerate(others, 1):
        row.position = position
    set_terms(session, entry.catalogue)


def set_terms(session: Session, catalogue: Catalogue) -> None:
    """Write every spelling of the entries in use, so that rules find them.

    Where two entries share a spelling the earlier one has it.
    """
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


def compare(old: Catalogue, new: Catalogue) -> Comparison:
    """What the edition *new* changed against *old*; *moved* are few that explain the order."""
    before = {row.code: row for row in old.entries if row.retired_on is None}
    after = {row.code: row for row in new.entries if row.retired_on is None}
    both = [code for code in after if code in before]
    was = [code for code in before if code in after]
    blocks = SequenceMatcher(None, was, both, autojunk=False).get_matching_blocks()
    still = {code for block in blocks for code in both[block.b : block.b + block.size]}
    return Comparison(
        added=[row for code, row in after.items() if code not in before],
        removed=[row for code, row in before.items() if code not in after],
        changed=[
            (before[code], after[code])
            for code in both
            if _as_row(before[code]) != _as_row(after[code])
        ],
        moved=[after[code] for code in both if code not in still],
    )


def used_by(session: Session, catalogue: Catalogue) -> list[tuple[Programme, str]]:
    """The programmes whose rules or forms name *catalogue*, each with the words of the row."""
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
                found[(programme.id, row.key)] = (programme, _words(row))
    return list(found.values())


def _words(row: Any) -> str:
    """What a rule says, or what a tier or a field is called."""
    for name in ("says", "label", "title"):
        if words := getattr(row, name, ""):
            return str(words)
    return str(row.key)


def _names(row: Any, key: str) -> bool:
    if isinstance(row, FormField):
        return row.catalogue == key
    spoken = json.dumps([row.when, getattr(row, "require", None)])
    return json.dumps(key) in spoken


def _replace(session: Session, clock: Clock, catalogue: Catalogue, rows: Sequence[Entry]) -> None:
    known = {entry.code: entry for entry in catalogue.entries}
    for position, row in enumerate(rows, 1):
        entry = known.pop(row.code, None)
        if entry is None:
            entry = CatalogueEntry(catalogue_id=catalogue.id, code=row.code, version=1)
            session.add(entry)
        entry.position, entry.title, entry.category = position, row.title, row.category
        entry.mark, entry.rank, entry.aliases = row.mark, row.rank, list(row.aliases)
        entry.retired_on = None
    for position, entry in enumerate(known.values(), len(rows) + 1):
        entry.position, entry.retired_on = position, entry.retired_on or clock.today()
    session.flush()
    session.refresh(catalogue)
    set_terms(session, catalogue)


def _as_row(entry: CatalogueEntry) -> Entry:
    return Entry(
        entry.code, entry.title, entry.category, entry.mark, entry.rank, tuple(entry.aliases)
    )
