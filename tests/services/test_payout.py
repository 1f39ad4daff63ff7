"""Money: once, in order of approval, within the budget, and the ledger balances."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from models.application import Application
from models.funding import Budget, Payment, PaymentBatch
from models.types import Fen
from portal.access.actor import Actor
from portal.access.permissions import NotAllowed
from portal.funding import ledger
from portal.funding.budget import BudgetBelowSpent, NoBudget, set_budget
from portal.funding.payout import (
    BadDay,
    NothingToPay,
    NotInThatState,
    OutOfReach,
    make_batch,
    mark_paid,
    mark_transferred,
)
from portal.verify import violations
from tests.conftest import City
from tests.services.test_decide import ROUTE, Desk, desk
from tests.support.cases import CLOCK
from tests.support.money import hand_in

__all__ = ["desk"]
TODAY = CLOCK.today()


@pytest.fixture
def finance(city: City, desk: Desk) -> Actor:
    """Somebody of the finance department."""
    return city.person("finance", "finance", "SH")


def _approved(desk: Desk, count: int, **changes: str) -> list[int]:
    ids = desk.enter(count, **changes)
    for who in ROUTE:
        desk.decide(who, ids)
    return ids


def _batch(desk: Desk, finance: Actor, city: City, district: str = "D1") -> PaymentBatch:
    programme = desk.revision.programme
    return make_batch(desk.session, finance, CLOCK, programme, city.union(district))


def test_a_batch_goes_from_made_to_paid(desk: Desk, finance: Actor, city: City) -> None:
    ids = _approved(desk, 3)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(10_000_00))
    batch = _batch(desk, finance, city)
    assert (batch.payments_count, batch.total_fen) == (3, 3_000_00)
    mark_transferred(desk.session, finance, CLOCK, batch, TODAY)
    hand_in(desk.session, finance, desk.people["centre"], CLOCK, batch)
    mark_paid(desk.session, finance, CLOCK, batch, TODAY)
    assert {desk.case(row_id).state for row_id in ids} == {"paid"}
    purses = {row["purse"]: row["amount_fen"] for row in ledger.statement(desk.session)}
    assert purses == {"budget": -3_000_00, "committed": 0, "transferred": 0, "paid": 3_000_00}
    assert list(violations(desk.session)) == []


def test_nobody_is_paid_twice(desk: Desk, finance: Actor, city: City) -> None:
    _approved(desk, 2)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(10_000_00))
    _batch(desk, finance, city)
    with pytest.raises(NothingToPay):
        _batch(desk, finance, city)
    payment = desk.session.scalars(select(Payment).limit(1)).one()
    twice = {
        "batch_id": payment.batch_id, "application_id": payment.application_id,
        "instalment": payment.instalment, "position": 9, "amount_fen": 1,
    }  # fmt: skip
    with pytest.raises(DBAPIError), desk.session.begin_nested():
        desk.session.execute(insert(Payment).values(**twice))


def test_the_budget_reaches_the_first_approved(desk: Desk, finance: Actor, city: City) -> None:
    earlier = _approved(desk, 1)
    more = _approved(desk, 2)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(2_500_00))
    batch = _batch(desk, finance, city)
    paid = desk.session.scalars(
        select(Payment.application_id)
        .where(Payment.batch_id == batch.id)
        .order_by(Payment.position)
    ).all()
    assert paid == [*earlier, more[0]]
    budget = desk.session.scalars(select(Budget)).one()
    assert (budget.spent_fen, budget.cap_fen) == (2_000_00, 2_500_00)
    with pytest.raises(OutOfReach, match=r"500\.00 yuan"):
        _batch(desk, finance, city)
    assert list(violations(desk.session)) == []


def test_the_budget_never_shrinks_below_what_is_spent(
    desk: Desk, finance: Actor, city: City
) -> None:
    _approved(desk, 1)
    programme = desk.revision.programme
    with pytest.raises(NoBudget):
        _batch(desk, finance, city)
    set_budget(desk.session, finance, CLOCK, programme, Fen(1_000_00))
    _batch(desk, finance, city)
    with pytest.raises(BudgetBelowSpent):
        set_budget(desk.session, finance, CLOCK, programme, Fen(999_99))


def test_steps_happen_once_and_in_order(desk: Desk, finance: Actor, city: City) -> None:
    _approved(desk, 1)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(1_000_00))
    batch = _batch(desk, finance, city)
    with pytest.raises(NotInThatState):
        mark_paid(desk.session, finance, CLOCK, batch, TODAY)
    with pytest.raises(BadDay):
        mark_transferred(desk.session, finance, CLOCK, batch, date(2030, 1, 1))
    mark_transferred(desk.session, finance, CLOCK, batch, TODAY)
    with pytest.raises(NotInThatState):
        mark_transferred(desk.session, finance, CLOCK, batch, TODAY)


def test_only_finance_pays(desk: Desk, city: City) -> None:
    with pytest.raises(NotAllowed):
        make_batch(
            desk.session, desk.people["centre"], CLOCK, desk.revision.programme, city.union("D1")
        )


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("UPDATE budget SET spent_fen = spent_fen + 1", "budget: programme"),
        ("UPDATE payment_batch SET total_fen = total_fen + 1", "its payments come to"),
        ("UPDATE payment_batch SET state = 'paid'", "do not match its payments"),
        ("UPDATE application SET amount_fen = 1", "more than it was awarded"),
        ("UPDATE applicant SET id_number_sealed = phone_sealed", "does not open"),
        ("UPDATE applicant SET id_number_index = phone_index", "does not match its index"),
    ],
)
def test_planted_violations_turn_verify_red(
    desk: Desk, finance: Actor, city: City, planted: str, found: str
) -> None:
    _approved(desk, 1)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(9_000_00))
    _batch(desk, finance, city)
    assert list(violations(desk.session)) == []
    desk.session.execute(text(planted))
    assert any(found in sentence for sentence in violations(desk.session))


@pytest.mark.parametrize("table", ["decision", "audit_entry", "ledger_posting", "payment"])
def test_the_database_refuses_to_change_what_is_written(
    desk: Desk, finance: Actor, city: City, table: str
) -> None:
    _approved(desk, 1)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(9_000_00))
    _batch(desk, finance, city)
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
        with pytest.raises(DBAPIError), desk.session.begin_nested():
            desk.session.execute(text(statement))


def test_a_tampered_seal_is_named(desk: Desk) -> None:
    desk.enter()
    assert list(violations(desk.session)) == []
    on = " ON audit_entry" if desk.session.get_bind().dialect.name == "postgresql" else ""
    desk.session.execute(text(f"DROP TRIGGER audit_entry_no_update{on}"))
    desk.session.execute(text("UPDATE audit_entry SET reason = 'x' WHERE id = 1"))
    assert any("were changed" in sentence for sentence in violations(desk.session))


def test_a_later_case_paid_first_is_named(desk: Desk, finance: Actor, city: City) -> None:
    first, second = _approved(desk, 2)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(9_000_00))
    desk.session.execute(
        update(Application).where(Application.id == first).values(district_id=city.unions["D2"])
    )
    _batch(desk, finance, city)
    desk.session.execute(
        update(Application).where(Application.id == first).values(district_id=city.unions["D1"])
    )
    assert desk.session.scalars(select(Payment.application_id)).all() == [second]
    assert any("paid first" in sentence for sentence in violations(desk.session))
