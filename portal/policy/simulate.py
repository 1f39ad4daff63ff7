"""Simulating: the cases of a programme under rules that are not in force, nothing written.

The rules become a revision that only this process knows, and the statement that judges a million
cases compares what it finds with what is stored.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, attributes

from models.application import DRAFT, ELIGIBLE, HELD, INELIGIBLE, Application
from models.base import N_, Because, Refusal
from models.organization import Organization
from models.programme import Programme, Revision
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.policy.check import problems
from portal.policy.codes import NO_TIER
from portal.policy.compile import Policy
from portal.policy.judge import in_force, policy_for
from portal.policy.pack_rows import SECTIONS, fill
from portal.policy.packs import programme_called
from portal.policy.pool_demand import PoolDemand, demands
from portal.policy.set_against import DECIDED, exhaustion, set_against

MOST_FLIPS = 50
"""Flips that are named; all are counted."""


class CannotSimulate(Refusal):
    """The rules do not compile."""

    message = N_("These rules cannot be tried: %(path)s %(reason)s")


@dataclass(frozen=True)
class Flip:
    """A case whose verdict changes, and the condition or bound that decides it.

    A case that becomes eligible names what stood in its way before.
    """

    number: str
    before: str | None
    after: str
    before_fen: int
    after_fen: int
    key: str
    clause: str
    says: str


@dataclass
class DistrictSum:
    """A district's money before and after, and how many of its cases flip."""

    code: str
    name: str
    before_fen: int = 0
    after_fen: int = 0
    flips: int = 0


@dataclass(frozen=True)
class Exhaustion:
    """How far a budget of ``budget_fen`` reaches in the order of submission.

    ``day`` is that of the first case it does not reach, none where it reaches all; ``cases`` and
    ``fen`` lie beyond.
    """

    budget_fen: int
    day: date | None
    cases: int
    fen: int


def _counts() -> dict[str, int]:
    return dict.fromkeys((ELIGIBLE, HELD, INELIGIBLE, DECIDED, "fen", "held_fen"), 0)


@dataclass
class Simulation:
    """What other rules would make of the submitted cases.

    ``before`` and ``after`` count eligible, held, ineligible and decided cases; their ``fen`` is
    what all but the ineligible get, ``held_fen`` the part of it that waits for a person. ``tiers``
    maps a tier to ``before``, ``before_fen``, ``count``, ``fen``. ``flipped`` counts verdicts that
    change, ``repriced`` amounts that change without. Decided cases never change;
    ``decided_otherwise`` counts the approved and paid ones that would come out otherwise. A replay
    judges them like all others, so that it tells what they would get more (``more_fen``) or less.
    ``pools`` tell what those of the rules' allocations are asked for.
    """

    cases: int = 0
    before: dict[str, int] = field(default_factory=_counts)
    after: dict[str, int] = field(default_factory=_counts)
    tiers: dict[str, dict[str, int]] = field(default_factory=dict)
    districts: list[DistrictSum] = field(default_factory=list)
    flips: list[Flip] = field(default_factory=list)
    flipped: int = 0
    repriced: int = 0
    decided_otherwise: int = 0
    more_fen: int = 0
    less_fen: int = 0
    exhaustion: Exhaustion | None = None
    pools: list[PoolDemand] = field(default_factory=list)
    seconds: float = 0.0


def simulate(
    session: Session,
    actor: Actor,
    document: dict[str, Any],
    code: str,
    *,
    most: int = MOST_FLIPS,
    replay: bool = False,
    budget_fen: int | None = None,
) -> Simulation:
    """Judge the submitted cases of the programme *code* that *actor* sees by *document*.

    *document* is a pack of plain JSON values. The cases of each revision are judged apart, the
    awarded ones of the others hold their places. At most *most* flips are named. With *replay*
    the approved and paid cases are judged as if nobody had decided them. *budget_fen* tells how
    far that budget would reach. Raises ``UnknownProgramme`` and ``CannotSimulate``.
    """
    require(actor, "programme:judge")
    started = time.perf_counter()
    tally = Tally(session, most, replay=replay)
    for base in _with_cases(session, programme_called(session, code)):
        revision = as_if(base, document)
        for problem in problems(revision):
            reason = Because(problem.message, problem.params)
            raise CannotSimulate(path=".".join(map(str, problem.path)), reason=reason)
        tally.add(actor, base, revision)
    if budget_fen is not None:
        tally.spend(actor, budget_fen)
    tally.ask_pools(actor)
    return tally.told(time.perf_counter() - started)


def as_if(base: Revision, document: dict[str, Any]) -> Revision:
    """*document* as a revision that judges the cases of *base*; no session knows it.

    Its rows answer to the ids under which the cases, windows and overrides of *base* are stored.
    """
    made = Revision(number=base.number, programme_id=base.programme_id)
    fill(made, document)
    made.id = base.id
    attributes.set_committed_value(made, "programme", base.programme)  # no event: it stays unknown
    _answer_to_windows(made, base)
    for section in SECTIONS:
        for row in getattr(made, section):
            row.revision_id = base.id
    return made


def _answer_to_windows(made: Revision, base: Revision) -> None:
    """A window is the one of *base* with its key, else the one in its place that is free."""
    stored = {row.key: row.id for row in base.windows}
    keys = {row.key for row in made.windows}
    free = [None if row.key in keys else row.id for row in base.windows]
    for place, row in enumerate(made.windows):
        same_place = free[place] if place < len(free) else None
        row.id = stored.get(row.key) or same_place or -1 - place


def _with_cases(session: Session, programme: Programme) -> list[Revision]:
    submitted = select(Application.id).where(
        Application.revision_id == Revision.id, Application.state != DRAFT
    )
    found = session.scalars(
        select(Revision)
        .where(Revision.programme_id == programme.id, submitted.exists())
        .order_by(Revision.number)
    )
    return list(found) or [row for row in [in_force(session, programme)] if row]


class Tally:
    """Sums what one or more revisions make of their cases."""

    def __init__(self, session: Session, most: int = MOST_FLIPS, *, replay: bool = False) -> None:
        self.session, self.most, self.replay = session, most, replay
        self.found = Simulation()
        self._policies: list[Policy] = []
        self._districts: dict[int | None, DistrictSum] = {}

    def add(self, actor: Actor, base: Revision, revision: Revision) -> None:
        """Judge the cases of *revision* by it; *base* says what stood in their way before."""
        left = self.most - len(self.found.flips)
        policy = policy_for(self.session, revision)
        self._policies.append(policy)
        compared = set_against(policy, actor, left, replay=self.replay)
        rows = self.session.execute(compared).all()
        for row in rows:
            if row.number is None:
                self._count(row)
            else:
                self.found.flips.append(_flip(row, base if row.now == ELIGIBLE else revision))

    def spend(self, actor: Actor, budget_fen: int) -> None:
        """Tell how far *budget_fen* reaches over all that was added."""
        if self._policies:
            row = self.session.execute(exhaustion(self._policies, actor, budget_fen)).one()
            self.found.exhaustion = Exhaustion(budget_fen, row.day, row.cases, int(row.fen))

    def ask_pools(self, actor: Actor) -> None:
        """Tell what the pools are asked for by all that was added."""
        self.found.pools = demands(self.session, self._policies, actor)

    def told(self, seconds: float = 0.0) -> Simulation:
        """The sum, its districts named and in the order of their codes."""
        names = select(Organization.id, Organization.code, Organization.name)
        chosen = names.where(Organization.id.in_([key for key in self._districts if key]))
        for row_id, code, name in self.session.execute(chosen):
            self._districts[row_id].code, self._districts[row_id].name = code, name
        self.found.districts = sorted(self._districts.values(), key=lambda row: row.code)
        self.found.seconds = round(seconds, 3)
        return self.found

    def _count(self, row: Any) -> None:
        found, flips = self.found, row.cases if row.was != row.now else 0
        found.cases += row.cases
        found.flipped += flips
        found.repriced += row.repriced
        found.decided_otherwise += row.otherwise
        found.more_fen += int(row.more_fen)
        found.less_fen += int(row.less_fen)
        _add(found.before, row.was, row.cases, int(row.was_fen))
        _add(found.after, row.now, row.cases, int(row.now_fen))
        self._tier(row.was_tier, "before", "before_fen", row.cases, int(row.was_fen))
        self._tier(row.now_tier, "count", "fen", row.cases, int(row.now_fen))
        place = self._districts.setdefault(row.district_id, DistrictSum("", ""))
        place.before_fen += int(row.was_fen)
        place.after_fen += int(row.now_fen)
        place.flips += flips

    def _tier(self, key: str | None, count: str, money: str, cases: int, fen: int) -> None:
        if key is None:
            return
        empty = {"before": 0, "before_fen": 0, "count": 0, "fen": 0}
        tier = self.found.tiers.setdefault(key, empty)
        tier[count] += cases
        tier[money] += fen


def _add(counts: dict[str, int], verdict: str | None, cases: int, fen: int) -> None:
    if verdict in counts:
        counts[verdict] += cases
    counts["fen"] += fen
    counts["held_fen"] += fen if verdict == HELD else 0


def _flip(row: Any, rules: Revision) -> Flip:
    key = next((part for part in str(row.keys or "").split(",") if part), "")
    clause, says = cited(rules, key)
    return Flip(row.number, row.was, row.now, row.was_fen, row.now_fen, key, clause, says)


def cited(rules: Revision, key: str) -> tuple[str, str]:
    """Clause and words of what has that *key*; of no tier, the clauses of all."""
    if key == NO_TIER:
        return _joined(row.clause for row in rules.tiers), ""
    for rows in (rules.conditions, rules.bounds):
        for row in rows:
            if row.key == key:
                return row.clause, row.says
    papers = [row for row in rules.attachments if row.key == key]
    return (papers[0].clause, papers[0].title) if papers else ("", "")


def _joined(clauses: Iterable[str]) -> str:
    return "、".join(dict.fromkeys(clause for clause in clauses if clause))
