"""Many at once: a budget that is nearly spent, and a notice that is over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import begin_writing, db
from models.decision import PASS, Decision
from models.funding import Budget, Payment, PaymentBatch
from models.publicity import PublicNotice
from models.types import Fen
from portal.clock import Clock
from portal.config import ROOT
from portal.funding.budget import set_budget
from portal.review.publicity import Closed, close_over
from portal.verify import violations
from tests.conftest import City
from tests.services.test_decide import ROUTE, Desk, desk
from tests.services.test_publicity import _listed, _open, projects
from tests.support.cases import CLOCK
from tests.support.panels import Hall

__all__ = ["desk", "projects"]
PEOPLE, ATTEMPTS = (int(text) for text in os.environ.get("RUSH", "2,12").split(","))
"""Processes and what each tries; ``RUSH=8,1250`` makes 10,000 attempts of each kind."""
CASES = 6


def test_a_budget_that_is_nearly_spent_is_not_overspent(
    app: Flask, desk: Desk, city: City, tmp_path: Path
) -> None:
    ids = desk.enter(CASES)
    for who in ROUTE:
        desk.decide(who, ids)
    finance = [city.person(f"finance{place}", "finance", "SH") for place in range(PEOPLE)]
    programme = desk.revision.programme
    cap = (CASES - 1) * 1000_00 + ATTEMPTS
    set_budget(desk.session, finance[0], CLOCK, programme, Fen(cap))
    desk.session.commit()
    rush = [_rush(app, tmp_path, place, programme.id) for place in range(PEOPLE)]
    told = [json.loads(process.communicate(timeout=3000)[0]) for process in rush]
    answers = sum((Counter(row["answers"]) for row in told), Counter())
    assert {status for status in answers if int(status) >= 400} == set()
    desk.session.expire_all()
    budget = desk.session.scalars(select(Budget)).one()
    taken = sum(row["taken"] for row in told)
    batched = desk.session.scalar(select(func.sum(PaymentBatch.budget_fen))) or 0
    assert budget.spent_fen == batched + taken <= cap
    paid = select(func.count(), func.count(func.distinct(Payment.application_id)))
    payments, cases = desk.session.execute(paid).one()
    assert payments == cases <= CASES - 1
    assert batched == 1000_00 * payments
    # what the rush took beside the batches is no batch's: give it back before the proof
    desk.session.execute(Budget.__table__.update().values(spent_fen=batched))
    assert list(violations(desk.session)) == []


def _rush(app: Flask, home: Path, place: int, programme: int) -> subprocess.Popen[str]:
    told = os.environ | {
        "DATABASE_URL": str(app.config["SQLALCHEMY_DATABASE_URI"]),
        "PORTAL_HOME": str(home),
        "SECRET_KEY": "s" * 40,
        "FIELD_KEYS": "test=" + b64encode(b"f" * 32).decode(),
        "INDEX_KEY": b64encode(b"i" * 32).decode(),
        "PORTAL_TODAY": CLOCK.today().isoformat(),
    }
    command = [sys.executable, "-m", "tests.support.rush", f"finance{place}", str(ATTEMPTS)]
    return subprocess.Popen(
        [*command, str(programme)], env=told, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_two_who_end_a_notice_at_once_end_it_once(
    app: Flask, session: Session, projects: Hall
) -> None:
    notice = _open(projects) if _listed(projects, 3) else None
    assert notice is not None
    over = Clock(notice.ends_on + timedelta(days=1))
    session.commit()
    together = Barrier(2)

    def close(_place: int) -> Closed:
        with app.app_context():
            begin_writing()
            together.wait(30)
            done = close_over(db.session(), over)
            db.session.commit()
            db.session.remove()
            return done

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(close, range(2)))
    assert sorted((row.notices, row.passed) for row in done) == [(0, 0), (1, 3)]
    session.expire_all()
    passed = select(func.count()).where(Decision.from_stage == "notice", Decision.outcome == PASS)
    assert session.scalar(passed) == 3
    assert session.scalar(select(func.count()).where(PublicNotice.closed_at.is_not(None))) == 1
    assert list(violations(session)) == []
