"""Making a programme from nothing or from another's rules, and putting rows in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.notice import Notice
from models.programme import DRAFT, FormField, Programme, Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.policy.pack_rows import fill, rules
from portal.policy.row_words import rows_of
from portal.policy.starters import paid_for, starter_fields
from portal.policy.vocabulary import Say


@dataclass(frozen=True)
class NewProgramme:
    """What a programme is called before it has any rule."""

    notice: Notice
    code: str
    title: str
    family: str
    year: int
    subject: str
    number_prefix: str


class FrozenRevision(Refusal):
    """The row belongs to a revision that is in force or closed."""

    message = N_("A published revision does not change. Make a new draft first.")


class AlreadyTaken(Refusal):
    """Another programme has this code or prefix."""

    message = N_("Another programme already has the %(name)s %(value)s.")


def start_programme(
    session: Session,
    actor: Actor,
    clock: Clock,
    about: NewProgramme,
    say: Say,
    *,
    like: Revision | None = None,
) -> Revision:
    """The empty draft of a new programme, with the form fields that its subject needs.

    With *like* the draft starts from that revision's rules instead. Raises ``AlreadyTaken``.
    """
    require(actor, "programme:write")
    for name in ("code", "number_prefix"):
        _refuse_taken(session, name, getattr(about, name), say)
    programme = Programme(version=1, **vars(about))
    revision = Revision(programme=programme, number=1, state=DRAFT, version=1)
    session.add(revision)
    if like is None:
        revision.pays_for = paid_for(about.subject)
        revision.fields = starter_fields(about.subject, say)
    else:
        fill(revision, rules(like))
    session.flush()
    details = {"programme": about.code, "like": str(like) if like else ""}
    audit.record(
        session, actor, clock.now(), "programme:start", "revision", revision.id, details=details
    )
    return revision


def move_row(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    section: str,
    row: Any,
    step: int,
) -> None:
    """Move *row* one place up (-1) or down (1) in its *section*; at the end nothing happens.

    A form field moves among the fields of its own section of the form. Raises
    ``FrozenRevision``.
    """
    require(actor, "programme:write")
    if revision.state != DRAFT:
        raise FrozenRevision()
    rows = rows_of(revision, section)
    place = rows.index(row)
    other = _neighbour(rows, place, step)
    if other is None:
        return
    rows.insert(other, rows.pop(place))
    for position, each in enumerate(rows, 1):
        each.position = position
    session.flush()
    told = {"section": section, "key": row.key, "from": place + 1, "to": other + 1}
    audit.record(
        session, actor, clock.now(), "programme:move", "revision", revision.id, details=told
    )


def next_position(revision: Revision, section: str) -> int:
    """Where a new row of *section* stands: last."""
    return max((row.position or 0 for row in getattr(revision, section)), default=0) + 1


def fresh_key(revision: Revision, section: str, stem: str) -> str:
    """A key that no row of *section* has yet: *stem* and a number."""
    taken = {row.key for row in getattr(revision, section)}
    if section in ("conditions", "bounds"):  # they share their keys
        taken = {row.key for row in revision.conditions} | {row.key for row in revision.bounds}
    number = len(taken) + 1
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def _neighbour(rows: list[Any], place: int, step: int) -> int | None:
    """The place next to *place*; of form fields, the next one in the same section of the form."""
    other = place + step
    while 0 <= other < len(rows):
        if not isinstance(rows[place], FormField) or rows[other].section == rows[place].section:
            return other
        other += step
    return None


def _refuse_taken(session: Session, name: str, value: str, say: Say) -> None:
    label = {"code": N_("Code"), "number_prefix": N_("Number prefix")}[name]
    if session.scalar(select(Programme.id).where(getattr(Programme, name) == value)) is not None:
        raise AlreadyTaken(name=say(label), value=value)
