"""The list that goes to an authority, and its answers coming back (S15 信息核对, S23, S26)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models.application import Application
from models.base import N_, Refusal, in_parts
from models.evidence import BY_SHEET, CHECKED, RESULTS, RegistryCheck
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.clock import Clock
from portal.evidence.comparison import FIELDS, compare, kept_answer
from portal.evidence.identifiers import plain, tidy
from portal.exchange.applications_in import MissingHeadings, RefusedRow, RepeatedHeading
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.exchange.workbook import read_sheet
from portal.review.reading import Problem
from portal.review.registry_checks import (
    CHECKABLE,
    Finding,
    NotCheckable,
    OwnCase,
    checkable,
    own_cases,
    record,
)

NUMBER = N_("Application number")
RESULT, NOTE = N_("Result"), N_("Remarks")
ANSWERED = N_("Authority: %(field)s")
NO_SUCH_CASE = N_("there is no such application in your union")
TWICE = N_("stands in row %(row)s already")
NOTHING = N_("neither a result nor a field is filled in")
NO_RESULT = N_("“%(text)s” is no result; write one of %(results)s")


@dataclass
class AnswerSheet:
    """An authority's answers as read: findings by row, and rows that say nothing usable."""

    kind: str
    heading: list[str]
    accepted: list[tuple[int, Finding]] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many rows the sheet has."""
        return len(self.accepted) + len(self.refused)


def write_list(
    session: Session,
    actor: Actor,
    clock: Clock,
    kind: str,
    where: Sequence[ColumnElement[bool]],
    target: Path | IO[bytes],
    told: Told,
    *,
    reason: str = "",
) -> int:
    """Write the cases that *where* keeps as a list for the authority; gives their number.

    Columns to be answered stand beside what the case says. With a *reason* ID and card numbers
    are in full, else masked; either is audited. Raises ``NotAllowed``.
    """
    require(actor, "registry:write")
    if kind not in CHECKED:
        raise NotCheckable()
    if reason:
        require(actor, "applicant:reveal")
    ids = session.scalars(
        select(Application.id)
        .where(visible(Application, actor), Application.state.in_(CHECKABLE), *where)
        .order_by(Application.id)
    ).all()
    columns = [SheetColumn(word, width) for word, width in _columns(kind, told)]
    rows = _rows(session, actor, kind, ids, bool(reason))
    count = write_sheet(target, told(CHECKED[kind], {}), columns, rows, editable=True)
    audit.record(
        session, actor, clock.now(), "registry:export", "registry_check", None,
        reason=reason, details={"kind": kind, "rows": count, "in_full": bool(reason)},
    )  # fmt: skip
    return count


def read_answers(session: Session, actor: Actor, kind: str, path: Path, told: Told) -> AnswerSheet:
    """Read an answered list; nothing is written. Raises ``MissingHeadings`` and what reading a
    sheet raises."""
    require(actor, "registry:write")
    if kind not in CHECKED:
        raise NotCheckable()
    sheet = read_sheet(path)
    places = _places(kind, sheet.heading, told)
    found = AnswerSheet(kind, sheet.heading)
    found.unknown = not_read(sheet.heading, [word for word, _width in _columns(kind, told)], told)
    reader = _Rows(session, actor, kind, told, places)
    reader.load([_cell(cells, places[NUMBER]) for _row, cells in sheet.rows])
    for number, cells in sheet.rows:
        finding, problems = reader.read(number, cells)
        if finding is None:
            found.refused.append(RefusedRow(number, problems, cells))
        else:
            found.accepted.append((number, finding))
    return found


def apply_answers(
    session: Session,
    actor: Actor,
    clock: Clock,
    sheet: AnswerSheet,
    source: str,
    checked_on: date | None = None,
) -> list[RegistryCheck]:
    """Record every accepted row of *sheet*, all or none."""
    findings = [finding for _row, finding in sheet.accepted]
    if not findings:
        return []
    return record(session, actor, clock, sheet.kind, BY_SHEET, source, findings, checked_on)


def not_read(heading: list[str], words: Sequence[str], told: Told) -> list[str]:
    """The headings that are none of *words*: a column misspelt is told, not left out silently."""
    known = {tidy(told(word, {})) for word in words} | {""}
    return [name for name in heading if tidy(name) not in known]


def _columns(kind: str, told: Told) -> Iterator[tuple[str, int]]:
    yield told(NUMBER, {}), 20
    for row in FIELDS[kind]:
        yield told(row.label, {}), 18
    yield told(RESULT, {}), 10
    for row in FIELDS[kind]:
        yield told(ANSWERED, {"field": told(row.label, {})}), 18
    yield told(NOTE, {}), 24


def _rows(
    session: Session, actor: Actor, kind: str, ids: Sequence[int], in_full: bool
) -> Iterator[list[str]]:
    for part in in_parts(ids, 1_000):
        for case in sorted(checkable(session, actor, part, kind).values(), key=lambda row: row.id):
            ours = {row["field"]: row["ours"] for row in compare(case, kind, {})}
            if in_full:
                ours |= _in_full(case, ours)
            yield [case.number, *(ours[row.key] for row in FIELDS[kind])]
        session.expunge_all()


def _in_full(case: Application, ours: dict[str, str]) -> dict[str, str]:
    """The identifiers among *ours*, unmasked."""
    full = {"id_number": case.applicant.id_number or "", "card": case.account or ""}
    return {key: text for key, text in full.items() if ours.get(key)}


def _places(kind: str, heading: list[str], told: Told) -> dict[str, int]:
    """Where each answered column stands, by field key; number, result and note by their word."""
    names = [tidy(name) for name in heading]
    for place, name in enumerate(names):
        if name and name in names[:place]:
            raise RepeatedHeading(column=name)
    wanted = {word: told(word, {}) for word in (NUMBER, RESULT, NOTE)}
    wanted |= {row.key: told(ANSWERED, {"field": told(row.label, {})}) for row in FIELDS[kind]}
    found = {key: names.index(tidy(word)) for key, word in wanted.items() if tidy(word) in names}
    if NUMBER not in found:
        raise MissingHeadings(columns=wanted[NUMBER])
    if not set(found) - {NUMBER, NOTE}:
        raise MissingHeadings(columns=wanted[RESULT])
    return found


class _Rows:
    """Reads the rows of one sheet; the cases they name are looked up once."""

    def __init__(
        self, session: Session, actor: Actor, kind: str, told: Told, places: dict[str, int]
    ) -> None:
        self.session, self.actor, self.kind, self.told = session, actor, kind, told
        self.places = places
        self.results = _spelled(RESULTS, told)
        self.seen: dict[int, int] = {}

    def load(self, numbers: Sequence[str]) -> None:
        """Find the cases called *numbers* in the actor's subtree."""
        self.ids: dict[str, int] = {}
        for part in in_parts([number for number in numbers if number], 1_000):
            rows = self.session.execute(
                select(Application.number, Application.id).where(
                    Application.number.in_(part), visible(Application, self.actor)
                )
            )
            self.ids |= {row.number: row.id for row in rows}
        ids = list(self.ids.values())
        self.fit = set(checkable(self.session, self.actor, ids, self.kind))
        self.own = own_cases(self.session, self.actor, ids)

    def read(self, number: int, cells: list[str]) -> tuple[Finding | None, list[Problem]]:
        """One row: its finding, or every problem with its column."""
        problems: list[Problem] = []
        case = self._case(number, _cell(cells, self.places[NUMBER]), problems)
        declared = self._result(cells, problems)
        answer = self._answer(cells, problems)
        if not problems and not declared and not answer:
            problems.append(self._problem(RESULT, NOTHING))
        if problems or case is None:
            return None, problems
        self.seen[case] = number
        note = _cell(cells, self.places[NOTE]) if NOTE in self.places else ""
        return Finding(case, declared, answer, note), []

    def _case(self, number: int, text: str, problems: list[Problem]) -> int | None:
        case = self.ids.get(text)
        if case is None:
            problems.append(self._problem(NUMBER, NO_SUCH_CASE))
        elif case in self.seen:
            problems.append(self._problem(NUMBER, TWICE, row=self.seen[case]))
        elif case not in self.fit:
            problems.append(self._problem(NUMBER, NotCheckable.message))
        elif case in self.own:
            problems.append(self._problem(NUMBER, OwnCase.message))
        return case

    def _result(self, cells: list[str], problems: list[Problem]) -> str:
        text = _cell(cells, self.places[RESULT]) if RESULT in self.places else ""
        found = self.results.get(tidy(text).casefold(), "")
        if text and not found:
            offered = "、".join(self.told(word, {}) for word in RESULTS.values())
            problems.append(self._problem(RESULT, NO_RESULT, text=text[:30], results=offered))
        return found

    def _answer(self, cells: list[str], problems: list[Problem]) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in FIELDS[self.kind]:
            text = _cell(cells, self.places[row.key]) if row.key in self.places else ""
            if not text:
                continue
            text = _spelled(row.choices, self.told).get(tidy(text).casefold(), text)
            try:
                kept_answer(self.kind, {row.key: text})
                found[row.key] = text
            except Refusal as refusal:
                problems.append(self._problem(row.label, refusal.message, **refusal.params))
        return found

    def _problem(self, label: str, message: str, **params: Any) -> Problem:
        return Problem(label, self.told(label, {}), message, params)


def _spelled(words: Any, told: Told) -> dict[str, str]:
    """Every spelling of the codes *words*: the code, and its word in both languages."""
    found = {}
    for code, word in words.items():
        for text in (code, word, told(word, {})):
            found[tidy(text).casefold()] = code
    return found


def _cell(cells: list[str], place: int) -> str:
    return plain(cells[place])[:500] if place < len(cells) else ""
