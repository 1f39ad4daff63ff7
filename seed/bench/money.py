"""Giving out money and dividing it, over every case there is; all of it rolled back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import case, func, insert, literal, select, text, update
from sqlalchemy.orm import Session

from models.allocation import FIRST_COME, Allocation, AllocationItem, AllocationRun
from models.application import APPROVED, Application
from models.base import begin_writing
from models.decision import GRANT, DecisionBatch
from models.programme import PUBLISHED, Programme, Revision
from models.sharing import CITY, DISTRICT, Share
from models.types import Fen
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.access.permissions import FINANCE
from portal.access.trail import record_batch
from portal.clock import Clock
from portal.funding.allocation import try_out
from portal.funding.budget import MOST_FEN, set_budget, spend, take_turn
from portal.funding.granting import settle
from portal.funding.matching import matching
from portal.policy.packs import draft
from seed.bench.timing import Measured, pair

KEY, CHARGES = "bench", 1_000


def money(session: Session, clock: Clock, runs: int) -> Iterator[Measured]:
    """A run over all cases, tried and made final, beside the bare statements that write as much;
    shares of all cases by district, beside the bare sums; a budget that is charged."""
    begin_writing()
    finance = replace(system_actor(session), role=FINANCE)
    programme = _prepared(session, clock)
    cases = session.scalar(select(func.count()).where(Application.programme_id == programme.id))

    def ours() -> None:
        settle(session, finance, clock, try_out(session, finance, clock, programme, KEY))

    def bare() -> None:
        _bare_run(session, finance, clock, programme)

    undone = _undone(session)
    yield pair(f"allocation of {cases}", undone(ours), undone(bare), runs=runs, warm=0)

    def divided() -> None:
        matching(session, finance, programme)

    def summed() -> None:
        sums = (func.sum(Application.amount_fen * part // 3) for part in (1, 2))
        own = select(Application.district_id, func.count(), *sums)
        by_district = own.where(Application.programme_id == programme.id)
        session.execute(by_district.group_by(Application.district_id)).all()

    yield pair(f"shares of {cases}", divided, summed, runs=runs, warm=1)
    session.rollback()
    yield _charged(session, finance, clock, programme)
    session.rollback()


def _charged(session: Session, finance: Actor, clock: Clock, programme: Programme) -> Measured:
    """One fen after the other from a budget, beside the bare guarded update."""
    budget = set_budget(session, finance, clock, programme, Fen(MOST_FEN))
    guarded = text(
        "UPDATE budget SET spent_fen = spent_fen + 1 WHERE id = :id AND spent_fen + 1 <= cap_fen"
    )

    def ours() -> None:
        for _attempt in range(CHARGES):
            take_turn(session, programme.id)
            spend(session, budget, 1)

    def bare() -> None:
        for _attempt in range(CHARGES):
            session.execute(guarded, {"id": budget.id})

    return pair(f"{CHARGES} charges of a budget", ours, bare, runs=3, warm=1)


def _prepared(session: Session, clock: Clock) -> Programme:
    """The programme with most cases, all of them approved, with a pool for half of the money."""
    counted = func.count()
    most = select(Application.programme_id).group_by(Application.programme_id)
    programme_id = session.scalars(most.order_by(counted.desc()).limit(1)).one()
    programme = session.get_one(Programme, programme_id)
    revision = _with_pool(session, clock, programme)
    session.execute(
        update(Application)
        .where(Application.programme_id == programme.id)
        .values(
            state=APPROVED,
            revision_id=revision.id,
            amount_fen=case((Application.amount_fen > 0, Application.amount_fen), else_=100_000),
        )
        .execution_options(synchronize_session=False)
    )
    return programme


def _with_pool(session: Session, clock: Clock, programme: Programme) -> Revision:
    centre = replace(system_actor(session), role="city-centre")
    made = draft(session, centre, clock, programme.code)
    whole = session.scalar(
        select(func.sum(Application.amount_fen)).where(Application.programme_id == programme.id)
    )
    half = int(whole or 0) // 2
    made.allocations, made.shares, made.instalments = [], [], []
    session.flush()
    made.allocations = [
        Allocation(position=1, key=KEY, title=KEY, method=FIRST_COME, budget_fen=half)
    ]
    made.shares = [
        Share(position=1, key=CITY, title=CITY, payer=CITY, weight=1),
        Share(position=2, key=DISTRICT, title=DISTRICT, payer=DISTRICT, weight=2),
    ]
    session.flush()
    made.state = PUBLISHED
    session.flush()
    session.refresh(programme)
    return made


def _bare_run(session: Session, actor: Actor, clock: Clock, programme: Programme) -> None:
    """One INSERT … SELECT of the items, one UPDATE of the cases, their trail."""
    now = clock.now()
    run = AllocationRun(
        number=KEY, programme_id=programme.id, revision_id=programme.revisions[-1].id,
        row_key=KEY, method=FIRST_COME, earlier=0, made_at=now, version=1,
    )  # fmt: skip
    act = DecisionBatch(account_id=None, outcome=GRANT, decided=0, decided_at=now)
    session.add_all([run, act])
    session.flush()
    order = (Application.sequence, Application.id)
    reach = func.sum(Application.amount_fen).over(order_by=order, rows=(None, 0))
    columns = ["run_id", "application_id", "version", "pool", "place", "asked_fen", "reach_fen"]
    rows = select(
        literal(run.id), Application.id, Application.version, literal(""),
        func.row_number().over(order_by=order), Application.amount_fen, reach,
        Application.amount_fen,
    ).where(Application.programme_id == programme.id)  # fmt: skip
    session.execute(insert(AllocationItem).from_select([*columns, "granted_fen"], rows))
    half = func.coalesce(Application.sequence, 0) % 2 == 0
    session.execute(
        update(Application)
        .where(Application.programme_id == programme.id, half)
        .values(
            granted_fen=Application.amount_fen,
            version=Application.version + 1,
            batch_id=act.id,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    record_batch(session, actor, now, act, Application.stage_key.expression)


def _undone(session: Session) -> Callable[[Callable[[], None]], Callable[[], Any]]:
    """What makes work leave nothing behind inside the transaction."""

    def wrapped(work: Callable[[], None]) -> Callable[[], Any]:
        def run() -> None:
            inside = session.begin_nested()
            work()
            inside.rollback()

        return run

    return wrapped
