"""Budgets of the payers of a programme: set by finance, spent only by a guarded update.

The city federation always has one. Another payer that the programme's shares name may have one of
its own, a district or a unit each for itself; without it that payer is not bounded.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.funding import Budget, LedgerPosting, PaymentBatch
from models.organization import Organization
from models.programme import Programme
from models.sharing import CITY
from models.types import Fen, in_yuan
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.funding import ledger
from portal.funding.dues import city, is_party
from portal.funding.reasons import worded


class NoBudget(Refusal):
    """The programme has no budget yet."""

    message = N_("Set a budget for this programme first.")


class BudgetBelowSpent(Refusal):
    """The new cap is less than what is already spent."""

    message = N_("The budget cannot be less than the %(spent)s yuan already spent.")


class BadBudget(Refusal):
    """The cap is not an amount of money."""

    message = N_("A budget is between 0 and 1,000,000,000,000 yuan.")


class NotAPayer(Refusal):
    """By no share of the programme does the organization pay."""

    message = N_("By the rules of this programme %(union)s pays nothing.")


MOST_FEN = 10**14


def set_budget(
    session: Session,
    actor: Actor,
    clock: Clock,
    programme: Programme,
    cap: Fen,
    payer: Organization | None = None,
    reason: str = "",
) -> Budget:
    """Give *payer* (the city federation unless said) a budget of *cap* fen for *programme*.

    What the payer bore before it had one counts as spent. Another's money is not bounded without
    a *reason*. Raises ``BudgetBelowSpent``, ``BadBudget``, ``NotAPayer`` or ``NoReason``.
    """
    require(actor, "budget:write")
    if not 0 <= cap <= MOST_FEN:
        raise BadBudget()
    payer = payer or session.scalars(select(Organization).where(Organization.id == city())).one()
    if reason or payer.parent_id is not None:
        reason = worded(reason)
    if not _pays(session, programme, payer):
        raise NotAPayer(union=payer.name)
    take_turn(session, programme.id)
    found = _found(session, programme, payer.id)
    before = found.cap_fen if found else None
    if found is None:
        found = _open(session, programme, payer, cap)
    else:
        _change(session, found, cap)
    audit.record(
        session,
        actor,
        clock.now(),
        "budget:write",
        "budget",
        found.id,
        reason=reason,
        details={"cap_fen": [before, cap], "programme": programme.code, "payer": payer.code},
        organization_id=payer.id,
    )
    return found


def budget_of(session: Session, programme: Programme) -> Budget:
    """The city federation's budget for *programme*; raises ``NoBudget``."""
    found = session.scalar(
        select(Budget).where(Budget.programme_id == programme.id, Budget.payer_id == city())
    )
    if found is None:
        raise NoBudget()
    session.refresh(found)
    return found


def other_budgets(session: Session, programme: Programme) -> list[Budget]:
    """The budgets of the other payers of *programme*, in the order in which they are taken."""
    found = session.scalars(
        select(Budget)
        .where(Budget.programme_id == programme.id, Budget.payer_id != city())
        .order_by(Budget.id)
        .execution_options(populate_existing=True)
    )
    return list(found)


def may_have_budget(programme: Programme) -> frozenset[str]:
    """The kinds of payer that the shares of *programme* name, the city federation always."""
    named = {
        payer
        for revision in programme.revisions
        for row in revision.shares
        for payer in (row.payer, *row.others)
    }
    return frozenset({CITY, *named})


def take_turn(session: Session, programme_id: int) -> None:
    """Who moves money of the programme waits here for whoever does so already.

    On SQLite a transaction that writes has waited before; PostgreSQL holds the programme's row, in
    a way that hinders no application.
    """
    mine = select(Programme.id).where(Programme.id == programme_id)
    session.execute(mine.with_for_update(key_share=True))


def spend(session: Session, budget: Budget, amount: int) -> bool:
    """Take *amount* fen if it is still there; says whether it was."""
    guarded = (
        update(Budget)
        .where(Budget.id == budget.id, Budget.spent_fen + amount <= Budget.cap_fen)
        .values(spent_fen=Budget.spent_fen + amount, version=Budget.version + 1)
        .returning(Budget.id)
        .execution_options(synchronize_session=False)  # else all that the session holds is searched
    )
    taken = session.scalar(guarded) is not None
    session.expire(budget, ["spent_fen", "version"])
    return taken


def give_back(session: Session, batch: PaymentBatch) -> None:
    """Put what *batch* took and did not use back into the budgets of its payers."""
    drawn = ledger.drawn_by(batch).subquery()
    fen = select(drawn.c.fen).where(drawn.c.payer_id == Budget.payer_id).scalar_subquery()
    session.execute(
        update(Budget)
        .where(
            Budget.programme_id == batch.programme_id,
            Budget.payer_id.in_(select(drawn.c.payer_id)),
        )
        .values(spent_fen=Budget.spent_fen - fen, version=Budget.version + 1)
        .execution_options(synchronize_session=False)
    )


def put_back(session: Session, programme_id: int, given: Mapping[int, int]) -> None:
    """Put *given* (fen by payer) back into the payers' budgets, where they have one."""
    for payer_id, fen in sorted(given.items()):
        session.execute(
            update(Budget)
            .where(Budget.programme_id == programme_id, Budget.payer_id == payer_id)
            .values(spent_fen=Budget.spent_fen - fen, version=Budget.version + 1)
            .execution_options(synchronize_session=False)
        )


def _found(session: Session, programme: Programme, payer_id: int) -> Budget | None:
    return session.scalar(
        select(Budget)
        .where(Budget.programme_id == programme.id, Budget.payer_id == payer_id)
        .execution_options(populate_existing=True)
    )


def _pays(session: Session, programme: Programme, payer: Organization) -> bool:
    """Whether *payer* is of a kind that the shares name."""
    kinds = [is_party(kind) for kind in sorted(may_have_budget(programme))]
    own = select(*kinds).where(Organization.id == payer.id)
    return any(session.execute(own).one())


def _open(session: Session, programme: Programme, payer: Organization, cap: int) -> Budget:
    """A new row, which holds what the ledger says the payer bore already."""
    drawn = select(-func.coalesce(func.sum(LedgerPosting.amount_fen), 0)).where(
        LedgerPosting.programme_id == programme.id,
        LedgerPosting.payer_id == payer.id,
        LedgerPosting.purse.in_(ledger.SPENT),
    )
    spent = int(session.execute(drawn).scalar_one())
    if spent > cap:
        raise _below(spent)
    found = Budget(
        programme_id=programme.id, payer_id=payer.id, cap_fen=cap, spent_fen=spent, version=1
    )
    session.add(found)
    session.flush()
    return found


def _change(session: Session, budget: Budget, cap: int) -> None:
    guarded = (
        update(Budget)
        .where(Budget.id == budget.id, Budget.spent_fen <= cap)
        .values(cap_fen=cap, version=Budget.version + 1)
        .returning(Budget.id)
    )
    if session.scalar(guarded) is None:
        raise _below(budget.spent_fen)
    session.refresh(budget)


def _below(spent: int) -> BudgetBelowSpent:
    return BudgetBelowSpent(spent=in_yuan(spent))
