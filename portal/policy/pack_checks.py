"""What a revision needs around it: catalogues, roles, channels and keys that its rows name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import STATES, Application
from models.base import N_
from models.catalogue import Catalogue
from models.programme import Condition, Programme, Revision
from portal.access.permissions import PERMISSIONS, ROLES
from portal.policy.check import Path as Place
from portal.policy.check import Problem, problems
from portal.policy.codes import NO_TIER, code_column
from portal.policy.compile import rules_of
from portal.policy.contradictions import contradictions
from portal.policy.operators import OPERATORS, TABLE
from portal.policy.pack_files import Flaw, PackFile, read
from portal.policy.pack_rows import fill, rows_of
from portal.policy.payment_checks import payment_problems
from portal.policy.share_checks import money_problems
from portal.policy.stage_checks import stage_problems
from portal.policy.subjects import SUBJECTS
from portal.policy.terms import BadTerm, terms_in

_IN_TABLES = {operator.key for operator in OPERATORS.values() if operator.takes == TABLE}

_OPEN = ("field.", "survey.", "applicant.")
"""Prefixes under which a programme names fields of its own."""
_SEALED = ("id_number", "phone", "card")
_PAYEES = ("payee.card", "payee.account")
_SHARED = frozenset(
    {
        "applicant.name", "applicant.id_number", "organization.unit", *_PAYEES, "payee.bank",
        "application.received_on", "organization.district", "organization.nature",
        "organization.address", "organization.postcode", "organization.phone",
    }
)  # fmt: skip
"""Fields that every subject's form may have."""


def needed_fields(subject: str) -> list[str]:
    """The keys of the fields that a form of *subject* cannot do without."""
    return SUBJECTS[subject].needed


def checked(session: Session, path: Path) -> tuple[PackFile, list[Flaw]]:
    """The pack at *path* and everything wrong with it, with lines; nothing is written."""
    pack, flaws = read(path)
    if flaws:
        return pack, flaws
    revision = Revision(number=0)
    fill(revision, pack.document)
    for place, window in enumerate(revision.windows, 1):
        window.id = place  # the compiler tells windows apart by id
    found = [
        *_repeated(pack.document),
        *problems_of(session, revision, subject=pack.document["subject"]),
        *_taken(session, pack.document),
    ]
    return pack, [pack.flaw(item.path, item.message, item.params) for item in found]


def problems_of(
    session: Session,
    revision: Revision,
    *,
    subject: str | None = None,
    publishing: bool = False,
) -> Iterator[Problem]:
    """What ``check.problems`` finds, and names that nothing in the portal answers to.

    *subject* is that of the programme where the revision does not belong to one yet.
    """
    subject = subject or revision.programme.subject
    yield from problems(revision, publishing=publishing)
    yield from money_problems(revision)
    yield from payment_problems(revision)
    yield from _catalogues(session, revision)
    yield from _fields(revision, subject)
    yield from _claimed(revision, subject)
    yield from _channels(revision)
    yield from _roles(revision)
    yield from _states(revision)
    yield from _findings(revision)
    yield from stage_problems(revision, publishing=publishing)
    if publishing:
        yield from contradictions(session, revision)


def _repeated(document: dict[str, Any]) -> Iterator[Problem]:
    places: dict[Place, Any] = {
        ("tiers", "rows") if section == "tiers" else (section,): rows
        for section, rows in rows_of(document).items()
    }
    places[("notice", "clauses")] = document["notice"].get("clauses", [])
    for path, rows in places.items():
        keys = [row["key"] for row in rows]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                yield Problem((*path, place, "key"), N_("a key stands twice here"))


def _catalogues(session: Session, revision: Revision) -> Iterator[Problem]:
    known = set(session.scalars(select(Catalogue.key)))
    for path, key in _named_catalogues(revision):
        if key not in known:
            yield Problem(path, N_("There is no catalogue called %(key)s."), {"key": key})


def _named_catalogues(revision: Revision) -> Iterator[tuple[Place, str]]:
    for place, field in enumerate(revision.fields):
        if field.catalogue:
            yield ("fields", place, "catalogue"), field.catalogue
    worked_out = (*_rules("tiers", revision.tiers), *_rules("shares", revision.shares))
    for path, rule in (*worked_out, *_caps(revision)):
        if rule and "table" in rule:
            yield path, str(rule["table"])
    for path, terms in _terms(revision):
        for term in terms:
            match term:
                case [_, str(operator), str(key)] if operator in _IN_TABLES:
                    yield path, key


def _rules(section: str, rows: Iterable[Any]) -> Iterator[tuple[Place, dict[str, Any] | None]]:
    """What each row works out, with its place."""
    for place, row in enumerate(rows):
        tiers = section == "tiers"
        path: Place = (section, "rows", place, "works_out") if tiers else (section, place, "on_top")
        yield path, row.rule


def _caps(revision: Revision) -> Iterator[tuple[Place, dict[str, Any] | None]]:
    """What each pool looks up, with its place."""
    for place, row in enumerate(revision.allocations):
        yield ("allocations", place, "budget_from"), row.budget_rule
        yield ("allocations", place, "places_from"), row.places_rule


def _terms(revision: Revision) -> Iterator[tuple[Place, Iterable[Any]]]:
    for place, condition in enumerate(revision.conditions):
        yield ("conditions", place, "when"), condition.when
        yield ("conditions", place, "require"), _asked(condition)
    for place, tier in enumerate(revision.tiers):
        yield ("tiers", "rows", place, "when"), tier.when
    for section in ("bounds", "stages", "orders", "attachments", "fields", "allocations", "shares"):
        for place, row in enumerate(getattr(revision, section)):
            yield (section, place, "when"), row.when


def _asked(condition: Condition) -> Iterator[Any]:
    """The terms of a ``require``; of one that is no group, ``check`` speaks."""
    try:
        yield from terms_in(condition.require)
    except BadTerm:
        return


def _fields(revision: Revision, subject: str) -> Iterator[Problem]:
    """Every field is one that the portal stores, and none that an application needs is missing."""
    keys = {row.key for row in revision.fields}
    stored = _SHARED | set(SUBJECTS[subject].keys)
    labels: set[str] = set()
    for place, row in enumerate(revision.fields):
        if row.key not in stored and not row.key.startswith(_OPEN):
            yield Problem(("fields", place, "key"), N_("the portal has no place for this field"))
        if row.key.startswith("field.") and row.kind in _SEALED:
            yield Problem(("fields", place, "kind"), N_("is kept for the portal's own fields"))
        if (row.kind == "table" or row.is_key) and not row.key.startswith("field."):
            yield Problem(("fields", place, "kind"), N_("is for the programme's own fields"))
        if row.label in labels:
            yield Problem(("fields", place, "label"), N_("another field has this label"))
        labels.add(row.label)
    for key in needed_fields(subject):
        if key not in keys:
            yield Problem(("fields",), N_("lacks the field %(key)s"), {"key": key})
    if SUBJECTS[subject].is_personal and not keys & set(_PAYEES):
        yield Problem(("fields",), N_("lacks the field %(key)s"), {"key": " / ".join(_PAYEES)})


def _claimed(revision: Revision, subject: str) -> Iterator[Problem]:
    """What is paid for is something that the form asks."""
    claims = {record.prefix for record in SUBJECTS[subject].records}
    keys = {row.key for row in revision.fields if row.is_key}
    if SUBJECTS[subject].is_personal:
        claims.add("person")
    if revision.pays_for not in claims | keys:
        values = ", ".join(sorted(claims | keys)) or "field.…"
        yield Problem(("pays_for",), N_("must be one of %(values)s"), {"values": values})


def _channels(revision: Revision) -> Iterator[Problem]:
    known = {channel.key for channel in revision.channels}
    rows: dict[str, list[Any]] = {
        "windows": revision.windows,
        "stages": revision.stages,
        "payments": revision.payments,
    }
    for section, named in rows.items():
        for place, row in enumerate(named):
            for key in row.channels:
                if key not in known:
                    message = N_("there is no channel called %(key)s")
                    yield Problem((section, place, "channels"), message, {"key": key})


def _roles(revision: Revision) -> Iterator[Problem]:
    message = N_("there is no role called %(key)s; known are %(known)s")
    known = ", ".join(ROLES)
    for place, stage in enumerate(revision.stages):
        if stage.acts not in ROLES:
            yield Problem(("stages", place, "acts"), message, {"key": stage.acts, "known": known})
        elif stage.acts not in PERMISSIONS["application:decide"]:
            yield Problem(("stages", place, "acts"), N_("this role decides no applications"))
    for place, channel in enumerate(revision.channels):
        for key in channel.roles:
            if key not in ROLES:
                path: Place = ("channels", place, "entered_by")
                yield Problem(path, message, {"key": key, "known": known})


def _states(revision: Revision) -> Iterator[Problem]:
    for key in revision.closing_words:
        if key not in STATES:
            message = N_("must be one of %(values)s")
            yield Problem(("closing_words", key), message, {"values": ", ".join(STATES)})


def _findings(revision: Revision) -> Iterator[Problem]:
    """What is found of a case shares its keys: it lists what it misses in one column."""
    sections = {
        "": [NO_TIER],
        "conditions": [row.key for row in revision.conditions],
        "attachments": [row.key for row in revision.attachments],
        "bounds": [row.key for row in revision.bounds],
    }
    message = N_("this key is taken: conditions and bounds share theirs")
    taken: dict[str, str] = {}
    for section, keys in sections.items():
        for place, key in enumerate(keys):
            if taken.setdefault(code_column(key), section) != section:
                yield Problem((section, place, "key"), message)
    listed = [NO_TIER, *(row.key for row in rules_of(revision)), *sections["bounds"]]
    if len(",".join(["", *listed, ""])) > Application.missed.type.length:
        yield Problem(("conditions",), N_("have keys that are too long together"))


def _taken(session: Session, document: dict[str, Any]) -> Iterator[Problem]:
    """A number prefix belongs to one programme."""
    holder = session.scalar(
        select(Programme.code).where(
            Programme.number_prefix == document["number_prefix"],
            Programme.code != document["programme"],
        )
    )
    if holder is not None:
        message = N_("is the prefix of the programme %(key)s")
        yield Problem(("number_prefix",), message, {"key": holder})
