"""Rules that are not in force, tried on the cases that are there; nothing is written."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.application import PAID, REFUSED, Application
from models.audit import AuditEntry
from models.base import db
from models.programme import Revision, Window
from portal.access.permissions import NotAllowed
from portal.policy.judge import judge
from portal.policy.pack_rows import document_of
from portal.policy.simulate import CannotSimulate, Flip, Simulation, Tally, as_if, simulate
from tests.services.test_decide import ROUTE, Desk, desk

__all__ = ["desk"]
CODE = "sh-skill-2026"
FLOOR = ["certificate.issued_on", "between", ["2023-01-01", "window.closes"]]


@pytest.fixture
def cases(desk: Desk) -> list[int]:
    """Two eligible ones of 1,000 yuan, one of 2,000, one that asks, one that is refused."""
    return [
        *desk.enter(2),
        *desk.enter(1, certificate__level="高级技师", certificate__issued_on="2025-09-01"),
        *desk.enter(1, certificate__issuer="national"),
        *desk.enter(1, applicant__union_member="否"),
    ]


@pytest.fixture
def document(desk: Desk) -> dict[str, Any]:
    """The rules in force, to be changed."""
    return copy.deepcopy(document_of(desk.revision))


def _try(desk: Desk, document: dict[str, Any], who: str = "centre") -> Simulation:
    before = _everything(desk.session)
    found = simulate(desk.session, desk.people[who], document, CODE)
    assert _everything(desk.session) == before
    return found


def _everything(session: Session) -> list[list[str]]:
    assert not session.new and not session.dirty
    session.flush()
    return [
        sorted(map(repr, session.execute(select(table)))) for table in db.metadata.sorted_tables
    ]


def _condition(document: dict[str, Any], key: str) -> dict[str, Any]:
    return next(row for row in document["conditions"] if row["key"] == key)


def test_the_rules_in_force_change_nothing(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    found = _try(desk, document)
    assert (found.cases, found.flipped, found.repriced, found.flips) == (5, 0, 0, [])
    counts = {"eligible": 3, "held": 1, "ineligible": 1, "decided": 0}
    assert found.before == found.after == counts | {"fen": 5000_00, "held_fen": 1000_00}
    assert [(row.code, row.before_fen, row.after_fen) for row in found.districts] == [
        ("D1", 5000_00, 5000_00)
    ]


def test_pools_are_asked_for_what_the_tried_rules_give(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    lower, row, *others = document["tiers"]["rows"]
    row["amount"] += 50
    pool = {"title": "额度", "method": "first_come", "per": ["district"]}
    rest = [each["key"] for each in (lower, *others)]
    document["allocations"] = [
        {"key": "first", "tiers": [row["key"]], "budget": 2500, "places": 2, **pool},
        {"key": "rest", "tiers": rest, "budget": 2000, **pool},
    ]
    first, others = _try(desk, document).pools
    assert (first.key, first.cases, first.places, first.asked_fen) == ("first", 3, 2, 3150_00)
    assert (first.missing_places, first.missing_fen) == (1, 650_00)
    assert (others.key, others.cases, others.places, others.asked_fen) == ("rest", 1, None, 2000_00)
    assert (others.missing_places, others.missing_fen) == (0, 0)
    assert first.pool == others.pool == str(desk.case(cases[0]).district_id)


def test_a_later_date_floor_flips_cases_and_says_why(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    issued = _condition(document, "issued")
    issued["require"]["all"][0] = [*FLOOR[:2], ["2025-06-01", "window.closes"]]
    issued["clause"] = "新一"
    found = _try(desk, document)
    assert found.before["eligible"] == 3
    assert (found.after["eligible"], found.after["held"], found.after["ineligible"]) == (1, 0, 4)
    assert found.flipped == 3
    assert found.flips[0] == Flip(
        "S26-000001", "eligible", "ineligible", 1000_00, 0, "issued", "新一", issued["says"]
    )
    assert [row.before for row in found.flips] == ["eligible", "eligible", "held"]
    assert (found.before["fen"], found.after["fen"]) == (5000_00, 2000_00)
    assert [(row.after_fen, row.flips) for row in found.districts] == [(2000_00, 3)]


def test_what_becomes_eligible_names_what_stood_in_its_way(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    document["conditions"] = [row for row in document["conditions"] if row["key"] != "hr-opinion"]
    found = _try(desk, document)
    assert [(row.before, row.after, row.key, row.clause) for row in found.flips] == [
        ("held", "eligible", "hr-opinion", "四（一）2")
    ]


def test_amounts_that_change_alone_are_no_flips(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    tier = next(row for row in document["tiers"]["rows"] if row["key"] == "技师")
    tier["amount"] = 1500
    found = _try(desk, document)
    assert (found.flipped, found.repriced) == (0, 3)
    assert found.tiers["技师"] == {"before": 3, "before_fen": 3000_00, "count": 3, "fen": 4500_00}
    assert found.after["fen"] - found.before["fen"] == 3 * 500_00


def test_a_bound_is_simulated_in_the_order_of_submission(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    document["bounds"].append(
        {
            "key": "two", "clause": "三", "says": "每个区两名", "count": "awarded",
            "per": ["district"], "within": "window", "at_most": 2, "over": "refuse", "when": [],
        }
    )  # fmt: skip
    found = _try(desk, document)
    assert [(row.number, row.key) for row in found.flips] == [
        ("S26-000003", "two"),
        ("S26-000004", "two"),
    ]


def test_decided_cases_stay_and_are_counted(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    for who in ROUTE:
        desk.decide(who, cases[:1])
    desk.decide("unit", cases[1:2], "reject", reason="不符合条件")
    _condition(document, "issued")["require"]["all"][0][2] = ["2025-06-01", "window.closes"]
    found = _try(desk, document)
    assert (found.before["decided"], found.after["decided"]) == (2, 2)
    assert found.decided_otherwise == 1
    assert [row.number for row in found.flips] == ["S26-000004"]
    assert found.before["fen"] == 4000_00  # approved, 2,000 and the one that asks
    assert found.tiers["技师"]["count"] == 1


def test_what_a_person_passed_stays_passed(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    desk.decide("unit", cases[3:4])
    desk.decide("district", cases[3:4], override_reason="已电话核实")
    found = _try(desk, document)
    assert (found.after["eligible"], found.after["held"], found.flipped) == (4, 0, 0)


def test_a_window_called_otherwise_is_the_one_in_its_place(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    document["windows"][0] |= {"key": "first", "closes": "2026-12-31"}
    document["windows"].append(
        {"key": "second", "title": "第二批", "opens": "2027-01-01", "closes": "2027-02-01"}
    )
    made = as_if(desk.revision, document)
    assert [row.id for row in made.windows] == [desk.revision.windows[0].id, -2]
    assert _try(desk, document).flipped == 0


def test_a_case_whose_window_is_gone_is_asked_about(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    document["windows"] = []
    found = _try(desk, document)
    assert [row.after for row in found.flips] == ["held"] * 3
    assert {row.key for row in found.flips} == {"issued"}


def test_cases_of_every_revision_are_judged(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    second = Revision(programme=desk.revision.programme, number=2, state="draft", version=1)
    second.windows = [
        Window(position=1, key="main", opens_on=date(2026, 6, 16), closes_on=date(2026, 9, 15))
    ]
    desk.session.add(second)
    desk.session.flush()
    moved = update(Application).where(Application.id == cases[0])
    desk.session.execute(moved.values(revision_id=second.id, window_id=second.windows[0].id))
    desk.session.expire_all()
    found = _try(desk, document)
    assert (found.cases, found.flipped) == (5, 0)


@pytest.mark.parametrize(("who", "seen"), [("centre", 5), ("district", 4), ("stranger", 1)])
def test_only_cases_in_view_count(
    desk: Desk, cases: list[int], document: dict[str, Any], who: str, seen: int
) -> None:
    elsewhere = desk.people["stranger"].organization_id
    desk.session.execute(
        update(Application)
        .where(Application.id == cases[4])
        .values(district_id=elsewhere, organization_id=elsewhere)
    )
    tally = Tally(desk.session)
    made = as_if(desk.revision, document)
    tally.add(desk.people[who], desk.revision, made)
    assert tally.told().cases == seen


def test_a_district_may_not_simulate(desk: Desk, document: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        simulate(desk.session, desk.people["district"], document, CODE)


def test_only_so_many_flips_are_named(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    document["tiers"]["rows"] = [
        {"key": "t", "clause": "三", "amount": 1, "when": [["certificate.level", "is", "无"]]}
    ]
    found = simulate(desk.session, desk.people["centre"], document, CODE, most=1)
    assert (found.flipped, len(found.flips)) == (4, 1)
    assert (found.flips[0].key, found.flips[0].clause) == ("tier", "三")


def test_rules_that_do_not_compile_are_refused(desk: Desk, document: dict[str, Any]) -> None:
    _condition(document, "member")["require"] = {"all": [["applicant.shoe_size", "is true"]]}
    with pytest.raises(CannotSimulate, match=r"conditions\.0\.require"):
        simulate(desk.session, desk.people["centre"], document, CODE)


def test_a_programme_without_cases_can_be_tried(desk: Desk, document: dict[str, Any]) -> None:
    assert _try(desk, document).cases == 0


def test_judging_after_says_what_the_simulation_said(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    """The same rows, written: what was stored before is what the simulation starts from."""
    desk.session.execute(update(Application).values(verdict="held", amount_fen=0))
    found = _try(desk, document)
    judge(desk.session, desk.revision)
    stored = dict(
        desk.session.execute(
            select(Application.verdict, func.count()).group_by(Application.verdict)
        ).all()
    )
    assert {key: found.after[key] for key in stored} == stored
    assert desk.session.scalar(select(func.sum(Application.amount_fen))) == found.after["fen"]
    assert desk.session.scalar(select(func.count(AuditEntry.id))) is not None


def test_paid_and_refused_cases_are_decided(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    for case, state in ((cases[0], PAID), (cases[1], REFUSED)):
        desk.session.execute(update(Application).where(Application.id == case).values(state=state))
    found = _try(desk, document)
    assert (found.after["decided"], found.decided_otherwise) == (2, 0)
    assert found.after["fen"] == 4000_00


def test_a_replay_judges_what_was_decided_and_tells_the_difference(
    desk: Desk, cases: list[int], document: dict[str, Any]
) -> None:
    for who in ROUTE:
        desk.decide(who, cases[:2])
    _condition(document, "issued")["require"]["all"][0][2] = ["2025-06-01", "window.closes"]
    rows = {row["key"]: row for row in document["tiers"]["rows"]}
    rows["高级技师"]["amount"] = 2500
    found = _replay(desk, document)
    assert (found.before["decided"], found.flipped, found.repriced) == (0, 3, 1)
    assert [(row.number, row.after_fen - row.before_fen) for row in found.flips] == [
        ("S26-000001", -1000_00),
        ("S26-000002", -1000_00),
        ("S26-000003", 500_00),
        ("S26-000004", -1000_00),
    ]
    assert (found.more_fen, found.less_fen) == (500_00, 3000_00)


@pytest.mark.parametrize(
    ("yuan", "day", "beyond"),
    [
        (5000, None, (0, 0)),
        (4999, date(2026, 8, 3), (1, 1000_00)),
        (0, date(2026, 8, 3), (4, 5000_00)),
    ],
)
def test_a_budget_reaches_so_far_in_the_order_of_submission(
    desk: Desk,
    cases: list[int],
    document: dict[str, Any],
    yuan: int,
    day: date | None,
    beyond: tuple[int, int],
) -> None:
    reach = _replay(desk, document, budget_fen=yuan * 100).exhaustion
    assert reach is not None
    assert (reach.day, (reach.cases, reach.fen)) == (day, beyond)


def _replay(desk: Desk, document: dict[str, Any], **asked: int) -> Simulation:
    return simulate(desk.session, desk.people["centre"], document, CODE, replay=True, **asked)
