"""The people and records that forms speak of: found and brought up to date, or made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import Application
from models.base import in_parts
from models.names import name_grams, name_key
from models.programme import Revision
from models.types import new_row_key
from portal.policy.subjects import SUBJECTS, Record
from portal.review.reading import Values

Person = tuple[int, bytes | str]
"""A person of a unit: by the blind index of the ID number, or by name where none was asked."""


def find_people(session: Session, forms: Sequence[Values], now: datetime) -> list[int]:
    """The applicant of each form: found and brought up to date, or new."""
    keys = [_person_key(form) for form in forms]
    known = _known(session, keys)
    fresh: dict[Person, dict[str, Any]] = {}
    renewed: dict[int, dict[str, Any]] = {}
    for form, key in zip(forms, keys, strict=True):
        if key in known:
            row_id, row_key = known[key]
            renewed[row_id] = {"id": row_id, **_person(form, row_key, now)}
        else:
            row_key = fresh.get(key, {}).get("row_key") or new_row_key()
            fresh[key] = _new_person(form, row_key, now)
    if renewed:
        session.execute(update(Applicant), list(renewed.values()))
    if fresh:
        statement = insert(Applicant).returning(Applicant.id, sort_by_parameter_order=True)
        ids = session.scalars(statement, list(fresh.values())).all()
        for key, row_id in zip(fresh, ids, strict=True):
            known[key] = (row_id, "")
    return [known[key][0] for key in keys]


def make_records(
    session: Session,
    revision: Revision,
    forms: Sequence[Values],
    people: Sequence[int],
    now: datetime,
) -> list[dict[str, int]]:
    """The records of each form's subject, as the columns of its application that name them."""
    links: list[dict[str, int]] = [{} for _ in forms]
    for record in SUBJECTS[revision.programme.subject].records:
        rows = [
            _row(record, form, person, linked, now)
            for form, person, linked in zip(forms, people, links, strict=True)
        ]
        ids = _stand(session, record, rows) if record.stays else _insert(session, record, rows)
        for linked, row_id in zip(links, ids, strict=True):
            linked[record.link] = row_id
    return links


def rewrite_records(
    session: Session, application: Application, values: Values, person: int, now: datetime
) -> None:
    """Write an edited form over the records of *application*, but for what stages fill in."""
    linked: dict[str, int] = {}
    theirs = {row.key for row in application.revision.fields if row.stage}
    for record in SUBJECTS[application.revision.programme.subject].records:
        row = _row(record, values, person, linked, now)
        row_id = getattr(application, record.link)
        if record.stays or row_id is None:
            (row_id,) = (_stand if record.stays else _insert)(session, record, [row])
            setattr(application, record.link, row_id)
        else:
            found = session.get_one(record.entity, row_id)
            left = {record.columns[n] for n in record.columns if f"{record.prefix}.{n}" in theirs}
            for name, value in row.items():
                if name not in left:
                    setattr(found, name, value)
            found.version += 1
        linked[record.link] = row_id


def _row(
    record: Record, form: Values, person: int, linked: dict[str, int], now: datetime
) -> dict[str, Any]:
    """The columns of a record; one that belongs to an earlier one names it."""
    above = {key: value for key, value in linked.items() if hasattr(record.entity, key)}
    return {
        "organization_id": form.unit.id,
        "applicant_id": person,
        "updated_at": now,
        **above,
        **form.records[record.prefix],
    }


def _insert(session: Session, record: Record, rows: list[dict[str, Any]]) -> list[int]:
    entity = record.entity
    statement = insert(entity).returning(entity.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, [row | {"version": 1} for row in rows]))


def _stand(session: Session, record: Record, rows: list[dict[str, Any]]) -> list[int]:
    """Records that belong to their unit over the years: each found again, or made once."""
    keys = [(row["organization_id"], row[record.identity]) for row in rows]
    known = _standing(session, record, [key for _unit, key in keys])
    fresh = {key: row for key, row in zip(keys, rows, strict=True) if key not in known}
    if fresh:
        known |= dict(zip(fresh, _insert(session, record, list(fresh.values())), strict=True))
    renewed = [
        {name: value for name, value in row.items() if value is not None} | {"id": known[key]}
        for key, row in zip(keys, rows, strict=True)
        if key not in fresh
    ]
    for row in renewed:
        session.execute(update(record.entity), [row])
    return [known[key] for key in keys]


def _standing(session: Session, record: Record, names: list[str]) -> dict[tuple[int, str], int]:
    entity = record.entity
    identity = getattr(entity, record.identity)
    found: dict[tuple[int, str], int] = {}
    for part in in_parts(names):
        rows = session.execute(
            select(entity.organization_id, identity, entity.id).where(identity.in_(part))
        )
        found |= {(unit, name): row_id for unit, name, row_id in rows}
    return found


def _person_key(form: Values) -> Person:
    if form.id_number is None:
        return form.unit.id, form.applicant["name"]
    return form.unit.id, Applicant.id_number.index(form.id_number.number)


def _known(session: Session, keys: list[Person]) -> dict[Person, tuple[int, str]]:
    columns = (Applicant.organization_id, Applicant.id, Applicant.row_key)
    found: dict[Person, tuple[int, str]] = {}
    for part in in_parts([key for _unit, key in keys if isinstance(key, bytes)]):
        rows = session.execute(
            select(*columns, Applicant.id_number_index).where(Applicant.id_number_index.in_(part))
        )
        found |= {(unit, bytes(index or b"")): (row, key) for unit, row, key, index in rows}
    for names in in_parts([key for _unit, key in keys if isinstance(key, str)]):
        named = Applicant.name.in_(names), Applicant.id_number_index.is_(None)
        unnumbered = session.execute(select(*columns, Applicant.name).where(*named))
        found |= {(unit, name): (row, key) for unit, row, key, name in unnumbered}
    return found


def _person(form: Values, row_key: str, now: datetime) -> dict[str, Any]:
    name = form.applicant["name"]
    return {
        **form.applicant,
        "name_key": name_key(name),
        "name_grams": name_grams(name),
        "details": form.details,
        "updated_at": now,
        **Applicant.phone.columns(row_key, form.phone or None),
    }


def _new_person(form: Values, row_key: str, now: datetime) -> dict[str, Any]:
    number = form.id_number.number if form.id_number else None
    return {
        "row_key": row_key,
        "organization_id": form.unit.id,
        "version": 1,
        **_person(form, row_key, now),
        **Applicant.id_number.columns(row_key, number),
    }
