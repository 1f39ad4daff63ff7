"""Undecided cases go to the rules in force on a page that first shows who flips."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from models.application import Application
from models.base import begin_writing, db
from portal.access.accounts import system_actor
from portal.policy.packs import draft, publish
from portal.verify import violations
from tests.conftest import City
from tests.support.cases import CLOCK, cells, entered, published
from tests.web.pages import Browser

HERE = "/programme-move/?code=sh-skill-2026"


def _amended(app: Flask, town: City) -> None:
    """A case under the first rules, and rules in force under which it gets more."""
    with app.app_context():
        begin_writing()
        session, system = db.session(), system_actor(db.session())
        revision = published(session)
        unit = town.person("unit", "grass-roots", "D1-1")
        town.person("centre", "city-centre", "SH")
        entered(session, unit, revision, [cells(town.union("D1-1"), 1)])
        amended = draft(session, system, CLOCK, "sh-skill-2026")
        amended.tiers[1].amount_fen = 1200_00
        session.flush()
        publish(session, system, CLOCK, "sh-skill-2026")
        session.commit()
        begin_writing(False)


def _stands(app: Flask) -> tuple[int, int]:
    """The revision and the fen of the case."""
    with app.app_context():
        case = db.session.scalars(select(Application)).one()
        found = case.revision.number, case.amount_fen
        db.session.remove()
    return found


def test_who_flips_is_shown_before_anything_moves(app: Flask, town: City) -> None:
    _amended(app, town)
    browser = Browser(app)
    browser.log_in("centre")
    assert browser.get(HERE).status_code == 200
    shown = browser.post(HERE, look="1")
    assert "1 份申报将改用现行规则" in shown.text
    assert "1,200" in shown.text
    assert _stands(app) == (1, 1000_00)


def test_they_move_with_a_reason_only(app: Flask, town: City) -> None:
    _amended(app, town)
    browser = Browser(app)
    browser.log_in("centre")
    browser.get(HERE)
    assert browser.post(HERE, move="1", reason="").status_code == 200
    assert _stands(app) == (1, 1000_00)
    assert browser.post(HERE, move="1", reason="修订金额").status_code == 302
    assert _stands(app) == (2, 1200_00)
    with app.app_context():
        assert list(violations(db.session())) == []
        db.session.remove()


def test_a_unit_moves_nothing(app: Flask, town: City) -> None:
    _amended(app, town)
    browser = Browser(app)
    browser.log_in("unit")
    assert browser.get(HERE).status_code == 403
    assert browser.get("/programme-move/?code=none").status_code == 403
