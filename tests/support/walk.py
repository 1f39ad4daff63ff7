"""One case of a book, decided stage by stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.decision import PASS
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.calendar import load_days
from portal.config import ROOT
from portal.policy.judge import judge
from portal.review.decide import decide
from portal.review.route import standing_word
from portal.review.selections import freeze
from portal.review.stage_answers import fill_in
from seed.calendars import published as days
from tests.support.books import Case, Scene, read_book

BOOKS = ROOT / "tests" / "policy_cases"


class Walk:
    """One case of a book on its way."""

    def __init__(self, session: Session, home: Path, programme: str, **case: Any) -> None:
        self.session = session
        self.book = read_book(BOOKS / f"{programme}.yaml")
        load_days(session, system_actor(session), self.book.after, list(days()))
        self.scene = Scene(session, self.book, home)
        usual: Case = {"says": "a case", "facts": {}}
        self.id = self.scene.play(usual | case)
        judge(session, self.scene.revision)

    def who(self, role: str) -> Actor:
        """Somebody of the city with *role*."""
        return replace(system_actor(self.session), role=role)

    @property
    def case(self) -> Application:
        """The case as it stands."""
        self.session.expire_all()
        return self.session.get_one(Application, self.id)

    def decide(self, role: str, outcome: str = PASS) -> int:
        """Decide it as *role*; gives how many were decided."""
        chosen = select(Application.id).where(Application.id == self.id)
        selection = freeze(self.session, self.who(role), self.book.after, outcome, chosen)
        reason = "" if outcome == PASS else "请补正"
        done = decide(self.session, self.who(role), self.book.after, selection, outcome, reason)
        return done.decided

    def label(self) -> str:
        """Where it stands, in the programme's own words."""
        return standing_word(self.case)

    def pass_by(self, *roles: str) -> None:
        """Pass the next stages, decided by *roles* one after the other."""
        for role in roles:
            assert self.decide(role) == 1, role

    def answer(self, role: str, **cells: str) -> None:
        """Fill in what the stage asks, ``__`` for the dot."""
        named = {key.replace("__", "."): value for key, value in cells.items()}
        case = self.case
        assert (
            fill_in(self.session, self.who(role), self.book.after, case, named, case.version) == []
        )
