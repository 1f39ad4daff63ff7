"""Money that is short: every method against plain Python, once, to the fen, and proved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import literal, select, text, update
from sqlalchemy.orm import Session

from models.allocation import AllocationItem, AllocationRun
from models.application import APPROVED, PAID, REFUSED, Application
from models.base import Refusal, begin_writing, db
from models.catalogue import Catalogue, CatalogueEntry
from models.certificate import SkillCertificate
from models.decision import Decision
from models.functions import draw_of, drawn, part_of
from models.funding import PaymentShare
from models.programme import Programme
from models.types import Fen
from portal.access.actor import Actor
from portal.access.permissions import NotAllowed
from portal.funding import allocation_proof, granting
from portal.funding.allocation import (
    BadSeed,
    NoSuchRow,
    NothingToAllocate,
    WrongWindow,
    try_out,
)
from portal.funding.allocation_list import cut_of, missing_of, placed, pools_of, remainder_of
from portal.funding.budget import set_budget
from portal.funding.granting import (
    BadRaise,
    CasesChanged,
    NoTrial,
    NotSoft,
    Overtaken,
    discard,
    raise_pool,
    settle,
)
from portal.funding.matching import matching
from portal.funding.payout import NothingToPay, make_batch, mark_paid, mark_transferred
from portal.verify import violations
from tests.conftest import City
from tests.services.test_decide import ROUTE, Desk, desk
from tests.support.cases import CLOCK
from tests.support.money import hand_in
from tests.support.pools import METHODS, Claim, given, with_pools

__all__ = ["desk"]
ORDERS = (
    "orders:\n"
    "  - {key: newest, fact: certificate.previous_issued_on, descending: true, says: 新证在前}\n"
    "  - {key: sex, when: [[applicant.sex, is, female]], says: 女职工优先}\n"
)


@dataclass
class Fund:
    """A programme with pools, its cases and those who give."""

    desk: Desk
    finance: Actor
    programme: Programme
    ids: list[int] = field(default_factory=list)

    @property
    def session(self) -> Session:
        """The session of the test."""
        return self.desk.session

    def approve(self, count: int, **changes: str) -> list[int]:
        """Enter *count* cases and walk them to their approval."""
        ids = self.desk.enter(count, **changes)
        for who in ROUTE:
            assert self.desk.decide(who, ids).decided == count
        self.ids += ids
        return ids

    def try_out(self, key: str, **more: Any) -> AllocationRun:
        """A trial of the row *key*."""
        return try_out(self.session, self.finance, CLOCK, self.programme, key, **more)

    def settle(self, run: AllocationRun) -> AllocationRun:
        """Make it final."""
        settle(self.session, self.finance, CLOCK, run)
        return run

    def granted(self) -> dict[int, int | None]:
        """What every case is granted, as stored."""
        rows = self.session.execute(select(Application.id, Application.granted_fen))
        return {int(row_id): fen for row_id, fen in rows}

    def items(self, run: AllocationRun) -> dict[int, int]:
        """What *run* gives each case."""
        rows = self.session.execute(
            select(AllocationItem.application_id, AllocationItem.granted_fen).where(
                AllocationItem.run_id == run.id
            )
        )
        return {int(row_id): int(fen) for row_id, fen in rows}

    def change(self, row_id: int, **values: Any) -> None:
        """Change a case as if somebody had acted on it."""
        changed = update(Application).where(Application.id == row_id)
        self.session.execute(changed.values(version=Application.version + 1, **values))


Funder = Callable[..., Fund]


@pytest.fixture
def fund(desk: Desk, city: City, tmp_path: Path) -> Funder:
    """Makes a fund of allocation rows."""

    def make(*rows: str, more: str = "") -> Fund:
        _quotas(desk.session)
        desk.revision = with_pools(desk.session, tmp_path, *rows, more=more)
        finance = city.person("finance", "finance", "SH")
        return Fund(desk, finance, desk.revision.programme)

    return make


def _quotas(session: Session) -> None:
    """One place for the first district; of the second nothing is said."""
    entry = CatalogueEntry(position=1, code="D1", title="甲区", cells={"名额": 1}, version=1)
    quotas = Catalogue(
        key="quotas", family="quotas", title="各区名额", kind="choice", entries=[entry], version=1
    )
    session.add(quotas)
    session.flush()


def test_both_databases_draw_and_divide_as_python_does(session: Session) -> None:
    random = Random(7)
    for _round in range(50):
        seed = "".join(random.choice("ab1 :号é") for _place in range(random.randrange(1, 9)))
        assert session.scalar(select(drawn(literal(seed)))) == draw_of(seed)
        amount = random.choice((0, 1, random.randrange(1, 10**4), random.randrange(1, 10**11)))
        pool = random.choice((1, random.randrange(1, 10**6), random.randrange(1, 10**14)))
        whole = max(1, amount, random.randrange(1, 10**15))
        found = session.scalar(select(part_of(literal(amount), literal(pool), literal(whole))))
        assert found == amount * pool // whole


def test_every_method_gives_what_plain_python_gives(fund: Funder, city: City) -> None:
    budget, places = 7_000, 4
    money = [
        f"{{key: {_key('m', method)}, title: t, method: {method}, budget: {budget}, "
        f"when: [[application.submitted_on, is, {_day('m', method)}]], per: [district]}}"
        for method in METHODS
    ]
    count = [
        f"{{key: {_key('p', method)}, title: t, method: {method}, places: {places}, "
        f"budget: {budget}, rest: again, "
        f"when: [[application.submitted_on, is, {_day('p', method)}]]}}"
        for method in METHODS
        if method != "pro_rata"
    ]
    made = fund(*money, *count, more=ORDERS)
    ids = made.approve(14)
    districts = [str(city.unions[code]) for code in ("D1", "D2")]
    random = Random(20)
    for key in (*(_key("m", m) for m in METHODS), *(_key("p", m) for m in METHODS[:-1])):
        inside = made.session.begin_nested()
        claims = _shuffle(made, random, ids, districts if key[0] == "m" else [""], key)
        caps = {"fen": budget * 100, "places": places if key[0] == "p" else None}
        for turn in ("first", "second"):
            waiting = [claim for claim in claims if not made.granted()[claim.id]]
            seed = f"{turn}-号" if key.endswith("lottery") else ""
            run = made.try_out(key, seed=seed)
            _compare(made, run, waiting, key, caps, seed)
            made.settle(run)
            for claim in waiting:
                claim.waited = not made.granted()[claim.id]
            assert list(allocation_proof.violations(made.session)) == []
            if not any(claim.waited for claim in claims):
                break
        inside.rollback()
        made.session.expire_all()


def _key(kind: str, method: str) -> str:
    return f"{kind}-{method}".replace("_", "-")


def _day(kind: str, method: str) -> date:
    """The day by which the cases of a row are told apart."""
    return date(2026, "mp".index(kind) + 1, METHODS.index(method) + 1)


def _shuffle(
    made: Fund, random: Random, ids: list[int], districts: list[str], key: str
) -> list[Claim]:
    """Give the cases other sums, places and papers, and let the row *key* have them."""
    on = _day(key[0], key[2:].replace("-", "_"))
    turns = random.sample(range(1_000, 2_000), len(ids))
    claims = []
    for row_id, turn in zip(ids, turns, strict=True):
        case = made.session.get_one(Application, row_id)
        fen = random.choice((500_00, 1_000_00, 999_99, random.randrange(1, 2_500_00)))
        day = random.choice((date(2025, 1, 1), date(2025, 1, 2), None))
        district = random.choice(districts)
        where = {"district_id": int(district)} if district else {}
        made.session.execute(
            update(Application)
            .where(Application.id == row_id)
            .values(amount_fen=fen, sequence=turn, submitted_on=on, **where)
        )
        made.session.execute(
            update(SkillCertificate)
            .where(SkillCertificate.id == case.certificate_id)
            .values(previous_issued_on=day)
        )
        rank = (day is None, -day.toordinal() if day else 0, case.applicant.sex != "female")
        claims.append(Claim(row_id, case.number, turn, fen, district, rank))
    made.session.expire_all()
    return claims


def _compare(
    made: Fund,
    run: AllocationRun,
    claims: list[Claim],
    key: str,
    caps: dict[str, int | None],
    seed: str,
) -> None:
    method = key[2:].replace("-", "_")
    held = made.granted()
    oracle: dict[int, int] = {}
    for pool in {claim.pool for claim in claims}:
        everyone = [row_id for row_id, fen in held.items() if fen is not None]
        own = select(Application.id).where(Application.id.in_(everyone))
        if pool:
            own = own.where(Application.district_id == int(pool))
        before = set(made.session.scalars(own))
        fen, places = caps["fen"], caps["places"]
        assert fen is not None
        left = fen - sum(held[row_id] or 0 for row_id in before)
        room = None if places is None else places - len(before)
        rows = [claim for claim in claims if claim.pool == pool]
        first = key[0] == "m"
        oracle |= given(rows, method, fen=left, places=room, seed=seed, first=first)
    assert made.items(run) == oracle, key
    assert run.granted_fen == sum(oracle.values())


def test_a_trial_grants_nothing_and_a_final_run_once(fund: Funder, city: City) -> None:
    made = fund("{key: pool, title: 年度额度, method: first_come, budget: 2500}")
    ids = made.approve(4)
    trial = made.try_out("pool")
    assert (trial.cases, trial.granted, trial.granted_fen) == (4, 2, 2_000_00)
    assert set(made.granted().values()) == {None}
    (pool,) = pools_of(made.session, made.finance, trial)
    assert (cut_of(trial, pool), remainder_of(pool)) == (2, 500_00)
    rows = placed(made.session, made.finance, trial, pool)
    assert [(row.place, row.granted) for row in rows] == [
        (1, 1_000_00), (2, 1_000_00), (3, 0), (4, 0)
    ]  # fmt: skip
    made.settle(trial)
    assert [made.granted()[row_id] for row_id in ids] == [1_000_00, 1_000_00, None, None]
    with pytest.raises(NoTrial):
        settle(made.session, made.finance, CLOCK, trial)
    with pytest.raises(NoTrial):
        discard(made.session, made.finance, CLOCK, trial)
    outcomes = made.session.scalars(
        select(Decision.outcome).where(Decision.application_id == ids[0]).order_by(Decision.id)
    ).all()
    assert outcomes[-1] == "grant"
    late = made.approve(1)
    second = made.try_out("pool")
    assert list(made.items(second)) == [ids[2], ids[3], late[0]]
    assert second.granted == 0
    assert list(violations(made.session)) == []


def test_payments_follow_what_was_granted_to_the_fen(fund: Funder, city: City) -> None:
    shares = (
        "shares:\n"
        "  - {key: city, title: 市总工会, payer: city, weight: 1}\n"
        "  - {key: match, title: 区总工会, payer: district, weight: 2}\n"
        "instalments:\n"
        "  - {key: first, title: 首期, weight: 60}\n"
        "  - {key: rest, title: 余款, weight: 40}\n"
    )
    made = fund("{key: pool, title: t, method: pro_rata, budget: 1000.01}", more=shares)
    ids = made.approve(3)
    session, finance = made.session, made.finance
    set_budget(session, finance, CLOCK, made.programme, Fen(10_000_00))
    with pytest.raises(NothingToPay):
        make_batch(session, finance, CLOCK, made.programme, city.union("D1"))
    owed = matching(session, finance, made.programme)
    assert sum(row.fen for row in owed.rows) == 3_000_00
    run = made.settle(made.try_out("pool"))
    (pool,) = pools_of(session, finance, run)
    assert {made.granted()[row_id] for row_id in ids} == {333_33}
    assert (run.granted_fen, remainder_of(pool)) == (999_99, 2)
    owed = matching(session, finance, made.programme)
    assert sum(row.fen for row in owed.rows) == 999_99
    batch = make_batch(session, finance, CLOCK, made.programme, city.union("D1"))
    mark_transferred(session, finance, CLOCK, batch, CLOCK.today())
    hand_in(session, finance, made.desk.people["centre"], CLOCK, batch)
    mark_paid(session, finance, CLOCK, batch, CLOCK.today())
    assert batch.total_fen == 999_99
    borne = session.scalars(select(PaymentShare.amount_fen)).all()
    assert sum(borne) == 999_99
    assert {made.desk.case(row_id).state for row_id in ids} == {PAID}
    assert made.desk.case(ids[0]).amount_fen == 1_000_00
    assert list(violations(session)) == []


def test_two_finals_of_one_row_are_never_both_made(fund: Funder, app: Flask) -> None:
    made = fund("{key: pool, title: t, method: lottery, budget: 1500}")
    made.approve(3)
    one, other = made.try_out("pool"), made.try_out("pool")
    assert one.seed != other.seed
    made.session.commit()
    both = threading.Barrier(2)
    with ThreadPoolExecutor(2) as people:
        said = list(people.map(partial(_settled, app, made.finance, both), (one.id, other.id)))
    assert sorted(said) == ["Overtaken", "final"]
    made.session.expire_all()
    other = next(run for run in (one, other) if run.state == "trial")
    with pytest.MonkeyPatch.context() as patch:  # as if neither had seen the other
        patch.setattr(granting, "finals_before", lambda *_args: 0)
        with pytest.raises(Overtaken):
            made.settle(other)
    other.earlier = 1
    made.session.flush()
    with pytest.raises(CasesChanged):
        made.settle(other)


def _settled(app: Flask, finance: Actor, both: threading.Barrier, run_id: int) -> str:
    """What becomes of one of two runs that are made final in one moment."""
    with app.app_context():
        begin_writing()
        session = db.session()
        both.wait()
        try:
            settle(session, finance, CLOCK, session.get_one(AllocationRun, run_id))
            session.commit()
        except Refusal as refusal:
            session.rollback()
            return type(refusal).__name__
        finally:
            session.close()
            begin_writing(False)
        return "final"


def test_a_case_that_changed_since_refuses_the_run(fund: Funder) -> None:
    made = fund("{key: pool, title: t, method: first_come, budget: 1500}")
    ids = made.approve(2)
    run = made.try_out("pool")
    made.change(ids[1], amount_fen=900_00)
    with made.session.begin_nested() as inside:
        with pytest.raises(CasesChanged):
            made.settle(run)
        inside.rollback()
    made.session.expire_all()
    assert made.granted()[ids[0]] is None


def test_pools_are_of_a_district_by_its_table_and_of_a_window(fund: Funder, city: City) -> None:
    made = fund(
        "{key: quota, title: t, method: first_come, per: [district, tier], within: window, "
        "places_from: {table: quotas, by: district.code, cell: 名额}}",
    )
    ids = made.approve(4)
    session, window = made.session, made.desk.revision.windows[0].key
    with pytest.raises(WrongWindow):
        made.try_out("quota")
    other = update(Application).where(Application.id.in_(ids[2:]))
    session.execute(other.values(district_id=city.unions["D2"]))
    run = made.try_out("quota", window_key=window)
    first, second = pools_of(session, made.finance, run)
    assert (first.cap_places, first.granted, second.is_stated, second.granted) == (1, 1, False, 0)
    assert [made.items(run)[row_id] > 0 for row_id in ids] == [True, False, False, False]
    assert list(allocation_proof.violations(session)) == []


def test_a_soft_pool_is_raised_with_a_reason_and_keeps_its_seed(fund: Funder) -> None:
    made = fund(
        "{key: soft, title: t, method: lottery, budget: 1500, soft: true, "
        "when: [[application.channel, is, unit]]}",
        "{key: hard, title: t, method: first_come, budget: 1500}",
    )
    made.approve(3)
    more = (made.session, made.finance, CLOCK)
    run = made.try_out("soft", seed="八月")
    for fen, reason in ((0, "有理由"), (1_000_00, " "), (-1, "有理由")):
        with pytest.raises(BadRaise):
            raise_pool(*more, run, "", Fen(fen), 0, reason)
    again = raise_pool(*more, run, "", Fen(1_000_00), 0, "市里追加")
    assert (run.state, again.seed, again.granted) == ("discarded", "八月", 2)
    assert again.raises[0]["reason"] == "市里追加"
    made.settle(again)
    assert list(violations(made.session)) == []
    reached = next(row_id for row_id, fen in made.items(again).items() if fen)
    made.change(reached, channel="personal", granted_fen=None)
    assert list(allocation_proof.violations(made.session)) != []
    hard = made.try_out("hard")
    with pytest.raises(NotSoft):
        raise_pool(*more, hard, "", Fen(1), 0, "有理由")


def test_what_a_refused_case_held_is_given_once_more(fund: Funder) -> None:
    made = fund("{key: pool, title: t, method: first_come, places: 1}")
    ids = made.approve(2)
    made.settle(made.try_out("pool"))
    made.change(ids[0], state=REFUSED)
    run = made.try_out("pool")
    assert made.items(run) == {ids[1]: 1_000_00}
    made.settle(run)
    assert [made.granted()[row_id] for row_id in ids] == [None, 1_000_00]
    made.change(ids[0], state=APPROVED)
    assert made.try_out("pool").granted == 0
    assert list(allocation_proof.violations(made.session)) == []


def test_all_or_nobody_and_what_is_refused_in_words(fund: Funder) -> None:
    made = fund("{key: pool, title: t, method: all, budget: 2500}")
    with made.session.begin_nested() as inside:
        with pytest.raises(NothingToAllocate):
            made.try_out("pool")
        inside.rollback()
    made.approve(3)
    for key, more, refusal in (
        ("nothing", {}, NoSuchRow),
        ("pool", {"seed": "x"}, BadSeed),
        ("pool", {"window_key": "x"}, WrongWindow),
    ):
        with pytest.raises(refusal):
            made.try_out(key, **more)
    with pytest.raises(NotAllowed):
        try_out(made.session, made.desk.people["centre"], CLOCK, made.programme, "pool")
    run = made.try_out("pool")
    (pool,) = pools_of(made.session, made.finance, run)
    assert (run.granted, remainder_of(pool), missing_of(pool)) == (0, 2_500_00, 500_00)


WRONGS = {
    "UPDATE allocation_item SET granted_fen = 1 WHERE place = 1": "is not what its cases",
    "UPDATE allocation_item SET granted_fen = asked_fen WHERE place = 3": "passed over",
    "UPDATE allocation_item SET place = 9 WHERE place = 3": "do not count through",
    "UPDATE allocation_item SET reach_fen = 9 WHERE place = 3": "what its place says",
    "UPDATE allocation_run SET seed = 'another'": "draws another place",
    "UPDATE allocation_pool SET cap_fen = 1": "gives more than pool",
    "UPDATE application SET granted_fen = 5 WHERE granted_fen IS NULL": "is not what a final",
}
"""What somebody may do behind the portal's back, and what the proof says of it."""


def test_verify_finds_what_was_tampered_with(fund: Funder) -> None:
    made = fund("{key: pool, title: t, method: lottery, budget: 1500}")
    made.approve(3)
    made.settle(made.try_out("pool", seed="甲"))
    assert list(violations(made.session)) == []
    for wrong, says in WRONGS.items():
        inside = made.session.begin_nested()
        made.session.execute(text(wrong))
        assert any(says in line for line in allocation_proof.violations(made.session)), wrong
        inside.rollback()
