"""Every payer's own budget, and which of several payers bears a share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.base import Refusal, begin_writing, db
from models.decision import PASS, FieldChange
from models.funding import Budget, LedgerPosting, PaymentBatch, PaymentShare
from models.organization import Organization
from models.programme import Programme
from models.sharing import DISTRICT, UNIT
from models.types import Fen
from portal.access.permissions import NotAllowed
from portal.funding import ledger
from portal.funding.budget import BudgetBelowSpent, NotAPayer, set_budget
from portal.funding.cancelling import cancel_batch
from portal.funding.matching import matching
from portal.funding.payout import NothingToPay, make_batch, mark_paid, mark_transferred
from portal.funding.reach import BudgetShort
from portal.funding.reasons import NoReason
from portal.funding.statement import Wanted, statement_of
from portal.policy.judge import judge
from portal.review.bearers import (
    AlreadyBatched,
    NoChoice,
    SameBearer,
    choices_of,
    choose_bearer,
)
from portal.review.decide import decide
from portal.review.selections import freeze
from portal.verify import violations
from tests.support.walk import Walk

PATENT, STUDIO = "bj-patent-2022", "sh-studio-2020"
HALF = 1_500_00
"""What the city and the district each bear of a patent."""


def _approved(session: Session, home: Path, cases: int) -> Walk:
    """*cases* patents of the district D, approved in their order."""
    walk = Walk(session, home, PATENT)
    for _case in range(cases - 1):
        walk.scene.play({"says": "another case", "facts": {}})
    judge(session, walk.scene.revision)
    for role in ("grass-roots", "district", "city-approver"):
        who, clock = walk.who(role), walk.book.after
        chosen = freeze(session, who, clock, PASS, select(Application.id))
        assert decide(session, who, clock, chosen, PASS, "").decided == cases
    return walk


def _budget(walk: Walk, fen: int, payer: str = "", reason: str = "区总来函") -> Budget:
    union = walk.scene.places[payer] if payer else None
    return set_budget(
        walk.session,
        walk.who("finance"),
        walk.book.after,
        walk.scene.revision.programme,
        Fen(fen),
        union,
        reason,
    )


def _batch(walk: Walk) -> PaymentBatch:
    programme, district = walk.scene.revision.programme, walk.scene.places["D"]
    return make_batch(walk.session, walk.who("finance"), walk.book.after, programme, district)


def _spent(walk: Walk) -> dict[str, int]:
    rows = walk.session.execute(
        select(Organization.code, Budget.spent_fen).join(
            Organization, Organization.id == Budget.payer_id
        )
    )
    return dict(rows.all())


def test_a_districts_own_budget_bounds_what_it_bears(session: Session, tmp_path: Path) -> None:
    walk = _approved(session, tmp_path, 3)
    finance, clock = walk.who("finance"), walk.book.after
    _budget(walk, 100_000_00)
    with pytest.raises(NotAPayer):
        _budget(walk, HALF, "D-U")
    with pytest.raises(NoReason):
        _budget(walk, HALF, "D", "")
    own = _budget(walk, 2 * HALF, "D")
    first = _batch(walk)
    assert (first.payments_count, first.total_fen) == (2, 4 * HALF)
    assert _spent(walk) == {"C": 2 * HALF, "D": 2 * HALF}
    with pytest.raises(BudgetShort) as short:
        _batch(walk)
    said = short.value.params
    assert (said["payer"], said["union"], said["missing"]) == (
        "区、局、集团（公司）工会",
        "D工会",
        "1,500.00",
    )
    assert session.scalar(select(func.count()).select_from(PaymentBatch)) == 1
    assert _spent(walk) == {"C": 2 * HALF, "D": 2 * HALF}
    assert list(violations(session)) == []
    with pytest.raises(BudgetBelowSpent):
        _budget(walk, 2 * HALF - 1, "D")
    _budget(walk, 3 * HALF, "D", "追加")
    second = _batch(walk)
    assert (second.payments_count, _spent(walk)["D"]) == (1, 3 * HALF)
    cancel_batch(session, finance, clock, first, "名单有误")
    assert _spent(walk) == {"C": HALF, "D": HALF}
    assert list(violations(session)) == []
    kept = select(AuditEntry.reason, AuditEntry.details).where(AuditEntry.action == "budget:write")
    reason, details = session.execute(kept.order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (reason, details["cap_fen"]) == ("追加", [2 * HALF, 3 * HALF])
    summary = {
        row.payer: (row.cap, row.left) for row in statement_of(session, finance, Wanted()).summaries
    }
    assert summary == {
        "C工会": (100_000_00, 100_000_00 - HALF),
        "D工会": (3 * HALF, 2 * HALF),
    }
    district = statement_of(session, walk.who("district"), Wanted()).summaries
    assert {row.cap for row in district} == {None}
    session.execute(text("UPDATE budget SET spent_fen = 5 WHERE id = :own"), {"own": own.id})
    assert [line for line in violations(session) if "payer D: spent 5" in line]


def test_a_budget_that_comes_later_counts_what_was_borne_before(
    session: Session, tmp_path: Path
) -> None:
    walk = _approved(session, tmp_path, 2)
    _budget(walk, 2 * HALF - 1)
    paid = _batch(walk)
    assert paid.payments_count == 1
    with pytest.raises(BudgetBelowSpent):
        _budget(walk, HALF - 1, "D")
    _budget(walk, HALF, "D")
    assert _spent(walk) == {"C": HALF, "D": HALF}
    with pytest.raises(NothingToPay):  # the city's is spent before the district's
        _batch(walk)
    assert list(violations(session)) == []


def test_one_of_several_payers_bears_the_match(session: Session, tmp_path: Path) -> None:
    walk = Walk(session, tmp_path, STUDIO)
    for stage in walk.scene.revision.stages:
        if walk.case.state == "waiting" and walk.case.stage_key == stage.key:
            walk.pass_by(stage.acts)
    finance, clock, amount = walk.who("finance"), walk.book.after, walk.case.amount_fen
    assert amount
    unit = walk.scene.places["D-U"]
    (choice,) = choices_of(session, walk.case)
    assert (choice.bearer, choice.payers) == (DISTRICT, {DISTRICT: "D工会", UNIT: "D-U工会"})

    def choose(payer: str, share: str = "match", role: str = "finance") -> None:
        case = walk.case
        choose_bearer(
            session, walk.who(role), clock, case, share, payer, "由基层配套", case.version
        )

    for wrong, role, payer, share in (
        (NotAllowed, "district", UNIT, "match"),
        (NoChoice, "finance", "city", "match"),
        (NoChoice, "finance", UNIT, "city"),
    ):
        with pytest.raises(wrong):
            choose(payer, share, role)
    choose(UNIT)
    nested = session.begin_nested()
    with pytest.raises(SameBearer):
        choose(UNIT)
    nested.rollback()
    assert choices_of(session, walk.case)[0].bearer == UNIT
    assert session.execute(select(FieldChange.was, FieldChange.becomes)).all()[-1] == (
        "D工会",
        "D-U工会",
    )
    _budget(walk, 100_000_00)
    _budget(walk, amount - 1, "D-U")
    with pytest.raises(BudgetShort) as short:
        _batch(walk)
    assert (short.value.params["union"], short.value.params["missing"]) == ("D-U工会", "0.01")
    _budget(walk, amount, "D-U")
    batch = _batch(walk)
    assert _spent(walk) == {"C": amount, "D-U": amount}
    borne = select(PaymentShare.payer_id).where(PaymentShare.share_key == "match")
    assert session.scalars(borne).one() == unit.id
    nested = session.begin_nested()
    with pytest.raises(AlreadyBatched) as refused:
        choose(DISTRICT)
    nested.rollback()
    assert refused.value.params["number"] == batch.number
    assert list(violations(session)) == []
    cancel_batch(session, finance, clock, batch, "改由区局配套")
    choose(DISTRICT)
    choose(UNIT)
    batch = _batch(walk)
    mark_transferred(session, finance, clock, batch, clock.today())
    mark_paid(session, finance, clock, batch, clock.today())
    assert list(violations(session)) == []
    owed = {
        (row.key, row.payer): (row.fen, row.paid)
        for row in matching(session, finance, walk.scene.revision.programme).totals()
    }
    assert owed == {("city", "city"): (amount, amount), ("match", UNIT): (amount, amount)}
    session.execute(text("UPDATE share_bearer SET payer = 'district'"))
    told = list(violations(session))
    assert told == [
        f"payment: match of application {walk.case.number} is not borne by who was chosen"
    ]


def test_who_pays_at_once_never_overspends_a_payers_budget(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    """Three batches, and a budget that is opened and one that is lowered meanwhile."""
    walk = _approved(session, tmp_path, 3)
    _budget(walk, 100_000_00)
    programme, district = walk.scene.revision.programme.id, walk.scene.places["D"].id
    finance, clock = walk.who("finance"), walk.book.after
    session.commit()
    together = Barrier(4)

    def pay(own: Session) -> None:
        code, union = own.get_one(Programme, programme), own.get_one(Organization, district)
        make_batch(own, finance, clock, code, union)

    def bound(own: Session) -> None:
        code, union = own.get_one(Programme, programme), own.get_one(Organization, district)
        set_budget(own, finance, clock, code, Fen(2 * HALF), union, "区总来函")

    def run(act: Callable[[Session], None]) -> str:
        with app.app_context():
            begin_writing()
            together.wait(30)
            try:
                act(db.session())
                db.session.commit()
                return "done"
            except Refusal as refusal:
                db.session.rollback()
                return type(refusal).__name__
            finally:
                db.session.remove()
                begin_writing(False)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(run, [pay, pay, bound, pay]))
    session.expire_all()
    drawn = -int(
        session.execute(
            select(func.coalesce(func.sum(LedgerPosting.amount_fen), 0)).where(
                LedgerPosting.payer_id == district, LedgerPosting.purse == ledger.BUDGET
            )
        ).scalar_one()
    )
    assert set(done) <= {"done", "NothingToPay", "BudgetShort", "BudgetBelowSpent"}
    assert done.count("done") in (1, 2)
    # either the district's budget came first and two cases were paid, or all three and no budget
    assert drawn == (2 * HALF if done[2] == "done" else 3 * HALF)
    assert list(violations(session)) == []
