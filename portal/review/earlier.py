"""What earlier applications say: who claimed a certificate, and what they say of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import APPROVED, PAID, RETURNED, WAITING, Application
from models.base import N_, in_parts
from models.evidence import PastAward
from models.programme import Programme
from portal.policy.subjects import RECORDS, link_of
from portal.review.claims import claim_field
from portal.review.reading import FormReader, Problem, Values, problem_at


def already_claimed(session: Session, family: str, keys: list[str]) -> dict[str, str]:
    """Of the claim *keys*, those that a live application holds, with its number, or a payment from
    before the system, with its programme and year."""
    found: dict[str, str] = {}
    for part in in_parts(keys):
        past = session.scalars(
            select(PastAward).where(PastAward.family == family, PastAward.claim_key.in_(part))
        )
        found |= {row.claim_key: f"{row.title} {row.year}" for row in past}
        rows = session.execute(
            select(Application.claim_key, Application.number).where(
                Application.family == family,
                Application.claims,
                Application.claim_key.in_(part),
            )
        )
        found |= {str(key): number for key, number in rows}
    return found


def claimed_problem(reader: FormReader, number: str) -> Problem:
    """The problem that what a form claims is claimed by the application (or row) *number*."""
    field = reader.fields[claim_field(reader.revision)]
    if number.startswith("#"):
        row = N_("already claimed by row %(number)s of this sheet")
        return problem_at(field, row, {"number": number[1:]})
    message = N_("already claimed by %(number)s")
    return problem_at(field, message, {"number": number})


@dataclass(frozen=True)
class Said:
    """What a live application says of a person: name, union membership, its number."""

    name: str
    is_union_member: bool | None
    number: str


Key = tuple[int, bytes]
"""A person of a union: its id and the blind index of the ID number."""


def person_key(values: Values) -> Key | None:
    """Whose form it is; ``None`` where the form asks for no ID number."""
    if values.id_number is None:
        return None
    return values.unit.id, Applicant.id_number.index(values.id_number.number)


def said_before(
    session: Session, keys: Sequence[Key | None], but: int | None = None
) -> dict[Key | None, Said]:
    """Of the people *keys*, what their live applications other than *but* say of them."""
    indexes = list({key[1] for key in keys if key})
    found: dict[Key | None, Said] = {}
    for part in in_parts(indexes):
        rows = session.execute(
            select(
                Applicant.organization_id,
                Applicant.id_number_index,
                Applicant.name,
                Applicant.is_union_member,
                Application.number,
            )
            .join(Application, Application.applicant_id == Applicant.id)
            .where(
                Applicant.id_number_index.in_(part),
                Application.state.in_((WAITING, RETURNED, APPROVED, PAID)),
                Application.id != (but or 0),
            )
            .order_by(Application.id.desc())
        )
        found |= {
            (unit, bytes(index or b"")): Said(name, member, number)
            for unit, index, name, member, number in rows
        }
    return found


def contradictions(reader: FormReader, values: Values, said: Said | None) -> list[Problem]:
    """Where a form says otherwise of its person than *said*: the two share one record."""
    if said is None:
        return []
    stored = {"applicant.name": said.name, "applicant.union_member": said.is_union_member}
    typed = {
        "applicant.name": values.applicant["name"],
        "applicant.union_member": values.applicant["is_union_member"],
    }
    message = N_("differs from what %(number)s says of the same person; correct one of the two")
    return [
        problem_at(reader.fields[key], message, {"number": said.number})
        for key in typed
        if key in reader.fields and typed[key] != stored[key]
    ]


def said_by(values: Values, number: str) -> Said:
    """What a form that becomes application *number* says of its person."""
    return Said(values.applicant["name"], values.applicant["is_union_member"], number)


Standing = tuple[str, int, str]
"""A record that belongs to its unit over the years: prefix, unit and identity."""


def standing_keys(values: Values) -> list[Standing]:
    """The lasting records that a form speaks of."""
    return [
        (record.prefix, values.unit.id, str(values.records[record.prefix][record.identity]))
        for record in RECORDS
        if record.stays and record.prefix in values.records
    ]


def records_before(
    session: Session, programme: Programme, keys: Sequence[Standing], but: int | None = None
) -> dict[Standing, tuple[dict[str, Any], str]]:
    """Of the records *keys*, what they hold and the number of a live application of *programme*
    that is about them, other than *but*: over the years a studio may well change."""
    found: dict[Standing, tuple[dict[str, Any], str]] = {}
    for record in (row for row in RECORDS if row.stays):
        identity = getattr(record.entity, record.identity)
        for part in in_parts([name for prefix, _unit, name in keys if prefix == record.prefix]):
            rows = session.execute(
                select(record.entity, Application.number)
                .join(Application, link_of(record) == record.entity.id)
                .where(
                    identity.in_(part),
                    Application.programme_id == programme.id,
                    Application.state.in_((WAITING, RETURNED, APPROVED, PAID)),
                    Application.id != (but or 0),
                )
            )
            for row, number in rows:
                key = (record.prefix, row.organization_id, getattr(row, record.identity))
                held = {name: getattr(row, kept) for name, kept in record.columns.items()}
                found[key] = (held, number)
    return found


def record_contradictions(
    reader: FormReader,
    values: Values,
    before: Mapping[Standing, tuple[dict[str, Any], str]],
) -> list[Problem]:
    """Where a form says otherwise of a lasting record than a live application that shares it."""
    message = N_("differs from what %(number)s says of the same one; correct one of the two")
    problems = []
    for key in standing_keys(values):
        held, number = before.get(key, ({}, ""))
        record = next(row for row in RECORDS if row.prefix == key[0])
        for name, stored in held.items():
            field = reader.fields.get(f"{record.prefix}.{name}")
            typed = values.records[record.prefix][record.columns[name]]
            told = field is not None and None not in (typed, stored)
            if field and told and typed != stored and name != record.needed[0]:
                problems.append(problem_at(field, message, {"number": number}))
    return problems
