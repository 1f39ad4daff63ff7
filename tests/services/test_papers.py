"""After a batch is made: cancelled, confirmed with papers, paid directly, corrected, stated."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.application import APPROVED, PAID, Application
from models.audit import AuditEntry
from models.decision import FieldChange
from models.funding import BOUNCED, Budget, Payment, PaymentBatch
from models.sharing import CONFIRMATION, DIRECT, RECEIPT, TRANSFER_NOTICE, PaymentRule
from models.types import Fen
from portal.access.actor import Actor
from portal.access.permissions import NotAllowed
from portal.clock import Clock
from portal.exchange.bank_file import NothingToSend, write_bank_csv, write_bank_sheet
from portal.exchange.payment_sheet import write_payments
from portal.funding.budget import set_budget
from portal.funding.cancelling import cancel_batch
from portal.funding.papers import (
    BadPaperDay,
    NotTheTime,
    PaperMissing,
    SumsDiffer,
    give_paper,
    papers_of,
)
from portal.funding.payout import (
    NothingToPay,
    NotInThatState,
    make_batch,
    mark_paid,
    mark_transferred,
)
from portal.funding.reasons import NoReason
from portal.funding.reversals import reverse_payment
from portal.funding.routes import wanted
from portal.funding.statement import Wanted, month_of, statement_of
from portal.policy.payment_checks import payment_problems
from portal.review.payees import NotCorrectable, SameAccount, correct_account
from portal.verify import violations
from seed.bank_files import bank_files
from tests.conftest import City
from tests.services.test_decide import ROUTE, Desk, desk
from tests.support.cases import CLOCK
from tests.support.walk import Walk

__all__ = ["desk"]
TODAY = CLOCK.today()
NEW_CARD = "6210949999999990"


@pytest.fixture
def finance(city: City, desk: Desk) -> Actor:
    """Somebody of the finance department; the programme has money."""
    actor = city.person("finance", "finance", "SH")
    set_budget(desk.session, actor, CLOCK, desk.revision.programme, Fen(10_000_00))
    return actor


def _batch(desk: Desk, finance: Actor, city: City, count: int = 2) -> PaymentBatch:
    ids = desk.enter(count)
    for who in ROUTE:
        desk.decide(who, ids)
    return make_batch(desk.session, finance, CLOCK, desk.revision.programme, city.union("D1"))


def test_a_batch_that_was_not_sent_is_cancelled_and_its_people_are_paid_by_the_next(
    desk: Desk, finance: Actor, city: City
) -> None:
    batch = _batch(desk, finance, city)
    with pytest.raises(NoReason):
        cancel_batch(desk.session, finance, CLOCK, batch, " x ")
    cancel_batch(desk.session, finance, CLOCK, batch, "名单有误")
    assert desk.session.scalars(select(Budget.spent_fen)).one() == 0
    assert list(violations(desk.session)) == []
    with desk.session.begin_nested() as planted:
        desk.session.execute(update(PaymentBatch).values(state="made"))
        assert any("being cancelled" in told for told in violations(desk.session))
        planted.rollback()
    desk.session.expire_all()
    with pytest.raises(NotInThatState):
        cancel_batch(desk.session, finance, CLOCK, batch, "再来一次")
    with pytest.raises(NotInThatState):
        mark_transferred(desk.session, finance, CLOCK, batch, TODAY)
    again = make_batch(desk.session, finance, CLOCK, desk.revision.programme, city.union("D1"))
    assert (again.total_fen, again.budget_fen) == (2_000_00, 2_000_00)
    assert set(desk.session.scalars(
        select(Payment.attempt).where(Payment.batch_id == again.id))) == {2}  # fmt: skip
    mark_transferred(desk.session, finance, CLOCK, again, TODAY)
    with pytest.raises(NotInThatState):
        cancel_batch(desk.session, finance, CLOCK, again, "已经划出")
    assert list(violations(desk.session)) == []


def test_the_union_confirms_its_own_batch_and_names_what_differs(
    desk: Desk, finance: Actor, city: City
) -> None:
    batch = _batch(desk, finance, city)
    session, district = desk.session, desk.people["district"]
    assert wanted(session, batch) == [TRANSFER_NOTICE, CONFIRMATION]
    confirm = (CLOCK, batch, CONFIRMATION, TODAY)
    with pytest.raises(NotTheTime):
        give_paper(session, district, *confirm)
    notice = give_paper(session, finance, CLOCK, batch, TRANSFER_NOTICE, TODAY)
    assert (notice.number, notice.total_fen) == (f"{batch.number}-1", 2_000_00)
    mark_transferred(session, finance, CLOCK, batch, TODAY)
    assert batch.due_on == TODAY + timedelta(days=14)
    for wrong in (finance, desk.people["unit"]):
        with pytest.raises(NotAllowed):
            give_paper(session, wrong, *confirm)
    with pytest.raises(NotTheTime):
        give_paper(session, desk.people["stranger"], *confirm)
    with pytest.raises(SumsDiffer):
        give_paper(session, district, *confirm, 1, 1_000_00)
    with pytest.raises(BadPaperDay):
        give_paper(session, district, CLOCK, batch, CONFIRMATION, TODAY + timedelta(days=1))
    with pytest.raises(PaperMissing):
        mark_paid(session, finance, CLOCK, batch, TODAY)
    give_paper(session, district, *confirm, 1, 1_000_00, "一人卡已注销")
    assert papers_of(session, batch)[CONFIRMATION].differences == "一人卡已注销"
    mark_paid(session, finance, CLOCK, batch, TODAY)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("DELETE FROM batch_paper"))
    assert list(violations(session)) == []


def test_a_programme_that_wants_a_receipt_is_not_paid_without(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "sh-patent-2023")
    walk.pass_by("grass-roots", "district", "city-centre", "city-approver")
    finance, clock = walk.who("finance"), walk.book.after
    programme = walk.scene.revision.programme
    set_budget(session, finance, clock, programme, Fen(10_000_00))
    batch = make_batch(session, finance, clock, programme, walk.scene.places["D"])
    assert wanted(session, batch) == [TRANSFER_NOTICE, CONFIRMATION, RECEIPT]
    mark_transferred(session, finance, clock, batch, clock.today())
    give_paper(session, finance, clock, batch, TRANSFER_NOTICE, clock.today())
    give_paper(session, walk.who("city-centre"), clock, batch, CONFIRMATION, clock.today())
    with pytest.raises(PaperMissing):
        mark_paid(session, finance, clock, batch, clock.today())
    undone = session.begin_nested()
    session.execute(update(PaymentBatch).values(state=PAID, paid_on=clock.today()))
    assert f"payment: batch {batch.number} was paid without its {RECEIPT}" in violations(session)
    undone.rollback()
    give_paper(session, walk.who("city-centre"), clock, batch, RECEIPT, clock.today())
    mark_paid(session, finance, clock, batch, clock.today())
    assert walk.case.state == PAID


def test_a_personal_application_is_paid_straight_to_the_card(
    desk: Desk, finance: Actor, city: City
) -> None:
    first, second = desk.enter(2)
    for who in ROUTE:
        desk.decide(who, [first, second])
    session, programme = desk.session, desk.revision.programme
    session.execute(update(Application).where(Application.id == second).values(channel="personal"))
    through = make_batch(session, finance, CLOCK, programme, city.union("D1"))
    assert through.payments_count == 1
    with pytest.raises(NothingToPay):
        make_batch(session, finance, CLOCK, programme, city.union("D1"))
    direct = make_batch(session, finance, CLOCK, programme, city.union("SH"))
    assert session.scalars(
        select(Payment.application_id).where(Payment.batch_id == direct.id)
    ).all() == [second]
    assert wanted(session, direct) == []
    submitted = desk.case(second).submitted_on
    assert direct.due_on is not None and submitted is not None
    assert direct.due_on >= submitted + timedelta(days=14)
    mark_transferred(session, finance, CLOCK, direct, TODAY)
    mark_paid(session, finance, CLOCK, direct, TODAY)
    assert desk.case(second).state == PAID
    assert list(violations(session)) == []


def test_after_the_bank_returned_it_the_account_is_corrected_and_paid_again(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "bj-patent-2022")
    walk.pass_by("grass-roots", "district", "city-approver")
    finance, clock = walk.who("finance"), walk.book.after
    programme, district = walk.scene.revision.programme, walk.scene.places["D"]
    set_budget(session, finance, clock, programme, Fen(1_500_00))
    batch = make_batch(session, finance, clock, programme, district)
    new = {"payee.card": NEW_CARD}
    with pytest.raises(NotCorrectable):
        correct_account(session, finance, clock, walk.case, new, "注销", walk.case.version)
    mark_transferred(session, finance, clock, batch, clock.today())
    mark_paid(session, finance, clock, batch, clock.today())
    payment = session.scalars(select(Payment)).one()
    reverse_payment(session, finance, clock, payment, BOUNCED, clock.today(), "账号已注销")
    case = walk.case
    old = str(case.account)
    with pytest.raises(NotAllowed):
        correct_account(session, walk.who("district"), clock, case, new, "注销", case.version)
    problems = correct_account(
        session, finance, clock, case, {"payee.card": "123"}, "注销", case.version
    )
    assert [problem.key for problem in problems] == ["payee.card"]
    with pytest.raises(SameAccount), session.begin_nested():
        correct_account(session, finance, clock, case, {"payee.card": old}, "注销", case.version)
    session.expire_all()
    assert correct_account(session, finance, clock, case, new, "卡已注销", case.version) == []
    assert (walk.case.state, walk.case.account) == (APPROVED, NEW_CARD)
    change = session.scalars(select(FieldChange)).one()
    assert old not in change.was and change.was.endswith(old[-4:])
    trail = select(AuditEntry.reason).where(AuditEntry.action == "application:account")
    assert session.scalars(trail).one() == "卡已注销"
    again = make_batch(session, finance, clock, programme, district)
    accounts = [_accounts(session, finance, clock, each) for each in (batch, again)]
    assert accounts == [["corrected since"], [NEW_CARD]]
    assert list(violations(session)) == []


def _accounts(session: Session, finance: Actor, clock: Clock, batch: PaymentBatch) -> list[str]:
    target = BytesIO()
    write_payments(session, finance, clock, batch, target, lambda word, params: word % params)
    target.seek(0)
    rows = list(load_workbook(target).active.iter_rows(values_only=True))
    place = rows[0].index("Card or account number")
    return [str(row[place]) for row in rows[1:] if row[0]]


def test_a_bank_gets_its_file_without_formulas_and_each_time_is_kept(
    desk: Desk, finance: Actor, city: City
) -> None:
    batch = _batch(desk, finance, city)
    session = desk.session
    plain, old = bank_files()
    session.add_all([plain, old])
    case = session.scalars(select(Application).order_by(Application.id).limit(1)).one()
    case.applicant.name = "=HYPERLINK(1)\n䶮"
    session.flush()
    target = BytesIO()
    assert write_bank_csv(session, finance, CLOCK, batch, plain, target) == 2
    lines = target.getvalue().decode("utf-8-sig").splitlines()
    assert lines[0].startswith("序号,收款人户名")
    assert lines[1].split(",")[:3] == ["1", "'=HYPERLINK(1) 䶮", str(case.account)]
    assert lines[1].split(",")[4] == "1000.00"
    assert lines[1].endswith(batch.number)
    target = BytesIO()
    write_bank_csv(session, desk.people["district"], CLOCK, batch, old, target)
    assert "|100000|" in target.getvalue().decode("gb18030").splitlines()[0]
    target = BytesIO()
    write_bank_sheet(session, finance, CLOCK, batch, plain, target)
    target.seek(0)
    assert load_workbook(target).active["B2"].data_type == "s"
    taken = select(AuditEntry.details).where(AuditEntry.action == "payment:bank")
    assert len(session.scalars(taken).all()) == 3
    with pytest.raises(NotAllowed):
        write_bank_csv(session, desk.people["centre"], CLOCK, batch, plain, BytesIO())
    cancel_batch(session, finance, CLOCK, batch, "名单有误")
    with pytest.raises(NothingToSend):
        write_bank_csv(session, finance, CLOCK, batch, plain, BytesIO())


def test_what_the_union_adds_goes_out_in_one_sum(session: Session, tmp_path: Path) -> None:
    walk = Walk(session, tmp_path, "sh-studio-2020")
    for stage in walk.scene.revision.stages:
        if walk.case.stage_key == stage.key:
            walk.pass_by(stage.acts)
    finance, clock = walk.who("finance"), walk.book.after
    programme = walk.scene.revision.programme
    set_budget(session, finance, clock, programme, Fen(40_000_00))
    batch = make_batch(session, finance, clock, programme, walk.scene.places["D"])
    target = BytesIO()
    write_payments(session, finance, clock, batch, target, lambda word, params: word % params)
    target.seek(0)
    rows = list(load_workbook(target).active.iter_rows(values_only=True))
    amount = walk.case.amount_fen // 100
    assert rows[1][-3:] == (amount, amount, 2 * amount)
    assert rows[2][-3:] == (amount, amount, 2 * amount)


def test_a_month_end_balances_and_shows_what_each_sees(
    desk: Desk, finance: Actor, city: City
) -> None:
    batch = _batch(desk, finance, city)
    cancel_batch(desk.session, finance, CLOCK, batch, "名单有误")
    again = make_batch(desk.session, finance, CLOCK, desk.revision.programme, city.union("D1"))
    mark_transferred(desk.session, finance, CLOCK, again, TODAY)
    month = month_of(f"{CLOCK.now():%Y-%m}")
    found = statement_of(desk.session, finance, Wanted(month=month))
    row = found.summaries[0]
    assert found.balances
    assert (row.opening, row.moves["transferred"], row.closing) == (0, 2_000_00, 2_000_00)
    assert [line.kind for line in found.lines] == ["commit", "cancel", "commit", "transfer"]
    assert sum(found.totals.values()) == 0
    own = statement_of(desk.session, desk.people["district"], Wanted())
    assert len(own.lines) == 4
    other = statement_of(desk.session, desk.people["stranger"], Wanted())
    assert (other.lines, other.summaries) == ([], [])
    case = desk.session.scalars(select(Payment.application_id)).first()
    person = statement_of(desk.session, finance, Wanted(application_id=case))
    assert person.totals["committed"] == 0
    assert len(person.lines) == 4


def test_ways_of_payment_that_cannot_be_followed_are_told() -> None:
    due = {"after": "window.closes", "days": 1}
    rule = PaymentRule(route=DIRECT, channels=[], papers=[RECEIPT], due=due)
    revision: Any = SimpleNamespace(payments=[rule, PaymentRule(channels=["unit"], papers=[])])
    assert [problem.path for problem in payment_problems(revision)] == [
        ("payments", 0, "papers"), ("payments", 0, "due", "after"), ("payments", 1)
    ]  # fmt: skip
