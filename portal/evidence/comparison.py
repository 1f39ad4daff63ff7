"""What a case says beside what an authority says, field by field (S23, S15 核对).

Answers are kept in the form in which they are compared; of an ID or card number only its blind
index and its mask are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.applicant import Applicant
from models.application import CARD, Application
from models.base import N_, Refusal
from models.evidence import CERTIFICATE, DIFFERS, MATCHES, MEMBERSHIP, NOT_FOUND, PATENT, UNCHECKED
from models.patent import LEGAL_STATUSES
from portal.evidence.identifiers import (
    certificate_key,
    mask_card,
    mask_id,
    occupation_term,
    parse_date,
    plain,
    tidy,
)
from portal.evidence.patents import patent_key

AGREES, DISAGREES, UNSAID, UNKNOWN = "same", "differs", "unsaid", "unknown"
STATES = {
    AGREES: N_("Agrees"),
    DISAGREES: N_("Differs"),
    UNSAID: N_("The authority does not say"),
    UNKNOWN: N_("The form does not say"),
}
Answer = Mapping[str, str]
"""What an authority says, by field, as it was typed or read."""
Kept = dict[str, dict[str, str]]
"""An answer as it is stored: by field ``is`` (compared) and ``shown`` (masked)."""
Compared = dict[str, str]
"""One field: ``field``, ``state``, ``ours``, ``theirs``."""


class NotOffered(Refusal):
    """The word is none of those that the field knows."""

    message = N_("“%(text)s” is none of %(choices)s")


@dataclass(frozen=True)
class Said:
    """What a case says in one field: every spelling that agrees, and how it is shown."""

    agrees: frozenset[str]
    shown: str


@dataclass(frozen=True)
class Critical:
    """One field that is compared. ``said`` reads it of a case, ``normal`` an answer's text;
    ``masked`` is how people see it; ``choices`` are the codes that an answer may have."""

    key: str
    label: str
    said: Callable[[Application], Said | None]
    normal: Callable[[str], str] = occupation_term
    masked: Callable[[str], str] = plain
    choices: Mapping[str, str] = field(default_factory=dict)

    def kept(self, text: str) -> dict[str, str]:
        """An answer as it is stored; raises a ``Refusal`` for what the field cannot be."""
        return {"is": self.normal(text)[:200], "shown": self.masked(text)[:200]}


def kept_answer(kind: str, answer: Answer) -> Kept:
    """*answer* as it is stored, fields that are empty or unknown left out."""
    return {
        row.key: row.kept(text)
        for row in FIELDS[kind]
        if (text := str(answer.get(row.key) or "").strip())
    }


def compare(application: Application, kind: str, answer: Kept) -> list[Compared]:
    """Every critical field of *kind*, what the case says beside the *answer*."""
    return [_compared(row, row.said(application), answer.get(row.key)) for row in FIELDS[kind]]


def result_of(compared: list[Compared], declared: str = "") -> str:
    """The result of a check: what was *declared*, unless a field says otherwise.

    Without a word of the authority's own it needs a field beside the number that agrees.
    """
    states = {row["field"]: row["state"] for row in compared}
    if declared == NOT_FOUND:
        return NOT_FOUND
    if DISAGREES in states.values() or declared == DIFFERS:
        return DIFFERS
    agreed = [key for key, state in states.items() if state == AGREES and key != "number"]
    return MATCHES if agreed or declared == MATCHES else UNCHECKED


def asked_of(application: Application, kind: str) -> str:
    """The key under which the authority is asked about the case; empty where there is none."""
    if kind == CERTIFICATE:
        return application.certificate.number_key if application.certificate else ""
    if kind == PATENT:
        return application.patent.number_key if application.patent else ""
    index = application.applicant.id_number_index
    return index.hex() if index else ""


def number_of(application: Application, kind: str) -> str:
    """The number in clear by which a registry is asked; never to be stored or shown."""
    if kind == MEMBERSHIP:
        return application.applicant.id_number or ""
    record = application.certificate if kind == CERTIFICATE else application.patent
    return record.number if record else ""


def _compared(row: Critical, ours: Said | None, theirs: dict[str, str] | None) -> Compared:
    state = UNSAID
    if theirs is not None and ours is None:
        state = UNKNOWN
    elif theirs is not None and ours is not None:
        state = AGREES if theirs["is"] in ours.agrees else DISAGREES
    return {
        "field": row.key,
        "state": state,
        "ours": ours.shown if ours else "",
        "theirs": theirs["shown"] if theirs else "",
    }


def _text(value: str | None) -> Said | None:
    return Said(frozenset({occupation_term(value)}), plain(value)) if value else None


def _key(value: str | None, normal: Callable[[str], str]) -> Said | None:
    return Said(frozenset({normal(value)}), plain(value)) if value else None


def _coded(application: Application, key: str, code: str | None) -> Said | None:
    """A code agrees by itself and by the words of the form for it."""
    if not code:
        return None
    words = [
        row.choices[code]
        for row in application.revision.fields
        if row.key == key and code in row.choices
    ]
    spellings = frozenset(occupation_term(word) for word in (code, *words))
    return Said(spellings, words[0] if words else code)


def _sealed(index: bytes | None, shown: str) -> Said | None:
    return Said(frozenset({index.hex()}), shown) if index else None


def _day(value: Any) -> Said | None:
    return Said(frozenset({value.isoformat()}), value.isoformat()) if value else None


def _certificate(read: Callable[[Any], Said | None]) -> Callable[[Application], Said | None]:
    return lambda case: read(case.certificate) if case.certificate else None


def _patent(read: Callable[[Any], Said | None]) -> Callable[[Application], Said | None]:
    return lambda case: read(case.patent) if case.patent else None


def _status(case: Application) -> Said:
    code = (case.patent and case.patent.legal_status) or "valid"
    return Said(frozenset({code}), code)


def _member(case: Application) -> Said:
    code = "no" if case.applicant.is_union_member is False else "yes"
    return Said(frozenset({code}), code)


def _choice(choices: Mapping[str, str]) -> Callable[[str], str]:
    def normal(text: str) -> str:
        wanted = tidy(text).casefold()
        for code, word in choices.items():
            if wanted in (code, tidy(word).casefold()):
                return code
        raise NotOffered(text=plain(text)[:30], choices=", ".join(choices))

    return normal


def _holder(case: Application) -> Said | None:
    """Who holds the patent, where a programme asks it as its own field ``field.holder``."""
    own = case.fields.get("holder")
    return _text(str(own)) if own else None


_YES_NO = {"yes": N_("Yes"), "no": N_("No")}
_VALID = {"valid": N_("Valid"), "invalid": N_("Not valid")}


def _chosen(
    key: str, label: str, said: Callable[[Application], Said | None], choices: Mapping[str, str]
) -> Critical:
    normal = _choice(choices)
    return Critical(key, label, said, normal, normal, choices)


_NAME = Critical("name", N_("Name"), lambda case: _text(case.applicant.name))
_ID_NUMBER = Critical(
    "id_number",
    N_("ID number"),
    lambda case: _sealed(case.applicant.id_number_index, mask_id(case.applicant.id_number or "")),
    lambda text: Applicant.id_number.index(tidy(text).upper()).hex(),
    lambda text: mask_id(tidy(text).upper()),
)

FIELDS: dict[str, tuple[Critical, ...]] = {
    CERTIFICATE: (
        Critical(
            "number",
            N_("Certificate number"),
            _certificate(lambda row: _key(row.number, certificate_key)),
            certificate_key,
        ),
        _NAME,
        _ID_NUMBER,
        Critical("occupation", N_("Occupation"), _certificate(lambda row: _text(row.occupation))),
        Critical(
            "level",
            N_("Level"),
            lambda case: _coded(
                case, "certificate.level", case.certificate.level if case.certificate else None
            ),
        ),
        Critical(
            "issued_on",
            N_("Issued on"),
            _certificate(lambda row: _day(row.issued_on)),
            lambda text: parse_date(text).isoformat(),
            lambda text: parse_date(text).isoformat(),
        ),
    ),
    PATENT: (
        Critical(
            "number",
            N_("Patent number"),
            _patent(lambda row: _key(row.number, patent_key)),
            patent_key,
        ),
        Critical("title", N_("Title of the patent"), _patent(lambda row: _text(row.title))),
        Critical("holder", N_("Patent holder"), _holder),
        Critical("inventor", N_("First inventor"), lambda case: _text(case.applicant.name)),
        _chosen("status", N_("Legal status"), _status, LEGAL_STATUSES),
        Critical(
            "granted_on",
            N_("Granted on"),
            _patent(lambda row: _day(row.granted_on)),
            lambda text: parse_date(text).isoformat(),
            lambda text: parse_date(text).isoformat(),
        ),
    ),
    MEMBERSHIP: (
        _NAME,
        _ID_NUMBER,
        _chosen("member", N_("Union member"), _member, _YES_NO),
        Critical(
            "card",
            N_("Member card"),
            lambda case: (
                _sealed(case.account_index, mask_card(case.account or ""))
                if case.payee_kind == CARD
                else None
            ),
            lambda text: Application.account.index(tidy(text)).hex(),
            lambda text: mask_card(tidy(text)),
        ),
        _chosen(
            "card_status",
            N_("Member card is"),
            lambda case: Said(frozenset({"valid"}), "valid") if case.payee_kind == CARD else None,
            _VALID,
        ),
    ),
}
"""What is compared for each kind, in the order shown."""
