"""The union tree: one union at a time, or all of it from a sheet.

``path``, ``depth``, ``district_id`` and ``name_key`` are written only here. Rows that name a
district or bureau follow when a union moves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.base import N_
from models.names import name_key
from models.organization import Organization
from portal.access import audit, tree
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.tree import BadTree, Row
from portal.clock import Clock

CREATE, CHANGE, MOVE = "create union", "change union", "move union"
MOVES = (CHANGE, MOVE)
"""What the audit trail calls acts by which a union may hang elsewhere: an import changes both."""


class UnknownUnion(BadTree):
    """No union has this code."""

    message = N_("There is no union with code %(code)s.")


class CodeTaken(BadTree):
    """Another union has this code."""

    message = N_("There is already a union with code %(code)s.")


@dataclass(frozen=True)
class Imported:
    """How many unions an import read, created, changed and left alone."""

    read: int
    created: int
    changed: int
    unchanged: int


def by_code(session: Session, code: str) -> Organization:
    """The union with *code*; raises ``UnknownUnion``."""
    found = session.scalar(select(Organization).where(Organization.code == code))
    if found is None:
        raise UnknownUnion(code=code)
    return found


def import_tree(session: Session, actor: Actor, clock: Clock, rows: Sequence[Row]) -> Imported:
    """Create or change unions by code, in whatever order *rows* come; others stay as they are.

    Raises a ``BadTree`` that names the row; then nothing was written.
    """
    require(actor, "organization:write")
    tree.refuse_repeats(rows)
    known = {place.code: place for place in session.scalars(select(Organization))}
    ordered = tree.parents_first(rows, _parents(known))
    _refuse_roots(ordered, known)
    _refuse_parents(ordered, known)
    changes = [_apply(session, row, known) for row in ordered]
    session.flush()
    _place_all(session, list(known.values()))
    touched = [(known[row.code], change) for row, change in zip(ordered, changes, strict=True)]
    _record(session, actor, clock.now(), [(at, change) for at, change in touched if change])
    created, changed = changes.count(CREATE), changes.count(CHANGE)
    return Imported(len(rows), created, changed, len(rows) - created - changed)


def create_organization(
    session: Session,
    actor: Actor,
    clock: Clock,
    *,
    code: str,
    name: str,
    kind: str,
    parent: Organization | None,
    nature: str | None = None,
    industry: str | None = None,
) -> Organization:
    """One new union below *parent*; ``None`` only for the city federation, once."""
    require(actor, "organization:write")
    row = tree.checked(Row(1, code, name, kind, parent.code if parent else "", nature or ""))
    if session.scalar(select(exists().where(Organization.code == row.code))):
        raise CodeTaken(code=row.code)
    tree.refuse_root(row, session.scalar(_ROOT_CODE))
    tree.refuse_parent(row, parent.kind if parent else None)
    place = _new(row, parent)
    place.industry = industry
    session.add(place)
    session.flush()
    _place(place, parent)
    _record(session, actor, clock.now(), [(place, CREATE)])
    return place


def edit_organization(
    session: Session,
    actor: Actor,
    clock: Clock,
    organization_id: int,
    *,
    name: str,
    nature: str | None,
    industry: str | None,
    is_active: bool,
) -> Organization:
    """Change what describes a union; its place in the tree is changed by ``move_organization``."""
    require(actor, "organization:write")
    place = session.get_one(Organization, organization_id)
    parent_code = place.parent.code if place.parent else ""
    row = tree.checked(Row(1, place.code, name, place.kind, parent_code, nature or ""))
    place.name, place.name_key, place.nature = row.name, name_key(row.name), row.nature or None
    place.industry, place.is_active = industry, is_active
    place.version += 1
    _record(session, actor, clock.now(), [(place, CHANGE)])
    return place


def move_organization(
    session: Session, actor: Actor, clock: Clock, organization_id: int, parent_id: int
) -> Organization:
    """Hang a union, with everything below it, under another; raises ``ParentCycle``."""
    require(actor, "organization:write")
    place = session.get_one(Organization, organization_id)
    parent = session.get_one(Organization, parent_id)
    if parent.path.startswith(place.path):
        raise tree.ParentCycle(row=1, code=place.code)
    tree.refuse_parent(Row(1, place.code, place.name, place.kind, parent.code, ""), parent.kind)
    below = Organization.path.startswith(place.path, autoescape=True)
    subtree = list(session.scalars(select(Organization).where(below)))
    place.parent = parent
    place.version += 1
    session.flush()
    _place_all(session, [parent, *subtree])
    _record(session, actor, clock.now(), [(place, MOVE)])
    return place


def _parents(known: Mapping[str, Organization]) -> dict[str, str]:
    return {code: place.parent.code if place.parent else "" for code, place in known.items()}


def _refuse_roots(rows: Iterable[Row], known: Mapping[str, Organization]) -> None:
    root = next((code for code, place in known.items() if place.parent_id is None), None)
    for row in rows:
        tree.refuse_root(row, root)
        root = root or row.code


def _refuse_parents(rows: Iterable[Row], known: Mapping[str, Organization]) -> None:
    """The sheet's unions, and those below them that it does not name, hang where they may."""
    named = {row.code: row for row in rows}
    for row in named.values():
        above = named.get(row.parent_code) or known.get(row.parent_code)
        tree.refuse_parent(row, above.kind if above else None)
    for code, parent_code in _parents(known).items():
        if code not in named and (changed := named.get(parent_code)):
            below = Row(changed.number, code, known[code].name, known[code].kind, parent_code, "")
            tree.refuse_parent(below, changed.kind)


def _apply(session: Session, row: Row, known: dict[str, Organization]) -> str:
    """Create or change the union of *row*; the audit's word for it, empty when nothing changed."""
    place, parent = known.get(row.code), known.get(row.parent_code)
    if place is None:
        known[row.code] = place = _new(row, parent)
        session.add(place)
        return CREATE
    new = (row.name, row.kind, row.nature or None, parent)
    if (place.name, place.kind, place.nature, place.parent) == new:
        return ""
    place.name, place.kind, place.nature, place.parent = new
    place.name_key = name_key(row.name)
    place.version += 1
    return CHANGE


def _new(row: Row, parent: Organization | None) -> Organization:
    return Organization(
        code=row.code,
        name=row.name,
        name_key=name_key(row.name),
        kind=row.kind,
        nature=row.nature or None,
        parent=parent,
        path="",
    )


def _place_all(session: Session, places: Sequence[Organization]) -> None:
    """Write path, depth and district of *places* again; the first ones stand where they are."""
    within = {place.id for place in places}
    children = defaultdict(list)
    for place in places:
        children[place.parent_id].append(place)
    for top in [place for place in places if place.parent_id not in within]:
        for place, parent in _walk(top, children):
            before = place.district_id
            _place(place, parent)
            if before is not None and before != place.district_id:
                _follow(session, place)
    session.flush()


def _walk(
    top: Organization, children: Mapping[int | None, Sequence[Organization]]
) -> Iterator[tuple[Organization, Organization | None]]:
    waiting = [(top, top.parent)]
    while waiting:
        place, parent = waiting.pop()
        yield place, parent
        waiting += [(child, place) for child in children.get(place.id, ())]


def _place(place: Organization, parent: Organization | None) -> None:
    if parent is None:
        place.path, place.depth, place.district_id = f"/{place.id}/", 0, None
        return
    place.path, place.depth = f"{parent.path}{place.id}/", parent.depth + 1
    place.district_id = place.id if parent.depth == 0 else parent.district_id


def _follow(session: Session, place: Organization) -> None:
    """Applications stand under the district of their unit."""
    rows = update(Application).where(Application.organization_id == place.id)
    session.execute(rows.values(district_id=place.district_id))


def _record(
    session: Session, actor: Actor, now: datetime, done: Sequence[tuple[Organization, str]]
) -> None:
    if not done:
        return
    session.flush()

    def write(seal_id: int) -> None:
        session.execute(insert(AuditEntry), [_entry(actor, now, seal_id, *act) for act in done])

    audit.seal(session, now, write)


def _entry(
    actor: Actor, now: datetime, seal_id: int, place: Organization, action: str
) -> dict[str, Any]:
    return {
        "seal_id": seal_id,
        "at": now,
        "account_id": actor.account_id,
        "action": action,
        "entity": "organization",
        "entity_id": place.id,
        "organization_id": place.id,
        "address": actor.address,
        "details": {"code": place.code, "parent_id": place.parent_id},
    }


_ROOT_CODE = select(Organization.code).where(Organization.parent_id.is_(None))
