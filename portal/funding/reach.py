"""How far the budgets reach: what of a payee's released instalments can be paid, in their order.

Each budget is laid against every instalment of the programme in order of release, so that no
district's later case passes another's earlier one. Of a payee nothing is paid after the first
instalment that a payer's own budget does not reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, and_, func, or_, select, true
from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.funding import Budget, Payment, PaymentBatch, PaymentShare
from models.organization import Organization
from models.programme import Programme
from models.types import in_yuan
from portal.funding import ledger
from portal.funding.budget import other_budgets, spend
from portal.funding.dues import borne, city, queue
from portal.policy.check import PAYMENT
from portal.policy.moments import failing


class BudgetShort(Refusal):
    """The own budget of a payer does not reach the next instalment."""

    message = N_(
        "The own budget of %(payer)s, %(union)s, lacks %(missing)s yuan for the next payment."
    )


@dataclass(frozen=True)
class Short:
    """The first instalment of a payee that the own budget of one of its payers does not reach.

    ``missing`` fen; ``reach`` is what the city federation bears up to there.
    """

    released: int
    application_id: int
    share_key: str
    payer_id: int
    missing: int
    reach: int

    def refusal(self, session: Session, programme: Programme) -> BudgetShort:
        """What is said of it: whose budget, and how much is missing in yuan."""
        return _refusal(session, programme, self.share_key, self.payer_id, self.missing)


def payable(session: Session, programme: Programme) -> CTE:
    """Unpaid instalments of *programme* as ``queue`` has them, with ``reach``: what of them the
    city federation bears, up to and with this one.

    A case that no longer passes what is looked at again before payment waits (S23 一（二）), and
    so does one whose shares are not known.
    """
    due = queue(programme)
    again = failing(session, programme, PAYMENT, select(due.c.id))
    held = (due.c.id.not_in(found) for found in again)
    turn = (due.c.released, due.c.id)
    return (
        select(due, func.sum(due.c.budget_fen).over(order_by=turn).label("reach"))
        .where(due.c.fen > 0, due.c.budget_fen.is_not(None), *held)
        .cte("payable")
    )


def first_short(
    session: Session, programme: Programme, payee: Organization, rows: CTE
) -> Short | None:
    """The first of *rows* (``payable``) for *payee* that a payer's own budget does not reach."""
    parts = borne(programme, rows)
    turn = (parts.c.released, parts.c.id)
    total = func.sum(parts.c.fen).over(partition_by=parts.c.payer_id, order_by=turn)
    taken = select(parts, total.label("taken")).subquery()
    missing = taken.c.taken - (Budget.cap_fen - Budget.spent_fen)
    own = and_(Budget.payer_id == taken.c.payer_id, Budget.programme_id == programme.id)
    same = and_(rows.c.id == taken.c.id, rows.c.instalment == taken.c.instalment)
    found = session.execute(
        select(
            taken.c.released,
            taken.c.id,
            taken.c.share_key,
            taken.c.payer_id,
            missing,
            rows.c.reach,
        )
        .join(Budget, own)
        .join(rows, same)
        .where(
            Budget.payer_id != city(),
            taken.c.payee_id == payee.id,
            taken.c.fen > 0,
            missing > 0,
        )
        .order_by(taken.c.released, taken.c.id, taken.c.share_key)
        .limit(1)
    ).one_or_none()
    return Short(*map(_plain, found)) if found else None


def reached(rows: CTE, payee: Organization, remaining: int, short: Short | None) -> Any:
    """What of *rows* (``payable``) for *payee* can be paid with *remaining* fen of the city
    federation's budget, with its place; nothing from *short* on."""
    place = func.row_number().over(order_by=(rows.c.released, rows.c.id))
    return (
        select(rows, place.label("position"))
        .where(rows.c.payee_id == payee.id, rows.c.reach <= remaining, _before(rows, short))
        .subquery("reached")
    )


def charge_others(session: Session, batch: PaymentBatch) -> None:
    """Take from each payer's own budget what the ledger committed of it for *batch*.

    Raises ``BudgetShort`` where it is not there; the batch must then not be made at all.
    """
    budgets = other_budgets(session, batch.programme)
    rows = session.execute(ledger.drawn_by(batch)) if budgets else ()
    drawn = {row.payer_id: int(row.fen) for row in rows}
    for budget in budgets:
        fen = drawn.get(budget.payer_id, 0)
        if fen and not spend(session, budget, fen):
            missing = fen - (budget.cap_fen - budget.spent_fen)
            key = (
                select(func.min(PaymentShare.share_key))
                .join(Payment, Payment.id == PaymentShare.payment_id)
                .where(Payment.batch_id == batch.id, PaymentShare.payer_id == budget.payer_id)
            )
            raise _refusal(
                session, batch.programme, session.scalar(key) or "", budget.payer_id, missing
            )


def _refusal(
    session: Session, programme: Programme, share_key: str, payer_id: int, missing: int
) -> BudgetShort:
    titles = {row.key: row.title for revision in programme.revisions for row in revision.shares}
    union = session.get_one(Organization, payer_id)
    return BudgetShort(payer=titles.get(share_key, ""), union=union.name, missing=in_yuan(missing))


def _before(rows: CTE, short: Short | None) -> Any:
    if short is None:
        return true()
    earlier = and_(rows.c.released == short.released, rows.c.id < short.application_id)
    return or_(rows.c.released < short.released, earlier)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)
