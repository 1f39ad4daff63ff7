"""The 汇总表 of a programme (S15 三, R179): one row a case, the sum of each tier below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import APPROVED, PAID, WAITING, Application
from models.base import N_
from models.certificate import SkillCertificate
from models.organization import Organization
from models.programme import Programme
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.exchange.sheet_writer import SheetColumn, write_sheet
from portal.review.route import StageBook

Told = Callable[[str, dict[str, Any]], str]
COUNTED = (WAITING, APPROVED, PAID)


def write_summary(
    session: Session, actor: Actor, programme: Programme, target: IO[bytes], told: Told
) -> int:
    """Write the summary of *programme* for *actor*'s subtree; gives the number of cases."""
    require(actor, "application:export")
    words = (
        N_("No."), N_("District or bureau union"), N_("Unit"), N_("Name"), N_("Occupation"),
        N_("Level"), N_("Certificate number"), N_("Status"), N_("Amount (yuan)"),
    )  # fmt: skip
    columns = [
        SheetColumn(told(word, {}), 18, "fen" if word == words[-1] else "text") for word in words
    ]
    rows = [*_cases(session, actor, programme), *_totals(session, actor, programme, told)]
    write_sheet(target, programme.title, columns, rows)
    return len([row for row in rows if row[0]])


def _cases(session: Session, actor: Actor, programme: Programme) -> Iterator[list[Any]]:
    book = StageBook(session)
    district = Organization.__table__.alias("district")
    rows = session.execute(
        select(
            district.c.name,
            Organization.name,
            Applicant.name,
            SkillCertificate.occupation,
            SkillCertificate.level,
            SkillCertificate.number,
            Application.revision_id,
            Application.state,
            Application.stage_key,
            Application.amount_fen,
        )
        .join(Applicant, Applicant.id == Application.applicant_id)
        .join(Organization, Organization.id == Application.organization_id)
        .outerjoin(district, district.c.id == Application.district_id)
        .outerjoin(SkillCertificate, SkillCertificate.id == Application.certificate_id)
        .where(*_counted(actor, programme))
        .order_by(Application.district_id, Application.id)
    )
    for number, row in enumerate(rows, 1):
        *words, revision_id, state, stage_key, fen = row
        yield [number, *words, book.label(revision_id, state, stage_key), fen]


def _totals(
    session: Session, actor: Actor, programme: Programme, told: Told
) -> Iterator[list[Any]]:
    """A row per tier with its count and sum, and one for all."""
    rows = session.execute(
        select(Application.tier_key, func.count(), func.sum(Application.amount_fen))
        .where(*_counted(actor, programme))
        .group_by(Application.tier_key)
        .order_by(Application.tier_key)
    ).all()
    people = told(N_("People"), {})
    for tier, count, fen in rows:
        yield ["", "", "", "", "", tier, f"{people} {count}", "", int(fen)]
    count, fen = sum(row[1] for row in rows), sum(int(row[2]) for row in rows)
    yield ["", "", "", "", "", told(N_("Total"), {}), f"{people} {count}", "", fen]


def _counted(actor: Actor, programme: Programme) -> list[Any]:
    return [
        visible(Application, actor),
        Application.programme_id == programme.id,
        Application.state.in_(COUNTED),
    ]
