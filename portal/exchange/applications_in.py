"""A sheet of applications: previewed, then applied in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.programme import Programme, Revision
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.evidence.identifiers import tidy
from portal.exchange.workbook import Sheet, read_sheet
from portal.policy.judge import in_force
from portal.review.earlier import (
    already_claimed,
    claimed_problem,
    contradictions,
    person_key,
    record_contradictions,
    records_before,
    said_before,
    said_by,
    standing_keys,
)
from portal.review.entering import enter
from portal.review.reading import FormReader, Problem, Values


class MissingHeadings(Refusal):
    """The sheet lacks columns that the programme's form needs."""

    message = N_("The sheet lacks these columns: %(columns)s")


class RepeatedHeading(Refusal):
    """Two columns have the same heading."""

    message = N_("The column %(column)s stands twice in the sheet.")


class NotOpen(Refusal):
    """The programme has no revision in force, or no such channel."""

    message = N_("%(programme)s is not receiving applications by this channel.")


@dataclass(frozen=True)
class RefusedRow:
    """A row that is not accepted: its number in the sheet, every problem, its cells as sent."""

    row: int
    problems: list[Problem]
    cells: list[str]


@dataclass
class Reading:
    """A sheet as read: what would be entered and what would not."""

    programme: Programme
    revision: Revision
    channel: str
    heading: list[str]
    accepted: list[tuple[int, Values]] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many rows the sheet has."""
        return len(self.accepted) + len(self.refused)


def read_applications(
    session: Session,
    actor: Actor,
    clock: Clock,
    programme: Programme,
    channel: str | None,
    path: Path,
) -> Reading:
    """Read and validate the sheet at *path*; nothing is written."""
    require(actor, "application:import")
    revision, channel = open_revision(session, programme, channel)
    sheet = read_sheet(path)
    columns = _columns(sheet, revision)
    reading = Reading(programme, revision, channel, sheet.heading)
    reading.unknown = [name for name in sheet.heading if name and tidy(name) not in columns]
    reader = FormReader(session, revision, actor, clock, channel)
    keys = [columns.get(tidy(name)) for name in sheet.heading]
    for number, cells in sheet.rows:
        form = {key: cell for key, cell in zip(keys, cells, strict=False) if key}
        values, problems = reader.read(form)
        if values is None:
            reading.refused.append(RefusedRow(number, problems, cells))
        else:
            reading.accepted.append((number, values))
    _refuse_claimed(session, reader, reading, dict(sheet.rows))
    _refuse_contradictions(session, reader, reading, dict(sheet.rows))
    reading.refused.sort(key=lambda row: row.row)
    return reading


def apply(session: Session, actor: Actor, clock: Clock, reading: Reading) -> list[int]:
    """Enter and submit every accepted row of *reading*, all or none; gives the new ids."""
    require(actor, "application:import")
    forms = [values for _number, values in reading.accepted]
    return enter(session, actor, clock, reading.revision, reading.channel, forms)


def open_revision(
    session: Session, programme: Programme, channel: str | None
) -> tuple[Revision, str]:
    """The revision in force and the channel, its first one by default; raises ``NotOpen``."""
    revision = in_force(session, programme)
    keys = [row.key for row in revision.channels] if revision else []
    chosen = channel or next(iter(keys), None)
    if revision is None or chosen not in keys:
        raise NotOpen(programme=programme.title)
    return revision, str(chosen)


def _columns(sheet: Sheet, revision: Revision) -> dict[str, str]:
    """Heading → form field key; raises ``MissingHeadings`` or ``RepeatedHeading``."""
    names = [tidy(name) for name in sheet.heading if name]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise RepeatedHeading(column=name)
    asked = [row for row in revision.fields if row.purpose != "survey" and not row.stage]
    fields = {tidy(row.label): row for row in asked}
    missing = [
        row.label
        for name, row in fields.items()
        if name not in names and ((row.critical and not row.when) or row.key == "payee.card")
    ]
    if missing:
        raise MissingHeadings(columns="、".join(missing))
    return {name: row.key for name, row in fields.items() if name in names}


def _refuse_claimed(
    session: Session, reader: FormReader, reading: Reading, cells: dict[int, list[str]]
) -> None:
    """Move rows whose certificate is claimed, in the database or by an earlier row."""
    keys = [values.claim for _number, values in reading.accepted]
    holders: dict[str, str] = already_claimed(session, reading.programme.family, keys)
    kept: list[tuple[int, Values]] = []
    for number, values in reading.accepted:
        holder = holders.get(values.claim)
        if holder is None:
            kept.append((number, values))
            holders[values.claim] = f"#{number}"
        else:
            problem = claimed_problem(reader, holder)
            reading.refused.append(RefusedRow(number, [problem], cells[number]))
    reading.accepted = kept


def _refuse_contradictions(
    session: Session, reader: FormReader, reading: Reading, cells: dict[int, list[str]]
) -> None:
    """Move rows that say otherwise of their person than a live application or an earlier row."""
    keys = [person_key(values) for _number, values in reading.accepted]
    people = said_before(session, keys)
    standing = [key for _number, values in reading.accepted for key in standing_keys(values)]
    records = records_before(session, reading.programme, standing)
    kept: list[tuple[int, Values]] = []
    for key, (number, values) in zip(keys, reading.accepted, strict=True):
        problems = contradictions(reader, values, people.get(key))
        problems += record_contradictions(reader, values, records)
        if problems:
            reading.refused.append(RefusedRow(number, problems, cells[number]))
        else:
            kept.append((number, values))
            if key:
                people.setdefault(key, said_by(values, f"#{number}"))
    reading.accepted = kept
