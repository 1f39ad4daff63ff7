"""What was applied for and paid before for the same person or the same thing, wherever it was.

A reviewer is told of a case of another union, for nobody is paid twice; but not whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import DRAFT, Application
from models.base import N_
from models.certificate import SkillCertificate
from models.evidence import PastAward
from models.patent import Patent
from models.programme import Programme
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.review.route import standing_word

PERSON, THING = N_("the same person"), N_("the same certificate, patent or other claim")
MOST = 20


@dataclass(frozen=True)
class Earlier:
    """An earlier case or payment; ``application_id`` only where the actor sees the case.

    ``because`` lists msgids; ``word`` is the programme's own word for where it stands, empty for a
    payment from before the system. ``amount_fen`` is in fen.
    """

    title: str
    year: int
    number: str
    word: str
    state: str
    amount_fen: int
    because: Sequence[str]
    application_id: int | None


def earlier_cases(session: Session, actor: Actor, application: Application) -> list[Earlier]:
    """The other cases of the same person or thing over all years, channels and programmes."""
    person = set(session.scalars(_of_person(application).limit(MOST)))
    things = {
        row for found in _of_things(application) for row in session.scalars(found.limit(MOST))
    }
    rows = session.execute(
        select(Application, visible(Application, actor).label("sees"))
        .join(Programme, Programme.id == Application.programme_id)
        .where(Application.id.in_((person | things) - {application.id}), Application.state != DRAFT)
        .order_by(Programme.year.desc(), Application.id.desc())
        .limit(MOST)
    )
    found = [_told(row, row.id in person, row.id in things, bool(sees)) for row, sees in rows]
    return [*found, *_before(session, application)]


def _told(row: Application, person: bool, thing: bool, seen: bool) -> Earlier:
    because = [word for word, holds in ((PERSON, person), (THING, thing)) if holds]
    return Earlier(
        title=row.programme.title,
        year=row.programme.year,
        number=row.number if seen else "",
        word=standing_word(row),
        state=row.state,
        amount_fen=row.amount_fen,
        because=because,
        application_id=row.id if seen else None,
    )


def _before(session: Session, application: Application) -> list[Earlier]:
    """Payments from before the system."""
    index = application.applicant.id_number_index
    keys = [key for key in (_number_key(application),) if key]
    same: list[ColumnElement[bool]] = [PastAward.number_key.in_(keys)] if keys else []
    if index:
        same.append(PastAward.id_number_index == index)
    if not same:
        return []
    rows = session.scalars(
        select(PastAward).where(or_(*same)).order_by(PastAward.year.desc()).limit(MOST)
    )
    found = []
    for row in rows:
        person = bool(index) and row.id_number_index == index
        because = [PERSON] if person else []
        if row.number_key and row.number_key in keys:
            because.append(THING)
        found.append(Earlier(row.title, row.year, "", "", "paid", row.amount_fen, because, None))
    return found


def _of_person(application: Application) -> Select[int]:
    """The cases of the same person, by the index of the ID number where there is one."""
    index = application.applicant.id_number_index
    same = Applicant.id_number_index == index if index else Applicant.id == application.applicant_id
    return select(Application.id).join(Applicant).where(same).order_by(Application.id.desc())


def _of_things(application: Application) -> Iterator[Select[int]]:
    """The cases of the same claim, certificate or patent, each by its own index."""
    ids = select(Application.id).order_by(Application.id.desc())
    if application.claim_key:
        yield ids.where(
            Application.claim_key == application.claim_key,
            Application.family == application.family,
        )
    if application.certificate is not None:
        key = application.certificate.number_key
        yield ids.join(SkillCertificate).where(SkillCertificate.number_key == key)
    if application.patent is not None:
        yield ids.join(Patent).where(Patent.number_key == application.patent.number_key)


def _number_key(application: Application) -> str | None:
    record = application.certificate or application.patent
    return record.number_key if record is not None else None
