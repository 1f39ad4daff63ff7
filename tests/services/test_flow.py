"""The overview's numbers: each counts what its list shows, and nobody's leave their own part."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import ColumnElement, func, select, update

from models.application import Application
from models.decision import FILL, PASS, DecisionBatch
from models.organization import Organization
from portal.access.accounts import system_actor
from portal.access.scope import visible
from portal.calendar import Calendar, calendar_of, load_days
from portal.review import todo
from portal.review.deadlines import IN_TIME, LATENESS, OVERDUE, stands
from portal.review.flow import AGES, OLD, Group, flow, has_age
from seed.calendars import published as days
from tests.services.test_corrections import _change_stage
from tests.services.test_decide import Desk, desk
from tests.support.cases import CLOCK, cells, entered

__all__ = ["desk"]
TODAY = CLOCK.today() + timedelta(days=15)


@pytest.fixture
def calendar(desk: Desk) -> Calendar:
    """The published days."""
    load_days(desk.session, system_actor(desk.session), CLOCK, list(days()))
    return calendar_of(desk.session)


@pytest.fixture
def waiting(desk: Desk, calendar: Calendar) -> list[int]:
    """Six cases of two units at two stages, which came there 20, 16, 12, 8, 4 and 0 days ago."""
    _change_stage(desk.session, "unit", {"due": {"after": "stage.entered", "days": 10}})
    other = desk.session.scalars(select(Organization).where(Organization.code == "D1-2")).one()
    ids = desk.enter(4)
    forms = [cells(other, serial) for serial in (7, 8)]
    ids += entered(desk.session, desk.people["writer"], desk.revision, forms)
    assert desk.decide("unit", ids[:2]).decided == 2
    for place, row_id in enumerate(ids):
        _last_moved(desk, row_id, TODAY - timedelta(days=20 - 4 * place))
    return ids


def _last_moved(desk: Desk, row_id: int, day: date, outcome: str = PASS) -> None:
    act = DecisionBatch(outcome=outcome, decided_at=CLOCK.now() + (day - CLOCK.today()))
    desk.session.add(act)
    desk.session.flush()
    moved = update(Application).where(Application.id == row_id)
    desk.session.execute(moved.values(batch_id=act.id))


def _flow(desk: Desk, calendar: Calendar, who: str) -> list[Group]:
    return flow(desk.session, desk.people[who], calendar, [desk.revision], TODAY)


def _count(desk: Desk, who: str, where: ColumnElement[bool]) -> int:
    cases = select(func.count(Application.id))
    found = cases.where(visible(Application, desk.people[who]), where)
    return desk.session.execute(found).scalar_one()


def test_every_number_counts_what_its_list_shows(
    desk: Desk, calendar: Calendar, waiting: list[int]
) -> None:
    groups = _flow(desk, calendar, "district")
    assert sum(row.count for row in groups) == len(waiting)
    assert {row.age for row in groups} == set(AGES)
    assert {row.lateness for row in groups} == {OVERDUE, IN_TIME}
    lists = {
        "age": {key: has_age(TODAY, key) for key in AGES},
        "lateness": {key: stands(calendar, [desk.revision], TODAY, key) for key in LATENESS},
    }
    for name, kept in lists.items():
        told = Counter[str]()
        for row in groups:
            told[getattr(row, name)] += row.count
        shown = {key: _count(desk, "district", where) for key, where in kept.items()}
        assert {key: told[key] for key in shown} == shown
        assert sum(shown.values()) == len(waiting)


def test_nobody_s_numbers_leave_their_part_of_the_tree(
    desk: Desk, calendar: Calendar, waiting: list[int]
) -> None:
    seen = {who: _flow(desk, calendar, who) for who in ("centre", "district", "unit", "stranger")}
    counts = {who: sum(row.count for row in rows) for who, rows in seen.items()}
    assert counts == {"centre": 6, "district": 6, "unit": 4, "stranger": 0}
    assert {row.place_id for row in seen["centre"]} == {desk.unit.district_id}
    assert len({row.place_id for row in seen["district"]}) == 2
    assert {row.place_id for row in seen["unit"]} == {None}


def test_filling_something_in_makes_no_case_younger(
    desk: Desk, calendar: Calendar, waiting: list[int]
) -> None:
    _last_moved(desk, waiting[-1], TODAY, FILL)
    assert _count(desk, "unit", has_age(TODAY, OLD)) == 2
    assert _count(desk, "district", has_age(TODAY, OLD)) == 3, "15 days since it was entered"


def test_the_work_of_each_role_is_counted_within_its_scope(
    desk: Desk, calendar: Calendar, waiting: list[int]
) -> None:
    def told(who: str) -> dict[str, int]:
        work = todo.Desk(desk.people[who], calendar, [desk.revision], TODAY)
        found = todo.numbers(desk.session, work)
        return {key: n for key, n in found.items() if n and key != "duplicates"}

    assert told("unit") == {"mine": 2, "mine_overdue": 2, "overdue": 2}
    assert told("district") == {"mine": 2, "overdue": 4}
    assert told("writer") == {"overdue": 4}, "nobody decides what they entered"
    assert told("centre") == {"overdue": 4}
    assert told("stranger") == {}
