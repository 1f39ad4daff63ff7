"""Until when an instalment should be paid: three months after its public notice (B22 二（四）4)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from portal.calendar import add_months, calendar_of
from portal.policy.facts import FACTS
from portal.review import todo
from portal.review.deadlines import DUE_SOON, IN_TIME, OVERDUE
from portal.review.instalments import instalments_due, parts_due
from tests.services.test_shares import TO_NOTICE, _budget, _on_notice, _pay
from tests.support.walk import Walk


def _listed(walk: Walk, today: date) -> list[str]:
    """The lists in which the case is on *today*."""
    calendar, revision = calendar_of(walk.session), walk.scene.revision
    return [
        how
        for how in (OVERDUE, DUE_SOON, IN_TIME)
        if walk.session.scalar(
            select(Application.id).where(instalments_due(calendar, [revision], today, how))
        )
    ]


def test_a_released_instalment_is_due_by_its_clause_until_it_is_paid(
    session: Session, tmp_path: Path
) -> None:
    walk = Walk(session, tmp_path, "bj-project-2022")
    calendar, revision = calendar_of(session), walk.scene.revision
    _budget(walk, 100_000)
    walk.pass_by(*TO_NOTICE)
    assert parts_due(session, calendar, walk.case) == []
    _on_notice(walk)
    ended = session.scalar(select(FACTS["notice.ended_on"].build(revision)))
    assert ended is not None
    day = calendar.roll(add_months(ended, 3))
    (part,) = parts_due(session, calendar, walk.case)
    assert (part.row.clause, part.due.day) == ("二（四）4", day)
    for days, how in ((-10, IN_TIME), (-3, DUE_SOON), (0, DUE_SOON), (1, OVERDUE)):
        assert _listed(walk, day + timedelta(days=days)) == [how], days
    finance, late = walk.who("finance"), day + timedelta(days=1)
    work = todo.Desk(finance, calendar, [revision], late)
    assert todo.numbers(session, work, ["pay_overdue", "pay_soon"]) == {
        "pay_overdue": 1, "pay_soon": 0,
    }  # fmt: skip
    _pay(walk, walk.scene.places["D"])
    assert _listed(walk, late) == []
    assert parts_due(session, calendar, walk.case) == []
