"""What a case claims: the one thing that its programme, or its family, pays for once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from models.applicant import Applicant
from models.programme import Revision
from models.types import keyring
from portal.evidence.identifiers import certificate_key
from portal.policy.subjects import RECORDS

_OF_A_UNIT = frozenset({"studio", "project"})
"""Records that have no number: the unit and the name say which one it is."""


def claim_of(
    revision: Revision,
    unit_id: int,
    answers: Mapping[str, Any],
    records: Mapping[str, dict[str, Any]],
) -> tuple[str, str]:
    """The form field that names what is claimed, and the key under which it is claimed.

    ``claims_within: programme`` lets the next programme of the family claim it anew.
    """
    field, key = _claimed(revision.pays_for, unit_id, answers, records)
    if revision.claims_within == "programme":
        return field, f"{key}@{revision.programme_id}"
    return field, key


def claim_field(revision: Revision) -> str:
    """The form field that names what a case of *revision* claims."""
    if revision.pays_for == "person":
        return "applicant.id_number"
    return next(
        (row.claimed_by for row in RECORDS if row.prefix == revision.pays_for), revision.pays_for
    )


def _claimed(
    pays_for: str,
    unit_id: int,
    answers: Mapping[str, Any],
    records: Mapping[str, dict[str, Any]],
) -> tuple[str, str]:
    if pays_for == "person":
        number = answers["applicant.id_number"].number
        return "applicant.id_number", Applicant.id_number.index(number).hex()
    for record in RECORDS:
        if record.prefix == pays_for:
            key = str(records[pays_for][record.identity])
            own = _digest(f"{unit_id}/{key}") if pays_for in _OF_A_UNIT else key
            return record.claimed_by, own
    return pays_for, keyring.index(certificate_key(str(answers[pays_for])), pays_for).hex()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
