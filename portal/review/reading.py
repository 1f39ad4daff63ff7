"""Reading a filled form, from the web or from a sheet: one validation for both.

The revision's form fields say what is asked, how it is called and what may be answered; every
problem names its field by the paper's own label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import BANK, CARD
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
    bank_card,
    certificate_key,
    certificate_number,
    looks_mistyped,
    mobile,
    occupation_term,
    parse_date,
    plain,
    tidy,
)
from portal.review.submit import OutsideWindow, window_on

YES = frozenset({"是", "有", "y", "yes", "true", "1"})
NO = frozenset({"否", "无", "n", "no", "false", "0"})
LONGEST = {"long_text": 4_000}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field; ``message`` is a msgid with ``params``."""

    key: str
    label: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class Values:
    """A form as read: what each table stores. ``account`` and ``id_number`` are in clear."""

    unit: Organization
    id_number: IdNumber
    applicant: dict[str, Any]
    details: dict[str, Any]
    phone: str
    certificate: dict[str, Any]
    payee_kind: str
    account: str
    bank: str | None
    received_on: date | None
    fields: dict[str, Any]
    survey: dict[str, Any]
    warnings: list[Problem] = field(default_factory=list)

    @property
    def claim(self) -> str:
        """What the case will claim: the normalised certificate number."""
        return str(self.certificate["number_key"])


class FormReader:
    """Reads forms of one revision for one actor; units and choices are loaded once.

    A form that *corrects* a returned case came in time when it came first.
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
    ) -> None:
        self.session = session
        self.revision = revision
        self.actor = actor
        self.channel = channel
        self.corrects = corrects
        self.today = clock.today()
        self.fields = {row.key: row for row in revision.fields}
        self._units, self._districts = _places(session, actor)
        self._choices = {row.key: _choices(session, row) for row in revision.fields}

    def read(self, cells: Mapping[str, Any]) -> tuple[Values | None, list[Problem]]:
        """Read *cells* (form field key → what was typed); either the values or all problems."""
        found: dict[str, Any] = {}
        problems: list[Problem] = []
        for key, row in self.fields.items():
            self._read_field(row, cells.get(key), found, problems)
        unit = self._unit(cells, problems)
        payee = self._payee(found, problems)
        self._window(found, problems)
        problems.sort(key=lambda item: list(self.fields).index(item.key))
        if problems or unit is None or payee is None:
            return None, problems
        return self._values(found, unit, payee), []

    def _read_field(
        self, row: FormField, typed: Any, found: dict[str, Any], problems: list[Problem]
    ) -> None:
        text = "" if typed is None else str(typed).strip()
        if not plain(text):
            if row.critical:
                problems.append(problem_at(row, N_("is required")))
            return
        try:
            found[row.key] = self._parse(row, typed if isinstance(typed, date) else text)
        except Refusal as refusal:
            problems.append(problem_at(row, refusal.message, refusal.params))

    def _parse(self, row: FormField, typed: Any) -> Any:
        if row.kind == "choice":
            return self._chosen(row, typed)
        if row.kind == "id_number":
            return IdNumber.parse(typed, self.today)
        if row.key == "certificate.number":
            return certificate_number(typed)
        reader = _READERS.get(row.kind)
        if reader is not None:
            return reader(typed)
        longest = LONGEST.get(row.kind, 120)
        text = plain(typed) if row.kind != "long_text" else str(typed)
        if len(text) > longest:
            raise TooLong(most=longest)
        return text

    def _chosen(self, row: FormField, typed: str) -> str:
        found = self._choices[row.key].get(occupation_term(typed))
        if found is None:
            offered = list(row.choices.values())
            raise NotOffered(text=plain(typed)[:40], offered="、".join(offered)[:200])
        return found

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
    ) -> tuple[str, str, str | None] | None:
        """Exactly one of member card and bank account (S15 四)."""
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
            problems.append(problem_at(self.fields["payee.card"], message))
            return None
        if account and not bank:
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
        self, found: dict[str, Any], unit: Organization, payee: tuple[str, str, str | None]
    ) -> Values:
        who: IdNumber = found["applicant.id_number"]
        values = Values(
            unit=unit,
            id_number=who,
            applicant={
                "name": found["applicant.name"],
                "sex": who.sex,
                "birth_date": who.birth_date,
                "is_union_member": found.get("applicant.union_member"),
            },
            details=_details(found),
            phone=found.get("applicant.phone", ""),
            certificate=_certificate(found),
            payee_kind=payee[0],
            account=payee[1],
            bank=payee[2],
            received_on=found.get("application.received_on"),
            fields=_own(found, "field."),
            survey=_own(found, "survey."),
        )
        self._warn(found, values)
        return values

    def _warn(self, found: dict[str, Any], values: Values) -> None:
        said = found.get("applicant.sex")
        if said and said != values.id_number.sex:
            message = N_("differs from the ID number; the ID number counts")
            values.warnings.append(problem_at(self.fields["applicant.sex"], message))
        if looks_mistyped(values.account):
            key = "payee.card" if values.payee_kind == CARD else "payee.account"
            message = N_("the card number looks mistyped; please compare it once more")
            values.warnings.append(problem_at(self.fields[key], message))


class NotOffered(Refusal):
    """The answer is none of the choices."""

    message = N_("“%(text)s” is not one of the choices (%(offered)s)")


class TooLong(Refusal):
    """The answer is too long."""

    message = N_("may have at most %(most)s characters")


class NotYesOrNo(Refusal):
    """The answer is neither yes nor no."""

    message = N_("must be yes or no")


class NotANumber(Refusal):
    """The answer is no plausible number."""

    message = N_("must be a number from 0 to 1,000,000,000")


def _yes_no(typed: str) -> bool:
    text = tidy(typed).casefold()
    if text in YES or text in NO:
        return text in YES
    raise NotYesOrNo()


def _number(typed: str) -> int | float:
    try:
        found = float(tidy(typed).replace(",", ""))
    except ValueError:
        raise NotANumber() from None
    if not 0 <= found <= 10**9:
        raise NotANumber()
    return int(found) if found.is_integer() else found


_READERS: dict[str, Callable[[Any], Any]] = {
    "yes_no": _yes_no,
    "number": _number,
    "money": _number,
    "date": parse_date,
    "phone": mobile,
    "card": bank_card,
}


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


def _certificate(found: dict[str, Any]) -> dict[str, Any]:
    number = found["certificate.number"]
    return {
        "number": number,
        "number_key": certificate_key(number),
        "occupation": found["certificate.occupation"],
        "occupation_term": occupation_term(found["certificate.occupation"]),
        "level": found["certificate.level"],
        "issuer": found["certificate.issuer"],
        "issued_on": found["certificate.issued_on"],
        "previous_level": found.get("certificate.previous_level"),
        "previous_issued_on": found.get("certificate.previous_issued_on"),
    }


def _own(found: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value.isoformat() if isinstance(value, date) else value
        for key, value in found.items()
        if key.startswith(prefix)
    }


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
