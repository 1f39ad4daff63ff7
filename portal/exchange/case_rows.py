"""What a row that shows a case joins: its person, unit, district and the records it is about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func

from models.applicant import Applicant
from models.application import Application
from models.certificate import SkillCertificate
from models.organization import Organization
from models.patent import Patent
from models.project import Project
from models.studio import Studio
from portal.policy.facts import District
from portal.policy.subjects import RECORDS, link_of

NAME: ColumnElement[str] = func.coalesce(
    SkillCertificate.occupation, Patent.title, Project.title, Studio.name
)
"""What a case is about, in words: the trade, or the title of the patent, project or studio."""

NUMBER: ColumnElement[str] = func.coalesce(SkillCertificate.number, Patent.number)
"""The number of its certificate or patent."""

KIND: ColumnElement[str] = func.coalesce(
    SkillCertificate.level, Patent.patent_class, Studio.category, Studio.level
)
"""The level or class that the form states, as a code of the form."""

DAY: ColumnElement[Any] = func.coalesce(
    SkillCertificate.issued_on, Patent.granted_on, Project.approved_on, Studio.founded_on
)
"""The day that the certificate, patent, project or studio is of."""


def joined(statement: Select[*tuple[Any, ...]]) -> Select[Any]:
    """*statement* over ``Application`` with all of them; district and records may be absent."""
    found: Select[Any] = (
        statement.join(Applicant, Applicant.id == Application.applicant_id)
        .join(Organization, Organization.id == Application.organization_id)
        .outerjoin(District, District.id == Application.district_id)
    )
    for record in RECORDS:
        found = found.outerjoin(record.entity, record.entity.id == link_of(record))
    return found
