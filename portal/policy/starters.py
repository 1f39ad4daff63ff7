"""The form fields that a new programme starts with: those its subject cannot do without."""

from __future__ import annotations

from dataclasses import dataclass

from models.base import N_
from models.programme import FormField
from portal.policy.facts import CODE, DATE, FACTS, MONEY, NUMBER, YES_NO
from portal.policy.subjects import SUBJECTS
from portal.policy.vocabulary import GROUPS, Say

_KINDS = {CODE: "choice", DATE: "date", MONEY: "money", NUMBER: "number", YES_NO: "yes_no"}
"""Kind of fact → kind of the field that asks for it; anything else is text."""
_PAID = N_("Identity and payment")


@dataclass(frozen=True)
class Place:
    """A field that the portal stores in a table of its own."""

    section: str
    label: str
    kind: str = "text"


_PLACES = {
    "organization.unit": Place(N_("Unit"), N_("Unit")),
    "organization.district": Place(N_("Unit"), N_("District or bureau union")),
    "applicant.name": Place(N_("Applicant"), N_("Name")),
    "applicant.phone": Place(N_("Applicant"), N_("Mobile phone"), "phone"),
    "applicant.union_member": Place(N_("Applicant"), N_("Union member"), "yes_no"),
    "certificate.occupation": Place(N_("Certificate"), N_("Occupation")),
    "applicant.id_number": Place(_PAID, N_("ID number"), "id_number"),
    "payee.card": Place(_PAID, N_("Member card"), "card"),
    "payee.bank": Place(_PAID, N_("Bank")),
    "payee.account": Place(_PAID, N_("Bank account"), "card"),
}
"""Fields that are no facts, or are asked for otherwise than their fact says."""
_FIRST = ("organization.unit", "applicant.name")
_LAST = ("applicant.id_number", "payee.card", "payee.bank", "payee.account")


def starter_fields(subject: str, say: Say) -> list[FormField]:
    """The fields to begin with, their labels said in the language of whoever begins."""
    needed = SUBJECTS[subject].needed
    personal = ("applicant.union_member",) if SUBJECTS[subject].is_personal else ()
    middle = [key for key in needed if key not in (*_FIRST, *_LAST)]
    last = [key for key in _LAST if key in needed or key.startswith("payee.")]
    keys = [*_FIRST, *personal, *middle, *last]
    return [_field(key, place, key in needed, say) for place, key in enumerate(keys, 1)]


def paid_for(subject: str) -> str:
    """What one award of *subject* is usually for: its own record, else its person."""
    records = SUBJECTS[subject].records
    return records[-1].prefix if records else "person"


def stored_fields(subject: str, say: Say) -> dict[str, str]:
    """Every form key that the portal keeps for *subject* in a table of its own, with its name."""
    keys = dict.fromkeys([*SUBJECTS[subject].needed, *SUBJECTS[subject].keys, *_PLACES])
    asked = [key for key in keys if key in _PLACES or key in FACTS]
    return {key: say((_PLACES.get(key) or _of_fact(key)).label) for key in asked}


def _field(key: str, position: int, critical: bool, say: Say) -> FormField:
    place = _PLACES.get(key) or _of_fact(key)
    return FormField(
        position=position,
        key=key,
        section=say(place.section),
        label=say(place.label),
        kind=place.kind,
        critical=critical,
    )


def _of_fact(key: str) -> Place:
    known = FACTS[key]
    section = GROUPS.get(key.partition(".")[0], N_("Other"))
    return Place(section, known.label, _KINDS.get(known.kind, "text"))
