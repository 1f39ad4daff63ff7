"""What each payer's budget has paid, committed and left, as bars for home page and overview."""

from __future__ import annotations

from sqlalchemy import func, select, true
from sqlalchemy.orm import contains_eager, joinedload

from models.base import db
from models.funding import Budget, LedgerPosting
from models.organization import Organization
from portal.funding.dues import pending_fen
from portal.funding.ledger import PAID
from portal.remembered import remembered
from portal.theme import pages

MOST_OTHERS = 12
"""Other payers' budgets among the bars; the list of budgets has them all."""


def budgets(programme_id: int | None = None) -> list[pages.Budget]:
    """The budgets as bars, of one programme or of all: the city federation's, then of the other
    payers' those that have the least left."""
    wanted = (
        select(Budget)
        .join(Budget.payer)
        .options(joinedload(Budget.programme), contains_eager(Budget.payer))
        .where(Budget.programme_id == programme_id if programme_id else true())
    )
    city = wanted.where(Organization.parent_id.is_(None)).order_by(Budget.programme_id)
    others = (
        wanted.where(Organization.parent_id.is_not(None))
        .order_by(Budget.cap_fen - Budget.spent_fen, Budget.id)
        .limit(MOST_OTHERS)
    )
    rows = [*db.session.scalars(city), *db.session.scalars(others)]
    return [_bar(budget) for budget in rows]


def _bar(budget: Budget) -> pages.Budget:
    is_city, paid = budget.payer.parent_id is None, _paid(budget)
    pending = remembered(
        db.session(),
        ("pending", budget.id),
        lambda: pending_fen(db.session(), budget.programme, budget.payer),
    )
    return pages.Budget(
        label=budget.programme.title if is_city else str(budget),
        total=budget.cap_fen,
        paid=paid,
        committed=budget.spent_fen - paid,
        pending=pending.value,
    )


def _paid(budget: Budget) -> int:
    """What of it has reached its people and is with them."""
    total = select(func.coalesce(func.sum(LedgerPosting.amount_fen), 0)).where(
        LedgerPosting.programme_id == budget.programme_id,
        LedgerPosting.payer_id == budget.payer_id,
        LedgerPosting.purse == PAID,
    )
    return int(db.session.execute(total).scalar_one())
