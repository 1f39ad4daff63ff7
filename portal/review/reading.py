"""Reading a filled form, from the web or from a sheet: one validation for both.

The revision's form fields say what is asked, how it is called and what may be answered; every
problem names its field by the paper's own label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import BANK, CARD, UNIT
from models.base import N_, Refusal
from models.catalogue import Catalogue, CatalogueEntry
from models.organization import Organization
from models.programme import FormField, Revision
from portal.access.actor import Actor
from portal.access.permissions import may
from portal.access.scope import visible
from portal.clock import Clock
from portal.evidence.identifiers import (
    IdNumber,
    certificate_key,
    looks_mistyped,
    occupation_term,
    plain,
    tidy,
)
from portal.policy.subjects import SUBJECTS
from portal.review.answers import answer, chosen
from portal.review.claims import claim_of
from portal.review.submit import OutsideWindow, window_on


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field; ``message`` is a msgid with ``params``."""

    key: str
    label: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class Values:
    """A form as read: what each table stores. ``account`` and ``id_number`` are in clear.

    ``records`` has the columns of each of the subject's records by prefix, ``lists`` the rows of
    each table field. ``claim`` is what the case will claim, named by the field ``claimed_by``.
    """

    unit: Organization
    id_number: IdNumber | None
    applicant: dict[str, Any]
    details: dict[str, Any]
    phone: str
    records: dict[str, dict[str, Any]]
    payee_kind: str
    account: str | None
    bank: str | None
    received_on: date | None
    fields: dict[str, Any]
    lists: dict[str, list[dict[str, Any]]]
    survey: dict[str, Any]
    claim: str
    claimed_by: str
    warnings: list[Problem] = field(default_factory=list)


class FormReader:
    """Reads forms of one revision for one actor; units and choices are loaded once.

    A form that *corrects* a returned case came in time when it came first. With *stage* the fields
    are those that the stage fills in, and only ``answers`` has a meaning.
    """

    def __init__(
        self,
        session: Session,
        revision: Revision,
        actor: Actor,
        clock: Clock,
        channel: str,
        *,
        corrects: bool = False,
        stage: str | None = None,
    ) -> None:
        self.session = session
        self.revision = revision
        self.actor = actor
        self.channel = channel
        self.corrects = corrects
        self.today = clock.today()
        self.subject = SUBJECTS[revision.programme.subject]
        self.fields = {row.key: row for row in revision.fields if row.stage == stage}
        self._units, self._districts = _places(session, actor)
        self._choices = {row.key: _choices(session, row) for row in self.fields.values()}

    def narrowed(self, keys: Iterable[str]) -> FormReader:
        """This reader for the fields *keys* alone; what the others say stays as it is."""
        wanted = set(keys)
        self.fields = {key: row for key, row in self.fields.items() if key in wanted}
        return self

    def read(self, cells: Mapping[str, Any]) -> tuple[Values | None, list[Problem]]:
        """Read *cells* (form field key → what was typed); either the values or all problems."""
        found, problems = self.answers(cells)
        unit = self._unit(cells, problems)
        payee = self._payee(found, problems)
        self._window(found, problems)
        problems.sort(key=lambda item: list(self.fields).index(item.key))
        if problems or unit is None or payee is None:
            return None, problems
        return self._values(found, unit, payee), []

    def answers(self, cells: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        """Every field of *cells* by itself: what it says, and what is wrong with it."""
        found: dict[str, Any] = {}
        problems: list[Problem] = []
        for key, row in self.fields.items():
            self._read_field(row, cells.get(key), found, problems)
        return found, problems

    def payee(
        self, cells: Mapping[str, Any]
    ) -> tuple[tuple[str, str | None, str | None] | None, list[Problem]]:
        """Where *cells* send the money: kind, account in clear, bank; and what is wrong."""
        found, problems = self.answers(cells)
        payee = self._payee(found, problems)
        return (None if problems else payee), problems

    def _read_field(
        self, row: FormField, typed: Any, found: dict[str, Any], problems: list[Problem]
    ) -> None:
        text = "" if typed is None else str(typed).strip()
        if not plain(text):
            if row.critical and not row.when:
                problems.append(problem_at(row, N_("is required")))
            return
        try:
            found[row.key] = self._parse(row, typed if isinstance(typed, date) else text)
        except Refusal as refusal:
            problems.append(problem_at(row, refusal.message, refusal.params))

    def _parse(self, row: FormField, typed: Any) -> Any:
        if row.kind == "choice":
            return chosen(self._choices[row.key], typed, list(row.choices.values()))
        if row.kind == "id_number":
            return IdNumber.parse(typed, self.today)
        return answer(row, typed)

    def _unit(self, cells: Mapping[str, Any], problems: list[Problem]) -> Organization | None:
        row = self.fields["organization.unit"]
        name = tidy(str(cells.get("organization.unit") or ""))
        if not name:
            return None
        district = tidy(str(cells.get("organization.district") or ""))
        named = [
            unit
            for unit in self._units.get(name, [])
            if not district or district in self._districts.get(unit.district_id, ())
        ]
        if len(named) != 1:
            message = N_("no such unit in your union") if not named else N_("several units match")
            problems.append(problem_at(row, message))
            return None
        return named[0]

    def _payee(
        self, found: dict[str, Any], problems: list[Problem]
    ) -> tuple[str, str | None, str | None] | None:
        """Exactly one of member card and bank account (S15 四); neither where none is asked."""
        asked = [self.fields[key] for key in ("payee.card", "payee.account") if key in self.fields]
        if not asked:
            return UNIT, None, None
        card, account = found.get("payee.card"), found.get("payee.account")
        bank = found.get("payee.bank")
        broken = {item.key for item in problems} & {"payee.card", "payee.account"}
        if broken:
            return None
        if bool(card) == bool(account):
            message = (
                N_("give either the member card or the bank account, not both")
                if card
                else N_("give the member card or the bank account")
            )
            problems.append(problem_at(asked[0], message))
            return None
        if account and not bank and "payee.bank" in self.fields:
            problems.append(problem_at(self.fields["payee.bank"], N_("is required")))
            return None
        return (CARD, card, None) if card else (BANK, str(account), bank)

    def _window(self, found: dict[str, Any], problems: list[Problem]) -> None:
        """The day of receipt, for those who may give one; it must lie in a window."""
        key = "application.received_on"
        if not may(self.actor, "application:backdate"):
            found.pop(key, None)
        row = self.fields.get(key)
        if self.corrects or row is None or any(item.key == key for item in problems):
            return
        day = found.get(key) or self.today
        if day > self.today:
            problems.append(problem_at(row, N_("must not be in the future")))
            return
        try:
            window_on(self.revision, self.channel, day)
        except OutsideWindow as refusal:
            problems.append(problem_at(row, refusal.message, refusal.params))

    def _values(
        self, found: dict[str, Any], unit: Organization, payee: tuple[str, str | None, str | None]
    ) -> Values:
        who: IdNumber | None = found.get("applicant.id_number")
        records = {row.prefix: row.values(found) for row in self.subject.records}
        claimed_by, claim = claim_of(self.revision, unit.id, found, records)
        values = Values(
            unit=unit,
            id_number=who,
            applicant={
                "name": found["applicant.name"],
                "sex": who.sex if who else found.get("applicant.sex"),
                "birth_date": who.birth_date if who else None,
                "is_union_member": found.get("applicant.union_member"),
            },
            details=_details(found),
            phone=found.get("applicant.phone", ""),
            records=records,
            payee_kind=payee[0],
            account=payee[1],
            bank=payee[2],
            received_on=found.get("application.received_on"),
            fields=self.own_fields(found),
            lists=self.tables(found),
            survey=_plain(found, "survey."),
            claim=claim,
            claimed_by=claimed_by,
        )
        self._warn(found, values)
        return values

    def tables(self, found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """The tables among the answers *found*, by field key."""
        return {key: rows for key, rows in found.items() if self.fields[key].kind == "table"}

    def own_fields(self, found: dict[str, Any]) -> dict[str, Any]:
        """What the programme asks and rules may read, as this form said it.

        What it says of the person and the unit is kept under the full key, and a key field also
        in the form under which it is claimed.
        """
        answers = {k: value for k, value in found.items() if self.fields[k].kind != "table"}
        own = _plain(answers, "field.")
        keys = [row.key for row in self.fields.values() if row.is_key and row.key in found]
        named = {f"{key.removeprefix('field.')}.key": certificate_key(found[key]) for key in keys}
        return own | named | _iso(_details(found))

    def _warn(self, found: dict[str, Any], values: Values) -> None:
        said = found.get("applicant.sex")
        if said and values.id_number and said != values.id_number.sex:
            message = N_("differs from the ID number; the ID number counts")
            values.warnings.append(problem_at(self.fields["applicant.sex"], message))
        if values.account and looks_mistyped(values.account):
            key = "payee.card" if values.payee_kind == CARD else "payee.account"
            message = N_("the card number looks mistyped; please compare it once more")
            values.warnings.append(problem_at(self.fields[key], message))


def problem_at(row: FormField, message: str, params: dict[str, Any] | None = None) -> Problem:
    """A problem of the field *row*."""
    return Problem(row.key, row.label, message, params or {})


def _details(found: dict[str, Any]) -> dict[str, Any]:
    """What the form asks and no rule reads, kept under the field's own key."""
    stored = ("applicant.name", "applicant.sex", "applicant.id_number", "applicant.phone")
    placed = (*stored, "applicant.union_member", "organization.unit", "organization.district")
    return {
        key: value
        for key, value in found.items()
        if key.startswith(("applicant.", "organization.")) and key not in placed
    }


def _plain(found: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The answers under *prefix*, by their own key, as JSON keeps them."""
    return _iso({k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)})


def _iso(answers: dict[str, Any]) -> dict[str, Any]:
    return {key: v.isoformat() if isinstance(v, date) else v for key, v in answers.items()}


def _places(
    session: Session, actor: Actor
) -> tuple[dict[str, list[Organization]], dict[int | None, set[str]]]:
    """The actor's active units by tidy name and code; each district's name and code."""
    rows = session.scalars(
        select(Organization).where(visible(Organization, actor), Organization.is_active)
    ).all()
    units: dict[str, list[Organization]] = {}
    for row in rows:
        for name in {tidy(row.name), row.code}:
            units.setdefault(name, []).append(row)
    ids = {row.district_id for row in rows}
    districts = session.scalars(select(Organization).where(Organization.id.in_(ids - {None})))
    return units, {row.id: {tidy(row.name), row.code} for row in districts}


def _choices(session: Session, row: FormField) -> dict[str, str]:
    """Every accepted spelling of a field's choices, with the value it stands for."""
    found = {occupation_term(label): value for value, label in row.choices.items()}
    found |= {occupation_term(value): value for value in row.choices}
    if row.catalogue:
        entries = session.scalars(
            select(CatalogueEntry)
            .join(Catalogue)
            .where(Catalogue.key == row.catalogue, CatalogueEntry.retired_on.is_(None))
        )
        for entry in entries:
            for text in (entry.code, entry.title, *entry.aliases):
                found.setdefault(occupation_term(text), entry.title)
    return found
