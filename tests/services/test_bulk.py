"""Large acts: parts that survive a kill, exceptions, a split set, taking an act back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.decision import (
    PASS,
    REJECT,
    RETURN,
    UNDO,
    Decision,
    Override,
    Selection,
    SelectionItem,
)
from portal import jobs
from portal.config import ROOT
from portal.review import bulk
from portal.review.decide import Exceptional, NotEarlier, ReasonRequired, Words, decide, told
from portal.review.later import acted_since
from portal.review.selections import SelectionGone, freeze
from portal.review.undo import NothingToUndo, undo, undoable
from portal.verify import violations
from tests.conftest import City
from tests.services.test_decide import Desk, desk
from tests.support.cases import CLOCK

__all__ = ["desk"]
ALL = 11


def frozen(desk: Desk, who: str, ids: list[int], outcome: str = PASS) -> Selection:
    """What *who* chose."""
    chosen = select(Application.id).where(Application.id.in_(ids))
    return freeze(desk.session, desk.people[who], CLOCK, outcome, chosen)


@pytest.mark.parametrize(("moment", "after"), [("inside", 2), ("between", 0)])
def test_a_killed_worker_loses_and_doubles_nothing(
    app: Flask, desk: Desk, tmp_path: Path, moment: str, after: int
) -> None:
    ids = [*desk.enter(ALL - 1), *desk.enter(applicant__union_member="否")]
    chosen = frozen(desk, "unit", ids)
    jobs.queue.configure(tmp_path, None, CLOCK, app.app_context, immediate=False)
    words = Words("材料齐全", exceptions={ids[1]: Exceptional(RETURN, "照片不清")})
    bulk.decide_later(desk.session, desk.people["unit"], CLOCK, chosen, PASS, words, "Pass")
    desk.session.info.clear()
    desk.session.commit()
    assert _work(app, tmp_path, moment, after) == -signal.SIGKILL
    desk.session.expire_all()
    half = told(desk.session, chosen)
    assert 0 < half.decided < ALL if after else half.decided < ALL
    assert list(violations(desk.session)) == []
    desk.session.rollback()
    assert _work(app, tmp_path, "never", 0) == 0
    desk.session.expire_all()
    assert chosen.job is not None
    assert chosen.job.state == jobs.DONE
    made = Counter(
        desk.session.execute(
            select(Decision.outcome, func.count())
            .where(Decision.outcome != "submit")
            .group_by(Decision.outcome)
        ).all()
    )
    assert dict(made) == {(PASS, ALL - 2): 1, (RETURN, 1): 1}
    assert [row.kind for row in told(desk.session, chosen).skipped] == ["ineligible"]
    assert list(violations(desk.session)) == []


def _work(app: Flask, home: Path, moment: str, after: int) -> int:
    told = os.environ | {
        "DATABASE_URL": str(app.config["SQLALCHEMY_DATABASE_URI"]),
        "PORTAL_HOME": str(home),
        "SECRET_KEY": "s" * 40,
        "FIELD_KEYS": "test=" + b64encode(b"f" * 32).decode(),
        "INDEX_KEY": b64encode(b"i" * 32).decode(),
        "PORTAL_TODAY": CLOCK.today().isoformat(),
    }
    command = [sys.executable, "-m", "tests.support.dying_worker", "3", moment, str(after)]
    return subprocess.run(command, env=told, cwd=ROOT, check=False, timeout=120).returncode


def test_exceptions_have_their_own_outcome_and_reason(desk: Desk) -> None:
    first, second, third, fourth = desk.enter(4)
    held = desk.enter(certificate__issuer="national")
    for row in held:
        desk.decide("unit", [row])
    desk.decide("unit", [first, second, third, fourth])
    words = Words(
        "齐全",
        exceptions={
            second: Exceptional(RETURN, "证书号有误"),
            third: Exceptional(REJECT, "已获得其他资助"),
            fourth: Exceptional("leave"),
            held[0]: Exceptional(PASS, "已核对盖章原件"),
        },
    )
    ids = [first, second, third, fourth, *held]
    chosen = frozen(desk, "district", ids)
    done = decide(desk.session, desk.people["district"], CLOCK, chosen, PASS, words=words)
    assert done.decided == 4
    assert [(row.application_id, row.kind) for row in done.skipped] == [(fourth, "taken_out")]
    reasons = dict(
        desk.session.execute(
            select(Decision.application_id, Decision.reason).where(
                Decision.from_stage == "district"
            )
        ).all()
    )
    assert reasons == {
        first: "齐全", second: "证书号有误", third: "已获得其他资助", held[0]: "已核对盖章原件",
    }  # fmt: skip
    audited = dict(
        desk.session.execute(
            select(AuditEntry.entity_id, AuditEntry.reason).where(
                AuditEntry.action == "application:return"
            )
        ).all()
    )
    assert audited == {second: "证书号有误"}
    assert [desk.case(row).state for row in ids] == [
        "waiting", "returned", "refused", "waiting", "waiting",
    ]  # fmt: skip
    assert desk.case(fourth).stage_key == "district"
    assert list(violations(desk.session)) == []


def test_an_exception_that_returns_needs_a_reason(desk: Desk) -> None:
    (row,) = desk.enter()
    with pytest.raises(ReasonRequired):
        decide(
            desk.session, desk.people["unit"], CLOCK, frozen(desk, "unit", [row]), PASS,
            words=Words(exceptions={row: Exceptional(RETURN)}),
        )  # fmt: skip


@pytest.mark.parametrize("outcome", [PASS, RETURN, REJECT])
def test_an_act_is_taken_back_until_the_next_tier_acts(desk: Desk, outcome: str) -> None:
    first, second = desk.enter(2)
    if outcome == PASS:
        chosen = frozen(desk, "unit", [first, second])
        decide(desk.session, desk.people["unit"], CLOCK, chosen, PASS)
        desk.decide("district", [second])
    else:
        chosen = frozen(desk, "unit", [first], outcome)
        decide(desk.session, desk.people["unit"], CLOCK, chosen, outcome, "误操作")
    assert undoable(desk.session, desk.people["unit"], chosen) == 1
    later = acted_since(desk.session, chosen)
    told_later = (later.what, later.who, later.cases) if later else None
    assert told_later == (("Passed", "district", 1) if outcome == PASS else None)
    done = undo(desk.session, desk.people["unit"], CLOCK, chosen)
    assert (done.undone, done.left) == (1, 1 if outcome == PASS else 0)
    case = desk.case(first)
    assert (case.state, case.stage_key, case.claims) == ("waiting", "unit", True)
    kinds = dict(
        desk.session.execute(
            select(SelectionItem.application_id, SelectionItem.skipped).where(
                SelectionItem.selection_id == chosen.id
            )
        ).all()
    )
    assert kinds == {first: "undone"} | ({second: "moved_on"} if outcome == PASS else {})
    rows = desk.session.scalars(select(Decision.application_id).where(Decision.outcome == UNDO))
    assert list(rows) == [first]
    with pytest.raises(NothingToUndo):
        undo(desk.session, desk.people["unit"], CLOCK, chosen)
    assert list(violations(desk.session)) == []
    assert desk.decide("unit", [first]).decided == 1
    assert list(violations(desk.session)) == []


def test_only_who_acted_takes_it_back(desk: Desk) -> None:
    ids = desk.enter(1)
    chosen = frozen(desk, "unit", ids)
    decide(desk.session, desk.people["unit"], CLOCK, chosen, PASS)
    with pytest.raises(SelectionGone):
        undo(desk.session, desk.people["district"], CLOCK, chosen)


def test_what_was_confirmed_no_longer_counts_once_it_is_taken_back(desk: Desk) -> None:
    (row,) = desk.enter(certificate__issuer="national")
    desk.decide("unit", [row])
    chosen = frozen(desk, "district", [row])
    decide(desk.session, desk.people["district"], CLOCK, chosen, PASS, override_reason="已核对")
    assert desk.case(row).verdict == "eligible"
    undo(desk.session, desk.people["district"], CLOCK, chosen)
    assert desk.case(row).verdict == "held"
    assert desk.session.scalars(select(Override)).one().voided_at is not None


def test_what_was_claimed_meanwhile_stays_refused(desk: Desk) -> None:
    (first,) = desk.enter()
    chosen = frozen(desk, "unit", [first], REJECT)
    decide(desk.session, desk.people["unit"], CLOCK, chosen, REJECT, "重复")
    number = desk.case(first).certificate
    assert number is not None
    desk.enter(certificate__number=number.number)
    assert undoable(desk.session, desk.people["unit"], chosen) == 0
    with pytest.raises(NothingToUndo):
        undo(desk.session, desk.people["unit"], CLOCK, chosen)


def test_a_large_act_is_taken_back_in_the_background(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PART", 3)
    monkeypatch.setattr(bulk, "PAUSE", 0)
    ids, actor = desk.enter(7), desk.people["unit"]
    chosen = frozen(desk, "unit", ids)
    bulk.decide_later(desk.session, actor, CLOCK, chosen, PASS, Words(), "Pass")
    desk.session.commit()
    desk.session.expire_all()
    assert (told(desk.session, chosen).decided, chosen.job and chosen.job.state) == (7, jobs.DONE)
    bulk.undo_later(desk.session, actor, CLOCK, chosen, "Take back")
    desk.session.commit()
    assert {desk.case(row).stage_key for row in ids} == {"unit"}
    assert chosen.job is not None
    assert chosen.job.result == {"batches": 3}
    assert list(violations(desk.session)) == []


def test_a_case_is_returned_to_an_earlier_tier(desk: Desk) -> None:
    (row,) = desk.enter()
    for who in ("unit", "district"):
        desk.decide(who, [row])
    chosen = frozen(desk, "centre", [row], RETURN)
    back = Words("请核对工种", back_to="district")
    decide(desk.session, desk.people["centre"], CLOCK, chosen, RETURN, words=back)
    case = desk.case(row)
    assert (case.state, case.stage_key, case.returned_from) == ("waiting", "district", None)
    assert desk.decide("district", [row]).decided == 1
    chosen = frozen(desk, "centre", [row], RETURN)
    with pytest.raises(NotEarlier):
        decide(
            desk.session, desk.people["centre"], CLOCK, chosen, RETURN,
            words=Words("请核对", back_to="city"),
        )  # fmt: skip
    assert list(violations(desk.session)) == []


def test_scope_holds_in_every_part(desk: Desk, city: City, session: Session) -> None:
    ids = desk.enter(2)
    chosen = frozen(desk, "unit", ids)
    bulk.decide_later(session, desk.people["unit"], CLOCK, chosen, PASS, Words(), "Pass")
    from models.account import Account

    mover = session.get_one(Account, desk.people["unit"].account_id)
    mover.organization_id = city.union("D1-2").id
    session.commit()
    session.expire_all()
    assert [row.kind for row in told(session, chosen).skipped] == ["outside", "outside"]
