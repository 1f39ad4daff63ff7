"""What each budget has paid, committed and left, as bars for home page and overview."""

from __future__ import annotations

from sqlalchemy import func, select

from models.base import db
from models.funding import Budget, PaymentBatch
from models.programme import Programme
from portal.funding.dues import queue
from portal.theme import pages


def budgets(programme_id: int | None = None) -> list[pages.Budget]:
    """The budgets as bars, of one programme or of all."""
    found = []
    wanted = select(Budget)
    if programme_id:
        wanted = wanted.where(Budget.programme_id == programme_id)
    for budget in db.session.scalars(wanted):
        paid = _batched(budget.programme_id, ("paid",))
        found.append(
            pages.Budget(
                label=budget.programme.title,
                total=budget.cap_fen,
                paid=paid,
                committed=budget.spent_fen - paid,
                pending=_pending(budget.programme),
            )
        )
    return found


def _batched(programme_id: int, states: tuple[str, ...]) -> int:
    total = select(func.coalesce(func.sum(PaymentBatch.budget_fen), 0)).where(
        PaymentBatch.programme_id == programme_id, PaymentBatch.state.in_(states)
    )
    return int(db.session.execute(total).scalar_one())


def _pending(programme: Programme) -> int:
    """What the budget owes of instalments that are released and not yet in a batch."""
    due = queue(db.session(), programme)
    total = select(func.coalesce(func.sum(due.c.budget_fen), 0))
    return int(db.session.execute(total).scalar_one())
