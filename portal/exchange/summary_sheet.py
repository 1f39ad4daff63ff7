"""The 汇总表 of a programme (S15 三): a row a case by window and district, sums below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import APPROVED, PAID, WAITING, Application
from models.base import N_
from models.organization import Organization
from models.programme import Programme, Window
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.exchange.case_rows import NAME, NUMBER, joined
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.policy.facts import District
from portal.review.route import StageBook, named_stage

COUNTED = (WAITING, APPROVED, PAID)
PART = 2_000
_COLUMNS = (
    (N_("No."), 6),
    (N_("Window"), 18),
    (N_("District or bureau union"), 22),
    (N_("Unit"), 30),
    (N_("Application number"), 16),
    (N_("Name"), 10),
    (N_("Applied for"), 18),
    (N_("Award tier"), 12),
    (N_("Number of the certificate or patent"), 26),
    (N_("Status"), 14),
    (N_("Amount (yuan)"), 14),
)


def write_summary(
    session: Session, actor: Actor, programme: Programme, target: IO[bytes], told: Told
) -> int:
    """Write the summary of *programme* for *actor*'s subtree; gives the number of cases.

    Counted is whoever waits for a decision or has got one in favour.
    """
    require(actor, "application:export")
    widths = [SheetColumn(told(word, {}), width) for word, width in _COLUMNS[:-1]]
    word, width = _COLUMNS[-1]
    book = StageBook(session)
    columns = [*widths, SheetColumn(told(word, {}), width, "fen")]
    rows = _cases(session, actor, programme, book)
    feet = _totals(session, actor, programme, book, told)
    return write_sheet(target, programme.title, columns, rows, feet=feet)


def _cases(
    session: Session, actor: Actor, programme: Programme, book: StageBook
) -> Iterator[list[Any]]:
    statement = (
        joined(
            select(
                Window.title.label("window"),
                District.name.label("district"),
                Organization.name.label("unit"),
                Application.number,
                Applicant.name,
                NAME.label("subject_name"),
                NUMBER.label("subject_number"),
                Application.revision_id,
                Application.state,
                named_stage().label("stage_key"),
                Application.tier_key,
                Application.amount_fen,
            )
        )
        .outerjoin(Window, Window.id == Application.window_id)
        .where(*_counted(actor, programme))
        .order_by(Window.position, Application.district_id, Application.id)
    )
    rows = session.execute(statement, execution_options={"yield_per": PART})
    for place, row in enumerate(rows, 1):
        yield [
            place,
            row.window,
            row.district,
            row.unit,
            row.number,
            row.name,
            row.subject_name,
            book.tier_title(row.revision_id, row.tier_key),
            row.subject_number,
            book.label(row.revision_id, row.state, row.stage_key),
            row.amount_fen,
        ]


def _totals(
    session: Session, actor: Actor, programme: Programme, book: StageBook, told: Told
) -> Iterator[list[Any]]:
    """A row per tier with its count and sum, and one for all."""
    rows = session.execute(
        select(
            Application.revision_id,
            Application.tier_key,
            func.count(),
            func.sum(Application.amount_fen),
        )
        .where(*_counted(actor, programme))
        .group_by(Application.revision_id, Application.tier_key)
        .order_by(Application.revision_id, Application.tier_key)
    )
    tiers: dict[str, tuple[int, int]] = {}
    for revision_id, tier_key, count, fen in rows:
        title = book.tier_title(revision_id, tier_key) or told(N_("No tier"), {})
        before = tiers.get(title, (0, 0))
        tiers[title] = (before[0] + count, before[1] + int(fen))
    everybody = tuple(map(sum, zip(*tiers.values(), strict=True))) or (0, 0)
    subtotal, total = told(N_("Subtotal"), {}), told(N_("Total"), {})
    for title, (count, fen) in tiers.items():
        yield _total(subtotal, title, told(N_("%(count)s cases"), {"count": count}), fen)
    count, fen = everybody
    yield _total(total, "", told(N_("%(count)s cases"), {"count": count}), fen)


def _total(word: str, tier: str, count: str, fen: int) -> list[Any]:
    return [word, "", "", "", "", "", "", tier, count, "", fen]


def _counted(actor: Actor, programme: Programme) -> list[Any]:
    return [
        visible(Application, actor),
        Application.programme_id == programme.id,
        Application.state.in_(COUNTED),
    ]
