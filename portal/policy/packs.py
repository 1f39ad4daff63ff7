"""Programmes as files: loaded as drafts, published, dumped."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models.application import Application
from models.base import N_, Because, Refusal
from models.notice import Clause, Notice
from models.programme import CLOSED, DRAFT, PUBLISHED, Programme, Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.policy.drafting import NewProgramme, start_programme
from portal.policy.judge import in_force
from portal.policy.pack_checks import checked, problems_of
from portal.policy.pack_files import Flaw, write
from portal.policy.pack_rows import OWN, SECTIONS, about, completed, document_of, fill, rules
from portal.policy.pack_schema import schema_problems
from portal.policy.vocabulary import Say, plainly

_FIXED = ("family", "subject", "number_prefix")


class BadPack(Refusal):
    """The file cannot be loaded; ``flaws`` names every reason, the message the first."""

    message = N_("%(file)s, line %(line)s, %(path)s: %(reason)s")

    def __init__(self, file: Path, flaws: list[Flaw]) -> None:
        first = flaws[0]
        reason = Because(first.message, first.params)
        super().__init__(file=file.name, line=first.line, path=first.path, reason=reason)
        self.flaws = flaws


class ProgrammeInUse(Refusal):
    """What applications were numbered and claimed under stays as it is."""

    message = N_("%(code)s has applications: its %(names)s cannot change.")


class NotPublishable(Refusal):
    """Something in the draft is still unset or contradicts itself."""

    message = N_("The draft cannot be published: %(path)s %(reason)s")


class NothingToPublish(Refusal):
    """The programme has no draft."""

    message = N_("There is no draft of %(code)s to publish.")


class UnknownNotice(Refusal):
    """No notice has this key."""

    message = N_("There is no notice called %(key)s.")


class BadName(Refusal):
    """A new programme cannot be called so."""

    message = N_("%(path)s %(reason)s")


class UnknownProgramme(Refusal):
    """No programme has this code."""

    message = N_("There is no programme with the code %(code)s.")


class UnknownRevision(Refusal):
    """The programme has no revision of this number."""

    message = N_("%(code)s has no revision %(number)s.")


def check_pack(session: Session, path: Path) -> list[Flaw]:
    """Everything wrong with the file at *path*, with lines; nothing is written."""
    return checked(session, path)[1]


def load_pack(session: Session, actor: Actor, clock: Clock, path: Path) -> Revision:
    """Load *path* as the programme's draft, replacing a draft that stands.

    Gives the newest revision unchanged when it has these rules already. What a programme's
    revisions share, its title and notice for example, changes at once. Raises ``BadPack`` or
    ``ProgrammeInUse``.
    """
    require(actor, "programme:write")
    pack, flaws = checked(session, path)
    if flaws:
        raise BadPack(path, flaws)
    programme, changed = _programme(session, pack.document)
    revision = _newest(session, programme)
    if revision is None or document_of(revision) != completed(pack.document):
        revision = _draft(session, programme, revision)
        fill(revision, pack.document)
        session.flush()
        changed.append("rules")
    if changed:
        details = {"revision": revision.number, "changed": changed, "file": path.name}
        _record(session, actor, clock, "load", revision, details)
    return revision


def draft(session: Session, actor: Actor, clock: Clock, code: str) -> Revision:
    """The draft of the programme *code*: the one that stands, or a copy of the newest revision."""
    require(actor, "programme:write")
    newest = newest_revision(session, code)
    if newest.state == DRAFT:
        return newest
    made = _draft(session, newest.programme, newest)
    fill(made, rules(newest))
    session.flush()
    _record(session, actor, clock, "draft", made, {"revision": made.number})
    return made


def clone(
    session: Session,
    actor: Actor,
    clock: Clock,
    code: str,
    new_code: str,
    title: str,
    year: int,
    number_prefix: str,
    notice_key: str | None = None,
    *,
    say: Say = plainly,
) -> Revision:
    """The draft of a new programme of the same family with the newest rules of *code*.

    It keeps the old notice unless *notice_key* names another; dates and amounts are last year's
    until somebody changes them. Raises ``AlreadyTaken``, ``BadName``, ``UnknownNotice`` and
    ``UnknownProgramme``; nothing is committed here.
    """
    like = newest_revision(session, code)
    old = like.programme
    about_new = NewProgramme(
        notice=_notice_called(session, notice_key) if notice_key else old.notice,
        code=new_code,
        title=title,
        family=old.family,
        year=year,
        subject=old.subject,
        number_prefix=number_prefix,
    )
    with session.begin_nested():
        made = start_programme(session, actor, clock, about_new, say, like=like)
        for problem in schema_problems(document_of(made)):
            reason = Because(problem.message, problem.params)
            raise BadName(path=".".join(map(str, problem.path)), reason=reason)
    return made


def publish(session: Session, actor: Actor, clock: Clock, code: str) -> Revision:
    """Put the draft of *code* in force; the revision before it takes no more applications.

    Publishing what is in force again does nothing. Raises ``NothingToPublish`` or
    ``NotPublishable``.
    """
    require(actor, "programme:publish")
    current = in_force(session, programme_called(session, code))
    found = newest_revision(session, code)
    if found is current:
        return found
    if found.state != DRAFT:
        raise NothingToPublish(code=code)
    for problem in problems_of(session, found, publishing=True):
        reason = Because(problem.message, problem.params)
        raise NotPublishable(path=".".join(map(str, problem.path)), reason=reason)
    if current is not None:
        current.state = CLOSED
    found.state, found.published_at = PUBLISHED, clock.now()
    session.flush()
    _record(session, actor, clock, "publish", found, {"revision": found.number})
    return found


def dump_pack(session: Session, code: str) -> str:
    """The YAML of the revision that *code* names (``revision_named``)."""
    return write(document_of(revision_named(session, code)))


def revision_named(session: Session, name: str) -> Revision:
    """The newest revision of ``CODE``, or the one that ``CODE@NUMBER`` says.

    Raises ``UnknownProgramme``, ``UnknownRevision`` or ``NothingToPublish``.
    """
    code, _, number = name.partition("@")
    if not number:
        return newest_revision(session, code)
    for found in programme_called(session, code).revisions:
        if str(found.number) == number:
            return found
    raise UnknownRevision(code=code, number=number)


def newest_revision(session: Session, code: str) -> Revision:
    """The newest revision of the programme *code*, draft or not."""
    found = _newest(session, programme_called(session, code))
    if found is None:
        raise NothingToPublish(code=code)
    return found


def programme_called(session: Session, code: str) -> Programme:
    """The programme with *code*; raises ``UnknownProgramme``."""
    found = session.scalar(select(Programme).where(Programme.code == code))
    if found is None:
        raise UnknownProgramme(code=code)
    return found


def _newest(session: Session, programme: Programme) -> Revision | None:
    return session.scalar(
        select(Revision)
        .where(Revision.programme_id == programme.id)
        .order_by(Revision.number.desc())
        .limit(1)
    )


def _record(
    session: Session, actor: Actor, clock: Clock, verb: str, row: Revision, details: dict[str, Any]
) -> None:
    told = {"programme": row.programme.code} | details
    audit.record(session, actor, clock.now(), f"programme:{verb}", "revision", row.id, details=told)


def _programme(session: Session, document: dict[str, Any]) -> tuple[Programme, list[str]]:
    """The programme as *document* has it, new or brought up to date, and what changed."""
    code = document["programme"]
    found = session.scalar(select(Programme).where(Programme.code == code))
    before = about(found) if found else {}
    if found is not None:
        _refuse_renaming(session, found, document)
    notice = _notice(session, document["notice"])
    if found is None:
        found = Programme(code=code, version=1)
    for name in OWN:
        setattr(found, name, document[name])
    found.notice = notice
    session.add(found)
    session.flush()
    return found, [name for name, value in about(found).items() if before.get(name) != value]


def _refuse_renaming(session: Session, programme: Programme, document: dict[str, Any]) -> None:
    names = [name for name in _FIXED if getattr(programme, name) != document[name]]
    used = exists().where(Application.programme_id == programme.id)
    if names and session.scalar(select(used)):
        raise ProgrammeInUse(code=programme.code, names=", ".join(names))


def _notice_called(session: Session, key: str) -> Notice:
    found = session.scalar(select(Notice).where(Notice.key == key))
    if found is None:
        raise UnknownNotice(key=key)
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
