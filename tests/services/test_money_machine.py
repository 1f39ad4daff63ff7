"""Money under any order of events, against a plain model: nobody twice, nothing over the budget,
what is short in its order, every share, instalment and purse to the fen.

``MONEY_RUNS`` and ``MONEY_STEPS`` make it longer; with ``MONEY_PROOF`` the whole database is
proved after every so many steps instead of each, and at the end of each run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.allocation import AllocationRun
from models.application import APPROVED, PAID, REFUSED, WAITING, Application
from models.base import Refusal
from models.decision import PASS, REJECT
from models.funding import BOUNCED, RECOVERED, Budget, Payment, PaymentBatch
from models.types import Fen
from portal.access.accounts import system_actor
from portal.funding import ledger
from portal.funding.allocation import try_out
from portal.funding.budget import set_budget
from portal.funding.cancelling import cancel_batch
from portal.funding.granting import settle
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.funding.reversals import reverse_payment
from portal.policy import packs
from portal.review.decide import decide
from portal.review.selections import freeze
from portal.verify import violations
from tests.support.books import PROGRAMMES, Scene
from tests.support.walk import BOOKS, read_book

RUNS = int(os.environ.get("MONEY_RUNS", "1"))
STEPS = int(os.environ.get("MONEY_STEPS", "40"))
PROOF = int(os.environ.get("MONEY_PROOF", "1"))
CASES = 10
AMOUNT, WEIGHTS = 3_000_01, (60, 40)
"""A sum that neither two payers nor two instalments divide."""
ROUTE = ("grass-roots", "district", "city-approver")
PLACES = 2
"""Cases of the second district that the pool has money for."""


class _Scene(Scene):
    """Patents of 3,000.01 yuan in two instalments, the first once the district agrees."""

    def _published(self, code: str, year: str) -> Any:
        text = (PROGRAMMES / f"{code}.yaml").read_text(encoding="utf-8")
        assert "amount: 3000," in text
        parts = (
            "instalments:\n"
            "  - {key: first, title: 首期, weight: 60, after: district}\n"
            "  - {key: rest, title: 余款, weight: 40}\n"
        )
        text = text.replace("amount: 3000,", "amount: 3000.01,")
        pool = (
            "allocations:\n"
            f"  - {{key: pool, title: 额度, method: first_come, budget: {PLACES * 3000 + 2999}, "
            "when: [[district.code, is, D1]]}\n"
        )
        text = text.replace("\ntexts:", f"\n{pool}{parts}texts:")
        file = self.home / f"{code}.yaml"
        file.write_text(text, encoding="utf-8")
        actor = system_actor(self.session)
        packs.load_pack(self.session, actor, self.book.after, file)
        return packs.publish(self.session, actor, self.book.after, code)


@dataclass
class Model:
    """What should be: where each case stands and what is with whom, in fen."""

    cap: int = 0
    own: int | None = None
    """What the first district may bear, where its own budget is bounded."""
    stage: dict[int, int] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    held: dict[tuple[int, int], str] = field(default_factory=dict)
    """(case, instalment) → the purse that its money is in; none after its batch was cancelled."""
    tries: Counter[tuple[int, int]] = field(default_factory=Counter)
    batches: dict[int, tuple[str, dict[tuple[int, int], str]]] = field(default_factory=dict)
    """Batch → its state, and where the money of each of its payments was before."""

    pooled: set[int] = field(default_factory=set)
    granted: set[int] = field(default_factory=set)
    waited: set[int] = field(default_factory=set)
    """Of the cases of the pool, those that hold a grant, and those whom a final run left over."""

    def waiting(self) -> list[int]:
        """The cases that a run of the pool takes, in their order."""
        found = [
            case
            for case in sorted(self.pooled - self.granted - self.refused)
            if self.stage[case] >= 2
        ]
        return sorted(found, key=lambda case: case not in self.waited)

    def gone(self) -> set[int]:
        """Granted, then refused, and no money of theirs is out: their places are free."""
        out = {case for (case, _), purse in self.held.items() if purse in OUT}
        return (self.granted & self.refused) - out

    def due(self) -> list[tuple[int, int]]:
        """Released and not standing anywhere; what the bank returned is due again."""
        found = []
        for case, stage in self.stage.items():
            if case in self.pooled - self.granted:
                continue
            for place, needed in ((1, 2), (2, 3)):
                is_open = self.held.get((case, place)) in (None, "", "returned")
                if stage >= needed and is_open and case not in self.refused:
                    found.append((case, place))
        return found

    def spent(self) -> int:
        """What the city bore of every instalment that was made and not cancelled."""
        return sum(CITY[place] for (_case, place), purse in self.held.items() if purse)

    def borne(self) -> int:
        """What the first district bore of them."""
        held = self.held.items()
        return sum(DISTRICT[n] for (case, n), purse in held if purse and case not in self.pooled)


def _parts(amount: int) -> tuple[int, int]:
    first = (2 * amount * WEIGHTS[0] + sum(WEIGHTS)) // (2 * sum(WEIGHTS))
    return first, amount - first


CITY_FEN, DISTRICT_FEN = (AMOUNT + 1) // 2, AMOUNT // 2
CITY = dict(zip((1, 2), _parts(CITY_FEN), strict=True))
DISTRICT = dict(zip((1, 2), _parts(DISTRICT_FEN), strict=True))


OUT = ("committed", "transferred", "paid")
"""Where money is that did not come back."""


@dataclass(frozen=True)
class Ground:
    """The city with its cases, committed: every run begins from it."""

    session: Session
    scene: _Scene
    cases: tuple[int, ...]
    pooled: frozenset[int]

    @classmethod
    def laid(cls, session: Session, home: Path) -> Ground:
        """Cases of two districts by turns; the second's are of the pool."""
        scene = _Scene(session, read_book(BOOKS / "bj-patent-2022.yaml"), home)
        cases = tuple(
            scene.play({"says": "a case", "facts": {}, "place": {"district": f"D{number % 2}"}})
            for number in range(CASES)
        )
        session.commit()
        return cls(session, scene, cases, frozenset(cases[1::2]))


CHANCE = st.randoms(use_true_random=False)


class Machine(RuleBasedStateMachine):
    """The city and its model, moved by the same steps."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.session, self.scene = ground.session, ground.scene
        self.clock = self.scene.book.after
        self.model = Model(stage=dict.fromkeys(ground.cases, 0), pooled=set(ground.pooled))
        self.trials: list[tuple[int, dict[int, bool]]] = []
        self.places = [self.scene.places["D0"], self.scene.places["D1"]]
        self.steps = 0

    def teardown(self) -> None:
        """The whole database is right at the end, then as it was before."""
        try:
            assert list(violations(self.session)) == []
        finally:
            self.session.rollback()

    def who(self, role: str) -> Any:
        """Somebody of the city with *role*."""
        return replace(system_actor(self.session), role=role)

    @rule(chance=CHANCE)
    def approve(self, chance: Random) -> None:
        """A stage passes some of the cases before it."""
        open_ = self._open()
        if not open_:
            return
        stage = self.model.stage[chance.choice(open_)]
        here = [case for case in open_ if self.model.stage[case] == stage]
        chosen = chance.sample(here, chance.randint(1, len(here)))
        assert self._decide(PASS, stage, chosen) == len(chosen)
        for case in chosen:
            self.model.stage[case] += 1

    @rule(chance=CHANCE)
    def reject(self, chance: Random) -> None:
        """A stage refuses one case, perhaps after its first instalment or its grant."""
        open_ = self._open()
        held = [case for case in open_ if case in self.model.granted]
        if not open_ or chance.random() > (0.8 if held else 0.3):
            return
        case = chance.choice(held or open_)
        moving = {self.model.held.get((case, place)) for place in (1, 2)}
        waits = bool(moving & {"committed", "transferred"})
        done = self._decide(REJECT, self.model.stage[case], [case])
        assert done == (0 if waits else 1)
        if done:
            self.model.refused.add(case)

    def _open(self) -> list[int]:
        stages = self.model.stage.items()
        return [case for case, n in stages if n < 3 and case not in self.model.refused]

    def _decide(self, outcome: str, stage: int, cases: Collection[int]) -> int:
        actor = self.who(ROUTE[stage])
        chosen = select(Application.id).where(Application.id.in_(cases))
        selection = freeze(self.session, actor, self.clock, outcome, chosen)
        reason = "已经看过"
        return decide(self.session, actor, self.clock, selection, outcome, reason, "").decided

    @rule(chance=CHANCE)
    def allocate(self, chance: Random) -> None:
        """The pool is tried; that trial, or an older one, is made final."""
        finance, programme = self.who("finance"), self.scene.revision.programme
        waiting = self.model.waiting()
        run = self._tried(try_out, finance, self.clock, programme, "pool")
        assert bool(run) == bool(waiting)
        if run:
            free = PLACES - len(self.model.granted - self.model.gone())
            self.trials.append((run.id, {case: n < free for n, case in enumerate(waiting)}))
            assert run.granted == min(free, len(waiting))
        if not self.trials:
            return
        newest = chance.random() < 0.7
        number, given = self.trials[-1] if newest else chance.choice(self.trials)
        chosen = self.session.get_one(AllocationRun, number, populate_existing=True)
        state = chosen.state
        done = self._tried(settle, finance, self.clock, chosen)
        if run and number == run.id:
            assert done
        if done:
            assert state == "trial"
            assert set(given) <= set(self.model.waiting())
            self.model.granted -= self.model.gone()
            self.model.granted |= {case for case, gets in given.items() if gets}
            self.model.waited |= {case for case, gets in given.items() if not gets}

    @rule(chance=CHANCE)
    def cap(self, chance: Random) -> None:
        """Finance sets the budget, perhaps lower than what is spent."""
        cap = chance.choice((0, CITY[1], CITY[1] * 3, CITY_FEN * 5, CITY_FEN * CASES))
        programme = self.scene.revision.programme
        if self._tried(set_budget, self.who("finance"), self.clock, programme, Fen(cap)):
            assert cap >= self.model.spent()
            self.model.cap = cap
        else:
            assert cap < self.model.spent()

    @rule(chance=CHANCE)
    def own_cap(self, chance: Random) -> None:
        """Finance bounds what the first district bears, perhaps lower than what it bore."""
        cap = chance.choice((DISTRICT[1], DISTRICT[1] * 3, DISTRICT_FEN * 3, DISTRICT_FEN * CASES))
        programme, finance = self.scene.revision.programme, self.who("finance")
        district = self.places[0]
        if self._tried(set_budget, finance, self.clock, programme, Fen(cap), district, "来函"):
            assert cap >= self.model.borne()
            self.model.own = cap
        else:
            assert cap < self.model.borne()

    @rule(chance=CHANCE)
    def batch(self, chance: Random) -> None:
        """A district is paid what is due and reached."""
        district = chance.choice(self.places)
        programme = self.scene.revision.programme
        made = self._tried(make_batch, self.who("finance"), self.clock, programme, district)
        if not made:
            return
        rows = self.session.execute(
            select(
                Payment.application_id, Payment.instalment, Payment.attempt, Payment.amount_fen
            ).where(Payment.batch_id == made.id)
        ).all()
        due, before = set(self.model.due()), {}
        for case, place, attempt, fen in rows:
            assert (case, place) in due
            assert fen == CITY[place] + DISTRICT[place]
            self.model.tries[case, place] += 1
            assert attempt == self.model.tries[case, place]
            before[case, place] = self.model.held.get((case, place), "")
            self.model.held[case, place] = "committed"
        self.model.batches[made.id] = ("made", before)

    @precondition(lambda self: self.model.batches)
    @rule(chance=CHANCE)
    def move(self, chance: Random) -> None:
        """A batch goes on, or somebody tries what is not its turn."""
        number = chance.choice(list(self.model.batches))
        state, rows = self.model.batches[number]
        step, after = chance.choice(((mark_transferred, "transferred"), (mark_paid, "paid")))
        batch = self.session.get_one(PaymentBatch, number, populate_existing=True)
        done = self._tried(step, self.who("finance"), self.clock, batch, self.clock.today())
        fits = (state, after) in (("made", "transferred"), ("transferred", "paid"))
        assert done is not False if fits else done is False
        if fits:
            self.model.batches[number] = (after, rows)
            for row in rows:
                self.model.held[row] = after

    @precondition(lambda self: self.model.batches)
    @rule(chance=CHANCE)
    def cancel(self, chance: Random) -> None:
        """A batch that was not sent is cancelled: what it took goes back where it was."""
        number = chance.choice(list(self.model.batches))
        state, rows = self.model.batches[number]
        batch = self.session.get_one(PaymentBatch, number, populate_existing=True)
        done = self._tried(cancel_batch, self.who("finance"), self.clock, batch, "开错了")
        assert bool(done) == (state == "made")
        if done:
            self.model.batches[number] = ("cancelled", rows)
            self.model.held |= rows

    @precondition(lambda self: self.model.batches)
    @rule(chance=CHANCE)
    def come_back(self, chance: Random) -> None:
        """The bank returns a payment, or it is recovered."""
        payments = self.session.scalars(select(Payment)).all()
        payment = chance.choice(payments)
        kind = BOUNCED if chance.random() < 0.7 else RECOVERED
        key = (payment.application_id, payment.instalment)
        newest = max(p.attempt for p in payments if (p.application_id, p.instalment) == key)
        fits = self.model.held.get(key) == "paid" and payment.attempt == newest
        done = self._tried(
            reverse_payment, self.who("finance"), self.clock, payment, kind,
            self.clock.today(), "银行退回",
        )  # fmt: skip
        assert bool(done) == fits
        if fits:
            self.model.held[key] = "returned" if kind == BOUNCED else "recovered"

    def _tried(self, act: Any, *arguments: Any) -> Any:
        """What *act* gave, or that it was refused and left nothing behind."""
        nested = self.session.begin_nested()
        try:
            found = act(self.session, *arguments)
            nested.commit()
            return found if found is not None else True
        except Refusal:
            nested.rollback()
            self.session.expire_all()
            return False

    @invariant()
    def holds(self) -> None:
        """The city is what the model says, and nothing that must never happen did."""
        self.steps += 1
        if self.steps % PROOF == 0:
            assert list(violations(self.session)) == []
        rows = self.session.execute(select(Budget.payer_id, Budget.spent_fen, Budget.cap_fen))
        district = self.places[0].id
        for payer, spent, cap in rows:
            is_own = payer == district
            assert cap == (self.model.own if is_own else self.model.cap)
            assert spent == (self.model.borne() if is_own else self.model.spent())
            assert spent <= cap
        purses: Counter[str] = Counter()
        for row in ledger.statement(self.session):
            purses[row["purse"]] += row["amount_fen"]
        expected = Counter[str]()
        for (_case, place), purse in self.model.held.items():
            if not purse:
                continue
            expected[purse] += CITY[place] + DISTRICT[place]
            expected["budget"] -= CITY[place] + DISTRICT[place]
        assert {k: v for k, v in purses.items() if v} == {k: v for k, v in expected.items() if v}
        cases = self.session.execute(select(Application.id, Application.state))
        states = {row.id: row.state for row in cases}
        for case, stage in self.model.stage.items():
            assert states[case] == self._state(case, stage), case
        granted = select(Application.id).where(Application.granted_fen == AMOUNT)
        assert set(self.session.scalars(granted)) == self.model.granted

    def _state(self, case: int, stage: int) -> str:
        if case in self.model.refused:
            return REFUSED
        if stage < 3:
            return WAITING
        settled = (self.model.held.get((case, place)) in ("paid", "recovered") for place in (1, 2))
        return PAID if all(settled) else APPROVED


def test_any_order_of_events_leaves_the_books_right(session: Session, tmp_path: Path) -> None:
    ground = Ground.laid(session, tmp_path)
    run_state_machine_as_test(
        lambda: Machine(ground),
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
