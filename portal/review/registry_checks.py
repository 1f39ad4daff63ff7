"""Checks against authorities: recorded one by one or by the thousand, judged at once.

Nobody checks what they entered themselves; a service checks for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, insert, select
from sqlalchemy.orm import Session, aliased, joinedload

from models.application import APPROVED, PAID, RETURNED, WAITING, Application, Attachment
from models.audit import AuditEntry
from models.base import N_, Refusal, in_parts
from models.evidence import (
    AGAIN,
    BY_SERVICE,
    CERTIFICATE,
    CHECKED,
    DIFFERS,
    MEMBERSHIP,
    NOT_FOUND,
    PATENT,
    RESULTS,
    UNCHECKED,
    RegistryCheck,
)
from models.programme import Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.clock import Clock
from portal.evidence.comparison import (
    Answer,
    Compared,
    Kept,
    asked_of,
    compare,
    kept_answer,
    number_of,
    result_of,
)
from portal.evidence.registry import Registry, Unreachable
from portal.policy.judge import judge
from portal.review.standing import not_own

CHECKABLE = (WAITING, RETURNED, APPROVED, PAID)
"""The states in which a case may be checked."""
TO_LOOK_INTO = (DIFFERS, NOT_FOUND)
LONGEST_NOTE = 2_000
SOURCE_LENGTH = 120


class NotCheckable(Refusal):
    """The case is not there, not submitted, or has nothing of the kind."""

    message = N_("This application has nothing of this kind to check, or cannot be checked now.")


class OwnCase(Refusal):
    """Whoever entered a case does not check it."""

    message = N_("You entered it yourself; somebody else must check it")


class NoSource(Refusal):
    """It must be told who was asked."""

    message = N_("Please say which authority or site was asked.")


class NothingSaid(Refusal):
    """Neither a result nor a field was given."""

    message = N_("Please choose a result or fill in what the authority says.")


class InTheFuture(Refusal):
    """A check that has not been made yet."""

    message = N_("must not be in the future")


class UnknownResult(Refusal):
    """The result is none that there is."""

    message = N_("There is no such result.")


@dataclass(frozen=True)
class Finding:
    """What was found of one case: the authority's own word or empty, its answer by field."""

    application_id: int
    declared: str = ""
    answer: Answer = field(default_factory=dict)
    note: str = ""
    attachment_id: int | None = None


def kinds_of(application: Application) -> list[str]:
    """What of *application* an authority can be asked about."""
    found = [CERTIFICATE] if application.certificate_id else []
    found += [PATENT] if application.patent_id else []
    return [*found, MEMBERSHIP] if application.applicant.id_number_index else found


def latest(session: Session, application: Application) -> dict[str, RegistryCheck]:
    """The check that counts, by kind."""
    rows = session.scalars(
        select(RegistryCheck)
        .where(RegistryCheck.application_id == application.id)
        .options(joinedload(RegistryCheck.account), joinedload(RegistryCheck.attachment))
        .order_by(RegistryCheck.id)
    )
    return {row.kind: row for row in rows}


def is_latest() -> ColumnElement[bool]:
    """Keeps the checks that count: the last of each case and kind."""
    later = aliased(RegistryCheck)
    return ~exists().where(
        later.application_id == RegistryCheck.application_id,
        later.kind == RegistryCheck.kind,
        later.id > RegistryCheck.id,
    )


def standing_at(result: str) -> ColumnElement[bool]:
    """Keeps applications of which some kind's latest check says *result*; empty: none was made."""
    any_check = exists().where(RegistryCheck.application_id == Application.id)
    if not result:
        return ~any_check
    return Application.id.in_(
        select(RegistryCheck.application_id).where(RegistryCheck.result == result, is_latest())
    )


def record(
    session: Session,
    actor: Actor,
    clock: Clock,
    kind: str,
    way: str,
    source: str,
    findings: Sequence[Finding],
    checked_on: date | None = None,
) -> list[RegistryCheck]:
    """Write *findings* of cases in *actor*'s subtree, judge the cases again, audit each.

    All or nothing. Raises ``NotAllowed``, ``NoSource``, ``NotCheckable``, ``OwnCase``,
    ``NothingSaid`` or what a field's text is refused for.
    """
    require(actor, "registry:write")
    day = checked_on or clock.today()
    _refuse(kind, source, findings, day, clock)
    cases = checkable(session, actor, [row.application_id for row in findings], kind)
    if way != BY_SERVICE:
        _refuse_own(session, actor, list(cases))
    about: dict[str, Any] = {"kind": kind, "way": way, "source": source.strip()[:SOURCE_LENGTH]}
    about |= {"checked_on": day, "account_id": actor.account_id, "made_at": clock.now()}
    rows = []
    for found in findings:
        case = cases.get(found.application_id)
        if case is None or not _is_of(session, found):
            raise NotCheckable()
        rows.append(about | _row(case, kind, found))
    return _write(session, actor, clock, rows, list(cases.values()))


def checkable(
    session: Session, actor: Actor, ids: Sequence[int], kind: str
) -> dict[int, Application]:
    """Of *ids*, the submitted cases in *actor*'s subtree that have something of *kind*."""
    found: dict[int, Application] = {}
    for part in in_parts(list(ids), 1_000):
        rows = session.scalars(
            select(Application)
            .where(
                Application.id.in_(part),
                visible(Application, actor),
                Application.state.in_(CHECKABLE),
            )
            .options(
                joinedload(Application.applicant),
                joinedload(Application.certificate),
                joinedload(Application.patent),
            )
        )
        found |= {row.id: row for row in rows if kind in kinds_of(row)}
    return found


def own_cases(session: Session, actor: Actor, ids: Sequence[int]) -> set[int]:
    """Of *ids*, the cases that *actor* entered or submitted."""
    found: set[int] = set()
    for part in in_parts(list(ids)):
        mine = select(Application.id).where(Application.id.in_(part), ~not_own(actor))
        found |= set(session.scalars(mine))
    return found


def ask_registry(
    session: Session,
    actor: Actor,
    clock: Clock,
    registry: Registry,
    kind: str,
    ids: Sequence[int],
) -> list[RegistryCheck]:
    """Ask *registry* about the cases *ids* and record what it says; what it cannot say now
    stays unchecked. Raises ``NotAllowed``, ``NoRegistry`` or ``BadRegistry``."""
    require(actor, "registry:write")
    cases = checkable(session, actor, ids, kind)
    findings = [_asked(registry, kind, case) for case in cases.values()]
    if not findings:
        return []
    return record(session, actor, clock, kind, BY_SERVICE, registry.name, findings)


def waiting_unchecked(actor: Actor, kind: str) -> Select[Any]:
    """The ids of waiting cases in *actor*'s subtree that no check of *kind* settled, in order."""
    settled = select(RegistryCheck.application_id).where(
        RegistryCheck.kind == kind, RegistryCheck.result != UNCHECKED, is_latest()
    )
    return (
        select(Application.id)
        .where(
            visible(Application, actor),
            Application.state == WAITING,
            Application.id.not_in(settled),
        )
        .order_by(Application.id)
    )


def compare_again(session: Session, actor: Actor, clock: Clock, application: Application) -> None:
    """After a form changed: compare it with what the authorities said; where another number
    would have to be asked for, nothing is checked any more."""
    rows = []
    for kind, check in latest(session, application).items():
        if check.result == UNCHECKED:
            continue
        again = _again(application, kind, check)
        if (again["result"], again["compared"]) != (check.result, check.compared):
            rows.append(again | {"account_id": actor.account_id, "made_at": clock.now()})
    if rows:
        _insert(session, actor, clock, rows, {application.id: application})


def _refuse(kind: str, source: str, findings: Sequence[Finding], day: date, clock: Clock) -> None:
    if kind not in CHECKED:
        raise NotCheckable()
    if len(source.strip()) < 2:
        raise NoSource()
    if day > clock.today():
        raise InTheFuture()
    for found in findings:
        if found.declared and found.declared not in RESULTS:
            raise UnknownResult()
        if not found.declared and not any(str(text).strip() for text in found.answer.values()):
            raise NothingSaid()


def _refuse_own(session: Session, actor: Actor, ids: Sequence[int]) -> None:
    if own_cases(session, actor, ids):
        raise OwnCase()


def _is_of(session: Session, found: Finding) -> bool:
    """Whether the evidence, where there is some, is a file of the case."""
    if found.attachment_id is None:
        return True
    file = select(Attachment.id).where(
        Attachment.id == found.attachment_id,
        Attachment.application_id == found.application_id,
        Attachment.removed_at.is_(None),
    )
    return session.scalar(file) is not None


def _row(case: Application, kind: str, found: Finding) -> dict[str, Any]:
    kept = kept_answer(kind, found.answer)
    compared = compare(case, kind, kept)
    return {
        "application_id": case.id,
        "result": result_of(compared, found.declared),
        "asked": asked_of(case, kind),
        "answer": dict(kept) | ({"": {"is": found.declared}} if found.declared else {}),
        "compared": compared,
        "note": found.note.strip()[:LONGEST_NOTE],
        "attachment_id": found.attachment_id,
    }


def _again(application: Application, kind: str, check: RegistryCheck) -> dict[str, Any]:
    same = asked_of(application, kind) == check.asked
    answer: Kept = {key: said for key, said in check.answer.items() if key} if same else {}
    compared: list[Compared] = compare(application, kind, answer)
    declared = check.answer.get("", {}).get("is", "") if same else ""
    if declared != NOT_FOUND and _says_otherwise(compared, check.compared):
        declared = ""  # the authority said so of what the form said then
    return {
        "application_id": application.id,
        "kind": kind,
        "way": AGAIN,
        "source": check.source,
        "checked_on": check.checked_on,
        "result": result_of(compared, declared),
        "asked": asked_of(application, kind),
        "answer": check.answer if same else {},
        "compared": compared,
        "note": "",
        "attachment_id": check.attachment_id if same else None,
    }


def _says_otherwise(now: list[Compared], then: list[Compared]) -> bool:
    return [row["ours"] for row in now] != [row["ours"] for row in then]


def _asked(registry: Registry, kind: str, case: Application) -> Finding:
    try:
        answer = registry.look_up(kind, number_of(case, kind))
    except Unreachable:
        return Finding(case.id, UNCHECKED)
    return Finding(case.id, NOT_FOUND) if answer is None else Finding(case.id, "", answer)


def _write(
    session: Session,
    actor: Actor,
    clock: Clock,
    rows: list[dict[str, Any]],
    cases: Sequence[Application],
) -> list[RegistryCheck]:
    made = _insert(session, actor, clock, rows, {case.id: case for case in cases})
    for revision_id in sorted({case.revision_id for case in cases}):
        revision = session.get_one(Revision, revision_id)
        if reads_registry(revision):
            only = select(RegistryCheck.application_id).where(
                RegistryCheck.id.between(made[0].id, made[-1].id)
            )
            judge(session, revision, only=only)
    for case in cases:
        session.expire(case)
    return made


def reads_registry(revision: Revision) -> bool:
    """Whether a rule of *revision* names what a registry said."""
    rows = (*revision.conditions, *revision.tiers, *revision.bounds, *revision.facts)
    return any("registry." in str(list(_rules(row))) for row in rows)


def _rules(row: Any) -> Iterator[Any]:
    for name in ("when", "require", "rule", "uplift", "per", "of", "self_when"):
        yield getattr(row, name, None)


def _insert(
    session: Session,
    actor: Actor,
    clock: Clock,
    rows: list[dict[str, Any]],
    cases: Mapping[int, Application],
) -> list[RegistryCheck]:
    statement = insert(RegistryCheck).returning(RegistryCheck, sort_by_parameter_order=True)
    made = list(session.scalars(statement, rows))
    _audit(session, actor, clock, made, cases)
    return made


def _audit(
    session: Session,
    actor: Actor,
    clock: Clock,
    made: Iterable[RegistryCheck],
    cases: Mapping[int, Application],
) -> None:
    def write(seal_id: int) -> None:
        entries = [
            {
                "seal_id": seal_id,
                "at": clock.now(),
                "account_id": actor.account_id,
                "action": "registry:check",
                "entity": "application",
                "entity_id": row.application_id,
                "organization_id": cases[row.application_id].organization_id,
                "outcome": "done",
                "reason": "",
                "address": actor.address,
                "details": {"check": row.id, "kind": row.kind, "result": row.result},
            }
            for row in made
        ]
        session.execute(insert(AuditEntry), entries)

    audit.seal(session, clock.now(), write)
