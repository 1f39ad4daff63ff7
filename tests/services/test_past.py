"""Earlier applications and payments of the same person or thing, and whom they are shown to."""

from __future__ import annotations

from datetime import UTC, date, datetime

from models.applicant import Applicant
from models.decision import REJECT
from models.evidence import PastAward
from portal.calendar import calendar_of
from portal.review.past import PERSON, THING, earlier_cases
from portal.review.queue import waiting_for
from tests.conftest import City
from tests.services.test_decide import Desk, desk
from tests.support.cases import cells, entered

__all__ = ["desk"]


def test_a_case_of_another_union_is_told_but_not_whose(desk: Desk, city: City) -> None:
    (first,) = desk.enter()
    desk.decide("unit", [first], REJECT, reason="重复申报")
    form = cells(city.union("D2-1"), 0)
    (second,) = entered(desk.session, desk.people["centre"], desk.revision, [form])
    case = desk.case(second)
    (told,) = earlier_cases(desk.session, desk.people["stranger"], case)
    assert (told.number, told.application_id, told.word) == ("", None, "初审未通过")
    assert set(told.because) == {PERSON, THING}
    (seen,) = earlier_cases(desk.session, desk.people["centre"], case)
    assert (seen.number, seen.application_id) == (desk.case(first).number, first)


def test_payments_from_before_the_system_are_found_by_the_person(desk: Desk) -> None:
    (row,) = desk.enter()
    case = desk.case(row)
    index = desk.session.get_one(Applicant, case.applicant_id).id_number_index
    desk.session.add(
        PastAward(
            row_key="past", family="sh-skill", title="往年资助", year=2019,
            organization_id=case.organization_id, name="张丽0", claim_key="x",
            id_number_index=index, amount_fen=50000, paid_on=date(2019, 6, 1),
            file_name="往年.xlsx", made_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )  # fmt: skip
    desk.session.flush()
    (told,) = earlier_cases(desk.session, desk.people["unit"], desk.case(row))
    assert (told.year, told.amount_fen, list(told.because)) == (2019, 50000, [PERSON])


def test_the_queue_is_by_days_left_and_only_one_s_own(desk: Desk) -> None:
    ids = desk.enter(3)
    desk.decide("unit", ids[:2])
    calendar = calendar_of(desk.session)
    for who, expected in (("district", ids[:2]), ("unit", ids[2:]), ("stranger", [])):
        found = waiting_for(desk.session, desk.people[who], calendar, [desk.revision])
        assert [row.application_id for row in found] == expected
    (first, _second) = waiting_for(desk.session, desk.people["district"], calendar, [desk.revision])
    assert first.due is not None
    assert first.days_left(date(2026, 9, 20)) == 9
    own = waiting_for(desk.session, desk.people["writer"], calendar, [desk.revision])
    assert own == [], "nobody decides what they entered"
