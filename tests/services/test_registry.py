"""Checks against authorities: by hand, by sheet, by a service; compared, kept, read by rules."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.application import Application, Attachment
from models.audit import AuditEntry
from models.evidence import BY_HAND, CERTIFICATE, MEMBERSHIP, PATENT, RegistryCheck
from models.types import new_row_key
from portal.access.accounts import system_actor
from portal.access.permissions import NotAllowed
from portal.evidence.registry import BadRegistry, FiledRegistry, NoRegistry, Unreachable
from portal.exchange.applications_in import MissingHeadings
from portal.exchange.registry_sheets import apply_answers, read_answers, write_list
from portal.policy.packs import load_pack, publish
from portal.review.attachments import may_remove
from portal.review.entering import edit
from portal.review.registry_checks import (
    Finding,
    InTheFuture,
    NoSource,
    NotCheckable,
    NothingSaid,
    OwnCase,
    ask_registry,
    latest,
    record,
    standing_at,
    waiting_unchecked,
)
from portal.verify import violations
from seed.catalogues import load_all
from tests.conftest import City
from tests.services.test_decide import ROLES, Desk
from tests.support.cases import CLOCK, PACK, cells, published, read

ASKS = """
  - key: registry
    clause: 四（一）4
    says: 证书须经官网校验一致
    require: {all: [[registry.certificate, is, matches]]}
    otherwise: refuse
"""


def plainly(message: str, params: dict[str, Any]) -> str:
    return message % params if params else message


@pytest.fixture
def desk(session: Session, city: City) -> Desk:
    people = {name: city.person(name, *place) for name, place in ROLES.items()}
    return Desk(session, published(session), people, city.union("D1-1"))


@pytest.fixture
def asking(session: Session, city: City, tmp_path: Path) -> Desk:
    """The same with a rule that needs the registry's word."""
    people = {name: city.person(name, *place) for name, place in ROLES.items()}
    load_all(session, CLOCK)
    pack = tmp_path / "asks.yaml"
    rules = PACK.read_text(encoding="utf-8").replace("\nconditions:", f"\nconditions:{ASKS}", 1)
    pack.write_text(rules, encoding="utf-8")
    actor = system_actor(session)
    code = load_pack(session, actor, CLOCK, pack).programme.code
    return Desk(session, publish(session, actor, CLOCK, code), people, city.union("D1-1"))


def said(case: Application, **changes: str) -> dict[str, str]:
    """What an authority says that knows the case as it is, but for *changes*."""
    paper = case.certificate
    assert paper is not None
    return {
        "number": paper.number,
        "name": case.applicant.name,
        "id_number": case.applicant.id_number or "",
        "occupation": paper.occupation,
        "level": paper.level,
        "issued_on": paper.issued_on.isoformat(),
    } | changes


def check(desk: Desk, ids: list[int], who: str = "centre", **changes: str) -> list[RegistryCheck]:
    findings = [Finding(row, "", said(desk.case(row), **changes)) for row in ids]
    return record(
        desk.session, desk.people[who], CLOCK, CERTIFICATE, BY_HAND, "鉴定中心官网", findings
    )


def states(check_row: RegistryCheck) -> dict[str, str]:
    return {row["field"]: row["state"] for row in check_row.compared}


def test_all_six_fields_agree_and_every_act_is_kept(desk: Desk) -> None:
    ids = desk.enter()
    (made,) = check(desk, ids)
    assert (made.result, made.source, made.checked_on) == ("matches", "鉴定中心官网", CLOCK.today())
    assert states(made) == dict.fromkeys(
        ("number", "name", "id_number", "occupation", "level", "issued_on"), "same"
    )
    entry = desk.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "registry:check")
    ).one()
    assert (entry.entity_id, entry.details["result"]) == (ids[0], "matches")
    assert list(violations(desk.session)) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "S9999999999999999999999"),
        ("name", "王五"),
        ("id_number", "110101199003070134"),
        ("occupation", "焊工"),
        ("level", "高级技师"),
        ("issued_on", "2025-03-02"),
    ],
)
def test_each_field_alone_makes_it_differ(desk: Desk, field: str, value: str) -> None:
    (made,) = check(desk, desk.enter(), **{field: value})
    assert made.result == "differs"
    assert [key for key, state in states(made).items() if state == "differs"] == [field]


def test_spelling_is_forgiven(desk: Desk) -> None:
    ids = desk.enter()
    paper = desk.case(ids[0]).certificate
    assert paper is not None
    number = f"第 {paper.number.lower()} 号"
    (made,) = check(desk, ids, number=number, issued_on="2025年3月1日", occupation="电 工")
    assert made.result == "matches"


def test_no_identifier_is_kept_in_clear(desk: Desk) -> None:
    ids = desk.enter()
    clear = desk.case(ids[0]).applicant.id_number or "?"
    (made,) = check(desk, ids)
    kept = json.dumps([made.answer, made.compared, made.asked], ensure_ascii=False)
    assert clear not in kept and clear[:3] + "*" in kept


def test_what_is_not_said_is_no_difference_but_proves_nothing(desk: Desk) -> None:
    ids = desk.enter()
    case = desk.case(ids[0])
    number = case.certificate.number if case.certificate else ""
    finding = Finding(ids[0], "", {"number": number})
    centre = desk.people["centre"]
    (made,) = record(desk.session, centre, CLOCK, CERTIFICATE, BY_HAND, "官网", [finding])
    assert made.result == "unchecked"
    word = Finding(ids[0], "matches", {"number": number})
    (made,) = record(desk.session, centre, CLOCK, CERTIFICATE, BY_HAND, "官网", [word])
    assert made.result == "matches"
    lying = Finding(ids[0], "matches", {"name": "王五"})
    (made,) = record(desk.session, centre, CLOCK, CERTIFICATE, BY_HAND, "官网", [lying])
    assert made.result == "differs"


def test_who_may_not_check(desk: Desk) -> None:
    ids = desk.enter()
    finding = [Finding(ids[0], "matches")]
    for who, refusal in (
        ("unit", NotAllowed),
        ("approver", NotAllowed),
        ("writer", OwnCase),
        ("stranger", NotCheckable),
    ):
        with pytest.raises(refusal):
            record(desk.session, desk.people[who], CLOCK, CERTIFICATE, BY_HAND, "官网", finding)
    assert latest(desk.session, desk.case(ids[0])) == {}


def test_what_says_nothing_is_refused(desk: Desk) -> None:
    ids = desk.enter()
    centre = desk.people["centre"]
    tomorrow = CLOCK.today().replace(year=2027)
    for refusal, source, findings, day in (
        (NoSource, " ", [Finding(ids[0], "matches")], None),
        (NothingSaid, "官网", [Finding(ids[0])], None),
        (InTheFuture, "官网", [Finding(ids[0], "matches")], tomorrow),
        (NotCheckable, "官网", [Finding(ids[0], "matches"), Finding(99, "matches")], None),
    ):
        with pytest.raises(refusal):
            record(desk.session, centre, CLOCK, CERTIFICATE, BY_HAND, source, findings, day)
    with pytest.raises(NotCheckable):
        record(desk.session, centre, CLOCK, PATENT, BY_HAND, "官网", [Finding(ids[0], "matches")])


def test_a_file_that_a_check_rests_on_stays(desk: Desk) -> None:
    one, two = desk.enter(2)
    file = Attachment(
        row_key=new_row_key(), application_id=one, rule_key="scan", file_name="截图.png",
        media_type="image/png", size=1, digest="", made_at=CLOCK.now(),
    )  # fmt: skip
    desk.session.add(file)
    desk.session.flush()
    writer, centre = desk.people["writer"], desk.people["centre"]
    assert may_remove(desk.session, writer, desk.case(one), file)
    for case, right in ((two, False), (one, True)):
        finding = [Finding(case, "matches", attachment_id=file.id)]
        if right:
            record(desk.session, centre, CLOCK, CERTIFICATE, BY_HAND, "官网", finding)
        else:
            with pytest.raises(NotCheckable):
                record(desk.session, centre, CLOCK, CERTIFICATE, BY_HAND, "官网", finding)
    assert not may_remove(desk.session, writer, desk.case(one), file)


def test_checks_are_only_added(desk: Desk) -> None:
    check(desk, desk.enter())
    for statement in ("UPDATE registry_check SET result = 'x'", "DELETE FROM registry_check"):
        with pytest.raises(DBAPIError), desk.session.begin_nested():
            desk.session.execute(text(statement))


def test_a_rule_asks_until_it_is_checked_and_follows_the_result(asking: Desk) -> None:
    ids = asking.enter(2)
    case = asking.case(ids[0])
    assert (case.verdict, case.asked) == ("held", ",registry,")
    check(asking, ids[:1])
    assert asking.case(ids[0]).verdict == "eligible"
    assert asking.case(ids[1]).verdict == "held"
    check(asking, ids[:1], name="王五")
    assert asking.case(ids[0]).missed == ",registry,"
    assert list(violations(asking.session)) == []


def test_a_changed_form_is_compared_again(asking: Desk) -> None:
    ids = asking.enter()
    check(asking, ids)
    writer = asking.people["writer"]

    def change(**changes: str) -> Application:
        case = asking.case(ids[0])
        form = cells(asking.unit, 0, **changes)
        values, problems = read(asking.session, writer, asking.revision, form)
        assert values is not None, problems
        edit(asking.session, writer, CLOCK, case, values, case.version)
        return asking.case(ids[0])

    assert change(payee__card="6210941234567806").verdict == "eligible"
    assert asking.session.query(RegistryCheck).count() == 1
    assert change(certificate__occupation="焊工").missed == ",registry,"
    assert change().verdict == "eligible"
    other = change(certificate__number="S7777777777777777777777")
    assert (other.verdict, latest(asking.session, other)[CERTIFICATE].result) == (
        "held",
        "unchecked",
    )
    assert list(violations(asking.session)) == []


def test_lists_are_filtered_by_the_result_that_counts(desk: Desk) -> None:
    ids = desk.enter(4)
    check(desk, ids[:2], name="王五")
    check(desk, ids[1:3])

    def kept(result: str) -> list[int]:
        found = select(Application.id).where(standing_at(result)).order_by(Application.id)
        return list(desk.session.scalars(found))

    assert (kept("differs"), kept("matches"), kept("")) == (ids[:1], ids[1:3], ids[3:])
    left = desk.session.scalars(waiting_unchecked(desk.people["centre"], CERTIFICATE)).all()
    assert left == ids[3:]
    assert desk.session.scalars(waiting_unchecked(desk.people["stranger"], CERTIFICATE)).all() == []


def listed(desk: Desk, path: Path, who: str = "centre", reason: str = "") -> list[list[Any]]:
    write_list(desk.session, desk.people[who], CLOCK, CERTIFICATE, [], path, plainly, reason=reason)
    rows = load_workbook(path).active.iter_rows(values_only=True)
    return [list(row) for row in rows]


def test_the_list_masks_unless_there_is_a_reason(desk: Desk, tmp_path: Path) -> None:
    ids = desk.enter(2)
    clear = desk.case(ids[0]).applicant.id_number
    masked = listed(desk, tmp_path / "a.xlsx")
    assert len(masked) == 3 and clear not in masked[1] and masked[1][0] == desk.case(ids[0]).number
    assert clear in listed(desk, tmp_path / "b.xlsx", reason="送鉴定中心核验")[1]
    reasons = desk.session.scalars(
        select(AuditEntry.reason)
        .where(AuditEntry.action == "registry:export")
        .order_by(AuditEntry.id)
    ).all()
    assert reasons == ["", "送鉴定中心核验"]
    assert len(listed(desk, tmp_path / "c.xlsx", who="stranger")) == 1
    with pytest.raises(NotAllowed):
        listed(desk, tmp_path / "d.xlsx", who="unit")


def answered(rows: list[list[Any]], path: Path) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_answers_come_back_row_by_row(desk: Desk, tmp_path: Path) -> None:
    ids = desk.enter(6)
    rows = listed(desk, tmp_path / "list.xlsx")
    heading = rows[0]
    result, name, day = (
        heading.index(word) for word in ("Result", "Authority: Name", "Authority: Issued on")
    )
    width = len(heading)
    rows = [[*row, *[None] * (width - len(row))] for row in rows]
    rows[1][result] = "matches"
    rows[2][name] = "王五"
    rows[3][result] = "Not found"
    rows[4][result] = "maybe"
    rows[5][day] = "2025-02-30"
    rows[6][0] = "X-1"
    rows.append([*rows[1]])
    sheet = read_answers(
        desk.session, desk.people["centre"], CERTIFICATE, answered(rows, tmp_path / "x.xlsx"),
        plainly,
    )  # fmt: skip
    told = [(row.row, [p.label for p in row.problems]) for row in sheet.refused]
    assert told == [
        (5, ["Result"]),
        (6, ["Issued on"]),
        (7, ["Application number"]),
        (8, ["Application number"]),
    ]
    made = apply_answers(desk.session, desk.people["centre"], CLOCK, sheet, "鉴定中心")
    assert [(row.application_id, row.result, row.way) for row in made] == [
        (ids[0], "matches", "sheet"),
        (ids[1], "differs", "sheet"),
        (ids[2], "not_found", "sheet"),
    ]
    assert list(violations(desk.session)) == []


def test_answers_about_others_are_no_cases(desk: Desk, tmp_path: Path) -> None:
    desk.enter(1)
    rows = listed(desk, tmp_path / "list.xlsx")
    rows = [[*row, *[None] * (len(rows[0]) - len(row))] for row in rows]
    rows[1][rows[0].index("Result")] = "matches"
    path = answered(rows, tmp_path / "x.xlsx")
    for who in ("stranger", "writer"):
        sheet = read_answers(desk.session, desk.people[who], CERTIFICATE, path, plainly)
        assert (len(sheet.accepted), len(sheet.refused)) == (0, 1)
    with pytest.raises(NotAllowed):
        read_answers(desk.session, desk.people["unit"], CERTIFICATE, path, plainly)
    bare = answered([["Application number", "x"], ["1", "2"]], tmp_path / "bare.xlsx")
    with pytest.raises(MissingHeadings):
        read_answers(desk.session, desk.people["centre"], CERTIFICATE, bare, plainly)


def test_a_folder_answers_like_a_service(desk: Desk, tmp_path: Path) -> None:
    ids = desk.enter(3)
    answers = [said(desk.case(ids[0])), said(desk.case(ids[1]), level="高级技师")]
    with (tmp_path / "certificate.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, answers[0])
        writer.writeheader()
        writer.writerows(answers)
    members = [{"id_number": answers[0]["id_number"], "name": "张丽0", "member": "no"}]
    (tmp_path / "membership.json").write_text(json.dumps(members), encoding="utf-8")
    registry = FiledRegistry(tmp_path, "市级登记库")
    centre = desk.people["centre"]
    made = ask_registry(desk.session, centre, CLOCK, registry, CERTIFICATE, ids)
    assert [(row.result, row.way, row.source) for row in made] == [
        ("matches", "service", "市级登记库"),
        ("differs", "service", "市级登记库"),
        ("not_found", "service", "市级登记库"),
    ]
    (member, *_) = ask_registry(desk.session, centre, CLOCK, registry, MEMBERSHIP, ids)
    assert (member.result, states(member)["member"]) == ("differs", "differs")
    with pytest.raises(NoRegistry):
        registry.look_up(PATENT, "1")
    (tmp_path / "patent.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BadRegistry):
        registry.look_up(PATENT, "1")


def test_a_service_that_is_away_leaves_cases_unchecked(desk: Desk) -> None:
    class Away:
        name = "远程"

        def look_up(self, kind: str, number: str) -> None:
            raise Unreachable

    (made,) = ask_registry(
        desk.session, desk.people["centre"], CLOCK, Away(), CERTIFICATE, desk.enter()
    )
    assert made.result == "unchecked"
