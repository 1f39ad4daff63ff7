"""Who pays what: to the fen, by instalment, by payer, and again when the bank sends it back."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import BigInteger, literal, select, update
from sqlalchemy.orm import Session

from models.application import APPROVED, PAID, WAITING, Application
from models.catalogue import CatalogueEntry
from models.decision import REJECT
from models.funding import BOUNCED, RECOVERED, Budget, Payment, PaymentBatch, PaymentShare
from models.organization import Organization
from models.types import Fen
from portal.clock import Clock
from portal.funding import ledger
from portal.funding.budget import set_budget
from portal.funding.dues import has_money
from portal.funding.payout import NothingToPay, make_batch, mark_paid, mark_transferred
from portal.funding.reversals import AlreadyBack, NotPaidYet, reverse_payment
from portal.policy.shares import instalment_fen, largest_remainder
from portal.review.publicity import close_over, open_notice
from portal.verify import violations
from tests.support.walk import Walk

TO_NOTICE = ("grass-roots", "district", "city-centre", "city-centre", "city-approver")
NOTICE_DAYS = 10


def _oracle(amount: int, weights: list[int]) -> list[int]:
    """Largest remainder in plain Python, equal remainders to the first."""
    whole = sum(weights)
    if not whole:
        return [0 for _ in weights]
    exact = [Fraction(amount * weight, whole) for weight in weights]
    found = [int(part) for part in exact]
    by_rest = sorted(range(len(weights)), key=lambda n: (found[n] - exact[n], n))
    for place in by_rest[: amount - sum(found)]:
        found[place] += 1
    return found


def test_shares_and_instalments_add_up_to_the_fen(session: Session) -> None:
    random = Random(55)
    for _round in range(200):
        amount = random.choice((random.randrange(1, 100), random.randrange(1, 10**11)))
        weights = [random.choice((0, 1, 1, 2, 3, 7)) for _ in range(random.randrange(1, 6))]
        parts = [random.randrange(1, 100) for _ in range(random.randrange(1, 5))]
        columns: list[Any] = largest_remainder(
            literal(amount, BigInteger), [literal(weight) for weight in weights]
        )
        shares = [int(fen) for fen in session.execute(select(*columns)).one()]
        assert shares == _oracle(amount, weights), (amount, weights)
        split = [
            instalment_fen(literal(shares[0], BigInteger), parts, n) for n in range(len(parts))
        ]
        paid = [int(fen) for fen in session.execute(select(*split)).one()]
        assert sum(paid) == shares[0]
        assert min(paid) >= 0


@pytest.mark.parametrize(
    ("amount", "weights", "found"),
    [
        (3_000_00, [1, 1], [1_500_00, 1_500_00]),
        (30_000_00, [1, 2], [10_000_00, 20_000_00]),
        (3_000_01, [1, 1], [1_500_01, 1_500_00]),
        (1, [1, 2], [0, 1]),
        (100, [1, 1, 1], [34, 33, 33]),
        (100, [0, 0], [0, 0]),
    ],
)
def test_what_does_not_divide_goes_to_the_largest_remainder(
    session: Session, amount: int, weights: list[int], found: list[int]
) -> None:
    columns = largest_remainder(literal(amount, BigInteger), [literal(w) for w in weights])
    assert list(session.execute(select(*columns)).one()) == found


def _on_notice(walk: Walk) -> None:
    """Put the case on its public notice, and let the days pass."""
    who, clock, revision = walk.who("city-approver"), walk.book.after, walk.scene.revision
    stage = next(row for row in revision.stages if row.key == walk.case.stage_key)
    open_notice(walk.session, who, clock, revision, stage)
    later = Clock(clock.today() + timedelta(days=NOTICE_DAYS))
    assert close_over(walk.session, later).passed == 1


def _pay(walk: Walk, district: Organization) -> PaymentBatch:
    session, finance, clock = walk.session, walk.who("finance"), walk.book.after
    batch = make_batch(session, finance, clock, walk.scene.revision.programme, district)
    mark_transferred(session, finance, clock, batch, clock.today())
    mark_paid(session, finance, clock, batch, clock.today())
    return batch


def _budget(walk: Walk, yuan: int) -> None:
    programme = walk.scene.revision.programme
    set_budget(walk.session, walk.who("finance"), walk.book.after, programme, Fen(yuan * 100))


def _borne(session: Session, batch: PaymentBatch) -> dict[str, int]:
    rows = session.execute(
        select(PaymentShare.share_key, PaymentShare.amount_fen)
        .join(Payment, Payment.id == PaymentShare.payment_id)
        .where(Payment.batch_id == batch.id)
    )
    return {str(key): int(fen) for key, fen in rows}


@pytest.mark.parametrize(
    ("facts", "tier", "first", "balance"),
    [
        ({}, "district-double", (6_000_00, 12_000_00), (4_000_00, 8_000_00)),
        ({"studio.level": "市级", "field.requested": "5万元"}, "district-half",
         (15_000_00, 15_000_00), (10_000_00, 10_000_00)),
        ({"studio.level": "市级", "field.requested": "10万元"}, "district-half",
         (30_000_00, 30_000_00), (20_000_00, 20_000_00)),
    ],
)  # fmt: skip
def test_a_project_is_paid_in_two_instalments_by_two_payers(
    session: Session,
    tmp_path: Path,
    facts: dict[str, str],
    tier: str,
    first: tuple[int, int],
    balance: tuple[int, int],
) -> None:
    walk = Walk(session, tmp_path, "bj-project-2022", facts=facts)
    district = walk.scene.places["D"]
    _budget(walk, 100_000)
    walk.pass_by(*TO_NOTICE)
    with pytest.raises(NothingToPay):
        _pay(walk, district)
    _on_notice(walk)
    batch = _pay(walk, district)
    assert _borne(session, batch) == {"city": first[0], tier: first[1]}
    assert (batch.total_fen, batch.budget_fen) == (sum(first), first[0])
    assert walk.case.state == WAITING
    with pytest.raises(NothingToPay):
        _pay(walk, district)
    accepted = {"field__city_accepts": "是", "field__unit_accepts": "是"}
    walk.answer("city-centre", project__accepted_on="2022-11-08", **accepted)
    walk.pass_by("city-centre")
    batch = _pay(walk, district)
    assert _borne(session, batch) == {"city": balance[0], tier: balance[1]}
    assert walk.case.state == PAID
    held = {
        (row["payer_id"] == district.id, row["purse"]): row["amount_fen"]
        for row in ledger.statement(session)
    }
    assert held[False, "paid"] == first[0] + balance[0] == -held[False, "budget"]
    assert held[True, "paid"] == first[1] + balance[1] == -held[True, "budget"]
    assert list(violations(session)) == []


def test_a_match_comes_on_top_and_takes_nothing_from_the_budget(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "sh-studio-2020")
    _approve(walk)
    _budget(walk, 20_000)
    batch = _pay(walk, walk.scene.places["D"])
    amount = walk.case.amount_fen
    assert _borne(session, batch) == {"city": amount, "match": amount}
    assert (batch.total_fen, batch.budget_fen) == (amount, amount)
    assert list(violations(session)) == []


def test_a_district_adds_what_it_has_set_and_nothing_where_that_is_not_known(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "sh-skill-2015")
    _approve(walk)
    _budget(walk, 20_000)
    case = walk.case
    entry = session.scalars(select(CatalogueEntry).where(CatalogueEntry.code == "D01")).one()
    district = session.get_one(Organization, case.district_id)
    entry.code, entry.cells = district.code, {case.tier_key: 250.5}
    session.flush()
    batch = _pay(walk, walk.scene.places["D"])
    match = {"match": 250_50} if case.tier_key == "技师" else {"match-senior": 250_50}
    assert _borne(session, batch) == {"city": case.amount_fen} | match


def test_what_the_bank_returns_is_paid_again_without_another_approval(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "bj-patent-2022")
    walk.pass_by("grass-roots", "district", "city-approver")
    district, finance, clock = walk.scene.places["D"], walk.who("finance"), walk.book.after
    _budget(walk, 1_500)
    programme = walk.scene.revision.programme
    batch = make_batch(session, finance, clock, programme, district)
    payment = session.scalars(select(Payment)).one()
    came = (finance, clock, payment, BOUNCED, clock.today(), "账号已注销")
    with pytest.raises(NotPaidYet):
        reverse_payment(session, *came)
    mark_transferred(session, finance, clock, batch, clock.today())
    mark_paid(session, finance, clock, batch, clock.today())
    reverse_payment(session, *came)
    with pytest.raises(AlreadyBack):
        reverse_payment(session, *came)
    assert walk.case.state == APPROVED
    assert list(violations(session)) == []
    again = _pay(walk, district)
    assert (again.total_fen, again.budget_fen) == (3_000_00, 0)
    assert walk.case.state == PAID
    assert session.scalars(select(Payment.attempt).order_by(Payment.id)).all() == [1, 2]
    purses: dict[str, int] = {}
    for row in ledger.statement(session):
        purses[row["purse"]] = purses.get(row["purse"], 0) + row["amount_fen"]
    assert (purses["budget"], purses["returned"], purses["paid"]) == (-3_000_00, 0, 3_000_00)
    assert list(violations(session)) == []


def test_what_is_recovered_is_not_paid_again(session: Session, tmp_path: Path) -> None:
    walk = Walk(session, tmp_path, "bj-patent-2022")
    walk.pass_by("grass-roots", "district", "city-approver")
    _budget(walk, 10_000)
    _pay(walk, walk.scene.places["D"])
    payment = session.scalars(select(Payment)).one()
    today = walk.book.after.today()
    finance = walk.who("finance")
    reverse_payment(session, finance, walk.book.after, payment, RECOVERED, today, "专利已无效")
    assert walk.case.state == PAID
    with pytest.raises(NothingToPay):
        _pay(walk, walk.scene.places["D"])
    city = walk.scene.places["city"].id
    rows = [row for row in ledger.statement(session) if row["payer_id"] == city]
    purses = {row["purse"]: row["amount_fen"] for row in rows}
    assert session.scalars(select(Budget.spent_fen)).one() == 0
    assert (purses["budget"], purses["recovered"], purses["paid"]) == (-1_500_00, 1_500_00, 0)
    assert list(violations(session)) == []


def _approve(walk: Walk) -> None:
    for stage in walk.scene.revision.stages:
        if walk.case.state == WAITING and walk.case.stage_key == stage.key:
            walk.pass_by(stage.acts)


def test_a_case_whose_money_is_out_is_neither_refused_on_its_way_nor_paid_on_another_award(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "bj-project-2022")
    district, clock = walk.scene.places["D"], walk.book.after
    _budget(walk, 100_000)
    walk.pass_by(*TO_NOTICE)
    _on_notice(walk)
    programme = walk.scene.revision.programme
    batch = make_batch(session, walk.who("finance"), clock, programme, district)
    assert walk.decide("city-centre", REJECT) == 0
    mark_transferred(session, walk.who("finance"), clock, batch, clock.today())
    mark_paid(session, walk.who("finance"), clock, batch, clock.today())
    session.execute(update(Application).values(amount_fen=10_000_00))
    assert session.scalar(select(Application.id).where(has_money())) == walk.id
    session.execute(update(Application).values(state=APPROVED))
    with pytest.raises(NothingToPay):
        make_batch(session, walk.who("finance"), clock, programme, district)
    session.execute(update(Application).values(amount_fen=30_000_00))
    assert make_batch(session, walk.who("finance"), clock, programme, district).total_fen == (
        12_000_00
    )
