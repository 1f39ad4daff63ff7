"""Budgets: set by finance, spent only by one guarded update."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.funding import Budget
from models.programme import Programme
from models.types import Fen
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock


class NoBudget(Refusal):
    """The programme has no budget yet."""

    message = N_("Set a budget for this programme first.")


class BudgetBelowSpent(Refusal):
    """The new cap is less than what is already spent."""

    message = N_("The budget cannot be less than the %(spent)s yuan already spent.")


class BadBudget(Refusal):
    """The cap is not an amount of money."""

    message = N_("A budget is between 0 and 1,000,000,000,000 yuan.")


MOST_FEN = 10**14


def set_budget(
    session: Session, actor: Actor, clock: Clock, programme: Programme, cap: Fen
) -> Budget:
    """Give *programme* a budget of *cap* fen; raises ``BudgetBelowSpent`` and ``BadBudget``."""
    require(actor, "budget:write")
    if not 0 <= cap <= MOST_FEN:
        raise BadBudget()
    found = session.scalar(select(Budget).where(Budget.programme_id == programme.id))
    before = found.cap_fen if found else None
    if found is None:
        found = Budget(programme_id=programme.id, cap_fen=cap, spent_fen=0, version=1)
        session.add(found)
        session.flush()
    else:
        _change(session, found, cap)
    details = {"cap_fen": [before, cap], "programme": programme.code}
    audit.record(session, actor, clock.now(), "budget:write", "budget", found.id, details=details)
    return found


def budget_of(session: Session, programme: Programme) -> Budget:
    """The budget of *programme*; raises ``NoBudget``."""
    found = session.scalar(select(Budget).where(Budget.programme_id == programme.id))
    if found is None:
        raise NoBudget()
    session.refresh(found)
    return found


def spend(session: Session, budget: Budget, amount: int) -> bool:
    """Take *amount* fen if it is still there; says whether it was."""
    guarded = (
        update(Budget)
        .where(Budget.id == budget.id, Budget.spent_fen + amount <= Budget.cap_fen)
        .values(spent_fen=Budget.spent_fen + amount, version=Budget.version + 1)
        .returning(Budget.id)
    )
    return session.scalar(guarded) is not None


def give_back(session: Session, programme_id: int, amount: int) -> None:
    """Put *amount* fen that were taken and not used back into the budget of the programme."""
    session.execute(
        update(Budget)
        .where(Budget.programme_id == programme_id)
        .values(spent_fen=Budget.spent_fen - amount, version=Budget.version + 1)
    )


def _change(session: Session, budget: Budget, cap: int) -> None:
    guarded = (
        update(Budget)
        .where(Budget.id == budget.id, Budget.spent_fen <= cap)
        .values(cap_fen=cap, version=Budget.version + 1)
        .returning(Budget.id)
    )
    if session.scalar(guarded) is None:
        raise BudgetBelowSpent(spent=f"{budget.spent_fen / 100:,.2f}")
    session.refresh(budget)
