"""Stages that only some cases walk, and what a stage fills in itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.decision import FILL, PASS, RETURN, Decision
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.review.decide import decide
from portal.review.entering import ChangedMeanwhile
from portal.review.invariants import violations
from portal.review.selections import freeze
from portal.review.stage_answers import NotThisStage, fill_in
from tests.support.books import Scene, read_book

BOOK = read_book(Path(__file__).parents[1] / "policy_cases" / "sh-studio-2020.yaml")
USUAL = {"says": "a studio", "facts": {}, "place": {"nature": "个私"}}


class Walk:
    """One studio on its way, and the people on it."""

    def __init__(self, session: Session, home: Path) -> None:
        self.session = session
        self.scene = Scene(session, BOOK, home)
        self.id = self.scene.play(USUAL)

    def who(self, role: str) -> Actor:
        """Somebody of the city with *role*."""
        return replace(system_actor(self.session), role=role)

    @property
    def case(self) -> Application:
        """The case as it stands."""
        self.session.expire_all()
        return self.session.get_one(Application, self.id)

    def decide(self, role: str, outcome: str = PASS) -> None:
        """Decide it, with a reason for whatever is asked."""
        chosen = select(Application.id).where(Application.id == self.id)
        selection = freeze(self.session, self.who(role), BOOK.after, outcome, chosen)
        done = decide(
            self.session, self.who(role), BOOK.after, selection, outcome, "已看过", "已看过"
        )
        assert done.decided == 1, done.skipped

    def fill(self, role: str, version: int = 0, **cells: str) -> list[str]:
        """Fill in what the stage asks; gives the labels of what is wrong."""
        seen = version or self.case.version
        typed = {f"field.{key}": text for key, text in cells.items()}
        found = fill_in(self.session, self.who(role), BOOK.after, self.case, typed, seen)
        return [problem.label for problem in found]


@pytest.fixture
def walk(session: Session, tmp_path: Path) -> Walk:
    """A studio that waits at its first stage."""
    return Walk(session, tmp_path)


@pytest.mark.parametrize(("category", "is_visited"), [("工匠", True), ("技师", False)])
def test_only_one_category_is_visited(
    session: Session, tmp_path: Path, category: str, is_visited: bool
) -> None:
    scene = Scene(session, BOOK, tmp_path)
    case = session.get_one(
        Application, scene.play(USUAL | {"facts": {"studio.category": category}})
    )
    assert (",visit," in case.route) == is_visited
    assert case.route.startswith(",district,centre,panel,")


def test_a_stage_fills_in_its_own_fields(walk: Walk) -> None:
    walk.decide("district")
    walk.decide("city-centre")
    version = walk.case.version
    assert walk.fill("city-centre", structure="也许") == ["团队结构合理"]
    assert walk.case.version == version
    assert walk.fill("city-centre", structure="否") == []
    case = walk.case
    assert case.fields["structure"] is False
    assert (case.state, case.stage_key, case.version) == ("waiting", "panel", version + 1)
    last = walk.session.scalars(select(Decision).order_by(Decision.id.desc())).first()
    assert last is not None
    assert (last.outcome, last.from_stage, last.to_stage) == (FILL, "panel", "panel")
    assert list(violations(walk.session)) == []


def test_nobody_types_what_the_sheets_of_experts_come_to(walk: Walk) -> None:
    walk.decide("district")
    walk.decide("city-centre")
    assert walk.fill("city-centre", score="99", structure="是") == []
    assert "score" not in walk.case.fields


def test_another_stage_and_another_role_fill_in_nothing(walk: Walk) -> None:
    with pytest.raises(NotThisStage):
        walk.fill("city-centre", structure="是")
    walk.decide("district")
    walk.decide("city-centre")
    with pytest.raises(NotThisStage):
        walk.fill("district", structure="是")


def test_two_people_never_fill_in_over_each_other(walk: Walk) -> None:
    walk.decide("district")
    walk.decide("city-centre")
    seen = walk.case.version
    assert walk.fill("city-centre", seen, structure="否") == []
    with pytest.raises(ChangedMeanwhile):
        walk.fill("city-centre", seen, structure="是")
    assert walk.case.fields["structure"] is False


def test_what_a_stage_filled_in_outlives_a_return(walk: Walk) -> None:
    walk.decide("district")
    walk.decide("city-centre")
    walk.fill("city-centre", structure="否")
    walk.decide("city-centre", RETURN)
    walk.scene.correct(walk.id, {"studio.speciality": "焊接"})
    case = walk.case
    assert (case.state, case.stage_key) == ("waiting", "centre")
    assert (case.fields["structure"], case.studio and case.studio.speciality) == (False, "焊接")
    assert list(violations(walk.session)) == []
