"""Awards that come out otherwise after their approval: found, proposed, approved, settled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.adjustment import FIRST_PLACE, Adjustment
from models.application import Application
from models.certificate import SkillCertificate
from models.decision import REJECT, RETURN
from models.funding import BOUNCED, RECOVERED, Budget, Payment, PaymentBatch
from models.organization import Organization
from models.patent import Patent
from models.types import Fen
from portal.access.accounts import create_account, system_actor
from portal.access.actor import Actor
from portal.access.organizations import create_organization, move_organization
from portal.access.permissions import NotAllowed
from portal.funding import ledger
from portal.funding.adjusting import (
    NotCancellable,
    OwnAdjustment,
    cancel_adjustment,
    decide_adjustments,
)
from portal.funding.adjustment_record import NothingToAdjust, Outdated
from portal.funding.affected import OWN, Affected, affected
from portal.funding.budget import set_budget
from portal.funding.by_district import came_back_fen
from portal.funding.cancelling import cancel_batch
from portal.funding.case_money import money_of
from portal.funding.dues import pending_fen
from portal.funding.papers import payees_of
from portal.funding.payout import NothingToPay, make_batch, mark_paid, mark_transferred
from portal.funding.proposing import (
    HasAdjustment,
    NotAdjustable,
    WasRecovered,
    propose,
    propose_amount,
)
from portal.funding.reasons import NoReason
from portal.funding.recovering import NotOutYet, NotOwed, receive
from portal.funding.reversals import IsAdjusted, last_payment, reverse_payment
from portal.funding.settlement import Bearing, by_payer, came_in
from portal.verify import violations
from tests.conftest import City
from tests.services.test_decide import ROUTE, Desk, desk
from tests.services.test_moving import Document, _amended, _row
from tests.services.test_shares import TO_NOTICE, _borne, _budget, _on_notice, _pay
from tests.support.cases import CLOCK
from tests.support.money import hand_in
from tests.support.walk import Walk

__all__ = ["desk"]
TODAY = CLOCK.today()
WHY = "登记机构更正了等级"


@dataclass
class Cash:
    """Cases approved for 1,000 yuan each, and those who handle their money."""

    desk: Desk
    city: City
    finance: Actor
    ids: list[int]

    def batch(self) -> PaymentBatch:
        """A batch of what is due."""
        programme, union = self.desk.revision.programme, self.city.union("D1")
        return make_batch(self.desk.session, self.finance, CLOCK, programme, union)

    def paid(self, batch: PaymentBatch | None = None) -> PaymentBatch:
        """A batch that reached its people."""
        batch = batch or self.batch()
        session = self.desk.session
        mark_transferred(session, self.finance, CLOCK, batch, TODAY)
        hand_in(session, self.finance, self.desk.people["centre"], CLOCK, batch)
        mark_paid(session, self.finance, CLOCK, batch, TODAY)
        return batch

    def found(self, rules: str = "in-force") -> list[Affected]:
        """What the list shows to finance."""
        programme = self.desk.revision.programme
        return affected(self.desk.session, self.finance, programme, rules).rows

    def propose(self, *ids: int) -> list[int]:
        """Propose what the rules say; the ids of the proposals."""
        session = self.desk.session
        propose(session, self.finance, CLOCK, self.desk.revision.programme, ids, WHY)
        rows = select(Adjustment.id).where(Adjustment.state == "proposed")
        return list(session.scalars(rows.order_by(Adjustment.id)))

    def approve(self, *ids: int) -> None:
        """Approve, as somebody else."""
        actor = self.desk.people["approver"]
        decide_adjustments(self.desk.session, actor, CLOCK, ids, approve=True)

    def adjusted(self, row_id: int) -> Adjustment:
        """The last adjustment of a case, as stored."""
        self.desk.session.expire_all()
        last = select(Adjustment).where(Adjustment.application_id == row_id)
        return self.desk.session.scalars(last.order_by(Adjustment.id.desc()).limit(1)).one()

    def correct(self, row_id: int, **facts: object) -> None:
        """Correct the certificate of a case behind the approval."""
        case = self.desk.case(row_id)
        own = update(SkillCertificate).where(SkillCertificate.id == case.certificate_id)
        self.desk.session.execute(own.values(**facts))
        self.desk.session.expire_all()

    def spent(self) -> int:
        """What of the budget is spent, in fen."""
        self.desk.session.expire_all()
        return self.desk.session.scalars(select(Budget.spent_fen)).one()

    def proves(self) -> None:
        """Every invariant holds."""
        assert list(violations(self.desk.session)) == []


@pytest.fixture
def cash(desk: Desk, city: City) -> Cash:
    finance = city.person("finance", "finance", "SH")
    ids = desk.enter(2)
    for who in ROUTE:
        desk.decide(who, ids)
    set_budget(desk.session, finance, CLOCK, desk.revision.programme, Fen(10_000_00))
    return Cash(desk, city, finance, ids)


def test_a_corrected_fact_takes_the_award_back_in_parts(cash: Cash) -> None:
    first, second = cash.ids
    cash.paid()
    assert cash.found() == []
    cash.correct(first, issued_on=date(2019, 3, 1))
    (row,) = cash.found()
    assert (row.id, row.award_fen, row.out_fen, row.now_fen) == (first, 1000_00, 1000_00, 0)
    assert (row.difference_fen, row.is_ready, bool(row.clause)) == (-1000_00, True, True)
    assert cash.desk.case(first).amount_fen == 1000_00

    (proposal,) = cash.propose(first, second)
    assert [each.open_id for each in cash.found()] == [proposal]
    with pytest.raises(NothingToAdjust):
        decide_adjustments(cash.desk.session, cash.finance, CLOCK, [proposal], approve=True)
    with pytest.raises(NothingToAdjust):
        cash.propose(first)
    cash.approve(proposal)
    made = cash.adjusted(first)
    assert (made.state, made.fen, made.settle_fen, made.owed_fen) == (
        "approved", -1000_00, -1000_00, 1000_00,
    )  # fmt: skip
    assert (cash.found(), cash.desk.case(first).state) == ([], "paid")
    cash.proves()
    with pytest.raises(NothingToPay):
        cash.batch()

    session = cash.desk.session
    receive(session, cash.finance, CLOCK, made, 300_00, TODAY, "第一次退回")
    assert (cash.adjusted(first).owed_fen, cash.spent()) == (700_00, 1700_00)
    cash.proves()
    with pytest.raises(NotOwed):
        receive(session, cash.finance, CLOCK, made, 700_01, TODAY, "退多了")
    with pytest.raises(NotCancellable):
        cancel_adjustment(session, cash.finance, CLOCK, made, "不退了")
    receive(session, cash.finance, CLOCK, made, 700_00, TODAY, "退清")
    assert (cash.adjusted(first).state, cash.spent()) == ("done", 1000_00)
    cash.proves()


def test_a_top_up_is_paid_by_the_next_batch(cash: Cash) -> None:
    first, _second = cash.ids
    cash.paid()
    cash.correct(first, level="高级技师")
    (row,) = cash.found()
    more = row.difference_fen
    assert more > 0
    cash.approve(*cash.propose(first))
    assert cash.desk.case(first).state == "approved"
    cash.proves()
    batch = cash.batch()
    assert (batch.payments_count, batch.total_fen, batch.budget_fen) == (1, more, more)
    cash.proves()
    cancel_batch(cash.desk.session, cash.finance, CLOCK, batch, "先不发")
    cash.paid()
    assert (cash.desk.case(first).state, cash.adjusted(first).state) == ("paid", "done")
    assert (cash.spent(), cash.found()) == (2000_00 + more, [])
    cash.proves()
    number = cash.desk.case(first).number
    whole = last_payment(cash.desk.session, number, 1)
    assert whole is not None
    with pytest.raises(IsAdjusted):
        reverse_payment(cash.desk.session, cash.finance, CLOCK, whole, RECOVERED, TODAY, "重复")
    reverse_payment(cash.desk.session, cash.finance, CLOCK, whole, "bounced", TODAY, "销户")
    extra = last_payment(cash.desk.session, number, FIRST_PLACE)
    assert extra is not None
    reverse_payment(cash.desk.session, cash.finance, CLOCK, extra, "bounced", TODAY, "销户")
    cash.proves()
    again = cash.paid()
    assert (again.payments_count, again.total_fen, again.budget_fen) == (2, 1000_00 + more, 0)
    assert (cash.desk.case(first).state, cash.spent()) == ("paid", 2000_00 + more)
    cash.proves()


def test_what_a_person_must_look_at_is_not_proposed_by_itself(cash: Cash) -> None:
    first, _second = cash.ids
    cash.paid()
    cash.correct(first, issuer="national")
    (row,) = cash.found()
    assert (row.asks, row.is_ready, row.difference_fen, row.key) == (True, False, 0, "hr-opinion")
    with pytest.raises(NothingToAdjust):
        cash.propose(first)
    case = cash.desk.case(first)
    made = propose_amount(cash.desk.session, cash.finance, CLOCK, case, -1000_00, WHY)
    cash.approve(made.id)
    with pytest.raises(OwnAdjustment):
        cancel_adjustment(cash.desk.session, cash.finance, CLOCK, cash.adjusted(first), "不退了")
    approver = cash.desk.people["approver"]
    cancel_adjustment(cash.desk.session, approver, CLOCK, cash.adjusted(first), "补交了意见")
    assert (cash.adjusted(first).state, cash.desk.case(first).state) == ("cancelled", "paid")
    cash.proves()


def test_what_is_in_no_batch_yet_is_paid_less(cash: Cash) -> None:
    first, _second = cash.ids
    case = cash.desk.case(first)
    approver = cash.desk.people["approver"]
    with pytest.raises(NotAllowed):
        propose_amount(cash.desk.session, approver, CLOCK, case, -300_00, WHY)
    with pytest.raises(NoReason):
        propose_amount(cash.desk.session, cash.finance, CLOCK, case, -300_00, " ")
    for fen in (0, -1000_01):
        with pytest.raises(NotAdjustable):
            propose_amount(cash.desk.session, cash.finance, CLOCK, case, fen, WHY)
    made = propose_amount(cash.desk.session, cash.finance, CLOCK, case, -300_00, WHY, "一（二）")
    with pytest.raises(HasAdjustment):
        propose_amount(cash.desk.session, cash.finance, CLOCK, case, -100_00, WHY)
    with pytest.raises(NoReason):
        decide_adjustments(cash.desk.session, approver, CLOCK, [made.id], approve=False)
    decide_adjustments(cash.desk.session, approver, CLOCK, [made.id], approve=False, reason="不妥")
    assert cash.adjusted(first).state == "refused"
    again = propose_amount(cash.desk.session, cash.finance, CLOCK, case, -300_00, WHY)
    cash.approve(again.id)
    assert (cash.adjusted(first).state, cash.adjusted(first).settle_fen) == ("done", 0)
    cancel_adjustment(cash.desk.session, approver, CLOCK, cash.adjusted(first), "弄错了")
    cash.proves()
    case = cash.desk.case(first)
    final = propose_amount(cash.desk.session, cash.finance, CLOCK, case, -300_00, WHY)
    cash.approve(final.id)
    batch = cash.batch()
    assert (batch.payments_count, batch.total_fen) == (2, 1700_00)
    with pytest.raises(NotCancellable):
        cancel_adjustment(cash.desk.session, approver, CLOCK, cash.adjusted(first), "弄错了")
    cash.proves()


def test_what_the_bank_returned_is_charged_anew_once_the_award_is_another(cash: Cash) -> None:
    first, second = cash.ids
    session = cash.desk.session
    cash.paid()
    for payment in session.scalars(select(Payment)).all():
        reverse_payment(session, cash.finance, CLOCK, payment, BOUNCED, TODAY, "账号有误")
    assert cash.spent() == 2000_00
    less = propose_amount(session, cash.finance, CLOCK, cash.desk.case(first), -400_00, WHY)
    cash.approve(less.id)
    assert cash.spent() == 1000_00
    more = propose_amount(session, cash.finance, CLOCK, cash.desk.case(second), 300_00, WHY)
    cash.approve(more.id)
    assert cash.spent() == 0
    cash.proves()
    again = cash.paid()
    assert (again.total_fen, again.budget_fen, cash.spent()) == (1900_00, 1900_00, 1900_00)
    assert {cash.desk.case(row_id).state for row_id in cash.ids} == {"paid"}
    purses = {row["purse"]: row["amount_fen"] for row in ledger.statement(session)}
    assert (purses["paid"], purses["returned"]) == (1900_00, 0)
    cash.proves()


def test_what_the_bank_returned_is_charged_anew_after_a_batch_that_was_not_sent(cash: Cash) -> None:
    first, _second = cash.ids
    session = cash.desk.session
    cash.paid()
    payment = last_payment(session, cash.desk.case(first).number, 1)
    assert payment is not None
    reverse_payment(session, cash.finance, CLOCK, payment, BOUNCED, TODAY, "账号有误")
    batch = cash.batch()
    less = propose_amount(session, cash.finance, CLOCK, cash.desk.case(first), -400_00, WHY)
    cash.approve(less.id)
    cancel_batch(session, cash.finance, CLOCK, batch, "先不发")
    assert (cash.spent(), cash.adjusted(first).owed_fen) == (1000_00, 0)
    cash.proves()
    again = cash.paid()
    assert (again.total_fen, again.budget_fen, cash.spent()) == (600_00, 600_00, 1600_00)
    cash.proves()


def test_what_comes_back_whole_is_not_owed_in_part(cash: Cash) -> None:
    first, second = cash.ids
    session = cash.desk.session
    cash.paid()
    for row_id in cash.ids:
        less = propose_amount(session, cash.finance, CLOCK, cash.desk.case(row_id), -400_00, WHY)
        cash.approve(less.id)
    assert cash.adjusted(first).owed_fen == 400_00
    payment = last_payment(session, cash.desk.case(first).number, 1)
    assert payment is not None
    reverse_payment(session, cash.finance, CLOCK, payment, BOUNCED, TODAY, "账号有误")
    assert (cash.adjusted(first).state, cash.adjusted(first).owed_fen) == ("done", 0)
    assert (cash.adjusted(second).state, cash.adjusted(second).owed_fen) == ("approved", 400_00)
    assert cash.spent() == 1000_00
    cash.proves()
    again = cash.paid()
    assert (again.total_fen, again.budget_fen, cash.spent()) == (600_00, 600_00, 1600_00)
    assert cash.desk.case(first).state == "paid"
    cash.proves()


@pytest.mark.plain
def test_a_case_tells_what_its_batch_paid(cash: Cash) -> None:
    first, _second = cash.ids
    session = cash.desk.session
    cash.paid()
    less = propose_amount(session, cash.finance, CLOCK, cash.desk.case(first), -400_00, WHY)
    cash.approve(less.id)
    _portions, (part,) = money_of(session, cash.desk.case(first))
    assert part.fen == 1000_00
    payment = last_payment(session, cash.desk.case(first).number, 1)
    assert payment is not None
    reverse_payment(session, cash.finance, CLOCK, payment, BOUNCED, TODAY, "账号有误")
    _portions, (part,) = money_of(session, cash.desk.case(first))
    assert part.fen == 600_00
    cash.proves()


def test_what_was_not_sent_is_not_owed(cash: Cash) -> None:
    first, _second = cash.ids
    session = cash.desk.session
    batch = cash.batch()
    less = propose_amount(session, cash.finance, CLOCK, cash.desk.case(first), -400_00, WHY)
    cash.approve(less.id)
    assert cash.adjusted(first).owed_fen == 400_00
    cancel_batch(session, cash.finance, CLOCK, batch, "先不发")
    assert (cash.adjusted(first).state, cash.adjusted(first).owed_fen) == ("done", 0)
    cash.proves()
    assert cash.paid().total_fen == 1600_00
    cash.proves()


def test_a_bank_returns_nothing_of_which_a_part_came_in(cash: Cash) -> None:
    first, second = cash.ids
    session = cash.desk.session
    cash.paid()
    less = propose_amount(session, cash.finance, CLOCK, cash.desk.case(first), -400_00, WHY)
    cash.approve(less.id)
    receive(session, cash.finance, CLOCK, cash.adjusted(first), 100_00, TODAY, "退回一部分")
    payment = last_payment(session, cash.desk.case(first).number, 1)
    assert payment is not None
    with pytest.raises(IsAdjusted):
        reverse_payment(session, cash.finance, CLOCK, payment, BOUNCED, TODAY, "账号有误")
    other = last_payment(session, cash.desk.case(second).number, 1)
    assert other is not None
    reverse_payment(session, cash.finance, CLOCK, other, RECOVERED, TODAY, "整笔追回")
    with pytest.raises(WasRecovered):
        propose_amount(session, cash.finance, CLOCK, cash.desk.case(second), -100_00, WHY)
    cash.proves()


def test_a_proposal_that_would_settle_something_else_is_left(cash: Cash) -> None:
    first, second = cash.ids
    made = propose_amount(
        cash.desk.session, cash.finance, CLOCK, cash.desk.case(first), -300_00, WHY
    )
    batch = cash.batch()
    with pytest.raises(Outdated):
        cash.approve(made.id)
    cancel_adjustment(cash.desk.session, cash.finance, CLOCK, cash.adjusted(first), "已进批次")
    fresh = propose_amount(
        cash.desk.session, cash.finance, CLOCK, cash.desk.case(first), -300_00, WHY
    )
    cash.approve(fresh.id)
    owed = cash.adjusted(first)
    assert owed.owed_fen == 300_00
    with pytest.raises(NotOutYet):
        receive(cash.desk.session, cash.finance, CLOCK, owed, 1, TODAY, "退回")
    cash.paid(batch)
    assert cash.desk.case(first).state == "paid"
    assert cash.desk.case(second).state == "paid"
    cash.proves()


def test_the_rules_in_force_and_those_of_the_case_may_differ(cash: Cash) -> None:
    cash.paid()
    cash.correct(cash.ids[0], level="高级技师")
    assert [(row.id, row.difference_fen) for row in cash.found()] == [(cash.ids[0], 1000_00)]
    _amended(cash.desk, _raised)
    assert [(row.id, row.difference_fen) for row in cash.found(OWN)] == [(cash.ids[0], 1000_00)]
    assert [row.difference_fen for row in cash.found()] == [1000_00, 50_00]
    programme = cash.desk.revision.programme
    few = affected(cash.desk.session, cash.finance, programme, most=1)
    assert (len(few.rows), few.cases, few.more_fen, few.less_fen) == (1, 2, 1050_00, 0)
    stranger = cash.desk.people["stranger"]
    assert affected(cash.desk.session, stranger, programme).rows == []
    with pytest.raises(NotAllowed):
        affected(cash.desk.session, cash.desk.people["unit"], programme)
    cash.propose(cash.ids[1])
    assert cash.adjusted(cash.ids[1]).settle_fen == 50_00


def _raised(document: Document) -> None:
    _row(document["tiers"], "rows", "技师")["amount"] = 1050


def test_the_proof_sees_what_is_wrong(cash: Cash) -> None:
    cash.paid()
    session = cash.desk.session
    cash.correct(cash.ids[0], level="高级技师")
    (made,) = cash.propose(cash.ids[0])
    cash.approve(made)
    session.execute(update(Adjustment).values(settle_fen=Adjustment.settle_fen + 1))
    session.execute(update(Application).values(adjusted_fen=1))
    told = " ".join(violations(session))
    assert "its shares are" in told and "is adjusted by 1 fen" in told
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("UPDATE adjustment SET decided_by_id = proposed_by_id"))
    assert session.scalars(select(Payment.id)).all()


def _project(session: Session, home: Path) -> tuple[Walk, Actor, Actor]:
    """A project of two payers and two instalments, the first of them paid; who handles it."""
    walk = Walk(session, home, "bj-project-2022")
    system, city = system_actor(session), session.get_one(Organization, 1)
    people = []
    for role in ("finance", "city-approver"):
        made, _password = create_account(session, system, walk.book.after, role, role, role, city)
        people.append(Actor.of(made))
    _budget(walk, 100_000)
    walk.pass_by(*TO_NOTICE)
    _on_notice(walk)
    assert _borne(session, _pay(walk, walk.scene.places["D"])) == {
        "city": 6_000_00, "district-double": 12_000_00,
    }  # fmt: skip
    return walk, people[0], people[1]


@pytest.mark.plain
def test_each_payer_of_a_failed_project_gets_its_part_back(
    session: Session, tmp_path: Path
) -> None:
    walk, finance, approver = _project(session, tmp_path)
    clock, programme = walk.book.after, walk.scene.revision.programme
    assert affected(session, finance, programme).rows == []
    walk.decide("city-centre", REJECT)
    (row,) = affected(session, finance, programme).rows
    assert (row.state, row.award_fen, row.out_fen, row.now_fen) == (
        "refused", 30_000_00, 18_000_00, 0,
    )  # fmt: skip
    propose(session, finance, clock, programme, [walk.id], WHY)
    made = session.scalars(select(Adjustment)).one()
    assert {(part.share_key, part.amount_fen) for part in made.shares} == {
        ("city", -6_000_00), ("district-double", -12_000_00),
    }  # fmt: skip
    decide_adjustments(session, approver, clock, [made.id], approve=True)
    receive(session, finance, clock, made, 100_00, clock.today(), "退回一部分")
    assert session.scalars(select(Budget.spent_fen)).one() == 5_966_67
    assert (
        came_back_fen(session, finance, programme.id) == came_back_fen(session, finance) == 100_00
    )
    receive(session, finance, clock, made, 17_900_00, clock.today(), "退清")
    assert session.scalars(select(Budget.spent_fen)).one() == 0
    assert list(violations(session)) == []


@pytest.mark.plain
def test_a_later_instalment_follows_the_new_award(session: Session, tmp_path: Path) -> None:
    walk, finance, approver = _project(session, tmp_path)
    clock, programme = walk.book.after, walk.scene.revision.programme
    accepted = {"field__city_accepts": "是", "field__unit_accepts": "是"}
    walk.answer("city-centre", project__accepted_on="2022-11-08", **accepted)
    walk.pass_by("city-centre")
    made = propose_amount(session, finance, clock, walk.case, 3_000_00, WHY)
    assert made.settle_fen == 1_800_00
    decide_adjustments(session, approver, clock, [made.id], approve=True)
    places = walk.scene.places
    owed = [pending_fen(session, programme, places[name]) for name in ("city", "D")]
    assert owed == [4_400_00 + 600_00, 8_800_00 + 1_200_00]
    batch = _pay(walk, places["D"])
    assert (batch.payments_count, batch.total_fen, batch.budget_fen) == (
        2, 13_200_00 + 1_800_00, 4_400_00 + 600_00,
    )  # fmt: skip
    assert payees_of(session, batch) == 1
    assert (walk.case.state, session.get_one(Adjustment, made.id).state) == ("paid", "done")
    assert affected(session, finance, programme).rows[0].difference_fen == -3_000_00
    assert list(violations(session)) == []


@pytest.mark.plain
def test_what_the_bank_returned_is_asked_of_the_district_that_a_union_moved_to(
    session: Session, tmp_path: Path
) -> None:
    walk, finance, _approver = _project(session, tmp_path)
    clock, case = walk.book.after, walk.case
    payment = last_payment(session, case.number, 1)
    assert payment is not None
    reverse_payment(session, finance, clock, payment, BOUNCED, clock.today(), "账号有误")
    place = create_organization(
        session, system_actor(session), clock, code="E", name="戊区总工会", kind="district",
        parent=session.get_one(Organization, 1),
    )  # fmt: skip
    move_organization(session, system_actor(session), clock, case.organization_id, place.id)
    session.expire_all()
    again = _pay(walk, place)
    assert _borne(session, again) == {"city": 6_000_00, "district-double": 12_000_00}
    assert session.scalars(select(Budget.spent_fen)).one() == 6_000_00
    left = [row for row in ledger.statement(session) if row["purse"] == "returned"]
    assert {row["amount_fen"] for row in left} == {0}
    assert list(violations(session)) == []


@pytest.mark.plain
def test_only_what_is_not_paid_again_as_it_was_is_charged_anew(
    session: Session, tmp_path: Path
) -> None:
    walk, finance, approver = _project(session, tmp_path)
    clock, place = walk.book.after, walk.scene.places["D"]
    accepted = {"field__city_accepts": "是", "field__unit_accepts": "是"}
    walk.answer("city-centre", project__accepted_on="2022-11-08", **accepted)
    walk.pass_by("city-centre")
    _pay(walk, place)
    made = propose_amount(session, finance, clock, walk.case, -1, WHY)
    decide_adjustments(session, approver, clock, [made.id], approve=True)
    assert {share.instalment for share in made.shares} == {1}
    for instalment in (2, 1):
        payment = last_payment(session, walk.case.number, instalment)
        assert payment is not None
        reverse_payment(session, finance, clock, payment, BOUNCED, clock.today(), "账号有误")
    returned = [row for row in ledger.statement(session) if row["purse"] == "returned"]
    assert sum(row["amount_fen"] for row in returned) == 12_000_00
    assert session.scalars(select(Budget.spent_fen)).one() == 4_000_00
    again = _pay(walk, place)
    assert (again.total_fen, again.budget_fen) == (29_999_99, 6_000_00)
    assert list(violations(session)) == []


@pytest.mark.plain
def test_a_project_whose_balance_is_not_sent_any_more_is_settled(
    session: Session, tmp_path: Path
) -> None:
    walk, finance, approver = _project(session, tmp_path)
    clock, programme = walk.book.after, walk.scene.revision.programme
    accepted = {"field__city_accepts": "是", "field__unit_accepts": "是"}
    walk.answer("city-centre", project__accepted_on="2022-11-08", **accepted)
    walk.pass_by("city-centre")
    balance = make_batch(session, finance, clock, programme, walk.scene.places["D"])
    made = propose_amount(session, finance, clock, walk.case, -30_000_00, WHY)
    decide_adjustments(session, approver, clock, [made.id], approve=True)
    assert (walk.case.state, made.owed_fen) == ("approved", 30_000_00)
    cancel_batch(session, finance, clock, balance, "先不发")
    session.expire_all()
    assert (walk.case.state, made.owed_fen) == ("paid", 18_000_00)
    assert list(violations(session)) == []


@pytest.mark.plain
def test_what_was_corrected_after_a_payment_is_looked_at_from_the_start(
    session: Session, tmp_path: Path
) -> None:
    walk, finance, _approver = _project(session, tmp_path)
    first = walk.scene.revision.stages[0].key
    before = walk.case.stage_key
    assert before != first
    walk.decide("city-centre", RETURN)
    walk.scene.correct(walk.id, {"project.title": "另一个名称"})
    assert walk.case.stage_key == before
    walk.decide("city-centre", RETURN)
    walk.scene.correct(walk.id, {"studio.level": "市级", "field.requested": "5万元"})
    assert (walk.case.amount_fen, walk.case.stage_key) == (50_000_00, first)
    with pytest.raises(NothingToPay):
        _pay(walk, walk.scene.places["D"])
    (row,) = affected(session, finance, walk.scene.revision.programme).rows
    assert (row.state, row.out_fen, row.difference_fen) == ("waiting", 18_000_00, 12_000_00)
    assert list(violations(session)) == []


@pytest.mark.plain
def test_an_instalment_of_a_waiting_project_follows_its_correction(
    session: Session, tmp_path: Path
) -> None:
    walk, finance, approver = _project(session, tmp_path)
    clock, programme = walk.book.after, walk.scene.revision.programme
    corrected = update(Application).values(amount_fen=20_000_00)
    session.execute(corrected)
    session.expire_all()
    (row,) = affected(session, finance, programme).rows
    assert (row.state, row.now_fen, row.difference_fen) == ("waiting", 20_000_00, -6_000_00)
    propose(session, finance, clock, programme, [walk.id], WHY)
    made = session.scalars(select(Adjustment)).one()
    assert (made.fen, made.settle_fen) == (0, -6_000_00)
    decide_adjustments(session, approver, clock, [made.id], approve=True)
    assert affected(session, finance, programme).rows == []
    accepted = {"field__city_accepts": "是", "field__unit_accepts": "是"}
    walk.answer("city-centre", project__accepted_on="2022-11-08", **accepted)
    walk.pass_by("city-centre")
    session.execute(corrected)
    assert _pay(walk, walk.scene.places["D"]).total_fen == 8_000_00
    assert walk.case.state == "paid"
    assert list(violations(session)) == []


@pytest.mark.plain
def test_a_patent_invalidated_after_payment_is_found(session: Session, tmp_path: Path) -> None:
    walk = Walk(session, tmp_path, "sh-patent-2023")
    _budget(walk, 20_000)
    walk.pass_by("grass-roots", "district", "city-centre", "city-approver")
    amount, programme = walk.case.amount_fen, walk.scene.revision.programme
    finance, clock, union = walk.who("finance"), walk.book.after, walk.scene.places["D"]
    assert make_batch(session, finance, clock, programme, union).total_fen == amount
    session.execute(update(Patent).values(legal_status="invalid"))
    (row,) = affected(session, finance, programme).rows
    assert (row.key, row.clause, row.difference_fen) == ("in-force", "一（二）3", -amount)
    assert row.is_ready and "无效" in row.says


def test_single_fen_never_run_against_the_whole() -> None:
    parts = {
        Bearing(1, key, n, False): fen
        for n, (key, fen) in enumerate(zip("abc", (1, 3, 6), strict=True))
    }
    given = [by_payer(each) for each in came_in(parts, [1, 4, 5])]
    assert [sum(each.values()) for each in given] == [1, 4, 5]
    assert sum(given, start=Counter()) == Counter({0: 1, 1: 3, 2: 6})
    assert min(fen for each in given for fen in each.values()) >= 0
