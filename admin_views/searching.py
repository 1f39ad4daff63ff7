"""The search box: one box, routed to the one index that can answer.

What was typed stays at the server or in the signed session, never in a URL; identifiers are
kept only as their blind index.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from secrets import token_urlsafe
from typing import Any

from flask import abort, session
from sqlalchemy import ColumnElement, Select, false, or_, select, text

from models.account import Account
from models.applicant import Applicant
from models.application import Application
from models.base import db
from models.certificate import SkillCertificate
from models.organization import Organization
from models.patent import Patent
from portal.access.scope import visible
from portal.evidence.identifiers import (
    certificate_key,
    mask_card,
    mask_id,
    mask_phone,
    plain,
    tidy,
)
from portal.evidence.patents import patent_key
from portal.policy.subjects import Record
from portal.web.actor import current_actor

KEPT = 8
"""Searches that a session remembers."""
FEW = 2_000
"""Up to so many people are looked up by their ids, newest cases first."""
_NUMBER = re.compile(r"[A-Z][A-Z0-9]*-[A-Z0-9-]*\d{4,}")


@dataclass(frozen=True)
class Search:
    """A search: which index answers it, with what, and how it is shown."""

    kind: str
    value: str
    shown: str


def application_search(typed: str) -> Search:
    """Route what was *typed* over the applications."""
    found = tidy(typed).upper()
    if _NUMBER.fullmatch(found):
        return Search("number", found, found)
    if re.fullmatch(r"\d{17}[\dX]", found):
        return Search("person", Applicant.id_number.index(found).hex(), mask_id(found))
    if re.fullmatch(r"1[3-9]\d{9}", found):
        return Search("phone", Applicant.phone.index(found).hex(), mask_phone(found))
    if re.fullmatch(r"62\d{14,17}", found):
        return Search("account", Application.account.index(found).hex(), mask_card(found))
    numbered = len(found) >= 4 and any(character.isdigit() for character in found)
    if numbered and (found.isascii() or _is_certificate(found)):
        return Search("certificate", certificate_key(found), found)
    return person_search(typed)


def person_search(typed: str) -> Search:
    """Route what was *typed* over people: an identifier, a name, or else a union."""
    found = tidy(typed).upper()
    if re.fullmatch(r"\d{17}[\dX]", found):
        return Search("person", Applicant.id_number.index(found).hex(), mask_id(found))
    if re.fullmatch(r"1[3-9]\d{9}", found):
        return Search("phone", Applicant.phone.index(found).hex(), mask_phone(found))
    words = plain(typed)
    people = select(Applicant.id).where(people_named(words), visible(Applicant, current_actor()))
    named = bool(words) and db.session.scalar(people.limit(1)) is not None
    return Search("name" if named else "union", words, words)


def union_search(typed: str) -> Search:
    """A search for a part of a union's name or for its code."""
    words = tidy(typed)
    return Search("union", words, words)


def account_search(typed: str) -> Search:
    """A search for a part of an account's login or of a person's name."""
    words = tidy(typed)
    return Search("account", words, words)


def remember(search: Search | None) -> str:
    """Keep *search* in the session; gives the token that stands in the URL."""
    if search is None:
        return ""
    kept: dict[str, Any] = dict(list(session.get("searches", {}).items())[-KEPT + 1 :])
    token = token_urlsafe(6)
    kept[token] = asdict(search)
    session["searches"] = kept
    return token


def shown(token: str) -> str:
    """What the box shows for *token*, masked."""
    found = session.get("searches", {}).get(token)
    return found["shown"] if found else ""


def is_known(token: str) -> bool:
    """Whether this session made the search *token*."""
    return token in session.get("searches", {})


def recalled(token: str) -> tuple[str, str]:
    """The kind and value that *token* stands for; a stranger's token is a bad request."""
    found = session.get("searches", {}).get(token)
    if found is None:
        abort(400)
    return found["kind"], found["value"]


def on_applications(kind: str, value: str) -> ColumnElement[bool]:
    """The condition on applications of a search."""
    return _CONDITIONS[kind](value)


def on_people(kind: str, value: str) -> ColumnElement[bool]:
    """The condition on applicants of a search."""
    if kind == "person":
        return Applicant.id_number_index == bytes.fromhex(value)
    if kind == "phone":
        return Applicant.phone_index == bytes.fromhex(value)
    if kind == "union":
        return Applicant.organization_id.in_(_unions(value))
    return people_named(value)


def on_certificates(_kind: str, value: str) -> ColumnElement[bool]:
    """The condition on certificates of a search for a number."""
    return SkillCertificate.number_key == value


def on_unions(_kind: str, value: str) -> ColumnElement[bool]:
    """The condition on unions of a search for name or code."""
    return _has(Organization.name, value) | _has(Organization.code, value)


def on_accounts(_kind: str, value: str) -> ColumnElement[bool]:
    """The condition on accounts of a search for login or name."""
    return _has(Account.login_key, value.casefold()) | _has(Account.name, value)


def _has(column: Any, part: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.icontains(part, autoescape=True)
    return found


def certificate_search(typed: str) -> Search:
    """A search for one certificate number."""
    return Search("certificate", certificate_key(typed), tidy(typed))


def record_search(typed: str) -> Search:
    """A search for a number, name or title of a record."""
    return Search("record", plain(typed), plain(typed))


def on_records(record: Record, value: str) -> ColumnElement[bool]:
    """The condition on *record* of a search for its number, name or title."""
    named = [getattr(record.entity, record.columns[name]) for name in record.texts]
    keyed = getattr(record.entity, record.identity) == patent_key(value)
    return or_(keyed, *(_has(column, value) for column in named))


def people_named(name: str) -> ColumnElement[bool]:
    """People whose name contains *name*, by the index of one- and two-character pieces."""
    pieces = [name[n : n + 2] for n in range(len(name) - 1)] or [name]
    if db.session.get_bind().dialect.name == "sqlite":
        match = " AND ".join('"' + piece.replace('"', "") + '"' for piece in pieces)
        hits = text("SELECT rowid FROM applicant_search WHERE applicant_search MATCH :match")
        indexed: Any = Applicant.id.in_(hits.bindparams(match=match).columns(Applicant.id))
    else:
        indexed = text("string_to_array(applicant.name_grams, ' ') @> :pieces").bindparams(
            pieces=pieces
        )
    return indexed & Applicant.name.contains(name, autoescape=True)


def _by_people(where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Applications of the people that *where* keeps."""
    people = select(Applicant.id).where(where, visible(Applicant, current_actor()))
    few = db.session.scalars(people.limit(FEW + 1)).all()
    return Application.applicant_id.in_(few if len(few) <= FEW else people)


def _by_name(name: str) -> ColumnElement[bool]:
    return _by_people(people_named(name)) if name else false()


def _by_union(name: str) -> ColumnElement[bool]:
    return Application.organization_id.in_(_unions(name)) | Application.district_id.in_(
        _unions(name)
    )


def _unions(name: str) -> Select[tuple[int]]:
    return select(Organization.id).where(
        _has(Organization.name, name), visible(Organization, current_actor())
    )


def _is_certificate(typed: str) -> bool:
    """Whether somebody has this number: Chinese with digits may also be the name of a union."""
    named = SkillCertificate.number_key == certificate_key(typed)
    held = select(SkillCertificate.id).where(named, visible(SkillCertificate, current_actor()))
    return db.session.scalar(held.limit(1)) is not None


def _by_certificate(key: str) -> ColumnElement[bool]:
    """Applications for the certificate or the patent of that number, each by its index."""
    papers = select(SkillCertificate.id).where(SkillCertificate.number_key == key)
    patents = select(Patent.id).where(Patent.number_key == patent_key(key))
    certified = select(Application.id).where(Application.certificate_id.in_(papers))
    patented = select(Application.id).where(Application.patent_id.in_(patents))
    return Application.id.in_(certified.union_all(patented))


_CONDITIONS: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "number": lambda value: Application.number == value,
    "person": lambda value: _by_people(Applicant.id_number_index == bytes.fromhex(value)),
    "phone": lambda value: _by_people(Applicant.phone_index == bytes.fromhex(value)),
    "account": lambda value: Application.account_index == bytes.fromhex(value),
    "certificate": _by_certificate,
    "name": _by_name,
    "union": _by_union,
}
