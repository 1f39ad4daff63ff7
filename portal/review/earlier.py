"""What earlier applications say: who claimed a certificate, and what they say of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import APPROVED, PAID, RETURNED, WAITING, Application
from models.base import N_, in_parts
from portal.review.claims import claim_field
from portal.review.reading import FormReader, Problem, Values, problem_at


def already_claimed(session: Session, family: str, keys: list[str]) -> dict[str, str]:
    """Of the claim *keys*, those that a live application holds, with its number."""
    found: dict[str, str] = {}
    for part in in_parts(keys):
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
