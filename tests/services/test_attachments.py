"""Files of a case: what is asked, who may add and remove, what is kept and how it is proved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from models.application import Application, Attachment
from models.audit import AuditEntry
from models.base import Refusal
from models.programme import Revision
from models.types import keyring
from portal.access.permissions import NotAllowed
from portal.evidence.cleaning import CleanFile, clean
from portal.evidence.vault import FileLost, vault
from portal.review.attachment_proof import KEPT, sweep
from portal.review.attachments import (
    AlreadyThere,
    NoSuchFile,
    NotAsked,
    NotAttachable,
    TooManyFiles,
    add,
    download_name,
    open_attachment,
    remove,
    wanted,
)
from portal.verify import violations
from tests.conftest import City
from tests.services.test_decide import ROLES, Desk
from tests.support.cases import CLOCK, cells, entered
from tests.support.files import document, photo

PEOPLE = ROLES | {"auditor": ("auditor", "SH"), "finance": ("finance", "SH")}
SCAN = CleanFile("application/pdf", ".pdf", b"%PDF-1.7 a scan of an ID card")


def scan(number: int) -> CleanFile:
    """One of several scans."""
    return replace(SCAN, data=SCAN.data + str(number).encode())


@pytest.fixture
def template() -> str:
    """The programme asks for files."""
    return "files-asked-for"


@pytest.fixture
def desk(session: Session, city: City) -> Desk:
    """Everybody who takes part, and a programme that asks for files."""
    people = {name: city.person(name, *place) for name, place in PEOPLE.items()}
    return Desk(session, session.scalars(select(Revision)).one(), people, city.union("D1-1"))


@pytest.fixture
def case(desk: Desk) -> Application:
    """A case at the first stage, which may still be edited there."""
    return desk.case(desk.enter()[0])


@pytest.fixture
def attach(desk: Desk, case: Application) -> Callable[..., Attachment]:
    """Adds a file to the case by somebody, a different one each time."""
    number = iter(range(99))

    def put(who: str = "writer", rule: str = "proof", **given: Any) -> Attachment:
        file = given.pop("file", None) or scan(next(number))
        name = given.pop("name", "扫描.pdf")
        return add(desk.session, desk.people[who], CLOCK, case, rule, name, file)

    return put


def asked(desk: Desk, case: Application) -> list[tuple[str, int, int]]:
    return [(row.key, row.missing, row.room) for row in wanted(desk.session, case)]


def test_only_the_rules_whose_terms_hold_are_asked(desk: Desk, case: Application) -> None:
    usual = [("id-copy", 1, 2), ("proof", 1, 10), ("photos", 0, 5), ("form", 0, 0)]
    assert asked(desk, case) == usual
    national = desk.case(desk.enter(certificate__issuer="national")[0])
    assert asked(desk, national) == [*usual[:2], ("opinion", 1, 10), *usual[2:]]


def test_what_is_missing_holds_the_case_until_it_is_there(
    desk: Desk, case: Application, attach: Callable[..., Attachment]
) -> None:
    assert (case.verdict, case.asked) == ("held", ",proof,")
    version = case.version
    file = attach(rule="proof")
    assert (case.verdict, case.asked, case.version) == ("eligible", "", version)
    assert asked(desk, case)[1] == ("proof", 0, 9)
    remove(desk.session, desk.people["writer"], CLOCK, file)
    assert (case.verdict, case.version) == ("held", version)
    assert asked(desk, case)[1] == ("proof", 1, 10)
    assert list(violations(desk.session)) == []


def test_a_file_comes_back_as_it_was_cleaned_and_every_act_is_written_down(
    desk: Desk, case: Application, attach: Callable[..., Attachment]
) -> None:
    cleaned = clean(BytesIO(document()), 20)
    file = attach(rule="id-copy", file=cleaned, name="../张三310115198001010011.exe")
    assert (file.file_name, file.media_type) == ("张三310*************11.pdf", "application/pdf")
    auditor = desk.people["auditor"]
    assert open_attachment(desk.session, auditor, CLOCK, file.id) == cleaned.data
    assert download_name(file) == f"甲区总工会-张丽0-身份证复印件-{file.id}.pdf"
    remove(desk.session, desk.people["writer"], CLOCK, file)
    entries = desk.session.execute(
        select(AuditEntry.action, AuditEntry.account_id, AuditEntry.details)
        .where(AuditEntry.entity_id == case.id, AuditEntry.entity == "application")
        .order_by(AuditEntry.id)
    ).all()
    writer, what = desk.people["writer"].account_id, {"attachment": file.id, "rule": "id-copy"}
    assert [tuple(row) for row in entries[1:]] == [
        ("application:attach", writer, what),
        ("application:open_file", auditor.account_id, what),
        ("application:detach", writer, what),
    ]
    with pytest.raises(NoSuchFile):
        open_attachment(desk.session, auditor, CLOCK, file.id)


def test_the_bytes_lie_sealed_and_bound_to_their_row(
    attach: Callable[..., Attachment], tmp_path: Path
) -> None:
    file, other = attach(), attach()
    [place] = (tmp_path / "attachments").glob(f"*/{file.row_key}")
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert b"scan" not in place.read_bytes()
    stolen = (tmp_path / "attachments" / other.row_key[:2] / other.row_key).read_bytes()
    place.write_bytes(stolen)
    with pytest.raises(FileLost):
        vault.get(file.row_key)


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("auditor", NotAllowed),
        ("finance", NotAttachable),
        ("stranger", NotAttachable),
        ("sibling", NotAttachable),
        ("approver", NotAttachable),
    ],
)
def test_who_may_not_add(
    desk: Desk, attach: Callable[..., Attachment], who: str, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        attach(who)
    assert desk.session.scalars(select(Attachment)).all() == []


@pytest.mark.parametrize("who", ["stranger", "sibling"])
def test_another_union_opens_nothing(
    desk: Desk, attach: Callable[..., Attachment], who: str
) -> None:
    with pytest.raises(NoSuchFile):
        open_attachment(desk.session, desk.people[who], CLOCK, attach().id)


def test_who_acts_where_it_waits_adds_and_takes_back_only_their_own(
    desk: Desk, case: Application, attach: Callable[..., Attachment]
) -> None:
    given = attach(rule="proof")
    desk.decide("unit", [case.id])
    desk.session.refresh(case)
    for who in ("writer", "unit", "centre", "approver"):
        with pytest.raises(NotAttachable):
            attach(who, "photos")
    visit = attach("district", "photos")
    for who, file in (("district", given), ("second", visit), ("centre", visit)):
        with pytest.raises(NotAttachable):
            remove(desk.session, desk.people[who], CLOCK, file)
    remove(desk.session, desk.people["district"], CLOCK, visit)
    assert list(violations(desk.session)) == []


def test_a_decided_case_keeps_its_files(
    desk: Desk, case: Application, attach: Callable[..., Attachment]
) -> None:
    file = attach(rule="proof")
    for who in ("unit", "district", "centre", "approver"):
        assert desk.decide(who, [case.id]).decided == 1
    desk.session.refresh(case)
    for who in ("writer", "approver", "centre"):
        with pytest.raises(NotAttachable):
            attach(who)
        with pytest.raises(NotAttachable):
            remove(desk.session, desk.people[who], CLOCK, file)


@pytest.mark.parametrize("rule", ["opinion", "form", "nothing", "../x"])
def test_what_is_not_asked_is_not_taken(attach: Callable[..., Attachment], rule: str) -> None:
    with pytest.raises(NotAsked):
        attach(rule=rule)


def test_a_rule_takes_no_more_than_it_says_nor_one_file_twice(
    attach: Callable[..., Attachment],
) -> None:
    attach(rule="id-copy", file=SCAN)
    with pytest.raises(AlreadyThere):
        attach(rule="id-copy", file=SCAN)
    attach(rule="photos", file=SCAN)
    attach(rule="id-copy")
    with pytest.raises(TooManyFiles):
        attach(rule="id-copy")


def test_files_of_a_rule_that_no_longer_holds_are_still_shown(
    desk: Desk, case: Application, attach: Callable[..., Attachment]
) -> None:
    attach(rule="photos")
    desk.session.execute(update(Attachment).values(rule_key="opinion"))
    last = [row for row in wanted(desk.session, case) if row.files]
    assert [(row.key, row.is_asked, row.room) for row in last] == [("opinion", False, 0)]
    desk.session.execute(update(Attachment).values(rule_key="gone"))
    last = wanted(desk.session, case)[-1:]
    assert [(row.key, row.rule, len(row.files)) for row in last] == [("gone", None, 1)]


def test_verify_names_every_file_that_is_not_what_was_added(
    desk: Desk, case: Application, attach: Callable[..., Attachment], tmp_path: Path
) -> None:
    gone, flipped, swapped, removed, whole = (attach(rule="proof") for _ in range(5))
    remove(desk.session, desk.people["writer"], CLOCK, removed)
    folder = tmp_path / "attachments"
    (folder / gone.row_key[:2] / gone.row_key).unlink()
    (folder / removed.row_key[:2] / removed.row_key).unlink()
    place = folder / flipped.row_key[:2] / flipped.row_key
    sealed = bytearray(place.read_bytes())
    sealed[-1] ^= 1
    place.write_bytes(sealed)
    other = keyring.seal_bytes(b"another scan", f"attachment.file.{swapped.row_key}")
    (folder / swapped.row_key[:2] / swapped.row_key).write_bytes(other)
    assert list(violations(desk.session)) == [
        f"attachment: file {gone.id} of {case.number} is missing or does not open",
        f"attachment: file {flipped.id} of {case.number} is missing or does not open",
        f"attachment: file {swapped.id} of {case.number} is not the one that was added",
    ]
    with pytest.raises(FileLost):
        open_attachment(desk.session, desk.people["auditor"], CLOCK, swapped.id)
    assert open_attachment(desk.session, desk.people["auditor"], CLOCK, whole.id)


def test_what_a_kill_leaves_behind_is_swept_and_nothing_else(
    desk: Desk, attach: Callable[..., Attachment], tmp_path: Path
) -> None:
    kept, removed, long_ago = attach(), attach(), attach()
    for file in (removed, long_ago):
        remove(desk.session, desk.people["writer"], CLOCK, file)
    long_ago.removed_at = CLOCK.now() - KEPT - KEPT
    desk.session.flush()
    folder = tmp_path / "attachments"
    vault.put("ab-orphan", b"x")
    vault.put("ab-young", b"x")
    (folder / "ab" / "half.part").write_bytes(b"x")
    (folder / "ha").mkdir()
    (folder / "ha" / "half.part").write_bytes(b"x")
    for path in folder.glob("*/*"):
        if path.name != "ab-young":
            os.utime(path, (1, 1))
    assert sweep(desk.session, CLOCK) >= 3
    left = {path.name for path in folder.glob("*/*")}
    assert {kept.row_key, removed.row_key, "ab-young"} <= left
    assert not left & {long_ago.row_key, "ab-orphan"}
    assert not (folder / "ha" / "half.part").exists()


def test_a_write_that_fails_leaves_no_row(
    desk: Desk,
    case: Application,
    attach: Callable[..., Attachment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk.session.commit()

    def full(*_arguments: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as disk:
        disk.setattr(os, "replace", full)
        with pytest.raises(OSError, match="no space"):
            attach()
    desk.session.rollback()
    assert desk.session.scalars(select(Attachment)).all() == []
    assert list(violations(desk.session)) == []


def test_the_command_adds_a_file(desk: Desk, city: City, case: Application, tmp_path: Path) -> None:
    number, picture = case.number, tmp_path / "照片.jpg"
    picture.write_bytes(photo())
    desk.session.commit()
    run = city.app.test_cli_runner().invoke
    tail = [str(picture), "--as", "writer", "--json"]
    done = run(args=["applications", "attach", number, "proof", *tail])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["file"]) == (0, "照片.jpg")
    assert vault.get(desk.session.get_one(Attachment, told["attachment"]).row_key)
    for refusal, arguments in {
        "AlreadyThere": [number, "proof", *tail],
        "NotAsked": [number, "opinion", *tail],
        "NoSuchApplication": [number, "proof", str(picture), "--as", "stranger", "--json"],
        "NotAScan": [number, "proof", __file__, *tail[1:]],
    }.items():
        done = run(args=["applications", "attach", *arguments])
        assert (done.exit_code, json.loads(done.stderr)["error"]) == (1, refusal)
    swept = run(args=["applications", "sweep", "--json"])
    assert json.loads(swept.stdout) == {"removed": 0}


def test_nothing_personal_of_a_file_lies_in_the_database_in_clear(
    desk: Desk, attach: Callable[..., Attachment]
) -> None:
    attach(name="310115198001010011 13800001234.png", file=SCAN)
    rows = desk.session.execute(text("SELECT * FROM attachment")).all()
    assert not any(word in str(rows) for word in ("310115198001010011", "13800001234"))


def test_two_unions_cases_are_apart(desk: Desk, city: City, case: Application) -> None:
    stranger = desk.people["stranger"]
    form = cells(city.union("D2-1"), 77)
    [other] = entered(desk.session, stranger, desk.revision, [form])
    with pytest.raises(NotAttachable):
        add(desk.session, desk.people["writer"], CLOCK, desk.case(other), "proof", "x", SCAN)
