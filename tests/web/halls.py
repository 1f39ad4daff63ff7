"""Three cases of one unit and everybody who meets them, for tests of the screens of a case."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import func, select

from models.application import Application
from models.base import begin_writing, db
from models.programme import Revision
from portal.access.actor import Actor
from tests.conftest import City
from tests.services.test_decide import ROLES, Desk
from tests.support.cases import cells, entered, published
from tests.web.pages import Browser

PEOPLE = ROLES | {"unit2": ("grass-roots", "D1-1"), "auditor": ("auditor", "SH")}
SURVEY = {"survey__income": "7654", "survey__promotion": "是"}


@dataclass
class Hall:
    """The application, its people and the ids of three cases with answered surveys."""

    app: Flask
    town: City
    people: dict[str, Actor]
    ids: list[int]

    def browser(self, login: str) -> Browser:
        """*login*, signed in."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        return browser

    def form(self, serial: int, **changes: str) -> dict[str, str]:
        """The form with *serial* by input name."""
        with self.app.app_context():
            filled = cells(self.town.union("D1-1"), serial, **(SURVEY | changes))
        return {key.replace(".", "__"): value for key, value in filled.items()}

    def decide(self, *who: str, outcome: str = "pass", reason: str = "") -> None:
        """Let *who*, one after the other, decide all three."""
        with self.app.app_context():
            begin_writing()
            revision = db.session.scalars(select(Revision)).one()
            desk = Desk(db.session(), revision, self.people, self.town.union("D1-1"))
            for login in who:
                assert desk.decide(login, self.ids, outcome, reason=reason).decided == 3
            db.session.commit()
            begin_writing(False)

    def case(self, row_id: int) -> tuple[str, int]:
        """State and version of a case."""
        with self.app.app_context():
            row = db.session.get_one(Application, row_id)
            return row.state, row.version

    def count(self) -> int:
        """How many cases there are."""
        with self.app.app_context():
            return db.session.scalar(select(func.count(Application.id))) or 0


@pytest.fixture
def hall(app: Flask, town: City) -> Hall:
    """Cases 1 to 3, entered by a district for a unit inside the window."""
    with app.app_context():
        begin_writing()
        people = {login: town.person(login, *place) for login, place in PEOPLE.items()}
        unit = town.union("D1-1")
        forms = [cells(unit, serial, **SURVEY) for serial in (1, 2, 3)]
        ids = entered(db.session(), people["writer"], published(db.session()), forms)
        db.session.commit()
        begin_writing(False)
    return Hall(app, town, people, ids)
