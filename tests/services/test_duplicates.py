"""What looks like the same: found by its signs, settled by a person, remembered; history, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.evidence import DuplicateDecision, DuplicatePair, PastAward
from portal.access.accounts import system_actor
from portal.access.permissions import NotAllowed
from portal.evidence.duplicates import find_pairs, is_open, looks_duplicate
from portal.evidence.identifiers import check_digit
from portal.evidence.likeness import one_digit_off
from portal.exchange.applications_in import MissingHeadings
from portal.exchange.history_in import apply_history, read_history
from portal.policy.packs import load_pack, publish
from portal.review.earlier import already_claimed
from portal.review.entering import edit
from portal.review.selections import Group, freeze, preflight
from portal.review.settling import (
    NoReason,
    NoSuchAnswer,
    NotYours,
    ShownOtherwise,
    may_settle,
    pairs_of,
    settle,
)
from portal.review.submit import AlreadyClaimed
from portal.verify import violations
from seed.catalogues import load_all
from tests.conftest import City
from tests.services.test_decide import ROLES, Desk
from tests.support.cases import CLOCK, PACK, cells, entered, published, read

BODY = "31011519850312"
CARDS = ["62109412345678" + tail for tail in ("97", "05", "13", "21", "39", "47", "54", "62")]
Enter = Callable[..., int]


def person(body: str) -> str:
    return body + check_digit(body)


@pytest.fixture
def desk(session: Session, city: City) -> Desk:
    people = {name: city.person(name, *place) for name, place in ROLES.items()}
    people["farwriter"] = city.person("farwriter", "district", "D2")
    return Desk(session, published(session), people, city.union("D1-1"))


@pytest.fixture
def enter(desk: Desk, city: City) -> Enter:
    """Enters one case with a card of its own; *far* puts it into another district."""

    def put(serial: int, far: bool = False, **changes: str) -> int:
        unit = city.union("D2-1") if far else desk.unit
        who = desk.people["farwriter" if far else "writer"]
        own = {"payee__card": CARDS[serial % len(CARDS)]} | changes
        return entered(desk.session, who, desk.revision, [cells(unit, serial, **own)])[0]

    return put


def shown(desk: Desk) -> list[tuple[int, int | None, str]]:
    rows = desk.session.scalars(
        select(DuplicatePair)
        .where(DuplicatePair.signs != "")
        .order_by(DuplicatePair.application_id, DuplicatePair.other_id)
    )
    return [(row.application_id, row.other_id, row.signs.strip(",")) for row in rows]


def flagged(desk: Desk) -> list[int]:
    return list(desk.session.scalars(select(Application.id).where(looks_duplicate())))


def other_family(desk: Desk, case: int) -> None:
    """As if another programme had it, so that the claim does not stand in the way."""
    moved = update(Application).where(Application.id == case)
    desk.session.execute(moved.values(family="other"))
    desk.session.expire_all()


def test_different_people_show_nothing(desk: Desk, enter: Enter) -> None:
    for serial in range(3):
        enter(serial)
    assert shown(desk) == [] and flagged(desk) == []


def test_the_same_certificate_in_another_programme(desk: Desk, enter: Enter) -> None:
    one = enter(1)
    other_family(desk, one)
    two = enter(2, certificate__number=f"s-{1:021d}")
    assert shown(desk) == [(two, one, "certificate")]
    assert flagged(desk) == [two]


def test_the_same_person_trade_and_level_by_another_union(desk: Desk, enter: Enter) -> None:
    same = {"applicant__id_number": person(f"{BODY}001"), "applicant__name": "李四"}
    one = enter(1, **same)
    two = enter(22, far=True, **same)
    enter(333, certificate__level="高级技师", **same)
    assert shown(desk) == [(two, one, "trade")]


@pytest.mark.parametrize(
    ("number", "signs"),
    [
        ("S000000000000000000008", "trade,near_number"),
        ("S000000000000000000088", "trade"),
    ],
)
def test_a_number_one_digit_off_counts_with_the_same_person(
    desk: Desk, enter: Enter, number: str, signs: str
) -> None:
    same = {"applicant__id_number": person(f"{BODY}001"), "applicant__name": "李四"}
    enter(1, **same)
    enter(2, certificate__number=number, **same)
    assert shown(desk)[0][2] == signs
    stranger = enter(3)  # one digit off as well, but of somebody else
    assert stranger not in flagged(desk)


def test_near_id_numbers_count_with_the_same_name(desk: Desk, enter: Enter) -> None:
    one = enter(1, applicant__id_number=person(f"{BODY}001"), applicant__name="李四")
    two = enter(22, applicant__id_number=person("31011519850313001"), applicant__name="李四")
    three = enter(333, applicant__id_number=person("31011519850314001"), applicant__name="王五")
    four = enter(4444, applicant__id_number=person("31011519850322005"), applicant__name="李四")
    assert shown(desk) == [(two, one, "near_id")]
    assert {three, four} & set(flagged(desk)) == set()


def test_the_same_name_and_birth_date(desk: Desk, enter: Enter) -> None:
    one = enter(1, applicant__id_number=person(f"{BODY}001"), applicant__name="李四")
    two = enter(22, applicant__id_number=person(f"{BODY}772"), applicant__name="李四")
    three = enter(333, applicant__id_number=person(f"{BODY}003"), applicant__name="李四")
    found = {(a, b): signs for a, b, signs in shown(desk)}
    assert found[two, one] == "name"
    assert found[three, one] == "near_id,name"


def test_one_card_for_two_people(desk: Desk, enter: Enter) -> None:
    one = enter(1, payee__card=CARDS[7])
    two = enter(2, payee__card=CARDS[7])
    assert shown(desk) == [(two, one, "card")]


def test_many_of_one_card_hang_together_without_all_pairs(desk: Desk, enter: Enter) -> None:
    for serial in range(12):
        enter(serial, payee__card=CARDS[0])
    pairs = shown(desk)
    assert len(pairs) == 1 + 2 + 3 * 9
    assert len(flagged(desk)) == 11


def test_looking_through_all_finds_the_same_as_one_by_one(desk: Desk, enter: Enter) -> None:
    for serial in range(4):
        enter(serial, payee__card=CARDS[0], applicant__name="李四")
    before = shown(desk)
    desk.session.execute(text("DELETE FROM duplicate_pair"))
    desk.session.expunge_all()
    assert find_pairs(desk.session, CLOCK.now()) == len(before)
    assert shown(desk) == before
    assert find_pairs(desk.session, CLOCK.now()) == len(before)
    assert shown(desk) == before


def pair(desk: Desk, enter: Enter) -> DuplicatePair:
    enter(1, payee__card=CARDS[7])
    two = enter(2, payee__card=CARDS[7])
    return pairs_of(desk.session, desk.case(two))[0]


def test_what_was_settled_is_remembered_until_one_changes(desk: Desk, enter: Enter) -> None:
    found = pair(desk, enter)
    centre, session = desk.people["centre"], desk.session
    settle(session, centre, CLOCK, found, "different", "夫妻共用工资卡，已电话核实", found.mark)
    assert flagged(desk) == []
    find_pairs(session, CLOCK.now())
    session.refresh(found)
    assert found.settled == "different"

    def change(**changes: str) -> None:
        case = desk.case(found.application_id)
        own = {"payee__card": CARDS[7]} | changes
        writer = desk.people["writer"]
        values, problems = read(session, writer, desk.revision, cells(desk.unit, 2, **own))
        assert values is not None, problems
        edit(session, writer, CLOCK, case, values, case.version)
        session.refresh(found)

    change(certificate__occupation="焊工")
    assert (found.settled, flagged(desk)) == (None, [found.application_id])
    change()
    assert (found.settled, flagged(desk)) == ("different", [])
    change(payee__card=CARDS[6])
    assert (found.signs, flagged(desk)) == ("", [])
    change()
    assert (found.signs, found.settled) == (",card,", "different")
    kept = session.scalars(select(DuplicateDecision)).one()
    assert (kept.reason, kept.account_id) == ("夫妻共用工资卡，已电话核实", centre.account_id)
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "duplicate:settle")).one()
    assert (entry.outcome, entry.entity_id) == ("different", found.id)
    assert list(violations(session)) == []


def test_who_may_settle(desk: Desk, enter: Enter, city: City) -> None:
    found = pair(desk, enter)
    session = desk.session
    for who, refusal in (
        ("unit", NotAllowed),
        ("approver", NotAllowed),
        ("writer", NotYours),
        ("stranger", NotYours),
    ):
        with pytest.raises(refusal):
            settle(session, desk.people[who], CLOCK, found, "same", "一样")
    for refusal, outcome, reason, mark in (
        (NoSuchAnswer, "perhaps", "一样", None),
        (NoReason, "same", " ", None),
        (ShownOtherwise, "same", "一样", "0" * 64),
    ):
        with pytest.raises(refusal):
            settle(session, desk.people["centre"], CLOCK, found, outcome, reason, mark)
    settle(session, desk.people["district"], CLOCK, found, "same", "同一人两次申报")
    assert (found.settled, flagged(desk)) == ("same", [])


def test_a_district_does_not_settle_what_it_sees_half(desk: Desk, enter: Enter) -> None:
    enter(1, far=True, payee__card=CARDS[7])
    two = enter(2, payee__card=CARDS[7])
    (found,) = pairs_of(desk.session, desk.case(two))
    assert not may_settle(desk.session, desk.people["district"], found)
    assert not may_settle(desk.session, desk.people["stranger"], found)
    assert may_settle(desk.session, desk.people["centre"], found)


def test_who_is_refused_or_withdrawn_is_no_duplicate(desk: Desk, enter: Enter) -> None:
    found = pair(desk, enter)
    assert found.other_id is not None
    desk.decide("unit", [found.other_id], "reject", reason="不符合条件")
    assert flagged(desk) == []
    assert desk.session.scalars(select(DuplicatePair).where(is_open())).all() == []


def test_decisions_about_pairs_are_only_added(desk: Desk, enter: Enter) -> None:
    found = pair(desk, enter)
    settle(desk.session, desk.people["centre"], CLOCK, found, "same", "一样")
    for statement in (
        "UPDATE duplicate_decision SET reason = 'x'",
        "DELETE FROM duplicate_decision",
    ):
        with pytest.raises(DBAPIError), desk.session.begin_nested():
            desk.session.execute(text(statement))


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [("123", "124", True), ("123", "123", False), ("123", "1234", False), ("123", "321", False)],
)
def test_one_digit_off(one: str, other: str, near: bool) -> None:
    assert one_digit_off(one, other) is near


def test_who_claims_twice_is_settled_before_it_passes(desk: Desk, enter: Enter) -> None:
    same = {"applicant__id_number": person(f"{BODY}001"), "applicant__name": "李四"}
    one = enter(1, **same)
    two = enter(22, **same)
    card = [enter(333, payee__card=CARDS[7]), enter(444, payee__card=CARDS[7])]
    kinds = {group.kind: group.count for group in preflight_of(desk, [one, two, *card])}
    assert kinds == {"ready": 3, "duplicate": 1}
    assert desk.decide("unit", [one, two, *card]).decided == 3
    (found,) = pairs_of(desk.session, desk.case(two))
    settle(desk.session, desk.people["centre"], CLOCK, found, "different", "两次考试，已核对")
    assert desk.decide("unit", [two]).decided == 1


def test_who_sees_one_side_only_passes_it_on(desk: Desk, enter: Enter) -> None:
    same = {"applicant__id_number": person(f"{BODY}001"), "applicant__name": "李四"}
    enter(1, far=True, **same)
    two = enter(22, **same)
    for who in ("unit", "district"):
        assert desk.decide(who, [two]).decided == 1
    assert desk.decide("centre", [two]).decided == 0


def preflight_of(desk: Desk, ids: list[int]) -> list[Group]:
    chosen = select(Application.id).where(Application.id.in_(ids))
    actor = desk.people["unit"]
    selection = freeze(desk.session, actor, CLOCK, "pass", chosen)
    return preflight(desk.session, actor, selection)


# payments from before the system

HEADING = [
    "Programme", "Year", "Name", "ID number", "Certificate or patent number", "Occupation",
    "Level", "Amount (yuan)", "Paid on", "Union",
]  # fmt: skip


def plainly(message: str, params: dict[str, Any]) -> str:
    return message % params if params else message


def sheet(path: Path, *rows: list[Any], heading: list[str] = HEADING) -> Path:
    book = Workbook()
    for row in (heading, *rows):
        book.active.append(row)
    book.save(path)
    return path


def paid(serial: int, **changes: Any) -> list[Any]:
    own = cells_of(serial) | changes
    return [own[key] for key in own]


def cells_of(serial: int) -> dict[str, Any]:
    body = f"310115198{serial % 10}0101{serial % 1000:03d}"
    return {
        "programme": "sh-skill-2026", "year": 2022, "name": f"张丽{serial}",
        "id_number": person(body), "number": f"S{serial:021d}", "occupation": "电工",
        "level": "技师", "amount": "1,000.50", "paid_on": "2022-12-01", "union": "甲一厂工会",
    }  # fmt: skip


def take_over(desk: Desk, path: Path) -> list[int]:
    centre = desk.people["centre"]
    found = read_history(desk.session, centre, CLOCK, path, path.name, plainly)
    assert found.refused == []
    return apply_history(desk.session, centre, CLOCK, found)


def test_history_is_written_sealed_and_once(desk: Desk, tmp_path: Path) -> None:
    path = sheet(tmp_path / "past.xlsx", paid(1), paid(2, number="", union=""))
    ids = take_over(desk, path)
    rows = [desk.session.get_one(PastAward, row) for row in ids]
    assert [(row.amount_fen, row.level, row.year, row.family) for row in rows] == [
        (1000_50, "技师", 2022, desk.revision.programme.family)
    ] * 2
    assert rows[0].id_number == cells_of(1)["id_number"]
    assert rows[0].organization_id == desk.unit.id
    assert rows[1].organization_id == desk.people["centre"].organization_id
    again = read_history(desk.session, desk.people["centre"], CLOCK, path, "x", plainly)
    assert (len(again.accepted), [row.row for row in again.refused]) == (0, [2, 3])
    assert list(violations(desk.session)) == []


def test_columns_that_nobody_reads_are_told(desk: Desk, tmp_path: Path) -> None:
    heading = [word if word != "Level" else "Levels" for word in HEADING]
    path = sheet(tmp_path / "past.xlsx", paid(1), heading=heading)
    found = read_history(desk.session, desk.people["centre"], CLOCK, path, "x", plainly)
    assert (found.unknown, found.accepted[0][1]["level"]) == (["Levels"], None)


def test_each_wrong_cell_is_named(desk: Desk, tmp_path: Path) -> None:
    path = sheet(
        tmp_path / "past.xlsx",
        paid(1, programme="没有的项目"),
        paid(2, year="2099"),
        paid(3, name=""),
        paid(4, id_number="310115198001010000"),
        paid(5, amount="12.345"),
        paid(6, paid_on="2022-13-01"),
        paid(7, union="没有的工会"),
        paid(8, id_number="", number=""),
        paid(9),
        paid(9),
    )
    found = read_history(desk.session, desk.people["centre"], CLOCK, path, "x", plainly)
    assert [(row.row, [p.label for p in row.problems]) for row in found.refused] == [
        (2, ["Programme"]),
        (3, ["Year"]),
        (4, ["Name"]),
        (5, ["ID number"]),
        (6, ["Amount (yuan)"]),
        (7, ["Paid on"]),
        (8, ["Union"]),
        (9, ["ID number"]),
        (11, ["Certificate or patent number"]),
    ]
    assert [number for number, _row in found.accepted] == [10]
    bare = sheet(tmp_path / "bare.xlsx", ["x"], heading=["Name"])
    with pytest.raises(MissingHeadings):
        read_history(desk.session, desk.people["centre"], CLOCK, bare, "x", plainly)
    with pytest.raises(NotAllowed):
        read_history(desk.session, desk.people["district"], CLOCK, path, "x", plainly)


def test_what_was_paid_before_is_not_claimed_again(
    desk: Desk, enter: Enter, tmp_path: Path
) -> None:
    take_over(desk, sheet(tmp_path / "past.xlsx", paid(1)))
    family = desk.revision.programme.family
    key = f"S{1:021d}"
    assert already_claimed(desk.session, family, [key]) == {
        key: f"{desk.revision.programme.title} 2022"
    }
    with pytest.raises(AlreadyClaimed):
        enter(1)
    assert enter(2)


def test_a_case_that_was_there_first_is_judged_and_flagged(
    desk: Desk, enter: Enter, tmp_path: Path
) -> None:
    one, two = enter(1), enter(2)
    assert desk.case(one).verdict == "eligible"
    (past,) = take_over(desk, sheet(tmp_path / "past.xlsx", paid(1)))
    case = desk.case(one)
    assert (case.verdict, case.missed) == ("ineligible", ",once,")
    (found,) = pairs_of(desk.session, case)
    assert (found.past_id, found.signs) == (past, ",certificate,trade,")
    assert flagged(desk) == [one]
    assert desk.case(two).verdict == "eligible"
    settle(desk.session, desk.people["centre"], CLOCK, found, "same", "2022年已发放")
    assert flagged(desk) == []


def test_history_of_one_digit_off_or_another_name(desk: Desk, enter: Enter, tmp_path: Path) -> None:
    near = paid(1, number=f"S{9:021d}", occupation="", level="")
    born = paid(2, id_number=person("31011519820101999"), number="", occupation="", level="")
    take_over(desk, sheet(tmp_path / "past.xlsx", near, born))
    one, two = enter(1), enter(2)
    found = {row: pairs_of(desk.session, desk.case(row))[0].signs for row in (one, two)}
    assert found == {one: ",near_number,", two: ",name,"}


def test_rules_about_earlier_years_see_history(
    session: Session, city: City, tmp_path: Path
) -> None:
    rules = PACK.read_text(encoding="utf-8") + FACTS
    pack = tmp_path / "earlier.yaml"
    pack.write_text(rules.replace("\nconditions:", f"\nconditions:{ASKS}", 1), encoding="utf-8")
    load_all(session, CLOCK)
    actor = system_actor(session)
    code = load_pack(session, actor, CLOCK, pack).programme.code
    people = {name: city.person(name, *place) for name, place in ROLES.items()}
    desk = Desk(session, publish(session, actor, CLOCK, code), people, city.union("D1-1"))
    one, two = desk.enter(2)
    families = {"programme": desk.revision.programme.family, "number": "X2020000001"}
    take_over(desk, sheet(tmp_path / "past.xlsx", paid(1, **families)))
    assert desk.case(one).asked == ""
    assert desk.case(two).asked == ",before,"


FACTS = """
facts:
  - {key: list.before, title: 往年已获, of: earlier, take: sum, column: row.amount, per: [person],
     when: [[row.year, at most, 2022]]}
"""
ASKS = """
  - key: before
    clause: 三
    says: 往年累计不足1000元
    require: {all: [[list.before, less than, 1000]]}
    otherwise: ask
"""
