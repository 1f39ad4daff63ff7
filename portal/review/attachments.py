"""The files of a case: what its rules ask for, and who may add, open and remove them.

S15, S23 and S26 ask for copies of the ID, the certificate and the card; S20 for certificates of
honours and photographs; B22 for a proof of use. Which of them a case needs, its rules say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.application import RETURNED, Application, Attachment
from models.base import N_, Refusal
from models.evidence import RegistryCheck
from models.programme import AttachmentRule
from models.types import new_row_key
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import may, require
from portal.access.scope import visible
from portal.clock import Clock
from portal.evidence.cleaning import CleanFile, tidy_name
from portal.evidence.vault import FileLost, vault
from portal.policy.facts import source
from portal.policy.judge import ALONE, judge
from portal.policy.terms import facts_in, guard_sql
from portal.review.corrections import ATTACHMENT, asked_of
from portal.review.route import editable
from portal.review.stage_answers import stage_of
from portal.review.standing import not_own

PAPER = "paper"


class NotAttachable(Refusal):
    """The case cannot be given files, or lose this one, by this person now."""

    message = N_("You cannot add or remove files of this application now.")


class NotAsked(Refusal):
    """No rule of the case asks for such a file."""

    message = N_("This application is not asked for a file of this kind.")


class TooManyFiles(Refusal):
    """The rule has all the files it takes."""

    message = N_("%(title)s takes at most %(most)s files.")


class AlreadyThere(Refusal):
    """The same file answers the rule already."""

    message = N_("This very file is already there.")


class NoSuchFile(Refusal):
    """The actor sees no such file, or it was removed."""

    message = N_("There is no such file.")


@dataclass(frozen=True)
class Wanted:
    """What one rule asks of a case and which files answer it.

    ``rule`` is ``None`` where files answer a rule that the case's revision does not have;
    ``is_asked`` is false where files are left of a rule whose terms no longer hold.
    """

    key: str
    rule: AttachmentRule | None
    is_asked: bool
    files: Sequence[Attachment]

    @property
    def missing(self) -> int:
        """How many files are still needed; what is on paper people count."""
        if self.rule is None or not self.is_asked or self.rule.medium == PAPER:
            return 0
        return max(self.rule.at_least - len(self.files), 0)

    @property
    def room(self) -> int:
        """How many more files may be added."""
        if self.rule is None or not self.is_asked or self.rule.medium == PAPER:
            return 0
        return max(self.rule.at_most - len(self.files), 0)


def wanted(session: Session, application: Application) -> list[Wanted]:
    """What is asked of *application*, rule by rule in their order, by the policy's own terms.

    A rule whose terms are unknown is asked, as conditions are. Files that answer no such rule
    stand at the end.
    """
    files = _files(session, application)
    asked = _asked(session, application)
    rules = [row for row in application.revision.attachments if asked[row.key] or row.key in files]
    found = [Wanted(row.key, row, asked[row.key], files.pop(row.key, [])) for row in rules]
    return [*found, *(Wanted(key, None, False, rest) for key, rest in files.items())]


def may_add(session: Session, actor: Actor, application: Application) -> bool:
    """Whether *actor* may give the case files: who may edit it, or acts where it waits."""
    return _may_edit(actor, application) or _acts_on(session, actor, application)


def may_remove(
    session: Session, actor: Actor, application: Application, attachment: Attachment
) -> bool:
    """Whether *actor* may take the file away: an editor any, who acts at a stage their own; what
    a registry check rests on nobody."""
    if _is_evidence(session, attachment):
        return False
    if _may_edit(actor, application):
        return True
    own = actor.account_id is not None and attachment.account_id == actor.account_id
    return own and _acts_on(session, actor, application)


def add(
    session: Session,
    actor: Actor,
    clock: Clock,
    application: Application,
    rule_key: str,
    file_name: str,
    file: CleanFile,
) -> Attachment:
    """Add a cleaned file as an answer to the rule *rule_key* and judge the case with it.

    The bytes are on disk when this returns; commit afterwards. Raises ``NotAllowed``,
    ``NotAttachable``, ``NotAsked``, ``TooManyFiles`` or ``AlreadyThere``.
    """
    _take(session, actor, application)
    if not may_add(session, actor, application) or not _named(session, application, rule_key):
        raise NotAttachable()
    digest = hashlib.sha256(file.data).hexdigest()
    _refuse_surplus(session, application, rule_key, digest)
    attachment = Attachment(
        row_key=new_row_key(),
        application_id=application.id,
        rule_key=rule_key,
        file_name=tidy_name(file_name, file.suffix),
        media_type=file.media_type,
        size=len(file.data),
        digest=digest,
        account_id=actor.account_id,
        made_at=clock.now(),
    )
    session.add(attachment)
    session.flush()
    _judge(session, application)
    vault.put(attachment.row_key, file.data)
    _record(session, actor, clock, "attach", application, attachment)
    return attachment


def remove(session: Session, actor: Actor, clock: Clock, attachment: Attachment) -> None:
    """Mark a file removed and judge the case without it; raises ``NotAttachable``."""
    application = attachment.application
    _take(session, actor, application)
    session.refresh(attachment)
    named = _named(session, application, attachment.rule_key)
    if attachment.removed_at or not may_remove(session, actor, application, attachment):
        raise NotAttachable()
    if not named:
        raise NotAttachable()
    attachment.removed_at = clock.now()
    session.flush()
    _judge(session, application)
    _record(session, actor, clock, "detach", application, attachment)


def _named(session: Session, application: Application, rule_key: str) -> bool:
    """Whether files of the rule may change: of a returned case only where its return says so."""
    asked = asked_of(session, application) if application.state == RETURNED else None
    return asked is None or asked.may_change(f"{ATTACHMENT}{rule_key}")


def seen(session: Session, actor: Actor, attachment_id: int) -> Attachment:
    """The file with that id in *actor*'s subtree; raises ``NotAllowed`` or ``NoSuchFile``."""
    require(actor, "application:read")
    found = session.scalar(
        select(Attachment)
        .where(Attachment.id == attachment_id, Attachment.removed_at.is_(None))
        .where(visible(Attachment, actor))
        .options(joinedload(Attachment.application))
    )
    if found is None:
        raise NoSuchFile()
    return found


def open_attachment(session: Session, actor: Actor, clock: Clock, attachment_id: int) -> bytes:
    """The bytes of a file, the look at it audited; raises what ``seen`` does, or ``FileLost``."""
    return _read(session, actor, clock, seen(session, actor, attachment_id))


def open_to_score(
    session: Session, actor: Actor, clock: Clock, attachment_id: int
) -> tuple[Attachment, bytes]:
    """A file of a case that *actor*, an expert, was given to score, and its bytes; audited.

    Raises ``NotAllowed``, ``NoSuchFile`` or ``FileLost``.
    """
    require(actor, "score:write")
    found = session.scalar(
        select(Attachment).where(
            Attachment.id == attachment_id,
            Attachment.removed_at.is_(None),
            visible(Attachment, actor),
        )
    )
    if found is None:
        raise NoSuchFile()
    return found, _read(session, actor, clock, found)


def _read(session: Session, actor: Actor, clock: Clock, attachment: Attachment) -> bytes:
    data = vault.get(attachment.row_key)
    if hashlib.sha256(data).hexdigest() != attachment.digest:
        raise FileLost()
    _record(session, actor, clock, "open_file", attachment.application, attachment)
    return data


def download_name(attachment: Attachment) -> str:
    """What the file is called outside: union, whose case, what it shows (S20 照片命名)."""
    application = attachment.application
    subject = application.studio or application.project or application.applicant
    place = application.district or application.organization
    rule = _rule(application, attachment.rule_key)
    what = rule.title if rule else attachment.rule_key
    suffix = attachment.file_name[attachment.file_name.rfind(".") :]
    called = "-".join((place.name, str(subject), what, str(attachment.id)))
    return tidy_name(f"{called}{suffix}".replace("/", "_"), suffix)


def _files(session: Session, application: Application) -> dict[str, list[Attachment]]:
    rows = session.scalars(
        select(Attachment)
        .where(Attachment.application_id == application.id, Attachment.removed_at.is_(None))
        .options(joinedload(Attachment.account))
        .order_by(Attachment.id)
    )
    found: dict[str, list[Attachment]] = {}
    for row in rows:
        found.setdefault(row.rule_key, []).append(row)
    return found


def _asked(session: Session, application: Application) -> dict[str, bool]:
    """Each rule's key and whether its terms hold for the case, or are unknown."""
    revision = application.revision
    rules = revision.attachments
    if not rules:
        return {}
    needs = frozenset[type]().union(
        *(known.needs for row in rules for term in row.when for known in facts_in(term, revision))
    )
    guards = [
        guard_sql(row.when, revision).label(f"asked_{place}") for place, row in enumerate(rules)
    ]
    held = session.execute(
        select(*guards).select_from(source(needs)).where(Application.id == application.id)
    ).one()
    return {row.key: holds is None or bool(holds) for row, holds in zip(rules, held, strict=True)}


def _is_evidence(session: Session, attachment: Attachment) -> bool:
    rests = select(RegistryCheck.id).where(RegistryCheck.attachment_id == attachment.id)
    return session.scalar(rests.limit(1)) is not None


def _may_edit(actor: Actor, application: Application) -> bool:
    return may(actor, "application:write") and editable(application)


def _acts_on(session: Session, actor: Actor, application: Application) -> bool:
    """Whether the case waits at a stage of the actor's, who did not enter it."""
    if not may(actor, "application:decide") or stage_of(application, actor) is None:
        return False
    mine = select(Application.id).where(Application.id == application.id, not_own(actor))
    return session.scalar(mine) is not None


def _take(session: Session, actor: Actor, application: Application) -> None:
    """Hold the case still: nobody decides it or fills its places meanwhile."""
    require(actor, "application:attach")
    held = session.scalar(
        select(Application.id)
        .where(Application.id == application.id, visible(Application, actor))
        .with_for_update()
    )
    if held is None:
        raise NotAttachable()
    session.refresh(application)


def _refuse_surplus(session: Session, application: Application, rule_key: str, digest: str) -> None:
    found = next((row for row in wanted(session, application) if row.key == rule_key), None)
    if found is None or found.rule is None or not found.is_asked or found.rule.medium == PAPER:
        raise NotAsked()
    if any(file.digest == digest for file in found.files):
        raise AlreadyThere()
    if not found.room:
        raise TooManyFiles(title=found.rule.title, most=found.rule.at_most)


def _rule(application: Application, key: str) -> AttachmentRule | None:
    return next((row for row in application.revision.attachments if row.key == key), None)


def _judge(session: Session, application: Application) -> None:
    judge(session, application.revision, only=ALONE, alone=application.id)
    session.refresh(application)


def _record(
    session: Session,
    actor: Actor,
    clock: Clock,
    act: str,
    application: Application,
    attachment: Attachment,
) -> None:
    audit.record(
        session,
        actor,
        clock.now(),
        f"application:{act}",
        "application",
        application.id,
        details={"attachment": attachment.id, "rule": attachment.rule_key},
        organization_id=application.organization_id,
    )
