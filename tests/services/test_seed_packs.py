"""The packs of ``seed/programmes`` beyond verdicts: routes, due dates, who signs, what stays a
draft."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.application import APPROVED, Application
from models.decision import RETURN
from models.patent import Patent
from models.programme import Programme
from models.types import Fen
from portal.access.accounts import system_actor
from portal.calendar import calendar_of
from portal.funding.budget import set_budget
from portal.funding.payout import NothingToPay, make_batch
from portal.policy.judge import in_force
from portal.policy.packs import NotPublishable, publish
from portal.review.deadlines import due_of
from portal.review.route import stages_of
from portal.review.stage_answers import fill_in
from seed.demo import load_programmes
from tests.support.books import PROGRAMMES, Case
from tests.support.cases import CLOCK
from tests.support.walk import Walk

BUREAU = {"district": "B", "kind": "bureau"}
NATIONAL = {"certificate.issuer": "national"}
CONTEST = {"field.contest": "焊接赛项"}


@pytest.mark.parametrize(
    ("programme", "case", "route"),
    [
        ("sh-skill-2015", {}, ["district", "centre", "economy", "treasury"]),
        ("sh-skill-2015", {"facts": NATIONAL}, ["hr", "district", "centre", "economy", "treasury"]),
        ("sh-patent-2023", {}, ["unit", "district", "centre", "city"]),
        *(
            (
                "sh-patent-2023",
                {"facts": {"patent.class": kind}, "place": place},
                ["unit", "district", "papers", "centre", "city"],
            )
            for kind in ("国防", "外省市", "国际")
            for place in ({}, BUREAU)
        ),
        ("bj-patent-2022", {}, ["unit", "district", "approval"]),
        ("sh-skill-2026", {}, ["unit", "district", "centre", "city"]),
        ("sh-skill-2026", {"channel": "personal"}, ["match", "city"]),
        ("sh-skill-2026", {"channel": "collective", "facts": CONTEST}, ["city"]),
    ],
)
def test_a_case_walks_the_route_of_its_kind(
    session: Session, tmp_path: Path, programme: str, case: Case, route: list[str]
) -> None:
    walk = Walk(session, tmp_path, programme, **case)
    assert [stage.key for stage in stages_of(walk.scene.revision, walk.case.route)] == route
    assert walk.case.stage_key == route[0]


@pytest.mark.parametrize(
    ("programme", "case", "stage", "day"),
    [
        ("sh-skill-2015", {"facts": {"application.received_on": "2015-04-10"}}, "district",
         date(2015, 4, 20)),
        ("sh-skill-2015", {}, "district", date(2015, 10, 15)),
        ("sh-patent-2023", {}, "district", date(2023, 10, 7)),
        ("sh-patent-2023", {"facts": {"application.received_on": "2023-11-15"}}, "district",
         date(2023, 11, 29)),
        ("bj-patent-2022", {}, "unit", date(2022, 11, 1)),
        ("bj-patent-2022", {}, "district", date(2022, 11, 1)),
        ("sh-skill-2026", {}, "district", date(2026, 9, 29)),
        ("sh-skill-2026", {"channel": "personal"}, "match", date(2026, 8, 17)),
        ("sh-skill-2026",
         {"channel": "personal", "facts": {"application.received_on": "2026-09-15"}}, "match",
         date(2026, 9, 29)),
    ],
)  # fmt: skip
def test_a_stage_is_due_on_the_day_that_the_notice_gives(
    session: Session, tmp_path: Path, programme: str, case: Case, stage: str, day: date
) -> None:
    walk = Walk(session, tmp_path, programme, **case)
    session.execute(update(Application).values(stage_key=stage))
    due = due_of(session, calendar_of(session), walk.case)
    assert due is not None
    assert due.day == day


def test_a_stage_is_not_due_by_papers_where_none_have_a_day(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "sh-skill-2026")
    next(row for row in walk.scene.revision.stages if row.key == "unit").due = {
        "after": "window.paper", "days": 0,
    }  # fmt: skip
    with session.no_autoflush:  # what is in force is frozen
        found = due_of(session, calendar_of(session), session.get_one(Application, walk.id))
    session.expire_all()
    assert found is None


def test_human_resources_come_first_and_the_treasury_signs_last(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "sh-skill-2015", facts=NATIONAL)
    assert walk.decide("grass-roots") == 0
    answer = {"field.hr_opinion": "同意"}
    who, version = walk.who("grass-roots"), walk.case.version
    assert fill_in(session, who, walk.book.after, walk.case, answer, version) == []
    said = [walk.label()]
    for role in ("grass-roots", "district", "city-centre", "city-approver"):
        assert walk.decide("finance") == 0
        assert walk.decide(role) == 1
        said.append(walk.label())
    assert said == [
        "未审核",
        "未审核",
        "区县局初审通过",
        "市技协服务中心终审通过",
        "市技协服务中心终审通过",
    ]
    assert walk.decide("finance") == 1
    assert (walk.case.state, walk.label()) == (APPROVED, "市技协服务中心终审通过")


@pytest.mark.parametrize(("facts", "first"), [({}, "district"), (NATIONAL, "hr")])
def test_what_the_centre_returns_begins_anew(
    session: Session, tmp_path: Path, facts: dict[str, str], first: str
) -> None:
    opinion = {"field.hr_opinion": "同意"} if facts else {}
    walk = Walk(session, tmp_path, "sh-skill-2015", facts=facts | opinion)
    for role in ("grass-roots", "district"):
        walk.decide(role)
    assert walk.decide("city-centre", RETURN) == 1
    assert walk.case.stage_key == first


def test_a_patent_that_becomes_invalid_after_approval_is_not_paid(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "sh-patent-2023")
    for role in ("grass-roots", "district", "city-centre", "city-approver"):
        assert walk.decide(role) == 1
    programme, district = walk.scene.revision.programme, walk.scene.places["D"]
    finance = walk.who("finance")
    set_budget(session, finance, walk.book.after, programme, Fen(10_000_00))
    session.execute(update(Patent).values(legal_status="invalid"))
    with pytest.raises(NothingToPay):
        make_batch(session, finance, walk.book.after, programme, district)
    session.execute(update(Patent).values(legal_status="valid"))
    batch = make_batch(session, finance, walk.book.after, programme, district)
    assert (batch.payments_count, batch.total_fen) == (1, 2_000_00)


def test_what_a_notice_leaves_unset_stays_a_draft(session: Session) -> None:
    load_programmes(session, CLOCK)
    programmes = session.scalars(select(Programme)).all()
    assert len(programmes) == len(list(PROGRAMMES.glob("*.yaml")))
    unset = [row.code for row in programmes if in_force(session, row) is None]
    assert unset == ["sh-skill-2015"]
    with pytest.raises(NotPublishable) as refused:
        publish(session, system_actor(session), CLOCK, "sh-skill-2015")
    assert refused.value.params["path"] == "tiers.rows.0.amount"


def test_programmes_of_one_notice_say_the_same_of_it() -> None:
    notices: dict[str, Any] = {}
    for path in PROGRAMMES.glob("*.yaml"):
        notice = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["notice"]
        assert notices.setdefault(notice["key"], notice) == notice, path.name
    assert set(notices) == {"S15", "S20", "S23", "S26", "B22"}
