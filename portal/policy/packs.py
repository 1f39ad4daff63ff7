"""Programmes as files: checked, loaded as drafts, published, dumped, compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.catalogue import Catalogue
from models.notice import Clause, Notice
from models.programme import CLOSED, DRAFT, PUBLISHED, Programme, Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import ROLES, require
from portal.clock import Clock
from portal.policy.check import problems
from portal.policy.judge import in_force
from portal.policy.pack_files import Flaw, PackFile, read, write
from portal.policy.pack_rows import SECTIONS, document_of, fill
from portal.policy.terms import terms_in


class BadPack(Refusal):
    """The file cannot be loaded; ``flaws`` names every reason."""

    message = N_("%(file)s, line %(line)s, %(path)s: %(reason)s")

    def __init__(self, file: Path, flaws: list[Flaw]) -> None:
        first = flaws[0]
        reason = first.message % first.params if first.params else first.message
        super().__init__(file=file.name, line=first.line, path=first.path, reason=reason)
        self.flaws = flaws


class NotPublishable(Refusal):
    """Something in the draft is still unset or contradicts itself."""

    message = N_("The draft cannot be published: %(path)s %(reason)s")


class NothingToPublish(Refusal):
    """The programme has no draft."""

    message = N_("There is no draft of %(code)s to publish.")


class UnknownProgramme(Refusal):
    """No programme has this code."""

    message = N_("There is no programme with the code %(code)s.")


def check_pack(session: Session, path: Path) -> list[Flaw]:
    """Everything wrong with the file at *path*, with lines; nothing is written."""
    return _checked(session, path)[1]


def load_pack(session: Session, actor: Actor, clock: Clock, path: Path) -> Revision:
    """Load *path* as a draft; the revision in force when it says the same. Raises ``BadPack``."""
    require(actor, "programme:write")
    pack, flaws = _checked(session, path)
    if flaws:
        raise BadPack(path, flaws)
    programme = _programme(session, pack.document)
    newest = session.scalar(
        select(Revision)
        .where(Revision.programme_id == programme.id)
        .order_by(Revision.number.desc())
        .limit(1)
    )
    if newest is not None and document_of(newest) == _completed(pack.document):
        return newest
    revision = _draft(session, programme, newest)
    fill(revision, pack.document)
    session.flush()
    details = {"programme": programme.code, "revision": revision.number, "file": path.name}
    audit.record(
        session, actor, clock.now(), "programme:load", "revision", revision.id, details=details
    )
    return revision


def publish(session: Session, actor: Actor, clock: Clock, code: str) -> Revision:
    """Put the draft of *code* in force; the revision before it takes no more applications.

    Publishing what is in force again does nothing. Raises ``NotPublishable``.
    """
    require(actor, "programme:publish")
    programme = programme_called(session, code)
    current = in_force(session, programme)
    draft = session.scalar(
        select(Revision).where(Revision.programme_id == programme.id, Revision.state == DRAFT)
    )
    if draft is None and current is not None:
        return current
    if draft is None:
        raise NothingToPublish(code=code)
    for problem in problems(draft, publishing=True):
        reason = problem.message % problem.params if problem.params else problem.message
        raise NotPublishable(path=".".join(map(str, problem.path)), reason=reason)
    if current is not None:
        current.state = CLOSED
    draft.state, draft.published_at = PUBLISHED, clock.now()
    session.flush()
    details = {"programme": code, "revision": draft.number}
    audit.record(
        session, actor, clock.now(), "programme:publish", "revision", draft.id, details=details
    )
    return draft


def dump_pack(session: Session, code: str) -> str:
    """The YAML of the newest revision of *code*."""
    return write(document_of(newest_revision(session, code)))


def newest_revision(session: Session, code: str) -> Revision:
    """The newest revision of the programme *code*, draft or not."""
    programme = programme_called(session, code)
    found = session.scalar(
        select(Revision)
        .where(Revision.programme_id == programme.id)
        .order_by(Revision.number.desc())
        .limit(1)
    )
    if found is None:
        raise NothingToPublish(code=code)
    return found


def programme_called(session: Session, code: str) -> Programme:
    """The programme with *code*; raises ``UnknownProgramme``."""
    found = session.scalar(select(Programme).where(Programme.code == code))
    if found is None:
        raise UnknownProgramme(code=code)
    return found


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    """What changed from one document to another: section, key, what, from, to."""
    found = []
    for name in ("title", "year", "pays_for", "texts", "closing_words"):
        if old.get(name) != new.get(name):
            found.append(_change(name, "", name, old.get(name), new.get(name)))
    for section in SECTIONS:
        found += list(_section_differences(section, _keyed(old, section), _keyed(new, section)))
    return found


def _section_differences(
    section: str, old: dict[str, Any], new: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for key in [*old, *(key for key in new if key not in old)]:
        if key not in new or key not in old:
            yield _change(section, key, "row", old.get(key), new.get(key))
            continue
        for name in dict.fromkeys([*old[key], *new[key]]):
            if old[key].get(name) != new[key].get(name):
                yield _change(section, key, name, old[key].get(name), new[key].get(name))
    if [key for key in old if key in new] != [key for key in new if key in old]:
        yield _change(section, "", "order", list(old), list(new))


def _change(section: str, key: str, what: str, old: Any, new: Any) -> dict[str, Any]:
    return {"section": section, "key": key, "what": what, "from": old, "to": new}


def _keyed(document: dict[str, Any], section: str) -> dict[str, Any]:
    rows = document.get(section, [])
    if isinstance(rows, dict):
        rows = rows["rows"]
    return {row["key"]: row for row in rows}


def _checked(session: Session, path: Path) -> tuple[PackFile, list[Flaw]]:
    pack, flaws = read(path)
    if flaws:
        return pack, flaws
    revision = Revision(number=0)
    fill(revision, pack.document)
    for place, row in enumerate(revision.windows, 1):
        row.id = place
    flaws = [pack.flaw(found.path, found.message, found.params) for found in problems(revision)]
    flaws += list(_repeated(pack))
    flaws += list(_unknown_catalogues(session, pack, revision))
    flaws += list(_unknown_roles(pack, revision))
    return pack, flaws


def _repeated(pack: PackFile) -> Iterator[Flaw]:
    for section in SECTIONS:
        rows = pack.document.get(section, [])
        rows = rows["rows"] if isinstance(rows, dict) else rows
        seen: set[str] = set()
        for place, row in enumerate(rows):
            if row["key"] in seen:
                yield pack.flaw((section, place, "key"), N_("a key stands twice here"))
            seen.add(row["key"])


def _unknown_catalogues(session: Session, pack: PackFile, revision: Revision) -> Iterator[Flaw]:
    known = set(session.scalars(select(Catalogue.key)))
    message = N_("There is no catalogue called %(key)s.")
    for place, field in enumerate(revision.fields):
        if field.catalogue and field.catalogue not in known:
            yield pack.flaw(("fields", place, "catalogue"), message, {"key": field.catalogue})
    for place, row in enumerate(revision.conditions):
        for term in [*row.when, *terms_in(row.require)]:
            if len(term) == 3 and "in table" in term[1] and term[2] not in known:
                yield pack.flaw(("conditions", place, "require"), message, {"key": term[2]})


def _unknown_roles(pack: PackFile, revision: Revision) -> Iterator[Flaw]:
    message = N_("there is no role called %(key)s")
    for place, stage in enumerate(revision.stages):
        if stage.acts not in ROLES:
            yield pack.flaw(("stages", place, "acts"), message, {"key": stage.acts})
    for place, channel in enumerate(revision.channels):
        for role in channel.roles:
            if role not in ROLES:
                yield pack.flaw(("channels", place, "entered_by"), message, {"key": role})


def _programme(session: Session, document: dict[str, Any]) -> Programme:
    notice = _notice(session, document["notice"])
    code = document["programme"]
    found = session.scalar(select(Programme).where(Programme.code == code))
    if found is None:
        found = Programme(code=code, version=1)
        session.add(found)
    for name in ("title", "family", "year", "subject", "number_prefix"):
        setattr(found, name, document[name])
    found.notice = notice
    session.flush()
    return found


def _notice(session: Session, facts: dict[str, Any]) -> Notice:
    found = session.scalar(select(Notice).where(Notice.key == facts["key"]))
    if found is None:
        found = Notice(key=facts["key"], version=1)
        session.add(found)
    found.title, found.issuer = facts["title"], facts["issuer"]
    found.document_number = facts.get("document_number", "")
    found.issued_on, found.basis = date.fromisoformat(facts["issued"]), facts.get("basis", [])
    known = {clause.key: clause for clause in found.clauses}
    clauses = []
    for position, row in enumerate(facts.get("clauses", []), 1):
        clause = known.get(row["key"]) or Clause(key=row["key"])
        clause.position, clause.says = position, row.get("says", "")
        clauses.append(clause)
    found.clauses = clauses
    return found


def _draft(session: Session, programme: Programme, newest: Revision | None) -> Revision:
    """A draft without rows: the programme's own, emptied, or a new one."""
    if newest is not None and newest.state == DRAFT:
        for section in SECTIONS:
            setattr(newest, section, [])
        session.flush()
        return newest
    number = newest.number + 1 if newest else 1
    found = Revision(programme=programme, number=number, state=DRAFT, version=1)
    session.add(found)
    return found


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """*document* as a dump would say it, defaults left out."""
    revision = Revision(number=0)
    fill(revision, document)
    notice = Notice(
        key="", title="", issuer="", document_number="", basis=[], issued_on=date(2000, 1, 1)
    )
    revision.programme = Programme(notice=notice)
    own = ("programme", "title", "family", "year", "subject", "number_prefix", "notice")
    return {name: document[name] for name in own} | {
        name: value for name, value in document_of(revision).items() if name not in own
    }
