"""Payments of the years before the system, from a sheet: read, previewed, written at once (Q32)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import RETURNED, WAITING, Application
from models.base import N_, Refusal, in_parts
from models.evidence import PastAward
from models.organization import Organization
from models.programme import Programme, Revision
from models.types import new_row_key
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.clock import Clock
from portal.evidence.duplicates import find_past_pairs
from portal.evidence.identifiers import (
    IdNumber,
    certificate_key,
    certificate_number,
    occupation_term,
    parse_date,
    plain,
    tidy,
)
from portal.evidence.patents import patent_key, patent_number
from portal.exchange.applications_in import MissingHeadings, RefusedRow, RepeatedHeading
from portal.exchange.registry_sheets import not_read
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.exchange.workbook import read_sheet
from portal.policy.judge import in_force, judge
from portal.review.reading import Problem

COLUMNS: dict[str, tuple[str, bool, int]] = {
    "programme": (N_("Programme"), True, 26),
    "year": (N_("Year"), True, 8),
    "name": (N_("Name"), True, 12),
    "id_number": (N_("ID number"), False, 22),
    "number": (N_("Certificate or patent number"), False, 26),
    "occupation": (N_("Occupation"), False, 16),
    "level": (N_("Level"), False, 12),
    "amount": (N_("Amount (yuan)"), True, 14),
    "paid_on": (N_("Paid on"), False, 14),
    "union": (N_("Union"), False, 26),
}
"""The columns by key: heading, whether it must be filled, width."""
FIRST_YEAR = 1949
MOST_YUAN = 100_000_000
LONGEST = {"occupation": 120, "level": 40, "name": 60}


class NoSuchProgramme(Refusal):
    """No programme or family is called so."""

    message = N_("there is no programme called “%(text)s”; write its code, title or family")


class BadYear(Refusal):
    """The text is no year."""

    message = N_("must be a year, at most the current one")


class BadAmount(Refusal):
    """The text is no amount in yuan."""

    message = N_("must be an amount in yuan with at most two decimals")


class NoSuchUnion(Refusal):
    """The actor sees no union of that name."""

    message = N_("no such unit in your union")


class TooLong(Refusal):
    """The text is longer than its column."""

    message = N_("must have at most %(most)s characters")


class Missing(Refusal):
    """A needed cell is empty."""

    message = N_("is required")


class NeitherNumber(Refusal):
    """Nothing says who or what was paid for."""

    message = N_("give the ID number or the certificate or patent number")


class Repeated(Refusal):
    """The same payment stands in the sheet before."""

    message = N_("stands in row %(row)s already")


class Imported(Refusal):
    """The same payment was imported before."""

    message = N_("was imported before")


@dataclass
class HistorySheet:
    """A sheet of earlier payments as read: rows to write (columns of ``PastAward``), and rows that
    cannot be."""

    file_name: str
    heading: list[str]
    accepted: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many rows the sheet has."""
        return len(self.accepted) + len(self.refused)

    @property
    def total_fen(self) -> int:
        """What the accepted rows add up to."""
        return sum(row["amount_fen"] for _number, row in self.accepted)


def write_history_template(target: IO[bytes], told: Told) -> None:
    """Write the empty sheet to *target*."""
    columns = [SheetColumn(told(word, {}), width) for word, _must, width in COLUMNS.values()]
    write_sheet(target, told(N_("Earlier payments"), {}), columns, [], editable=True)


def read_history(
    session: Session, actor: Actor, clock: Clock, path: Path, file_name: str, told: Told
) -> HistorySheet:
    """Read and check the sheet at *path*; nothing is written.

    Raises ``NotAllowed``, ``MissingHeadings`` and what reading a sheet raises.
    """
    require(actor, "history:import")
    sheet = read_sheet(path)
    places = _places(sheet.heading, told)
    found = HistorySheet(file_name[:200], sheet.heading)
    found.unknown = not_read(
        sheet.heading, [word for word, _must, _width in COLUMNS.values()], told
    )
    reader = _Rows(session, actor, clock, places, told)
    for number, cells in sheet.rows:
        row, problems = reader.read(number, cells)
        if row is None:
            found.refused.append(RefusedRow(number, problems, cells))
        else:
            found.accepted.append((number, row))
    _refuse_imported(session, found, dict(sheet.rows), told)
    return found


def apply_history(session: Session, actor: Actor, clock: Clock, sheet: HistorySheet) -> list[int]:
    """Write every accepted row of *sheet*, all or none; gives their ids.

    Cases that look like one of them are found, undecided cases of the families judged again.
    """
    require(actor, "history:import")
    if not sheet.accepted:
        return []
    about = {"file_name": sheet.file_name, "account_id": actor.account_id, "made_at": clock.now()}
    rows = [about | _stored(row) for _number, row in sheet.accepted]
    statement = insert(PastAward).returning(PastAward.id, sort_by_parameter_order=True)
    ids = list(session.scalars(statement, rows))
    audit.record(
        session, actor, clock.now(), "history:import", "past_award", None,
        details={"file": sheet.file_name, "rows": len(ids), "total_fen": sheet.total_fen},
    )  # fmt: skip
    written = select(PastAward.id).where(PastAward.id.between(ids[0], ids[-1]))
    find_past_pairs(session, clock.now(), written)
    _judge(session, {row["family"] for row in rows})
    return ids


def _stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row's columns, the ID number sealed."""
    row_key = new_row_key()
    sealed: dict[str, Any] = PastAward.id_number.columns(row_key, row["id_number"])
    clear = {key: value for key, value in row.items() if key != "id_number"}
    return clear | sealed | {"row_key": row_key}


def _judge(session: Session, families: set[str]) -> None:
    undecided = select(Application.revision_id).where(Application.state.in_((WAITING, RETURNED)))
    revisions = session.scalars(
        select(Revision)
        .join(Programme)
        .where(Programme.family.in_(families), Revision.id.in_(undecided))
        .order_by(Revision.id)
    )
    for revision in revisions.all():
        judge(session, revision)


def _places(heading: list[str], told: Told) -> dict[str, int]:
    """Where each column stands; raises ``RepeatedHeading`` or ``MissingHeadings``."""
    names = [tidy(name) for name in heading]
    for place, name in enumerate(names):
        if name and name in names[:place]:
            raise RepeatedHeading(column=name)
    words = {key: told(word, {}) for key, (word, _must, _width) in COLUMNS.items()}
    found = {key: names.index(tidy(word)) for key, word in words.items() if tidy(word) in names}
    missing = [words[key] for key, (_w, must, _n) in COLUMNS.items() if must and key not in found]
    if missing:
        raise MissingHeadings(columns="、".join(missing))
    return found


@dataclass(frozen=True)
class _Family:
    """What a sheet may name: its family, the programme where one is meant, its subject."""

    key: str
    programme_id: int | None
    title: str
    subject: str
    levels: dict[str, str]


class _Rows:
    """Reads the rows of one sheet; programmes and unions are looked up once."""

    def __init__(
        self, session: Session, actor: Actor, clock: Clock, places: dict[str, int], told: Told
    ) -> None:
        self.today, self.places, self.told = clock.today(), places, told
        self.families = _families(session)
        self.unions = _unions(session, actor)
        self.home = session.get_one(Organization, actor.organization_id)
        self.seen: dict[tuple[str, int, str], int] = {}

    def read(self, number: int, cells: list[str]) -> tuple[dict[str, Any] | None, list[Problem]]:
        """One row: the columns to write, or every problem with its column."""
        problems: list[Problem] = []
        family = self._cell("programme", cells, self._family, problems)
        known = {
            key: self._cell(key, cells, read, problems)
            for key, read in (
                ("year", self._year),
                ("name", _text("name")),
                ("id_number", self._id_number),
                ("number", _number_of(family)),
                ("occupation", _text("occupation")),
                ("level", _level_of(family)),
                ("amount", _fen),
                ("paid_on", parse_date),
                ("union", self._union),
            )
        }
        if not problems and not known["id_number"] and not known["number"]:
            problems.append(self._problem("id_number", NeitherNumber()))
        if problems or family is None:
            return None, problems
        row = self._row(family, known)
        key = (row["family"], row["year"], row["claim_key"])
        if key in self.seen:
            return None, [self._problem("number", Repeated(row=self.seen[key]))]
        self.seen[key] = number
        return row, []

    def _cell(
        self,
        key: str,
        cells: list[str],
        read: Callable[[str], Any],
        problems: list[Problem],
    ) -> Any:
        place = self.places.get(key)
        text = plain(cells[place])[:300] if place is not None and place < len(cells) else ""
        try:
            if text:
                return read(text)
            if COLUMNS[key][1]:
                raise Missing()
        except Refusal as refusal:
            problems.append(self._problem(key, refusal))
        return None

    def _row(self, family: _Family, known: dict[str, Any]) -> dict[str, Any]:
        person: IdNumber | None = known["id_number"]
        place: Organization = known["union"] or self.home
        number = known["number"]
        key = _number_key(family, number) if number else None
        trade = known["occupation"]
        return {
            "family": family.key,
            "programme_id": family.programme_id,
            "title": family.title,
            "year": known["year"],
            "organization_id": place.id,
            "district_id": place.district_id,
            "name": known["name"],
            "birth_date": person.birth_date if person else None,
            "id_number": person.number if person else None,
            "number": number,
            "number_key": key,
            "occupation": trade,
            "occupation_term": occupation_term(trade) if trade else None,
            "level": known["level"],
            "amount_fen": known["amount"],
            "paid_on": known["paid_on"],
            "claim_key": key or Applicant.id_number.index(person.number if person else "").hex(),
        }

    def _family(self, text: str) -> _Family:
        found = self.families.get(occupation_term(text))
        if found is None:
            raise NoSuchProgramme(text=text[:40])
        return found

    def _year(self, text: str) -> int:
        digits = text.removesuffix("年").strip()
        if not (digits.isdecimal() and len(digits) == 4):
            raise BadYear()
        year = int(digits)
        if not FIRST_YEAR <= year <= self.today.year:
            raise BadYear()
        return year

    def _id_number(self, text: str) -> IdNumber:
        return IdNumber.parse(text, self.today)

    def _union(self, text: str) -> Organization:
        found = self.unions.get(tidy(text), [])
        if len(found) != 1:
            raise NoSuchUnion()
        return found[0]

    def _problem(self, key: str, refusal: Refusal) -> Problem:
        return Problem(key, self.told(COLUMNS[key][0], {}), refusal.message, refusal.params)


def _refuse_imported(
    session: Session, sheet: HistorySheet, cells: dict[int, list[str]], told: Told
) -> None:
    """Move rows that were imported before, so that a sheet sent twice counts once."""
    known: set[tuple[str, int, str]] = set()
    for part in in_parts([row["claim_key"] for _number, row in sheet.accepted]):
        rows = session.execute(
            select(PastAward.family, PastAward.year, PastAward.claim_key).where(
                PastAward.claim_key.in_(part)
            )
        )
        known |= {(family, year, key) for family, year, key in rows}
    kept = []
    problem = Problem("number", told(COLUMNS["number"][0], {}), Imported.message)
    for number, row in sheet.accepted:
        if (row["family"], row["year"], row["claim_key"]) in known:
            sheet.refused.append(RefusedRow(number, [problem], cells[number]))
        else:
            kept.append((number, row))
    sheet.accepted = kept
    sheet.refused.sort(key=lambda row: row.row)


def _families(session: Session) -> dict[str, _Family]:
    """Every spelling of a programme, and of a family where its latest programme answers for it."""
    found: dict[str, _Family] = {}
    for programme in session.scalars(select(Programme).order_by(Programme.year, Programme.id)):
        levels = _levels(in_force(session, programme))
        family = _Family(programme.family, None, programme.family, programme.subject, levels)
        found[occupation_term(programme.family)] = family
        own = _Family(
            programme.family, programme.id, programme.title[:200], programme.subject, levels
        )
        found[occupation_term(programme.title)] = own
        found[occupation_term(programme.code)] = own
    return found


def _levels(revision: Revision | None) -> dict[str, str]:
    """Every spelling of a level of the form, with its code."""
    rows = [row for row in revision.fields if row.key == "certificate.level"] if revision else []
    pairs = [pair for row in rows for pair in row.choices.items()]
    return {occupation_term(text): code for code, word in pairs for text in (code, word)}


def _unions(session: Session, actor: Actor) -> dict[str, list[Organization]]:
    found: dict[str, list[Organization]] = {}
    for row in session.scalars(select(Organization).where(visible(Organization, actor))):
        for name in {tidy(row.name), row.code}:
            found.setdefault(name, []).append(row)
    return found


def _text(key: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > LONGEST[key]:
            raise TooLong(most=LONGEST[key])
        return text

    return read


def _number_of(family: _Family | None) -> Callable[[str], str]:
    return patent_number if family and family.subject == "patent" else certificate_number


def _number_key(family: _Family, number: str) -> str:
    return (patent_key if family.subject == "patent" else certificate_key)(number)[:60]


def _level_of(family: _Family | None) -> Callable[[str], str]:
    """A level by code or word of the form; another word stays as it is."""
    known = family.levels if family else {}

    def read(text: str) -> str:
        return known.get(occupation_term(text)) or _text("level")(text)

    return read


def _fen(text: str) -> int:
    """Yuan as fen, exactly."""
    try:
        yuan = Decimal(tidy(text).replace(",", "").removesuffix("元").removeprefix("¥"))
    except InvalidOperation:
        raise BadAmount() from None
    if not yuan.is_finite() or not 0 <= yuan <= MOST_YUAN or yuan * 100 % 1:
        raise BadAmount()
    return int(yuan * 100)
