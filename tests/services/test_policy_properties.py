"""Random programmes over random cases: the statement does what the language says, everywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Date, Double, literal, select, update
from sqlalchemy.orm import Session

from models.application import Application
from models.programme import Revision
from portal.policy.check import problems
from portal.policy.codes import code_column
from portal.policy.judge import judge, policy_for
from portal.policy.sql_days import shifted
from portal.policy.sql_numbers import nearest
from tests.conftest import create_database
from tests.support import postgres
from tests.support.policy_ground import Ground
from tests.support.policy_oracle import Case, Judged, held_places, judged, moved
from tests.support.random_policy import TABLES, Maker

PROGRAMMES = int(os.environ.get("POLICY_PROGRAMMES", "24"))
CASES = int(os.environ.get("POLICY_CASES", "50"))
ALONE = int(os.environ.get("POLICY_ALONE", "4"))
Found = dict[int, dict[str, Any]]


@pytest.fixture(scope="module")
def grounds(
    migrated_sqlite: Any, tmp_path_factory: pytest.TempPathFactory, request: Any
) -> Iterator[dict[str, Ground]]:
    """The databases found here, each with unions and catalogues."""
    home = tmp_path_factory.mktemp("ground")
    shutil.copy(migrated_sqlite, home / "portal.db")
    found = {"sqlite": Ground(f"sqlite:///{home / 'portal.db'}")}
    if postgres.is_here():
        server = request.getfixturevalue("postgresql_server")
        create_database(server, "ground", request.getfixturevalue("migrated_postgresql"))
        found["postgresql"] = Ground(server.format(name="ground"))
    yield found
    for ground in found.values():
        ground.engine.dispose()


def random_programmes(share: int = 1) -> Any:
    """Runs a test for one in *share* of the programmes, each from its seed."""
    plan = settings(
        max_examples=max(3, PROGRAMMES // share),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: plan(given(seed=st.integers(0, 2**48))(test))


def made(seed: int, count: int = CASES) -> tuple[Maker, dict[str, Any], list[Case]]:
    maker = Maker(seed)
    pack = maker.pack()
    return maker, pack, maker.cases(count, pack)


def whole(session: Session, revision: Revision, only: Any = None) -> Found:
    """Every column of the statement, by case."""
    rows = session.execute(policy_for(session, revision, only).statement).mappings()
    return {row["id"]: dict(row) for row in rows}


@random_programmes()
def test_days_and_numbers_move_alike_on_both_databases(
    grounds: dict[str, Ground], seed: int
) -> None:
    random = Random(seed)
    days = [date(2027, 12, 1) + timedelta(random.randrange(900)) for _ in range(20)]
    days += [date(2029, 11, 30), date(2028, 2, 29), date(2030, 1, 31)]
    spans = [{"days": random.randrange(900)}, {"months": random.randrange(1, 60)}]
    spans += [{"months": 1}, {"months": 3}, {"years": random.randrange(1, 9)}]
    numbers = [random.randrange(10**6) / 8 for _ in range(20)] + [0.5, 1.5, 2.5, 0.0, 1.15 * 100]
    moves = [(day, span) for day in days for span in spans]
    columns: list[Any] = [
        shifted(literal(day, Date()), span) == moved(day, span) for day, span in moves
    ]
    columns += [nearest(literal(n, Double())) == int(n + 0.5) for n in numbers]
    for name, ground in grounds.items():
        with Session(ground.engine) as session:
            assert all(session.execute(select(*columns)).one()), name


@random_programmes()
def test_both_databases_and_the_oracle_agree(grounds: dict[str, Ground], seed: int) -> None:
    _maker, pack, cases = made(seed)
    expected = judged(pack, cases, TABLES)
    plain = {number: _plain(row) for number, row in expected.items()}
    for name, ground in grounds.items():
        if name == "postgresql" and seed % 3:
            continue  # twice as slow: a third of the programmes
        with ground.planted(pack, cases) as (session, revision):
            assert problems(revision) == []
            assert told(whole(session, revision), expected) == plain, name


@random_programmes(9)
def test_a_case_alone_a_part_and_the_whole_agree(grounds: dict[str, Ground], seed: int) -> None:
    maker, pack, cases = made(seed)
    for ground in grounds.values():
        with ground.planted(pack, cases) as (session, revision):
            found = whole(session, revision)
            ids = sorted(found)
            alone = maker.random.sample(ids, min(ALONE, len(ids)))
            parts = [[number] for number in alone]
            parts += [ids[n : n + 10] for n in range(0, len(ids), 10)]
            for part in parts:
                only = select(Application.id).where(Application.id.in_(part))
                expected = {number: found[number] for number in part}
                assert whole(session, revision, only) == expected


@random_programmes(12)
def test_neither_the_order_of_rows_nor_strangers_decide(
    grounds: dict[str, Ground], seed: int
) -> None:
    maker, pack, cases = made(seed)
    shuffled = maker.random.sample(cases, len(cases))
    for ground in grounds.values():
        with ground.planted(pack, cases) as (session, revision):
            found = whole(session, revision)
        with ground.planted(pack, shuffled) as (session, revision):
            assert whole(session, revision) == found
        for kin in _kin(pack, cases):
            with ground.planted(pack, kin) as (session, revision):
                for number, row in whole(session, revision).items():
                    assert row == found[number]


def _kin(pack: dict[str, Any], cases: list[Case]) -> list[list[Case]]:
    """The cases of one person with all whose outcome theirs depends on, and all rivals; nothing
    where a bound has no keys."""
    if not pack["bounds"] or not all(row["per"] for row in pack["bounds"]):
        return []
    own = [case for case in cases if case.place.revision == 0]
    near = [case for case in own if case is own[0]]
    grown = True
    while grown:
        shared = {(key, case.keys[key]) for case in near for key in _keys(pack)}
        more = [c for c in own if any((key, c.keys[key]) in shared for key in _keys(pack))]
        grown, near = len(more) > len(near), more
    return [near + [case for case in cases if case.place.revision]]


def _keys(pack: dict[str, Any]) -> set[str]:
    """Keys that tie cases together; one that is not given ties nobody, but here too many do."""
    return {key for row in pack["bounds"] for key in row["per"][:1]}


@random_programmes(9)
def test_judging_again_changes_nothing_and_a_change_reaches_all_it_may(
    grounds: dict[str, Ground], seed: int
) -> None:
    maker, pack, cases = made(seed)
    waiting = [c for c in cases if c.place.revision == 0 and c.state == "waiting"]
    changed = maker.random.choice(waiting).id
    for ground in grounds.values():
        with ground.planted(pack, cases) as (session, revision):
            judge(session, revision)
            once = _stored(session)
            judge(session, revision)
            assert _stored(session) == once
            one = Application.id == changed
            session.execute(update(Application).where(one).values(fields={"kind": "a"}))
            judge(session, revision, only=select(Application.id).where(one))
            after = _stored(session)
            judge(session, revision)
            assert _stored(session) == after


def _stored(session: Session) -> list[Any]:
    columns = ("id", "verdict", "tier_key", "amount_fen", "missed", "asked")
    rows = session.execute(
        select(*(getattr(Application, name) for name in columns)).order_by(Application.id)
    )
    return [tuple(row) for row in rows]


@random_programmes()
def test_no_key_ever_gets_more_than_its_places(grounds: dict[str, Ground], seed: int) -> None:
    _maker, pack, cases = made(seed)
    bounds = [row for row in pack["bounds"] if _is_limit(row)]
    if any(row["over"] == "spill" for row in pack["bounds"]) or not bounds:
        return
    with grounds["sqlite"].planted(pack, cases) as (session, revision):
        found = whole(session, revision)
    eligible = {number for number, row in found.items() if row["verdict"] == "eligible"}
    amounts = {number: int(row["amount_fen"]) for number, row in found.items()}
    for bound in bounds:
        for places, most in held_places(pack, cases, TABLES, bound, eligible, amounts):
            assert places <= most, bound


def _is_limit(bound: dict[str, Any]) -> bool:
    limits = bound["over"] in ("refuse", "wait") and "at_most" in bound
    return limits and bound["take"] != "share" and bound["count"] == "awarded"


def told(found: Found, expected: dict[int, Judged]) -> dict[int, Any]:
    """What the statement found, in the oracle's words."""
    keys = list(next(iter(expected.values())).codes) if expected else []
    return {
        row["id"]: (
            row["verdict"],
            row["tier_key"],
            row["amount_fen"],
            row["missed"],
            row["asked"],
            {key: row[code_column(key)] for key in keys},
        )
        for row in found.values()
    }


def _plain(row: Judged) -> Any:
    return (row.verdict, row.tier, row.fen, row.missed, row.asked, row.codes)
