"""What a case says, field by field of its form, as the text that was typed."""

from __future__ import annotations

from typing import Any

from models.application import BANK, Application
from portal.evidence.identifiers import mask_card, mask_id, mask_phone
from portal.policy.pack_rows import to_yuan
from portal.policy.subjects import SUBJECTS
from portal.review.answers import table_text

_MASKS = {"id_number": mask_id, "phone": mask_phone, "card": mask_card}


def stored_cells(application: Application, answers: dict[str, Any]) -> dict[str, str]:
    """What a case holds, by field key, as text; identifiers in clear."""
    found: dict[str, Any] = dict(application.applicant.details)
    found |= _person(application) | _records(application) | _payee(application)
    found |= {_full_key(key): value for key, value in application.fields.items()}
    found |= {f"survey.{key}": value for key, value in answers.items()}
    texts = {key: _text(value) for key, value in found.items() if value is not None}
    return texts | _tables(application)


def _full_key(key: str) -> str:
    """A stored answer's form key: the programme's own fields leave their prefix out."""
    return key if "." in key else f"field.{key}"


def mask_of(kind: str, text: str) -> str:
    """*text* masked when its *kind* is an identifier."""
    mask = _MASKS.get(kind)
    return mask(text) if mask else text


def _person(application: Application) -> dict[str, Any]:
    who = application.applicant
    return {
        "applicant.name": who.name,
        "applicant.sex": who.sex,
        "applicant.phone": who.phone,
        "applicant.id_number": who.id_number,
        "applicant.union_member": who.is_union_member,
        "organization.unit": application.organization.name,
        "organization.district": application.district.name if application.district else None,
        "application.received_on": application.submitted_on,
    }


def _records(application: Application) -> dict[str, Any]:
    """What the case's records hold, by form key; money in yuan as it is typed."""
    found: dict[str, Any] = {}
    for record in SUBJECTS[application.programme.subject].records:
        row = getattr(application, record.link.removesuffix("_id"))
        for name, attribute in record.columns.items() if row is not None else ():
            value = getattr(row, attribute)
            is_money = attribute.endswith("_fen") and value is not None
            found[f"{record.prefix}.{name}"] = to_yuan(value) if is_money else value
    return found


def _tables(application: Application) -> dict[str, str]:
    """The tables of the form as they are typed."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for listed in application.lists:
        rows.setdefault(listed.field, []).append(listed.cells)
    fields = {row.key: row for row in application.revision.fields}
    return {key: table_text(fields[key], cells) for key, cells in rows.items() if key in fields}


def _payee(application: Application) -> dict[str, Any]:
    if application.payee_kind != BANK:
        return {"payee.card": application.account}
    return {"payee.account": application.account, "payee.bank": application.bank_name}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
