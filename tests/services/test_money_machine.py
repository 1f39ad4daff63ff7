"""Money under any order of events, against a plain model: nobody twice, nothing over the budget,
what is short in its order, every share, instalment and purse to the fen.

``MONEY_RUNS`` and ``MONEY_STEPS`` make it longer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
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


def _parts(amount: int) -> tuple[int, int]:
    first = (2 * amount * WEIGHTS[0] + sum(WEIGHTS)) // (2 * sum(WEIGHTS))
    return first, amount - first


CITY_FEN, DISTRICT_FEN = (AMOUNT + 1) // 2, AMOUNT // 2
CITY = dict(zip((1, 2), _parts(CITY_FEN), strict=True))
DISTRICT = dict(zip((1, 2), _parts(DISTRICT_FEN), strict=True))


OUT = ("committed", "transferred", "paid")
"""Where money is that did not come back."""


class Machine:
    """The city and its model, moved by the same steps."""

    def __init__(self, session: Session, home: Path, seed: int) -> None:
        self.session, self.random, self.model = session, Random(seed), Model()
        self.scene = _Scene(session, read_book(BOOKS / "bj-patent-2022.yaml"), home)
        self.clock = self.scene.book.after
        for number in range(CASES):
            place = {"district": f"D{number % 2}"}
            case = self.scene.play({"says": "a case", "facts": {}, "place": place})
            self.model.stage[case] = 0
            if number % 2:
                self.model.pooled.add(case)
        self.trials: list[tuple[int, dict[int, bool]]] = []
        self.places = [self.scene.places["D0"], self.scene.places["D1"]]

    def who(self, role: str) -> Any:
        """Somebody of the city with *role*."""
        return replace(system_actor(self.session), role=role)

    def step(self) -> None:
        """One event, whatever comes of it."""
        events = (
            self.approve, self.approve, self.approve, self.batch, self.batch, self.move, self.move,
            self.come_back, self.cap, self.reject, self.cancel, self.allocate, self.allocate,
        )  # fmt: skip
        self.random.choice(events)()

    def approve(self) -> None:
        """A stage passes one case."""
        self._decide(PASS)

    def reject(self) -> None:
        """A stage refuses one case, perhaps after its first instalment or its grant."""
        held = {case for case in self.model.granted if self.model.stage[case] < 3}
        if self.random.random() < (0.8 if held - self.model.refused else 0.2):
            self._decide(REJECT, held)

    def _decide(self, outcome: str, rather: Collection[int] = ()) -> None:
        open_ = [c for c, n in self.model.stage.items() if n < 3 and c not in self.model.refused]
        if not open_:
            return
        open_ = [case for case in open_ if case in rather] or open_
        case = self.random.choice(open_)
        actor = self.who(ROUTE[self.model.stage[case]])
        chosen = select(Application.id).where(Application.id == case)
        selection = freeze(self.session, actor, self.clock, outcome, chosen)
        done = decide(self.session, actor, self.clock, selection, outcome, "已经看过", "")
        moving = {self.model.held.get((case, place)) for place in (1, 2)}
        is_held = outcome == REJECT and bool(moving & {"committed", "transferred"})
        assert done.decided == (0 if is_held else 1)
        if is_held:
            return
        if outcome == PASS:
            self.model.stage[case] += 1
        else:
            self.model.refused.add(case)

    def allocate(self) -> None:
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
        newest = self.random.random() < 0.7
        number, given = self.trials[-1] if newest else self.random.choice(self.trials)
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

    def cap(self) -> None:
        """Finance sets the budget, perhaps lower than what is spent."""
        cap = self.random.choice((0, CITY[1], CITY[1] * 3, CITY_FEN * 5, CITY_FEN * CASES))
        programme = self.scene.revision.programme
        if self._tried(set_budget, self.who("finance"), self.clock, programme, Fen(cap)):
            assert cap >= self.model.spent()
            self.model.cap = cap
        else:
            assert cap < self.model.spent()

    def batch(self) -> None:
        """A district is paid what is due and reached."""
        district = self.random.choice(self.places)
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

    def move(self) -> None:
        """A batch goes on, or somebody tries what is not its turn."""
        if not self.model.batches:
            return
        number = self.random.choice(list(self.model.batches))
        state, rows = self.model.batches[number]
        step, after = self.random.choice(((mark_transferred, "transferred"), (mark_paid, "paid")))
        batch = self.session.get_one(PaymentBatch, number, populate_existing=True)
        done = self._tried(step, self.who("finance"), self.clock, batch, self.clock.today())
        fits = (state, after) in (("made", "transferred"), ("transferred", "paid"))
        assert done is not False if fits else done is False
        if fits:
            self.model.batches[number] = (after, rows)
            for row in rows:
                self.model.held[row] = after

    def cancel(self) -> None:
        """A batch that was not sent is cancelled: what it took goes back where it was."""
        if not self.model.batches:
            return
        number = self.random.choice(list(self.model.batches))
        state, rows = self.model.batches[number]
        batch = self.session.get_one(PaymentBatch, number, populate_existing=True)
        done = self._tried(cancel_batch, self.who("finance"), self.clock, batch, "开错了")
        assert bool(done) == (state == "made")
        if done:
            self.model.batches[number] = ("cancelled", rows)
            self.model.held |= rows

    def come_back(self) -> None:
        """The bank returns a payment, or it is recovered."""
        payments = self.session.scalars(select(Payment)).all()
        if not payments:
            return
        payment = self.random.choice(payments)
        kind = BOUNCED if self.random.random() < 0.7 else RECOVERED
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

    def check(self) -> None:
        """The city is what the model says, and nothing that must never happen did."""
        assert list(violations(self.session)) == []
        budget = self.session.scalar(select(Budget).execution_options(populate_existing=True))
        if budget is not None:
            assert (budget.spent_fen, budget.cap_fen) == (self.model.spent(), self.model.cap)
            assert budget.spent_fen <= budget.cap_fen
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
        rows = self.session.execute(select(Application.id, Application.state))
        states = {row.id: row.state for row in rows}
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


@pytest.mark.parametrize("seed", range(RUNS))
def test_any_order_of_events_leaves_the_books_right(
    session: Session, tmp_path: Path, seed: int
) -> None:
    machine = Machine(session, tmp_path, seed)
    for _step in range(STEPS):
        machine.step()
        machine.check()
