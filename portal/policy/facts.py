"""Facts: named, typed, labelled SQL expressions over one application, each defined once.

A programme's own form fields are facts too, as ``field.<key>``; survey answers never are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Date, FromClause, case, cast, func, null

from models.applicant import Applicant
from models.application import Application
from models.base import N_
from models.certificate import SkillCertificate
from models.organization import Organization
from models.programme import FormField, Revision

TEXT, CODE, DATE, NUMBER, MONEY, YES_NO = "text", "code", "date", "number", "money", "yes_no"
KINDS = (TEXT, CODE, DATE, NUMBER, MONEY, YES_NO)
Build = Callable[[Revision], ColumnElement[Any]]


@dataclass(frozen=True)
class Fact:
    """One fact. ``build(revision)`` gives its SQL; ``needs`` the tables it reads besides
    ``application``; ``is_key`` marks identities that bounds count per and no term compares."""

    key: str
    label: str
    kind: str
    build: Build
    needs: frozenset[type] = field(default_factory=frozenset)
    is_key: bool = False


def fact(key: str, revision: Revision) -> Fact | None:
    """The fact called *key* in *revision*, a form field's included; ``None`` when there is none."""
    if key in FACTS:
        return FACTS[key]
    return _field_facts(revision).get(key)


def facts_of(revision: Revision) -> dict[str, Fact]:
    """Every fact that the rules of *revision* may name, in the order shown to staff."""
    return FACTS | _field_facts(revision)


def source(needs: frozenset[type]) -> FromClause:
    """``application`` joined with the tables in *needs*."""
    joined: Any = Application.__table__
    for entity, column in _JOINS.items():
        if entity in needs:
            table: Any = entity.__table__  # type: ignore[attr-defined]
            joined = joined.outerjoin(table, table.c.id == column)
    return joined  # type: ignore[no-any-return]


_JOINS: dict[type, Any] = {
    Applicant: Application.applicant_id,
    SkillCertificate: Application.certificate_id,
    Organization: Application.organization_id,
}


def _column(key: str, label: str, kind: str, column: Any, is_key: bool = False) -> Fact:
    entity = column.class_
    needs = frozenset() if entity is Application else frozenset({entity})
    return Fact(key, label, kind, lambda _revision: column, needs, is_key)


def _window_day(key: str, label: str, attribute: str) -> Fact:
    """A day of the case's own window, inlined: a revision's windows are few and frozen."""

    def build(revision: Revision) -> ColumnElement[Any]:
        days = {window.id: getattr(window, attribute) for window in revision.windows}
        if not days:
            return cast(null(), Date)
        return case(days, value=Application.window_id)

    return Fact(key, label, DATE, build)


def _field_facts(revision: Revision) -> dict[str, Fact]:
    return {
        row.key: _form_fact(row)
        for row in revision.fields
        if row.key.startswith("field.") and row.purpose != "survey"
    }


def _form_fact(row: FormField) -> Fact:
    kind = _FIELD_KINDS.get(row.kind, TEXT)
    value = Application.fields[row.key.removeprefix("field.")]
    read: ColumnElement[Any] = value.as_string()
    if kind == NUMBER:
        read = value.as_float()
    elif kind == MONEY:
        read = func.round(value.as_float() * 100)  # answered in yuan, compared in fen
    elif kind == YES_NO:
        read = value.as_boolean()
    return Fact(row.key, row.label, TEXT if kind == DATE else kind, lambda _revision: read)


_FIELD_KINDS = {"number": NUMBER, "money": MONEY, "yes_no": YES_NO, "date": DATE, "choice": CODE}

_ALL = (
    _column("application.channel", N_("Channel"), CODE, Application.channel),
    _column("application.submitted_on", N_("Submitted on"), DATE, Application.submitted_on),
    _window_day("window.opens", N_("Window opens"), "opens_on"),
    _window_day("window.closes", N_("Window closes"), "closes_on"),
    _column("applicant.union_member", N_("Union member"), YES_NO, Applicant.is_union_member),
    _column("applicant.sex", N_("Sex"), CODE, Applicant.sex),
    _column("applicant.birth_date", N_("Birth date"), DATE, Applicant.birth_date),
    _column("certificate.level", N_("Level"), CODE, SkillCertificate.level),
    _column("certificate.issuer", N_("Issuer"), CODE, SkillCertificate.issuer),
    _column("certificate.occupation", N_("Occupation"), CODE, SkillCertificate.occupation_term),
    _column("certificate.issued_on", N_("Issued on"), DATE, SkillCertificate.issued_on),
    _column("certificate.number", N_("Certificate number"), TEXT, SkillCertificate.number_key),
    _column(
        "certificate.previous_level", N_("Previous level"), CODE, SkillCertificate.previous_level
    ),
    _column(
        "certificate.previous_issued_on",
        N_("Previous certificate of"),
        DATE,
        SkillCertificate.previous_issued_on,
    ),
    _column("payee.kind", N_("Paid to"), CODE, Application.payee_kind),
    _column("unit.nature", N_("Nature of the unit"), CODE, Organization.nature),
    _column("unit.industry", N_("Industry"), CODE, Organization.industry),
    _column("person", N_("Person"), CODE, Applicant.id_number_index, is_key=True),
    _column("certificate", N_("Certificate"), CODE, Application.claim_key, is_key=True),
    _column("district", N_("District or bureau union"), CODE, Application.district_id, is_key=True),
    _column("unit", N_("Unit"), CODE, Application.organization_id, is_key=True),
)
FACTS: dict[str, Fact] = {item.key: item for item in _ALL}
