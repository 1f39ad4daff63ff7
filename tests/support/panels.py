"""A city at work on one programme of a notice: its people, its experts, the way of its cases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.decision import PASS
from models.panel import Expert, ScoreSheet
from models.programme import Stage
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.clock import Clock
from portal.config import ROOT
from portal.policy import packs
from portal.review import panel
from portal.review.decide import Outcome, decide
from portal.review.selections import freeze
from portal.review.stage_answers import fill_in
from tests.support.books import PROGRAMMES, Scene, read_book

BOOKS = ROOT / "tests" / "policy_cases"


class Hall:
    """A programme in force, with fewer places than its notice has, and who works there.

    *before* has the pack's text of stages that the city adds, by the key of the stage that they
    stand before. ``clock`` is the day on which things happen, the book's or *day*; ``at`` moves
    it.
    """

    def __init__(
        self,
        session: Session,
        home: Path,
        code: str,
        *,
        before: dict[str, str] | None = None,
        day: date | None = None,
        **places: int,
    ) -> None:
        self.session = session
        book = read_book(BOOKS / f"{code}.yaml")
        book = replace(book, after=Clock(day)) if day else book
        self.scene = _Scene(session, book, home, places, before or {})
        self.revision = self.scene.revision
        self.clock = self.scene.book.after

    def at(self, day: date) -> None:
        """It is *day* now."""
        self.clock = Clock(day)

    def who(self, role: str) -> Actor:
        """Somebody of the city with *role*."""
        return replace(system_actor(self.session), role=role)

    def enter(self, place: dict[str, str] | None = None, **facts: Any) -> int:
        """A case with *facts* (``__`` for the dot) at *place*; gives its id."""
        named = {key.replace("__", "."): value for key, value in facts.items()}
        return self.scene.play({"says": "a case", "facts": named, "place": place or {}})

    def form(self, place: dict[str, str] | None = None, **facts: Any) -> dict[str, str]:
        """What such a case writes on its form, for somebody to enter at *place*."""
        named = {key.replace("__", "."): value for key, value in facts.items()}
        return self.scene.filled({"says": "a case", "facts": named, "place": place or {}})

    def case(self, number: int) -> Application:
        """The case as it stands."""
        self.session.expire_all()
        return self.session.get_one(Application, number)

    def stage(self, key: str) -> Stage:
        """A stage of the programme."""
        return next(row for row in self.revision.stages if row.key == key)

    def decide(
        self, stage: str, cases: Iterable[int], outcome: str = PASS, why: str = "已看过"
    ) -> Outcome:
        """Decide *cases* at *stage* by who acts there, with a reason for whatever is asked."""
        actor = self.who(self.stage(stage).acts)
        chosen = select(Application.id).where(Application.id.in_(list(cases)))
        selection = freeze(self.session, actor, self.clock, outcome, chosen)
        return decide(self.session, actor, self.clock, selection, outcome, why, why)

    def on(self, stages: Sequence[str], cases: Sequence[int]) -> None:
        """All of *cases* pass each of *stages*."""
        for stage in stages:
            done = self.decide(stage, cases)
            assert (done.decided, done.skipped) == (len(cases), []), stage

    def fill(self, number: int, **cells: str) -> None:
        """Fill in what the stage asks at which the case waits."""
        case = self.case(number)
        actor = self.who(self.stage(str(case.stage_key)).acts)
        typed = {key.replace("__", "."): text for key, text in cells.items()}
        assert fill_in(self.session, actor, self.clock, case, typed, case.version) == []

    def expert(self, name: str, **place: Any) -> Expert:
        """An expert of the city."""
        made = Expert(name=name, version=1, is_active=True, **place)
        self.session.add(made)
        self.session.flush()
        return made

    def score(self, sheet: ScoreSheet, percent: int) -> None:
        """The centre types *sheet* from paper: so much of each criterion's points."""
        stage = self.stage(sheet.stage_key)
        points = {
            item["key"]: str(item["most"] * percent / 100)
            for item in panel.panel_of(stage)["criteria"]
        }
        actor = self.who(stage.acts)
        panel.score(self.session, actor, self.clock, sheet, points, "有据可依", sheet.version)


class _Scene(Scene):
    """A scene whose pack has as many places as the test says, so that few cases fill them."""

    def __init__(
        self,
        session: Session,
        book: Any,
        home: Path,
        places: dict[str, int],
        before: dict[str, str],
    ) -> None:
        self.limits, self.before = places, before
        super().__init__(session, book, home)

    def filled(self, case: Any) -> dict[str, str]:
        """What *case* writes on its form, by field, for somebody else to enter."""
        unit = self._unit(self.book.place | case["place"])
        return self._form(self.revision, case, unit)

    def _published(self, code: str, year: str) -> Any:
        text = (PROGRAMMES / f"{code}.yaml").read_text(encoding="utf-8")
        for key, most in self.limits.items():
            bound = rf"(  - key: {key.replace('_', '-')}\n(?:    .*\n)*?    at_most: )\d+"
            text, found = re.subn(bound, rf"\g<1>{most}", text)
            assert found == 1, key
        for key, added in self.before.items():
            stands = f"  - key: {key}\n"
            assert text.count(stands) == 1, key
            text = text.replace(stands, added + stands)
        file = self.home / f"{code}.yaml"
        file.write_text(text, encoding="utf-8")
        actor = system_actor(self.session)
        made = packs.load_pack(self.session, actor, self.book.after, file).programme.code
        return packs.publish(self.session, actor, self.book.after, made)
