"""What is stored: one file an aggregate. Importing this package registers every table."""

from models import (
    account,
    applicant,
    application,
    audit,
    calendar,
    catalogue,
    certificate,
    decision,
    exchange,
    funding,
    notice,
    organization,
    patent,
    programme,
    project,
    studio,
)

__all__ = [
    "account",
    "applicant",
    "application",
    "audit",
    "calendar",
    "catalogue",
    "certificate",
    "decision",
    "exchange",
    "funding",
    "notice",
    "organization",
    "patent",
    "programme",
    "project",
    "studio",
]
