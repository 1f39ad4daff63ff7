"""Money under any order of events, against a plain model: nobody twice, nothing over the budget,
what is short in its order, every share, instalment and purse to the fen.

``MONEY_RUNS`` and ``MONEY_STEPS`` make it longer; with ``MONEY_PROOF`` the whole database is
proved after every so many steps instead of each, and at the end of each run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from copy import deepcopy
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

from models.adjustment import FIRST_PLACE, Adjustment
from models.allocation import AllocationRun
from models.application import APPROVED, PAID, REFUSED, RETURNED, WAITING, Application
from models.base import Refusal
from models.decision import PASS, REJECT, RETURN
from models.funding import (
    BOUNCED,
    RECOVERED,
    Budget,
    LedgerEntry,
    LedgerPosting,
    Payment,
    PaymentBatch,
)
from models.organization import Organization
from models.types import Fen
from portal.access.accounts import create_account, system_actor
from portal.access.actor import Actor
from portal.funding import ledger
from portal.funding.adjusting import cancel_adjustment, decide_adjustments
from portal.funding.allocation import try_out
from portal.funding.budget import set_budget
from portal.funding.cancelling import cancel_batch
from portal.funding.granting import settle
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.funding.proposing import propose_amount
from portal.funding.recovering import key_of, receive
from portal.funding.reversals import reverse_payment
from portal.policy import packs
from portal.review.decide import decide
from portal.review.selections import freeze
from portal.verify import violations
from tests.support.books import PROGRAMMES, Scene
from tests.support.walk import BOOKS, read_book

RUNS = int(os.environ.get("MONEY_RUNS", "1"))
STEPS = int(os.environ.get("MONEY_STEPS", "40"))
PROOF = int(os.environ.get("MONEY_PROOF", "10"))
CASES = 10
AMOUNT, WEIGHTS = 3_000_01, (60, 40)
"""A sum that neither two payers nor two instalments divide."""
ROUTE = ("grass-roots", "district", "city-approver")
BEGUN = 6
"""Cases that are approved when a run begins, every second of them paid."""
DECENT = range(1_000_00, 9_000_00)
"""Awards of which every payer bears something of each instalment."""
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


Halves = tuple[int, int]
"""Fen of the city federation and of the district."""


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

    award: dict[int, int] = field(default_factory=dict)
    fen: dict[tuple[int, int], Halves] = field(default_factory=dict)
    """What the city and the district bear of an instalment that was in a batch."""
    settled: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    """(case, instalment, 0 for the city or 1) → what adjustments settled apart of it."""
    extra: dict[tuple[int, int], Halves] = field(default_factory=dict)
    """Top-ups, by case and the place of the adjustment."""
    proposed: dict[int, int] = field(default_factory=dict)
    """Adjustment → its case while it waits."""
    unsettled: dict[int, int] = field(default_factory=dict)
    """The same while its top-up was never paid, or not all of it came in."""
    owed: dict[int, int] = field(default_factory=dict)
    """Recovery → what of it is to come in."""
    parts: dict[int, Counter[tuple[int, int]]] = field(default_factory=dict)
    """Adjustment → what it settles, by instalment, of the city (0) and of the district (1)."""
    owing: Counter[int] = field(default_factory=Counter)
    """Case → what its recoveries came to in all."""
    back: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(case, 0 for the city or 1) → what came in."""
    adjusted: set[int] = field(default_factory=set)
    returned: set[int] = field(default_factory=set)
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
                if stage >= needed and is_open and self.award[case] and case not in self.refused:
                    found.append((case, place))
        for case, place in self.extra:
            is_open = self.held.get((case, place)) in (None, "", "returned")
            if is_open and case not in self.refused | self.returned:
                found.append((case, place))
        return found

    def halves(self, case: int, place: int) -> Halves:
        """What the city and the district bear of an instalment that is paid now, or a top-up."""
        if (case, place) in self.extra:
            return self.extra[case, place]
        award = self.award[case]
        wholes = (_parts((award + 1) // 2)[place - 1], _parts(award // 2)[place - 1])
        city, district = (fen - self.settled[case, place, n] for n, fen in enumerate(wholes))
        return city, district

    def as_it_was(self, key: tuple[int, int]) -> bool:
        """Whether what the bank returned is to be paid again as it was; a top-up always."""
        return key[0] not in self.refused | self.returned and self.halves(*key) == self.fen[key]

    def out(self, case: int, *purses: str) -> int:
        """What of the money of *case* lies in one of *purses*, in any by default."""
        held = {key: purse for key, purse in self.held.items() if key[0] == case and purse}
        return sum(sum(self.fen[key]) for key, purse in held.items() if purse in (purses or held))

    def free(self, case: int) -> None:
        """What the bank returned goes back to the budgets."""
        for key, purse in self.held.items():
            if key[0] == case and purse == "returned":
                self.held[key] = ""

    def lapse(self, case: int, place: int) -> None:
        """What is owed back of an instalment that is not out any more is owed no more."""
        for number, whose in list(self.unsettled.items()):
            parts = self.parts.get(number, Counter())
            if whose != case or number not in self.owed or self.owed[number] != -parts.total():
                continue
            for half in (0, 1):
                fen = parts.pop((place, half), 0)
                self.settled[case, place, half] -= fen
                self.owed[number] += fen
                self.owing[case] += fen
            if not self.owed[number]:
                del self.unsettled[number]

    def spent(self) -> int:
        """What the city bore of every instalment that was made and neither cancelled nor
        recovered, less what came in again."""
        held = (self.fen[key][0] for key, purse in self.held.items() if purse in SPENT)
        return sum(held) - sum(fen for (_case, n), fen in self.back.items() if n == 0)

    def borne(self) -> int:
        """What the first district bore of them."""
        held = self.held.items()
        bore = (self.fen[key][1] for key, purse in held
                if purse in SPENT and key[0] not in self.pooled)  # fmt: skip
        own = (fen for (case, n), fen in self.back.items() if n and case not in self.pooled)
        return sum(bore) - sum(own)


def _parts(amount: int) -> tuple[int, int]:
    first = (2 * amount * WEIGHTS[0] + sum(WEIGHTS)) // (2 * sum(WEIGHTS))
    return first, amount - first


CITY_FEN, DISTRICT_FEN = (AMOUNT + 1) // 2, AMOUNT // 2


OUT = ("committed", "transferred", "paid")
"""Where money is that did not come back."""
SPENT = (*OUT, "returned")
"""Where it is while its budgets cannot spend it again."""


@dataclass
class Ground:
    """The city with its cases, some of them paid, committed: every run begins from it."""

    session: Session
    scene: _Scene
    model: Model
    proposer: Actor
    approver: Actor

    @classmethod
    def laid(cls, session: Session, home: Path) -> Ground:
        """Cases of two districts by turns; the second's are of the pool."""
        scene = _Scene(session, read_book(BOOKS / "bj-patent-2022.yaml"), home)
        cases = tuple(
            scene.play({"says": "a case", "facts": {}, "place": {"district": f"D{number % 2}"}})
            for number in range(CASES)
        )
        city, system = scene.places["city"], system_actor(session)
        roles = ("finance", "city-approver")
        people = [
            create_account(session, system, scene.book.after, role, role, role, city)[0]
            for role in roles
        ]
        model = Model(
            stage=dict.fromkeys(cases, 0),
            award=dict.fromkeys(cases, AMOUNT),
            pooled=set(cases[1::2]),
        )
        ground = cls(session, scene, model, *map(Actor.of, people))
        ground.model = Machine(ground).begun(cases[:BEGUN])
        session.commit()
        return ground


STEPS_OF_BATCH = ((mark_transferred, "transferred"), (mark_paid, "paid"))
CHANCE = st.randoms(use_true_random=False)


class Machine(RuleBasedStateMachine):
    """The city and its model, moved by the same steps."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.session, self.scene = ground.session, ground.scene
        self.clock = self.scene.book.after
        self.model = deepcopy(ground.model)
        self.proposer, self.approver = ground.proposer, ground.approver
        self.trials: list[tuple[int, dict[int, bool]]] = []
        self.places = [self.scene.places["D0"], self.scene.places["D1"]]
        self.steps = 0

    def begun(self, cases: Sequence[int]) -> Model:
        """Approve *cases*; those of the first district are paid, by one batch."""
        self._cap(CITY_FEN * 2 * CASES)
        for stage in range(len(ROUTE)):
            self._pass(stage, cases)
        self._batch(self.places[0])
        for step in STEPS_OF_BATCH:
            self._move(*self.model.batches, step)
        return self.model

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
        self._pass(stage, chance.sample(here, chance.randint(1, len(here))))

    def _pass(self, stage: int, chosen: Collection[int]) -> None:
        assert self._decide(PASS, stage, chosen) == len(chosen)
        for case in chosen:
            self.model.stage[case] += 1

    @rule(chance=CHANCE)
    def reject(self, chance: Random) -> None:
        """A stage refuses one case, perhaps after its first instalment or its grant."""
        open_ = self._open()
        held = [case for case in open_ if case in self.model.granted]
        if not open_ or chance.random() > (0.6 if held else 0.2):
            return
        case = chance.choice(held or open_)
        moving = {self.model.held.get((case, place)) for place in (1, 2)}
        waits = bool(moving & {"committed", "transferred"})
        done = self._decide(REJECT, self.model.stage[case], [case])
        assert done == (0 if waits else 1)
        if done:
            self.model.refused.add(case)
            self.model.free(case)

    @rule(chance=CHANCE)
    def send_back(self, chance: Random) -> None:
        """A stage returns one case for correction, perhaps after its first instalment."""
        open_ = self._open()
        if open_ and chance.random() < 0.5:
            case = chance.choice(open_)
            assert self._decide(RETURN, self.model.stage[case], [case]) == 1
            self.model.stage[case] = 0
            self.model.returned.add(case)
            self.model.free(case)

    @precondition(lambda self: self.model.returned)
    @rule(chance=CHANCE)
    def correct(self, chance: Random) -> None:
        """Its applicant sends it again, and it begins anew."""
        case = chance.choice(sorted(self.model.returned))
        self.session.expire_all()
        self.scene.correct(case, {"applicant.phone": f"139{chance.randrange(10**8):08d}"})
        self.model.returned.remove(case)

    def _open(self) -> list[int]:
        stages = self.model.stage.items()
        closed = self.model.refused | self.model.returned
        return [case for case, n in stages if n < 3 and case not in closed]

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
        self._cap(CITY_FEN * chance.choice((2, 4, 5, 7, 2 * CASES, 2 * CASES)))

    def _cap(self, cap: int) -> None:
        programme = self.scene.revision.programme
        if self._tried(set_budget, self.who("finance"), self.clock, programme, Fen(cap)):
            assert cap >= self.model.spent()
            self.model.cap = cap
        else:
            assert cap < self.model.spent()

    @rule(chance=CHANCE)
    def own_cap(self, chance: Random) -> None:
        """Finance bounds what the first district bears, perhaps lower than what it bore."""
        cap = DISTRICT_FEN * chance.choice((2, 3, 4, 5, CASES, CASES))
        programme, finance = self.scene.revision.programme, self.who("finance")
        district = self.places[0]
        if self._tried(set_budget, finance, self.clock, programme, Fen(cap), district, "来函"):
            assert cap >= self.model.borne()
            self.model.own = cap
        else:
            assert cap < self.model.borne()

    @rule(chance=CHANCE)
    def batch(self, chance: Random) -> None:
        """A district is paid what is due and reached, or the other where it is nothing."""
        for district in chance.sample(self.places, 2):
            if self._batch(district):
                return

    def _batch(self, district: Organization) -> bool:
        programme = self.scene.revision.programme
        made = self._tried(make_batch, self.who("finance"), self.clock, programme, district)
        if not made:
            return False
        rows = self.session.execute(
            select(
                Payment.application_id, Payment.instalment, Payment.attempt, Payment.amount_fen
            ).where(Payment.batch_id == made.id)
        ).all()
        due, before = set(self.model.due()), {}
        for case, place, attempt, fen in rows:
            assert (case, place) in due
            self.model.fen[case, place] = self.model.halves(case, place)
            assert fen == sum(self.model.fen[case, place])
            self.model.tries[case, place] += 1
            assert attempt == self.model.tries[case, place]
            before[case, place] = self.model.held.get((case, place), "")
            self.model.held[case, place] = "committed"
        self.model.batches[made.id] = ("made", before)
        return True

    @precondition(lambda self: self.model.batches)
    @rule(chance=CHANCE)
    def move(self, chance: Random) -> None:
        """A batch goes on, or somebody tries what is not its turn."""
        self._move(chance.choice(list(self.model.batches)), chance.choice(STEPS_OF_BATCH))

    def _move(self, number: int, step_to: tuple[Any, str]) -> None:
        (state, rows), (step, after) = self.model.batches[number], step_to
        batch = self.session.get_one(PaymentBatch, number, populate_existing=True)
        done = self._tried(step, self.who("finance"), self.clock, batch, self.clock.today())
        fits = (state, after) in (("made", "transferred"), ("transferred", "paid"))
        assert done is not False if fits else done is False
        if fits:
            self.model.batches[number] = (after, rows)
            for row in rows:
                self.model.held[row] = after
            if after == "paid":
                self._end({case for case, place in rows if place >= FIRST_PLACE})

    def _end(self, cases: Collection[int]) -> None:
        """The top-ups of *cases* are paid."""
        unsettled = self.model.unsettled
        for number in [number for number, case in unsettled.items() if case in cases]:
            del unsettled[number]

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
            for case, place in rows:
                self.model.lapse(case, place)
            for key, purse in rows.items():
                if purse == "returned" and not self.model.as_it_was(key):
                    self.model.held[key] = ""

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
        if key[0] in self.model.adjusted:
            fits &= kind == BOUNCED and not any(self.model.back[key[0], n] for n in (0, 1))
        done = self._tried(
            reverse_payment, self.who("finance"), self.clock, payment, kind,
            self.clock.today(), "银行退回",
        )  # fmt: skip
        assert bool(done) == fits
        if fits:
            self.model.held[key] = "recovered"
        if fits and kind == BOUNCED:
            self.model.lapse(*key)
            self.model.held[key] = "returned" if self.model.as_it_was(key) else ""

    @rule(chance=CHANCE)
    def amend(self, chance: Random) -> None:
        """An award is found to be wrong: finance proposes to change it."""
        case = chance.choice(list(self.model.stage))
        award = self.model.award[case]
        fen = chance.choice((-award, -award // 5, -1, 1, 450_50))
        if case in self.model.pooled - self.model.granted or award + fen not in (0, *DECENT):
            return
        row = self.session.get_one(Application, case, populate_existing=True)
        made = self._tried(propose_amount, self.proposer, self.clock, row, fen, "更正")
        places = self._standing(case)
        known = all(self.model.held[key] != "recovered" for key in places)
        waits = case in {*self.model.proposed.values(), *self.model.unsettled.values()}
        closed = row.state in (APPROVED, PAID) or (row.state == REFUSED and bool(places))
        assert bool(made) == (closed and known and fen != 0 and not waits), (case, fen)
        if made:
            self.model.proposed[made.id] = case
            if chance.random() < 0.8:
                self._approve(made.id)

    @precondition(lambda self: self.model.proposed)
    @rule(chance=CHANCE)
    def answer(self, chance: Random) -> None:
        """Somebody else approves a proposal, or it is taken back."""
        number = chance.choice(sorted(self.model.proposed))
        if chance.random() < 0.6 and self._approve(number):
            return
        row = self.session.get_one(Adjustment, number, populate_existing=True)
        assert self._tried(cancel_adjustment, self.proposer, self.clock, row, "不改了")
        del self.model.proposed[number]

    def _approve(self, number: int) -> bool:
        model, case = self.model, self.model.proposed[number]
        if not self._tried(decide_adjustments, self.approver, self.clock, [number], approve=True):
            return False
        row = self.session.get_one(Adjustment, number, populate_existing=True)
        del model.proposed[number]
        model.award[case] += row.fen
        places = [place for _case, place in self._standing(case) if place < FIRST_PLACE]
        wanted = sum(sum(model.halves(case, place)) for place in places)
        paid = sum(sum(model.fen[case, place]) for place in places)
        assert row.settle_fen == wanted - paid
        shares: Counter[int] = Counter()
        for share in row.shares:
            half = int(share.payer_id != self.scene.places["city"].id)
            assert share.amount_fen * row.settle_fen > 0
            model.settled[case, share.instalment, half] += share.amount_fen
            model.parts.setdefault(number, Counter())[share.instalment, half] = share.amount_fen
            shares[half] += share.amount_fen
        assert shares.total() == row.settle_fen
        if row.settle_fen:
            model.unsettled[number] = case
        if row.settle_fen > 0:
            model.extra[case, row.place] = (shares[0], shares[1])
        elif row.settle_fen:
            model.owed[number] = -row.settle_fen
            model.owing[case] -= row.settle_fen
        model.adjusted.add(case)
        model.free(case)
        return True

    def _standing(self, case: int) -> list[tuple[int, int]]:
        """The instalments of a case that are in batches and did not come back to be paid again."""
        found = (*OUT, "recovered")
        return [key for key, purse in self.model.held.items() if key[0] == case and purse in found]

    @precondition(lambda self: any(self.model.owed.values()))
    @rule(chance=CHANCE)
    def come_in(self, chance: Random) -> None:
        """Somebody gives back what they owe, or a part of it."""
        number = chance.choice([number for number, owed in self.model.owed.items() if owed])
        owed = self.model.owed[number]
        fen = chance.choice((owed, owed // 2, 1, owed + 1))
        row = self.session.get_one(Adjustment, number, populate_existing=True)
        case = row.application_id
        made = self._tried(receive, self.proposer, self.clock, row, fen, self.clock.today(), "退回")
        purses = {self.model.held[key] for key in self._standing(case)}
        assert bool(made) == (0 < fen <= owed and purses == {"paid"})
        if not made:
            return
        self.model.owed[number] -= fen
        if not self.model.owed[number]:
            del self.model.unsettled[number]
        given = self.session.execute(
            select(LedgerPosting.payer_id, LedgerPosting.amount_fen)
            .join(LedgerEntry, LedgerEntry.id == LedgerPosting.entry_id)
            .where(LedgerEntry.key == key_of(made), LedgerPosting.purse == "recovered")
        ).all()
        assert sum(part for _payer, part in given) == fen
        for payer, part in given:
            self.model.back[case, int(payer != self.scene.places["city"].id)] += part

    def _tried(self, act: Any, *arguments: Any, **named: Any) -> Any:
        """What *act* gave, or that it was refused and left nothing behind."""
        nested = self.session.begin_nested()
        try:
            found = act(self.session, *arguments, **named)
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
        for key, purse in self.model.held.items():
            if purse:
                expected[purse] += sum(self.model.fen[key])
                expected["budget"] -= sum(self.model.fen[key])
        expected["paid"] -= self.model.back.total()
        expected["recovered"] += self.model.back.total()
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
        if case in self.model.returned:
            return RETURNED
        if stage < 3:
            return WAITING
        out = self.model.out(case, "paid", "recovered")
        whole = out - self.model.owing[case] == self.model.award[case]
        return PAID if whole and self._standing(case) else APPROVED


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
