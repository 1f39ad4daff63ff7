"""Programmes and filled forms for tests: the real 2026 pack on the small city."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.organization import Organization
from models.programme import Programme, Revision
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.clock import Clock
from portal.config import ROOT
from portal.evidence.identifiers import check_digit
from portal.policy.judge import in_force
from portal.policy.packs import load_pack, publish
from portal.review.entering import enter
from portal.review.reading import FormReader, Problem, Values
from seed.catalogues import load_all

CLOCK = Clock(date(2026, 8, 3))
ROLES = {
    "writer": ("district", "D1"),
    "unit": ("grass-roots", "D1-1"),
    "district": ("district", "D1"),
    "second": ("district", "D1"),
    "centre": ("city-centre", "SH"),
    "approver": ("city-approver", "SH"),
    "sibling": ("grass-roots", "D1-2"),
    "stranger": ("district", "D2"),
}
"""Who takes part, by login: role and union."""
PACK = ROOT / "seed" / "programmes" / "sh-skill-2026.yaml"
SAMPLE = ROOT / "tests" / "samples" / "sh-skill-2026"
"""600 made-up rows as a customer would send them, their unions, and what is to come of each."""


def published(session: Session) -> Revision:
    """The 2026 programme, in force."""
    actor = system_actor(session)
    stocked = session.scalar(select(Programme).where(Programme.code == PACK.stem))
    if stocked is not None and (found := in_force(session, stocked)) is not None:
        return found
    load_all(session, CLOCK)
    code = load_pack(session, actor, CLOCK, PACK).programme.code
    return publish(session, actor, CLOCK, code)


def cells(unit: Organization, serial: int, **changes: str) -> dict[str, str]:
    """A form that is eligible for 1,000 yuan; *changes* replace cells, ``__`` for the dot."""
    body = f"310115198{serial % 10}0101{serial % 1000:03d}"
    filled = {
        "organization.district": unit.district.name if unit.district else "",
        "organization.unit": unit.name,
        "applicant.name": f"张丽{serial}",
        "applicant.phone": f"138{serial:08d}",
        "applicant.union_member": "是",
        "certificate.occupation": "电工",
        "certificate.level": "技师",
        "certificate.issued_on": "2025-03-01",
        "certificate.issuer": "shanghai",
        "certificate.number": f"S{serial:021d}",
        "applicant.id_number": body + check_digit(body),
        "payee.card": "6210941234567897",
    }
    return filled | {key.replace("__", "."): value for key, value in changes.items()}


def read(
    session: Session, actor: Actor, revision: Revision, form: dict[str, Any], clock: Clock = CLOCK
) -> tuple[Values | None, list[Problem]]:
    """Read one filled form."""
    return FormReader(session, revision, actor, clock, "unit").read(form)


def entered(
    session: Session, actor: Actor, revision: Revision, forms: Sequence[dict[str, str]]
) -> list[int]:
    """Enter *forms*, which must all be well-formed."""
    reader = FormReader(session, revision, actor, CLOCK, "unit")
    values = []
    for form in forms:
        found, problems = reader.read(form)
        assert found is not None, problems
        values.append(found)
    return enter(session, actor, CLOCK, revision, "unit", values)
