"""Due dates of waiting cases: one by one and as the list's condition, on the published calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from models.application import Application
from models.calendar import CalendarDay
from models.decision import Decision, DecisionBatch
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.access.permissions import NotAllowed
from portal.calendar import Calendar, calendar_of, load_days
from portal.calendar_files import BadCalendar, read_days
from portal.policy.facts import source
from portal.policy.sql_days import shanghai_day
from portal.review.deadlines import (
    DUE_SOON,
    IN_TIME,
    LATENESS,
    OVERDUE,
    SOON,
    due_by,
    due_of,
    lateness,
    stands,
    terms_sql,
)
from seed.calendars import published as days
from tests.conftest import City
from tests.support.cases import CLOCK, cells, entered, published


@dataclass
class Office:
    """Six cases at the first stage, and the calendar."""

    session: Session
    revision: Revision
    ids: list[int]
    calendar: Calendar

    def at(self, stage: str) -> Application:
        """The first case, waiting at *stage*."""
        self.session.execute(update(Application).values(stage_key=stage))
        self.session.expire_all()
        return self.session.get_one(Application, self.ids[0])


@pytest.fixture
def office(session: Session, city: City) -> Office:
    """Cases received on six days around holidays."""
    load_days(session, system_actor(session), CLOCK, list(days()))
    revision = published(session)
    writer = city.person("writer", "district", "D1")
    ids = entered(session, writer, revision, [cells(city.union("D1-1"), n) for n in range(6)])
    for number, row_id in enumerate(ids):
        day = date(2026, 9, 8) + timedelta(days=3 * number)
        session.execute(
            update(Application).where(Application.id == row_id).values(submitted_on=day)
        )
    return Office(session, revision, ids, calendar_of(session))


def test_a_stage_is_due_by_its_clause(office: Office) -> None:
    assert due_of(office.session, office.calendar, office.at("unit")) is None
    due = due_of(office.session, office.calendar, office.at("district"))
    assert due is not None
    assert (due.day, due.provisional) == (date(2026, 9, 29), False)


def test_a_decided_case_is_due_no_more(office: Office) -> None:
    case = office.at("district")
    case.state = "approved"
    assert due_of(office.session, office.calendar, case) is None


@pytest.mark.parametrize(
    "rule",
    [
        {"after": "window.closes", "days": 14},
        {"after": "window.opens", "months": 3},
        {"after": "application.submitted_on", "working_days": 10},
        {"after": "application.submitted_on", "days": 14, "roll": "none"},
        {"after": "application.submitted_on", "day_of_next_month": 15, "roll": "back"},
        {"after": "application.submitted_on", "years": 1},
        {"after": "certificate.issued_on", "months": 18},
        {"after": "stage.entered", "working_days": 5},
        {"after": "stage.unit", "days": 14},
    ],
)
def test_the_list_agrees_with_each_case(office: Office, rule: dict[str, Any]) -> None:
    office.at("district")
    _decided(office)
    stage = SimpleNamespace(key="district", due=rule)
    revision = SimpleNamespace(
        id=office.revision.id, stages=[stage], windows=office.revision.windows
    )
    dues = {}
    for row in office.session.scalars(select(Application)):
        case = SimpleNamespace(
            id=row.id, state=row.state, stage_key=row.stage_key, revision=revision,
        )  # fmt: skip
        found = due_of(office.session, office.calendar, cast(Application, case))
        assert found is not None
        dues[row.id] = found.day
    for limit in sorted({day + timedelta(days=n) for day in dues.values() for n in (-1, 0, 1)}):
        where = due_by(office.calendar, [cast(Revision, revision)], limit)
        listed = set(office.session.scalars(select(Application.id).where(where)))
        assert listed == {row_id for row_id, day in dues.items() if day <= limit}
        _each_stands_one_way(office, cast(Revision, revision), dues, limit)


def _each_stands_one_way(
    office: Office, revision: Revision, dues: dict[int, date], today: date
) -> None:
    """On *today* each case is in one list, by its own due day, and the overview says the same."""
    expected = {
        row_id: OVERDUE if day < today else DUE_SOON if day <= today + SOON else IN_TIME
        for row_id, day in dues.items()
    }
    for how in LATENESS:
        where = stands(office.calendar, [revision], today, how)
        listed = set(office.session.scalars(select(Application.id).where(where)))
        assert listed == {row_id for row_id, kind in expected.items() if kind == how}, how
    number, anchor, needs = terms_sql([revision])
    read = select(Application.id, number.label("number"), anchor.label("anchor"))
    rows = read.select_from(source(needs)).subquery()
    told = select(rows.c.id, lateness(office.calendar, [revision], today, rows))
    assert dict(office.session.execute(told).all()) == expected


def _decided(office: Office) -> None:
    """Each case passed the first stage, on evenings that are the next day in Shanghai."""
    act = DecisionBatch(outcome="pass", decided_at=CLOCK.now())
    office.session.add(act)
    office.session.flush()
    for number, row_id in enumerate(office.ids):
        moment = datetime(2026, 9, 20, 15, 59, tzinfo=UTC) + timedelta(hours=7 * number)
        row = {"application_id": row_id, "batch_id": act.id, "outcome": "pass", "version": 1,
               "from_stage": "unit", "to_stage": "district", "to_state": "waiting",
               "revision_id": office.revision.id, "amount_fen": 0, "reason": "",
               "decided_at": moment}  # fmt: skip
        office.session.execute(insert(Decision).values(row))


def test_evenings_belong_to_the_next_day_in_shanghai(office: Office) -> None:
    office.at("district")
    _decided(office)
    passed = [
        office.session.scalar(
            select(shanghai_day(Decision.decided_at)).where(
                Decision.application_id == row_id, Decision.outcome == "pass"
            )
        )
        for row_id in office.ids[:2]
    ]
    assert passed == [date(2026, 9, 20), date(2026, 9, 21)]


def test_a_year_is_replaced_as_a_whole(office: Office) -> None:
    actor = system_actor(office.session)
    assert load_days(office.session, actor, CLOCK, [(date(2026, 1, 1), "off", "元旦")]) == {2026: 1}
    year = CalendarDay.day >= date(2026, 1, 1)
    assert len(office.session.scalars(select(CalendarDay).where(year)).all()) == 1


def test_a_unit_loads_no_calendar(office: Office, city: City) -> None:
    with pytest.raises(NotAllowed):
        load_days(office.session, city.person("unit", "grass-roots", "D1-1"), CLOCK, [])


@pytest.mark.parametrize(
    "row", ["2026-02-30,off,x", "2026-01-01,closed,x", "2026-01-01,off", "x", "2026-01-02,off,a"]
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"day,kind,title\n2026-01-02,off,元旦\n{row}\n", encoding="utf-8")
    with pytest.raises(BadCalendar) as caught:
        read_days(path)
    assert caught.value.params["line"] == 3
