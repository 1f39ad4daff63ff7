"""Returns of named fields: what may change, what changed, the clock and the place in the order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from models.application import Application
from models.decision import RETURN, FieldChange
from models.programme import Stage
from portal.access.accounts import system_actor
from portal.calendar import calendar_of, load_days
from portal.clock import Clock
from portal.evidence.identifiers import mask_card
from portal.policy.packs import check_pack, dump_pack, load_pack
from portal.review.corrections import NotNamed, asked_of, changed_since_return
from portal.review.deadlines import due_by, due_of
from portal.review.decide import Words, decide
from portal.review.entering import edit
from portal.review.selections import freeze
from portal.review.undo import undo
from portal.verify import violations
from seed.calendars import published as days
from tests.services.test_decide import Desk, desk
from tests.support.cases import CLOCK, PACK, cells, read

__all__ = ["desk"]
SERIAL, ACCOUNT = 0, "6222021001234567894"


def returned(desk: Desk, who: str = "unit", clock: Clock = CLOCK, **fields: str) -> Application:
    """A case that *who* returned for *fields*."""
    (row,) = desk.enter()
    if who == "district":
        desk.decide("unit", [row])
    chosen = select(Application.id).where(Application.id == row)
    actor = desk.people[who]
    selection = freeze(desk.session, actor, clock, RETURN, chosen)
    named = {key.replace("__", "."): why for key, why in fields.items()}
    words = Words("请更正", fields=named)
    decide(desk.session, actor, clock, selection, RETURN, words=words)
    return desk.case(row)


def correct(desk: Desk, case: Application, clock: Clock = CLOCK, **changes: str) -> Application:
    """The writer sends the case back with *changes*."""
    form = cells(desk.unit, SERIAL, **changes)
    values, problems = read(desk.session, desk.people["writer"], desk.revision, form)
    assert values is not None, problems
    edit(desk.session, desk.people["writer"], clock, case, values, case.version)
    return desk.case(case.id)


def test_only_what_was_named_may_change(desk: Desk) -> None:
    case = returned(desk, certificate__number="与证书复印件不一致")
    asked = asked_of(desk.session, case)
    assert asked is not None
    assert asked.fields == {"certificate.number": "与证书复印件不一致"}
    with pytest.raises(NotNamed), desk.session.begin_nested():
        correct(desk, case, applicant__name="李四", certificate__number="S999999999999999999999")
    case = correct(desk, desk.case(case.id), certificate__number="S999999999999999999999")
    assert (case.state, case.stage_key) == ("waiting", "unit")
    assert asked_of(desk.session, case) is None
    assert changed_since_return(desk.session, case) == {"certificate.number": f"S{0:021d}"}
    assert list(violations(desk.session)) == []


def test_a_return_that_names_nothing_opens_the_whole_form(desk: Desk) -> None:
    case = correct(desk, returned(desk), applicant__name="李四")
    assert case.applicant.name == "李四"
    assert changed_since_return(desk.session, case) == {"applicant.name": "张丽0"}


def test_card_bank_and_account_are_corrected_together(desk: Desk) -> None:
    case = returned(desk, payee__card="卡号有误")
    case = correct(desk, case, payee__card="", payee__bank="工商银行", payee__account=ACCOUNT)
    kept = desk.session.execute(select(FieldChange.field, FieldChange.was, FieldChange.becomes))
    changes = {field: (was, becomes) for field, was, becomes in kept}
    assert set(changes) == {"payee.card", "payee.bank", "payee.account"}
    assert changes["payee.card"] == (mask_card("6210941234567897"), "")
    assert ACCOUNT not in str(changes)


def test_unknown_fields_are_not_kept(desk: Desk) -> None:
    case = returned(desk, applicant__shoe="大小不明", certificate__level="不符")
    asked = asked_of(desk.session, case)
    assert asked is not None
    assert list(asked.fields) == ["certificate.level"]


def test_a_return_that_was_taken_back_asks_nothing(desk: Desk) -> None:
    (row,) = desk.enter()
    actor = desk.people["unit"]
    chosen = select(Application.id).where(Application.id == row)
    selection = freeze(desk.session, actor, CLOCK, RETURN, chosen)
    words = Words("请更正", fields={"certificate.level": "不符"})
    decide(desk.session, actor, CLOCK, selection, RETURN, words=words)
    undo(desk.session, actor, CLOCK, selection)
    assert asked_of(desk.session, desk.case(row)) is None


@pytest.mark.parametrize(
    ("rule", "days_later", "place"),
    [
        ({}, 90, 1),
        ({"keeps_place": False}, 0, 2),
        ({"keeps_within": {"working_days": 5}}, 7, 1),
        ({"keeps_within": {"working_days": 5}}, 8, 2),
    ],
)
def test_the_place_is_kept_or_lost_as_the_stage_says(
    desk: Desk, rule: dict[str, object], days_later: int, place: int
) -> None:
    load_days(desk.session, system_actor(desk.session), CLOCK, list(days()))
    _change_stage(desk.session, "unit", rule)
    case = returned(desk)
    later = Clock(CLOCK.today() + timedelta(days=days_later))
    case = correct(desk, case, later, applicant__name="李四")
    assert case.sequence == place
    assert list(violations(desk.session)) == []


def _change_stage(session: Session, key: str, values: dict[str, object]) -> None:
    """Change a published stage for the test, past the guard."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    drop = "DROP TRIGGER IF EXISTS stage_frozen_update"
    session.execute(text(drop if sqlite else "ALTER TABLE stage DISABLE TRIGGER stage_frozen"))
    if values:
        session.execute(update(Stage).where(Stage.key == key).values(values))
    session.expire_all()


@pytest.mark.parametrize(
    ("rule", "usual", "back_after", "new_due"),
    [
        ({"days": 10, "roll": "none"}, 10, 30, 36),
        ({"working_days": 10}, 14, 7, 15),  # away from a Friday to a Monday: one working day
        ({"working_days": 42}, 58, 64, 116),  # in September and October some weekends are worked
    ],
)
def test_the_clock_stops_while_the_applicant_has_it(
    desk: Desk, rule: dict[str, object], usual: int, back_after: int, new_due: int
) -> None:
    load_days(desk.session, system_actor(desk.session), CLOCK, list(days()))
    due = {"after": "stage.entered"} | rule
    _change_stage(desk.session, "unit", {"due": due})
    (row,) = desk.enter()
    calendar = calendar_of(desk.session)
    first = due_of(desk.session, calendar, desk.case(row))
    assert first is not None
    assert first.day == CLOCK.today() + timedelta(days=usual)
    back = Clock(CLOCK.today() + timedelta(days=4))
    chosen = select(Application.id).where(Application.id == row)
    actor = desk.people["unit"]
    selection = freeze(desk.session, actor, back, RETURN, chosen)
    decide(desk.session, actor, back, selection, RETURN, "请更正")
    assert due_of(desk.session, calendar, desk.case(row)) is None
    later = Clock(CLOCK.today() + timedelta(days=back_after))
    case = correct(desk, desk.case(row), later, applicant__name="李四")
    again = due_of(desk.session, calendar, case)
    assert again is not None
    assert again.day == CLOCK.today() + timedelta(days=new_due)
    for limit, listed in ((new_due - 1, []), (new_due, [row])):
        where = due_by(calendar, [case.revision], CLOCK.today() + timedelta(days=limit))
        assert list(desk.session.scalars(select(Application.id).where(where))) == listed


def test_a_stage_that_is_reached_anew_has_its_whole_time(desk: Desk) -> None:
    due = {"after": "stage.entered", "days": 10, "roll": "none"}
    _change_stage(desk.session, "unit", {"due": due})
    back = Clock(CLOCK.today() + timedelta(days=4))
    case = returned(desk, "district", back)
    later = Clock(CLOCK.today() + timedelta(days=30))
    case = correct(desk, case, later, applicant__name="李四")
    found = due_of(desk.session, calendar_of(desk.session), case)
    assert found is not None
    assert found.day == CLOCK.today() + timedelta(days=40)


def test_a_pack_says_whether_a_place_is_kept(desk: Desk, tmp_path: Path) -> None:
    said = "    keeps_within: {working_days: 10}\n"
    file = tmp_path / "pack.yaml"
    text = PACK.read_text(encoding="utf-8").replace("    editable: true\n", said, 1)
    file.write_text(text, encoding="utf-8")
    actor = system_actor(desk.session)
    assert check_pack(desk.session, file) == []
    code = load_pack(desk.session, actor, CLOCK, file).programme.code
    dumped = dump_pack(desk.session, code)
    assert "keeps_within: {working_days: 10}" in dumped or "working_days: 10" in dumped
    file.write_text(dumped, encoding="utf-8")
    assert dump_pack(desk.session, load_pack(desk.session, actor, CLOCK, file).programme.code) == (
        dumped
    )
    file.write_text(text.replace(said, f"    keeps_place: false\n{said}", 1), encoding="utf-8")
    assert [flaw.path for flaw in check_pack(desk.session, file)] == ["stages.0.keeps_within"]
