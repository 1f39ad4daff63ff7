"""Facts: named, typed, labelled SQL expressions over one application, each defined once.

A programme's own form fields are facts too, as ``field.<key>``, and what the form says of the
person and the unit; survey answers never are. ``list.<key>`` are the programme's derived facts,
``attachment.<key>`` counts files. A term may also name ``<code fact>@<catalogue>``, its rank
there, and ``<text fact>.length``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    FromClause,
    case,
    cast,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from models.applicant import Applicant
from models.application import Application, Attachment, ListRow
from models.base import N_
from models.catalogue import Catalogue, CatalogueEntry
from models.evidence import (
    CERTIFICATE,
    MEMBERSHIP,
    PATENT,
    SAME,
    UNCHECKED,
    DuplicatePair,
    RegistryCheck,
)
from models.organization import Organization
from models.programme import AttachmentRule, DerivedFact, FormField, Revision
from models.publicity import NoticeEntry
from portal.policy.sql_days import day_of_text
from portal.policy.sql_numbers import nearest
from portal.policy.subjects import RECORDS, Record, link_of

TEXT, CODE, DATE, NUMBER, MONEY, YES_NO = "text", "code", "date", "number", "money", "yes_no"
KINDS = (TEXT, CODE, DATE, NUMBER, MONEY, YES_NO)
AWARD = "award.amount"
"""What the tier pays: a bound sums it as it stands, as it was awarded or fallen to."""
Build = Callable[[Revision], ColumnElement[Any]]

District = aliased(Organization)
"""The district of a case, beside ``Organization``, its unit."""


@dataclass(frozen=True)
class Fact:
    """One fact. ``build(revision)`` gives its SQL; ``needs`` the tables it reads besides
    ``application``; ``is_key`` marks identities that bounds count per and no term compares."""

    key: str
    label: str
    kind: str
    build: Build
    needs: frozenset[Any] = field(default_factory=frozenset)
    is_key: bool = False


def fact(key: str, revision: Revision) -> Fact | None:
    """The fact called *key* in *revision*, derived ones included; ``None`` when there is none."""
    if key == AWARD:
        return _awarded(revision)
    if key in FACTS:
        return FACTS[key]
    return _own_fact(key, revision) or _rank(key, revision) or _length(key, revision)


def facts_of(revision: Revision) -> dict[str, Fact]:
    """Every fact that the rules of *revision* may name, in the order shown to staff."""
    return FACTS | {AWARD: _awarded(revision)} | _own(revision)


def source(needs: frozenset[Any]) -> FromClause:
    """``application`` joined with the tables in *needs*."""
    joined: Any = Application.__table__
    for entity, column in _JOINS.items():
        if entity in needs:
            joined = joined.outerjoin(entity, entity.id == column)
    return joined  # type: ignore[no-any-return]


def form_value(row: FormField, value: Any) -> tuple[str, ColumnElement[Any]]:
    """The kind of fact that a field is and the SQL that reads it from the JSON element *value*."""
    kind = _FIELD_KINDS.get(row.kind, TEXT)
    if kind == NUMBER:
        return kind, value.as_float()
    if kind == MONEY:  # answered in yuan, compared in fen
        return kind, nearest(value.as_float() * 100)
    if kind == YES_NO:
        return kind, value.as_boolean()
    if kind == DATE:
        return kind, day_of_text(value.as_string())
    return kind, value.as_string()


def entry_of(table: str, expression: ColumnElement[Any], column: Any) -> ColumnElement[Any]:
    """*column* of the entry of the catalogue *table* whose code or title *expression* is."""
    return (
        select(column)
        .join(Catalogue, Catalogue.id == CatalogueEntry.catalogue_id)
        .where(
            Catalogue.key == table,
            CatalogueEntry.retired_on.is_(None),
            or_(CatalogueEntry.code == expression, CatalogueEntry.title == expression),
        )
        .limit(1)
        .scalar_subquery()
    )


_JOINS: dict[Any, Any] = {
    Applicant: Application.applicant_id,
    Organization: Application.organization_id,
    District: Application.district_id,
    **{record.entity: link_of(record) for record in RECORDS},
}
_FIELD_KINDS = {"number": NUMBER, "money": MONEY, "yes_no": YES_NO, "date": DATE, "choice": CODE}
_OF_THE_CASE = ("applicant.", "organization.")


def _column(key: str, label: str, kind: str, column: Any, needs: Any = None) -> Fact:
    entity = needs or column.class_
    tables = frozenset() if entity is Application else frozenset({entity})
    read: ColumnElement[Any] = column.expression
    return Fact(key, label, kind, lambda _revision: read, tables)


def _key(key: str, label: str, column: Any) -> Fact:
    found = _column(key, label, CODE, column)
    return Fact(found.key, found.label, found.kind, found.build, found.needs, is_key=True)


def _window_day(key: str, label: str, attribute: str) -> Fact:
    """A day of the case's own window, inlined: a revision's windows are few and frozen."""

    def build(revision: Revision) -> ColumnElement[Any]:
        named = {window.id: getattr(window, attribute) for window in revision.windows}
        days = {key: day for key, day in named.items() if day is not None}
        if not days:
            return cast(null(), Date)
        return case(days, value=Application.window_id)

    return Fact(key, label, DATE, build)


def _award(revision: Revision) -> ColumnElement[Any]:
    from portal.policy.tiers import amount_sql  # tiers are made of terms, and terms of facts

    return amount_sql(revision)


def _awarded(revision: Revision) -> Fact:
    """The amount, with the tables that the tiers of *revision* read."""
    named: set[Any] = set()
    for row in revision.tiers:
        terms = [*row.when, *(row.uplift or {}).get("when", [])]
        named |= set(_texts([*terms, row.rule])) - {AWARD}
    found = (fact(key, revision) for key in named)
    needs = frozenset[Any]().union(*(item.needs for item in found if item is not None))
    return replace(FACTS[AWARD], needs=needs)


def _texts(value: Any) -> Iterator[str]:
    """Every text in *value*: among them the facts that it names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _of_record(record: Record) -> list[Fact]:
    return [_recorded(record, name, attribute) for name, attribute in record.columns.items()]


def _recorded(record: Record, name: str, attribute: str) -> Fact:
    column = getattr(record.entity, record.compared.get(name, attribute))
    label = getattr(record.entity, attribute).info["label"]
    kind = _kind_of(column) or (TEXT if name in record.texts else CODE)
    return _column(f"{record.prefix}.{name}", label, kind, column)


def _kind_of(column: Any) -> str | None:
    if isinstance(column.type, Date):
        return DATE
    if isinstance(column.type, Boolean):
        return YES_NO
    return MONEY if column.info.get("widget") == "yuan" else None


def _own(revision: Revision) -> dict[str, Fact]:
    """What this revision alone has: fields, derived facts, attachments."""
    return {key: make(row, revision) for key, make, row in _rows(revision)}


def _own_fact(key: str, revision: Revision) -> Fact | None:
    """The revision's own fact called *key*; no other is made, so that derived facts may name
    facts."""
    return next((make(row, revision) for _, make, row in _rows(revision, key)), None)


def _rows(
    revision: Revision, only: str | None = None
) -> Iterator[tuple[str, Callable[[Any, Revision], Fact], Any]]:
    """The key of each own fact, or of the one called *only*, and how it is made of which row."""
    for field_row in revision.fields:
        if only not in (None, field_row.key):
            continue
        if field_row.kind == "table":
            yield field_row.key, _table_fact, field_row
        elif _is_fact(field_row):
            yield field_row.key, _form_fact, field_row
    others: list[tuple[str, Callable[[Any, Revision], Fact], Any]] = [
        (row.key, _derived, row) for row in revision.facts
    ]
    others += [(f"attachment.{row.key}", _attached, row) for row in revision.attachments]
    yield from (found for found in others if only in (None, found[0]))


def _is_fact(row: FormField) -> bool:
    if row.kind in ("table", "id_number", "phone", "card") or row.purpose == "survey":
        return False
    own = row.key.startswith(("field.", *_OF_THE_CASE))
    return own and row.key not in FACTS and row.key not in _NAMES


_NAMES = ("applicant.name", "organization.unit", "organization.district")


def _form_fact(row: FormField, _revision: Revision) -> Fact:
    own = row.key.removeprefix("field.")
    kind, read = form_value(row, Application.fields[f"{own}.key" if row.is_key else own])
    return Fact(row.key, row.label, kind, lambda _revision: read, is_key=row.is_key)


def _table_fact(row: FormField, _revision: Revision) -> Fact:
    """A table as a fact: how many rows it has."""
    count = _counted(ListRow, ListRow.field == row.key)
    return Fact(row.key, row.label, NUMBER, lambda _revision: count)


def _derived(row: DerivedFact, revision: Revision) -> Fact:
    from portal.policy.derived import derived_fact  # made of terms, as tiers are

    return derived_fact(row, revision)


def _attached(row: AttachmentRule, _revision: Revision) -> Fact:
    count = _counted(Attachment, Attachment.rule_key == row.key, Attachment.removed_at.is_(None))
    return Fact(f"attachment.{row.key}", row.title, NUMBER, lambda _revision: count)


def _counted(entity: Any, *where: ColumnElement[bool]) -> ColumnElement[Any]:
    """How many rows of *entity* a case has."""
    rows = select(func.count()).select_from(entity)
    own = rows.where(entity.application_id == Application.id, *where)
    return own.correlate(Application).scalar_subquery()


def _rank(key: str, revision: Revision) -> Fact | None:
    """``<code fact>@<catalogue>``: the rank of the entry."""
    base, _at, table = key.partition("@")
    found = fact(base, revision) if table else None
    if found is None or found.kind != CODE:
        return None
    build = found.build
    return Fact(
        key,
        found.label,
        NUMBER,
        lambda revision: entry_of(table, build(revision), CatalogueEntry.rank),
        found.needs,
    )


def _length(key: str, revision: Revision) -> Fact | None:
    """``<text fact>.length``: how many characters it has."""
    base = key.removesuffix(".length")
    found = fact(base, revision) if base != key else None
    if found is None or found.kind != TEXT:
        return None
    build = found.build
    return Fact(
        key, found.label, NUMBER, lambda revision: func.length(build(revision)), found.needs
    )


def _notice_ended(_revision: Revision) -> ColumnElement[Any]:
    """The day on which a case's public notice ended; none while it runs or was upheld against."""
    own = select(func.max(NoticeEntry.ended_on)).where(NoticeEntry.application_id == Application.id)
    return own.correlate(Application).scalar_subquery()


def _registry(kind: str, label: str) -> Fact:
    """What the authority said last; nothing while nobody could check."""
    said = (
        select(RegistryCheck.result)
        .where(RegistryCheck.application_id == Application.id, RegistryCheck.kind == kind)
        .order_by(RegistryCheck.id.desc())
        .limit(1)
        .correlate(Application)
        .scalar_subquery()
    )
    known: ColumnElement[Any] = func.nullif(said, UNCHECKED)
    return Fact(f"registry.{kind}", label, CODE, lambda _revision: known)


def _duplicates(key: str, label: str, settled: ColumnElement[bool]) -> Fact:
    """How many earlier cases and payments this one looks like."""
    pairs = select(func.count()).where(
        DuplicatePair.application_id == Application.id, DuplicatePair.signs != "", settled
    )
    count = pairs.correlate(Application).scalar_subquery()
    return Fact(f"duplicates.{key}", label, NUMBER, lambda _revision: count)


_ALL = (
    _column("application.channel", N_("Channel"), CODE, Application.channel),
    _column("application.submitted_on", N_("Submitted on"), DATE, Application.submitted_on),
    _window_day("window.opens", N_("Window opens"), "opens_on"),
    _window_day("window.closes", N_("Window closes"), "closes_on"),
    _window_day("window.paper", N_("Papers until"), "paper_on"),
    _column("applicant.union_member", N_("Union member"), YES_NO, Applicant.is_union_member),
    _column("applicant.sex", N_("Sex"), CODE, Applicant.sex),
    _column("applicant.birth_date", N_("Birth date"), DATE, Applicant.birth_date),
    *(found for record in RECORDS for found in _of_record(record)),
    _column("payee.kind", N_("Paid to"), CODE, Application.payee_kind),
    _registry(CERTIFICATE, N_("Registry: certificate")),
    _registry(PATENT, N_("Registry: patent")),
    _registry(MEMBERSHIP, N_("Registry: union membership")),
    _duplicates("open", N_("Duplicates to be settled"), DuplicatePair.settled.is_(None)),
    _duplicates("same", N_("Duplicates settled as the same"), DuplicatePair.settled == SAME),
    _column("unit.nature", N_("Nature of the unit"), CODE, Organization.nature),
    _column("unit.industry", N_("Industry"), CODE, Organization.industry),
    _column("district.code", N_("Code of the district"), CODE, District.code, District),
    _column("district.kind", N_("Kind of the district"), CODE, District.kind, District),
    Fact("notice.ended_on", N_("Public notice ended on"), DATE, _notice_ended),
    Fact(AWARD, N_("Amount (yuan)"), MONEY, _award),
    _key("person", N_("Person"), Applicant.id_number_index),
    _key("claim", N_("What is claimed"), Application.claim_key),
    _key("certificate", N_("Certificate"), Application.claim_key),
    _key("patent", N_("Patent"), RECORDS[1].entity.number_key),
    _key("studio", N_("Studio"), Application.studio_id),
    _key("district", N_("District or bureau union"), Application.district_id),
    _key("unit", N_("Unit"), Application.organization_id),
)
FACTS: dict[str, Fact] = {item.key: item for item in _ALL}
