"""What was applied for and paid before for the same person or the same thing, wherever it was.

A reviewer is told of a case of another union, for nobody is paid twice; but not whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select
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
    person, things = _same_person(application), _same_things(application)
    sees = visible(Application, actor)
    rows = session.execute(
        select(Application, person.label("person"), things.label("thing"), sees.label("sees"))
        .join(Applicant, Applicant.id == Application.applicant_id)
        .join(Programme, Programme.id == Application.programme_id)
        .outerjoin(SkillCertificate, SkillCertificate.id == Application.certificate_id)
        .outerjoin(Patent, Patent.id == Application.patent_id)
        .where(Application.id != application.id, Application.state != DRAFT, or_(person, things))
        .order_by(Programme.year.desc(), Application.id.desc())
        .limit(MOST)
    )
    found = [
        _told(row, bool(is_person), bool(is_thing), bool(is_seen))
        for row, is_person, is_thing, is_seen in rows
    ]
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


def _same_person(application: Application) -> ColumnElement[bool]:
    index = application.applicant.id_number_index
    if index:
        return Applicant.id_number_index == index
    return Applicant.id == application.applicant_id


def _same_things(application: Application) -> ColumnElement[bool]:
    same: list[ColumnElement[bool]] = []
    if application.claim_key:
        same.append(
            and_(
                Application.claim_key == application.claim_key,
                Application.family == application.family,
            )
        )
    if application.certificate is not None:
        same.append(SkillCertificate.number_key == application.certificate.number_key)
    if application.patent is not None:
        same.append(Patent.number_key == application.patent.number_key)
    return or_(*same) if same else Application.id.is_(None)


def _number_key(application: Application) -> str | None:
    record = application.certificate or application.patent
    return record.number_key if record is not None else None
