"""The demonstration loads: every sample sheet is entered whole, and the books are in order."""

from __future__ import annotations

import csv
from datetime import date

from flask import Flask
from sqlalchemy import func, select

from models.application import Application
from models.base import begin_writing, db
from models.programme import PUBLISHED, Programme, Revision
from portal.clock import Clock
from portal.verify import violations
from seed import demo
from seed.history import SAMPLES

DAY = date(2026, 8, 3)
"""The day that ``make run`` pins."""


def test_the_demonstration_loads_and_its_books_are_in_order(app: Flask) -> None:
    with app.app_context():
        begin_writing()
        session = db.session()
        assert demo.load(session, Clock(DAY), applications=40)["loaded"]
        entered = dict(
            session.execute(
                select(Programme.code, func.count())
                .join(Application, Application.programme_id == Programme.id)
                .group_by(Programme.code)
            ).all()
        )
        for path in SAMPLES.glob("*.csv"):
            with path.open(encoding="utf-8", newline="") as sheet:
                assert entered[path.stem] == sum(1 for _row in csv.reader(sheet)) - 1
        published = select(Revision.id).where(Revision.state == PUBLISHED)
        assert len(session.scalars(published).all()) >= len(entered)
        assert list(violations(session)) == []
        db.session.remove()
        begin_writing(False)
