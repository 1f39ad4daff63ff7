"""What a row that shows a case joins: its person, unit, district and certificate."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import aliased

from models.applicant import Applicant
from models.application import Application
from models.certificate import SkillCertificate
from models.organization import Organization

District = aliased(Organization)
"""The district of a case, beside ``Organization``, its unit."""


def joined(statement: Select[*tuple[Any, ...]]) -> Select[Any]:
    """*statement* over ``Application`` with all of them; district and certificate may be absent."""
    return (
        statement.join(Applicant, Applicant.id == Application.applicant_id)
        .join(Organization, Organization.id == Application.organization_id)
        .outerjoin(District, District.id == Application.district_id)
        .outerjoin(SkillCertificate, SkillCertificate.id == Application.certificate_id)
    )
