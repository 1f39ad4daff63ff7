"""Statements of the ledger: what moved in a month, per programme and payer, and line by line.

An entry counts on the day it was recorded, so that a month that is over never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from models.application import Application
from models.base import N_, Refusal
from models.funding import Budget, LedgerEntry, LedgerPosting, PaymentBatch
from models.organization import Organization
from models.programme import Programme
from portal.access.actor import Actor
from portal.access.permissions import may, require
from portal.access.scope import visible
from portal.calendar import add_months
from portal.clock import SHANGHAI
from portal.funding import ledger

MOVES = tuple(purse for purse in ledger.PURSES if purse != ledger.BUDGET)
"""Where money lies that left a budget."""
KINDS = {
    ledger.COMMIT: N_("Batch made"),
    ledger.TRANSFER: N_("Transferred"),
    ledger.PAY: N_("Paid"),
    ledger.REVERSE: N_("Came back"),
    ledger.CANCEL: N_("Batch cancelled"),
    ledger.RECOVER: N_("Came in"),
    ledger.RELEASE: N_("Returned money freed"),
}


FIRST_YEAR, LAST_YEAR = 2000, 2100


class BadMonth(Refusal):
    """The text is no month."""

    message = N_("“%(text)s” is not a month. Write it as 2026-08.")


@dataclass(frozen=True)
class Wanted:
    """Of what a statement is: all that is empty is not narrowed; *month* is its first day."""

    programme_id: int | None = None
    district_id: int | None = None
    application_id: int | None = None
    month: date | None = None


@dataclass(frozen=True)
class Summary:
    """One programme and payer, in fen: what was out of the budget before the month, how each purse
    changed in it (``MOVES``), and what is out at its end. ``cap`` and ``left`` are the payer's
    budget as it is now, over all unions; none for a payer without one, or for whom it is not told.
    """

    programme: str
    payer: str
    opening: int
    moves: dict[str, int]
    closing: int
    cap: int | None = None
    left: int | None = None

    @property
    def balances(self) -> bool:
        """Whether the month's changes lead from the opening to the closing."""
        return self.opening + sum(self.moves.values()) == self.closing


@dataclass(frozen=True)
class Line:
    """What one entry moved for one payer, in fen by purse."""

    at: datetime
    kind: str
    batch: str
    district: str
    payer: str
    purses: dict[str, int]


@dataclass(frozen=True)
class Statement:
    """``summaries`` for a month end, ``lines`` in their order; ``rest`` more are not listed."""

    summaries: list[Summary]
    lines: list[Line]
    rest: int = 0
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def balances(self) -> bool:
        """Whether every summary does, and every payer's money is somewhere."""
        return all(row.balances for row in self.summaries)


def month_of(text: str) -> date | None:
    """The first day of the month that *text* names, nothing for none; raises ``BadMonth``."""
    if not text:
        return None
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise BadMonth(text=text[:20]) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise BadMonth(text=text[:20])
    return found


def statement_of(
    session: Session, actor: Actor, wanted: Wanted, most: int | None = None
) -> Statement:
    """The statement of *wanted*, as far as *actor* sees the batches; at most *most* lines.

    Totals are of all lines.
    """
    require(actor, "statement:read")
    where = [*_narrowed(wanted), visible(PaymentBatch, actor)]
    start, end = _bounds(wanted.month)
    one = wanted.application_id is not None  # whose side of a budget is not told apart
    tells = may(actor, "budget:read")
    summaries = [] if one else _summaries(session, where, start, end, tells)
    during = [*where, *([LedgerEntry.made_at >= start, LedgerEntry.made_at < end] if start else [])]
    lines, count = _lines(session, during, most)
    totals = _totals(session, during)
    return Statement(summaries, lines, count - len(lines), totals)


def _narrowed(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.programme_id is not None:
        found.append(LedgerPosting.programme_id == wanted.programme_id)
    if wanted.district_id is not None:
        found.append(PaymentBatch.district_id == wanted.district_id)
    if wanted.application_id is not None:
        found.append(LedgerPosting.application_id == wanted.application_id)
    return found


def _bounds(month: date | None) -> tuple[datetime | None, datetime | None]:
    if month is None:
        return None, None
    days = (month, add_months(month, 1))
    start, end = (datetime(day.year, day.month, 1, tzinfo=SHANGHAI) for day in days)
    return start, end


def _postings(*columns: Any) -> Select[Any]:
    """Postings with their entry, batch, programme and payer."""
    return (
        select(*columns)
        .select_from(LedgerPosting)
        .join(LedgerEntry, LedgerEntry.id == LedgerPosting.entry_id)
        .join(PaymentBatch, PaymentBatch.id == LedgerEntry.batch_id)
        .join(Organization, Organization.id == LedgerPosting.payer_id)
        .join(Programme, Programme.id == LedgerPosting.programme_id)
    )


def _fen(holds: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((holds, LedgerPosting.amount_fen), else_=0)), 0)


def _summaries(
    session: Session,
    where: Sequence[ColumnElement[bool]],
    start: datetime | None,
    end: datetime | None,
    tells_budget: bool,
) -> list[Summary]:
    """Per programme and payer."""
    budget = LedgerPosting.purse == ledger.BUDGET
    before = LedgerEntry.made_at < start if start else and_(budget, ~budget)
    until = [LedgerEntry.made_at < end] if end else []
    key = (Programme.id, Programme.title, Organization.id, Organization.name)
    moved = [_fen(and_(LedgerPosting.purse == purse, ~before)) for purse in MOVES]
    rows = session.execute(
        _postings(*key, -_fen(and_(budget, before)), -_fen(budget), *moved)
        .where(*where, *until)
        .group_by(*key)
        .order_by(Programme.id, Organization.id)
    )
    budgets = _budgets(session) if tells_budget else {}
    return [
        Summary(
            programme,
            payer,
            int(opening),
            {purse: int(fen) for purse, fen in zip(MOVES, moves, strict=True)},
            int(closing),
            *budgets.get((programme_id, payer_id), (None, None)),
        )
        for programme_id, programme, payer_id, payer, opening, closing, *moves in rows
    ]


def _budgets(session: Session) -> dict[tuple[int, int], tuple[int, int]]:
    """By programme and payer: the cap, and what is left of it."""
    rows = session.execute(
        select(Budget.programme_id, Budget.payer_id, Budget.cap_fen, Budget.spent_fen)
    )
    return {(programme, payer): (cap, cap - spent) for programme, payer, cap, spent in rows}


def _purses() -> list[ColumnElement[Any]]:
    return [_fen(LedgerPosting.purse == purse) for purse in ledger.PURSES]


def _lines(
    session: Session, where: Sequence[ColumnElement[bool]], most: int | None
) -> tuple[list[Line], int]:
    district = select(Organization.id, Organization.name).subquery()
    key = (
        LedgerEntry.id,
        LedgerEntry.made_at,
        LedgerEntry.kind,
        PaymentBatch.number,
        district.c.name,
        Organization.id,
        Organization.name,
    )
    grouped = (
        _postings(*key, *_purses())
        .join(district, district.c.id == PaymentBatch.district_id)
        .where(*where)
        .group_by(*key)
    )
    count = session.scalar(select(func.count()).select_from(grouped.subquery()))
    rows = session.execute(grouped.order_by(LedgerEntry.id, Organization.id).limit(most))
    lines = [
        Line(at, kind, batch, union, payer, _named(fen))
        for _id, at, kind, batch, union, _payer, payer, *fen in rows
    ]
    return lines, count or 0


def _totals(session: Session, where: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    return _named(session.execute(_postings(*_purses()).where(*where)).one())


def _named(fen: Sequence[Any]) -> dict[str, int]:
    return {purse: int(each) for purse, each in zip(ledger.PURSES, fen, strict=True)}


def application_called(session: Session, actor: Actor, number: str) -> Application | None:
    """The application *number*, if *actor* sees it."""
    return session.scalar(
        select(Application).where(Application.number == number, visible(Application, actor))
    )
