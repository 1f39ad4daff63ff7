"""Full quotas: what the notices add up to, and who waits once every place is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.application import ELIGIBLE, HELD, WAITING, Application
from models.decision import DecisionBatch, Override
from models.programme import Stage
from portal.access.accounts import system_actor
from portal.config import ROOT
from portal.funding.matching import matching
from portal.policy.judge import judge, summary
from portal.review.route import stages_of
from portal.review.standing import questions_left
from tests.support.books import Scene, read_book

BOOKS = ROOT / "tests" / "policy_cases"


@pytest.fixture
def scene(app: Flask, session: Session, tmp_path: Path, programme: str) -> Scene:
    """The programme in force and nobody's application."""
    return Scene(session, read_book(BOOKS / f"{programme}.yaml"), tmp_path)


def _fill(scene: Scene, lots: list[tuple[int, dict[str, Any]]]) -> None:
    """Enter so many cases with such facts, in this order."""
    for times, facts in lots:
        case = {"says": str(facts), "facts": facts}
        scene.play(case | {"before": [{"facts": facts, "times": times - 1}]})


def _found(session: Session, verdict: str) -> dict[str, int]:
    """How many of each tier came out so."""
    rows = session.execute(
        select(Application.tier_key, func.count())
        .where(Application.verdict == verdict)
        .group_by(Application.tier_key)
    )
    return {str(tier): count for tier, count in rows}


@pytest.mark.parametrize("programme", ["sh-studio-2020"])
def test_the_places_of_studios_are_worth_a_million_and_a_half(
    session: Session, scene: Scene
) -> None:
    artisan = {"studio.category": "工匠", "field.leader_honours": "上海工匠"}
    women = {"studio.category": "巾帼", "applicant.sex": "女", "field.members": "甲||||||女\n" * 4}
    _fill(scene, [(27, artisan), (50, {}), (30, women), (23, {"studio.category": "职工"})])
    _judged_fit(session, scene, "leader")
    judge(session, scene.revision)
    told = summary(session, scene.revision.programme)
    assert _found(session, ELIGIBLE) == {"工匠": 25, "技师": 50, "巾帼": 30, "职工": 20}
    assert _found(session, HELD) == {"工匠": 2, "职工": 3}
    assert (told["eligible"], told["eligible_fen"]) == (125, 1_500_000_00)
    assert _owed(session, scene) == {"city": 1_500_000_00, "match": 1_500_000_00}


@pytest.mark.parametrize("programme", ["bj-project-2022"])
def test_the_places_of_projects_are_worth_three_and_a_half_million(
    session: Session, scene: Scene
) -> None:
    city = {"studio.level": "市级", "field.requested": "10万元"}
    lots = [(12, city), (20, city | {"field.requested": "5万元"}), (51, {})]
    _fill(scene, lots)
    judge(session, scene.revision)
    told = summary(session, scene.revision.programme)
    assert _found(session, ELIGIBLE) == {"市级10万": 10, "市级5万": 20, "区局级3万": 50}
    assert _found(session, HELD) == {"市级5万": 2, "区局级3万": 1}
    assert (told["eligible"], told["eligible_fen"]) == (80, 3_500_000_00)
    # R085: half of the two higher sums, a third of the lowest; the rest is the districts'
    assert _owed(session, scene) == {
        "city": 1_500_000_00, "district-half": 1_000_000_00, "district-double": 1_000_000_00,
    }  # fmt: skip


@pytest.mark.parametrize("programme", ["bj-project-2022"])
def test_who_has_a_place_is_settled_before_it_is_made_public(
    session: Session, scene: Scene
) -> None:
    _fill(scene, [(51, {})])
    judge(session, scene.revision)
    last = session.scalars(select(Application).where(Application.verdict == HELD)).one()
    left = {
        stage.key: session.scalar(
            select(questions_left(scene.revision, last.route, stage)).where(
                Application.id == last.id
            )
        )
        for stage in stages_of(scene.revision, last.route)
    }
    settled = {key for key, asked in left.items() if asked == ",fifty,"}
    assert settled == {"list", "notice", "acceptance"}
    assert left["panel"] == ","


@pytest.mark.parametrize("programme", ["bj-project-2022"])
@pytest.mark.parametrize(("stage", "missed"), [("acceptance", ",unfinished,"), ("panel", "")])
def test_an_earlier_project_that_waits_to_be_accepted_is_unfinished(
    session: Session, scene: Scene, stage: str, missed: str
) -> None:
    facts = {"studio.name": "数控工作室"}
    earlier = facts | {"application.received_on": scene.book.usual["application.received_on"]}
    earlier["application.received_on"] = earlier["application.received_on"].replace(year=2021)
    case = {"says": "this year", "facts": facts, "earlier": earlier, "became": WAITING}
    found = session.get_one(Application, scene.play(case))
    before = Application.programme_id != found.programme_id
    session.execute(update(Application).where(before).values(stage_key=stage))
    judge(session, scene.revision)
    session.refresh(found)
    assert found.missed == missed
    assert session.scalar(select(func.count(Stage.id)).where(Stage.key == stage)) == 2


def _owed(session: Session, scene: Scene) -> dict[str, int]:
    """What each payer would bear, by its share."""
    actor = replace(system_actor(session), role="finance")
    found = matching(session, actor, scene.revision.programme)
    assert all(sum(row.instalments.values()) == row.fen for row in found.rows)
    return {row.key: row.fen for row in found.totals()}


def _judged_fit(session: Session, scene: Scene, condition: str) -> None:
    """A person found everybody fit who is asked about *condition* alone."""
    act = DecisionBatch(outcome="pass", decided_at=scene.book.after.now())
    session.add(act)
    session.flush()
    asked = Application.asked.contains(f",{condition},")
    session.add_all(
        Override(
            application_id=case,
            condition_key=condition,
            revision_id=scene.revision.id,
            batch_id=act.id,
            reason="首席员工",
            made_at=scene.book.after.now(),
        )
        for case in session.scalars(select(Application.id).where(asked)).all()
    )
    session.flush()
