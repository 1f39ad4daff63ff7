"""Programmes as files: loaded as drafts, put in force, frozen, dumped, compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.audit import AuditEntry
from models.base import begin_writing
from models.catalogue import Catalogue
from models.notice import Notice
from models.programme import CLOSED, DRAFT, PUBLISHED, Programme, Revision
from portal.access.accounts import system_actor
from portal.access.permissions import NotAllowed
from portal.policy import packs
from portal.policy.judge import in_force
from portal.policy.pack_diff import differences
from portal.policy.pack_rows import document_of
from portal.policy.packs import BadPack, check_pack, dump_pack, load_pack, publish
from seed.catalogues import load_all
from tests.conftest import City
from tests.support.cases import CLOCK, PACK, cells, entered, published

CODE = "sh-skill-2026"
PACKS = sorted(PACK.parent.glob("*.yaml"))
Edit = Callable[..., Path]


@pytest.fixture
def loaded(session: Session) -> Revision:
    """The 2026 programme as a draft; there is no union yet."""
    load_all(session, CLOCK)
    return load_pack(session, system_actor(session), CLOCK, PACK)


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """A copy of the pack in which each (old, new) pair is replaced."""

    def build(*pairs: tuple[str, str]) -> Path:
        source = PACK.read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in source
            source = source.replace(old, new, 1)
        path = tmp_path / "pack.yaml"
        path.write_text(source, encoding="utf-8")
        return path

    return build


def _load(session: Session, path: Path) -> Revision:
    return load_pack(session, system_actor(session), CLOCK, path)


def _publish(session: Session) -> Revision:
    return publish(session, system_actor(session), CLOCK, CODE)


def _audited(session: Session) -> list[tuple[str, Any]]:
    rows = session.scalars(
        select(AuditEntry).where(AuditEntry.entity == "revision").order_by(AuditEntry.id)
    )
    return [(row.action, row.details) for row in rows]


def test_loading_gives_a_draft_before_there_is_any_union(loaded: Revision) -> None:
    assert (loaded.number, loaded.state) == (1, DRAFT)
    assert [tier.amount_fen for tier in loaded.tiers] == [80000, 100000, 200000, 300000, 400000]
    assert [stage.title for stage in loaded.stages] == ["初审", "复审", "审核", "在线比对", "终审"]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.stem)
def test_dumping_and_loading_lose_nothing(session: Session, tmp_path: Path, pack: Path) -> None:
    load_all(session, CLOCK)
    loaded = _load(session, pack)
    programme = loaded.programme
    session.expire_all()
    dumped = dump_pack(session, programme.code)
    path = tmp_path / "dumped.yaml"
    path.write_text(dumped, encoding="utf-8")
    assert _load(session, path) is loaded
    names = {programme.code: "again", programme.number_prefix: "AGAIN-"}
    for old, new in names.items():
        dumped = dumped.replace(old, new)
    path.write_text(dumped, encoding="utf-8")
    _load(session, path)
    session.expire_all()
    assert dump_pack(session, "again") == dumped


def test_choices_keep_the_order_of_the_paper(session: Session, loaded: Revision) -> None:
    session.expire_all()
    level = next(row for row in loaded.fields if row.key == "certificate.level")
    assert list(level.choices) == ["高级工", "技师", "高级技师", "特级技师", "首席技师"]
    assert list(loaded.stages[0].words) == ["waiting", "passed", "failed", "returned"]


def test_loading_the_same_again_changes_nothing(session: Session, loaded: Revision) -> None:
    before = _audited(session)
    assert _load(session, PACK) is loaded
    in_force_now = _publish(session)
    assert _load(session, PACK) is in_force_now
    assert _publish(session) is in_force_now
    assert session.scalar(select(func.count()).select_from(Revision)) == 1
    assert [action for action, _ in _audited(session)] == ["programme:load", "programme:publish"]
    assert before[0][1]["changed"][-1] == "rules"


def test_a_change_makes_one_draft_however_often_it_is_loaded(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    _publish(session)
    first = _load(session, edit(("amount: 800,", "amount: 900,")))
    assert (first.number, first.state) == (2, DRAFT)
    again = _load(session, edit(("amount: 800,", "amount: 950,")))
    assert again is first
    assert again.tiers[0].amount_fen == 95_000
    assert in_force(session, again.programme) is loaded


def test_publishing_closes_the_revision_before(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    first = _publish(session)
    second = _load(session, edit(("amount: 800,", "amount: 900,")))
    assert _publish(session) is second
    assert (first.state, second.state) == (CLOSED, PUBLISHED)
    assert in_force(session, second.programme) is second
    assert first.tiers[0].amount_fen == 80_000


def test_what_revisions_share_changes_at_once_and_is_audited(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    _publish(session)
    same = _load(session, edit(("title: 2026年度职工", "title: 二〇二六年度职工")))
    assert same is loaded
    assert same.programme.title == "二〇二六年度职工技能等级晋升资助"
    assert _audited(session)[-1][1]["changed"] == ["title"]


def test_clauses_that_a_notice_loses_are_gone(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    _load(session, edit(("    - {key: 二, says: 受理起止日期}\n", "")))
    [notice] = session.scalars(select(Notice))
    assert "二" not in [clause.key for clause in notice.clauses]
    assert [clause.position for clause in notice.clauses] == list(range(1, 17))


def test_a_draft_starts_as_a_copy_of_the_rules_in_force(session: Session, loaded: Revision) -> None:
    _publish(session)
    copy = packs.draft(session, system_actor(session), CLOCK, CODE)
    assert (copy.number, copy.state) == (2, DRAFT)
    assert document_of(copy) == document_of(loaded)
    assert packs.draft(session, system_actor(session), CLOCK, CODE) is copy


def test_a_published_revision_is_frozen_in_the_database(session: Session, loaded: Revision) -> None:
    _publish(session)
    for statement in (
        "UPDATE award_tier SET amount_fen = 1",
        "DELETE FROM condition",
        "UPDATE revision SET choose = 'highest'",
        "UPDATE revision SET state = 'draft'",
    ):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(statement))


@pytest.mark.parametrize(
    ("pair", "path"),
    [
        (("amount: 800, ", ""), "tiers.rows.0.amount"),
        ((("  - {key: main, clause: 二, title: 2026年度申报, opens: 2026-06-16, "
          "closes: 2026-09-15}\n"), "  []\n"), "windows"),
    ],
)  # fmt: skip
def test_what_is_unset_cannot_be_published(
    session: Session, loaded: Revision, edit: Edit, pair: tuple[str, str], path: str
) -> None:
    _load(session, edit(pair))
    with pytest.raises(packs.NotPublishable) as refused:
        _publish(session)
    assert refused.value.params["path"] == path


def test_what_a_screen_broke_cannot_be_published(session: Session, loaded: Revision) -> None:
    loaded.fields[6].catalogue = "gone"
    with pytest.raises(packs.NotPublishable) as refused:
        _publish(session)
    assert refused.value.params["path"] == "fields.6.catalogue"


def test_there_is_nothing_to_publish_when_all_are_closed(
    session: Session, loaded: Revision
) -> None:
    _publish(session)
    loaded.state = CLOSED
    session.flush()
    with pytest.raises(packs.NothingToPublish):
        _publish(session)


@pytest.mark.parametrize(
    ("pair", "line", "path"),
    [
        (("catalogue: industries", "catalogue: trades"), 37, "fields.6.catalogue"),
        (("in table, sh-a-class-2026", "in table, other"), 120, "conditions.2.require"),
        (("asks: district", "asks: bureau"), 139, "conditions.5.asks"),
        (("acts: district", "acts: dancer"), 189, "stages.1.acts"),
        (("acts: district", "acts: auditor"), 189, "stages.1.acts"),
        (("returns_to: unit", "returns_to: city"), 184, "stages.0.returns_to"),
        (("entered_by: [grass-roots", "entered_by: [nobody"), 29, "channels.0.entered_by"),
        (("closing_words: {draft", "closing_words: {begun"), 1, "closing_words.begun"),
        (("clause: 二, title: 2026年度申报", "channels: [post]"), 27, "windows.0.channels"),
        (("key: once", "key: issued"), 171, "bounds.0.key"),
        (("- key: member", "- key: issued"), 105, "conditions.1.key"),
        (("key: 一·二", "key: 一·一"), 18, "notice.clauses.2.key"),
        (("applicant.union_member, is true", "applicant.shoe_size, is true"), 1,
         "conditions.0.require"),
        (("certificate.issued_on, between, [2023-01-01", "certificate.issued_on, between, [soon"),
         1, "conditions.1.require"),
        (("closes: 2026-09-15", "closes: 2026-06-15"), 27, "windows.0.closes"),
        (("  - {key: main,", ("  - {key: early, opens: 2026-09-01, closes: 2026-10-01}\n"
          "  - {key: main,")), 28, "windows.1"),
    ],
)  # fmt: skip
def test_a_bad_pack_is_refused_with_line_and_key(
    session: Session, loaded: Revision, edit: Edit, pair: tuple[str, str], line: int, path: str
) -> None:
    bad = edit(pair)
    flaws = check_pack(session, bad)
    assert [flaw.path for flaw in flaws] == [path]
    marked = bad.read_text(encoding="utf-8").splitlines()[flaws[0].line - 1]
    assert path.split(".")[-1] in marked or path.split(".")[-2] == "0" or "key" in marked
    before = document_of(loaded)
    with pytest.raises(BadPack) as refused:
        _load(session, bad)
    assert refused.value.flaws == flaws
    assert document_of(loaded) == before


def test_windows_of_different_channels_may_overlap(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    second = "  - {key: post, opens: 2026-07-01, closes: 2026-08-01, channels: [post]}\n"
    channel = "  - {key: post, title: 邮寄, entered_by: [district]}\n"
    path = edit(
        ("  - {key: main,", second + "  - {key: main, channels: [unit],"),
        ("  - {key: unit, clause: 四（一）,", channel + "  - {key: unit, clause: 四（一）,"),
    )
    assert check_pack(session, path) == []


def test_a_number_prefix_belongs_to_one_programme(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    [flaw] = check_pack(session, edit((f"programme: {CODE}", "programme: other")))
    assert (flaw.path, flaw.params) == ("number_prefix", {"key": CODE})


def test_keys_must_fit_the_column_that_lists_what_a_case_misses(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    row = "  - {key: %s, clause: 一, says: x, otherwise: note}\n"
    many = "".join(row % f"a-condition-with-quite-a-long-key-{n:02}" for n in range(12))
    [flaw] = check_pack(session, edit(("conditions:\n", "conditions:\n" + many)))
    assert flaw.path == "conditions"


def test_a_programme_with_applications_keeps_its_family_and_prefix(
    session: Session, city: City, edit: Edit
) -> None:
    revision = published(session)
    clerk = city.person("clerk", "grass-roots", "D1-1")
    entered(session, clerk, revision, [cells(city.union("D1-1"), 1)])
    _load(session, edit(("amount: 800,", "amount: 900,")))
    for pair in (("family: sh-skill", "family: other"), ("prefix: S26-", "prefix: S27-")):
        with pytest.raises(packs.ProgrammeInUse):
            _load(session, edit(pair))


def test_only_who_may_write_programmes_loads_and_publishes(
    session: Session, city: City, loaded: Revision
) -> None:
    clerk = city.person("clerk", "district", "D1")
    for work in (
        lambda: load_pack(session, clerk, CLOCK, PACK),
        lambda: publish(session, clerk, CLOCK, CODE),
        lambda: packs.draft(session, clerk, CLOCK, CODE),
    ):
        with pytest.raises(NotAllowed):
            work()


def test_differences_name_section_key_and_both_values(
    session: Session, loaded: Revision, edit: Edit
) -> None:
    old = document_of(loaded)
    new = document_of(
        _load(
            session,
            edit(
                ("amount: 800,", "amount: 900,"),
                ("  - {key: payee.bank, section: 身份与收款, label: 银行名称, kind: text}\n", ""),
                ("- key: member", "- key: membership"),
                ("choose: first", "choose: highest"),
            ),
        )
    )
    found = [(row["section"], row["key"], row["what"]) for row in differences(old, new)]
    assert found == [
        ("fields", "payee.bank", "row"),
        ("conditions", "member", "row"),
        ("conditions", "membership", "row"),
        ("tiers", "高级工", "amount"),
        ("tiers", "", "choose"),
    ]
    amount = next(row for row in differences(old, new) if row["what"] == "amount")
    assert (amount["from"], amount["to"]) == (800, 900)
    assert differences(old, old) == []


def test_rows_that_stand_elsewhere_are_a_difference(loaded: Revision) -> None:
    old, new = document_of(loaded), document_of(loaded)
    new["stages"] = [*new["stages"][1:], new["stages"][0]]
    [row] = differences(old, new)
    assert (row["section"], row["what"], row["to"][-1]) == ("stages", "order", "unit")


def test_the_commands_tell_their_results(app: Flask, edit: Edit, tmp_path: Path) -> None:
    def run(*arguments: str, status: int = 0) -> Any:
        done = app.test_cli_runner().invoke(args=list(arguments))
        begin_writing(False)
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if "--json" in arguments and done.stdout else done.output

    assert "catalogues: 0" in run("catalogues", "list")
    refused = run("programme", "load", str(PACK), "--json", status=1)
    assert {row["path"] for row in refused["problems"]} >= {"fields.6.catalogue"}
    run("catalogues", "load")
    assert run("programme", "check", str(PACK), "--json") == {
        "ok": True,
        "files": 1,
        "problems": [],
    }
    loaded = run("programme", "load", str(PACK), "--publish", "--json")
    assert loaded == {"loaded": [{"programme": CODE, "revision": 1, "state": "published"}]}
    changed = str(edit(("amount: 800,", "amount: 900,")))
    found = run("programme", "diff", CODE, changed, "--json")["differences"]
    assert [(row["key"], row["to"]) for row in found] == [("高级工", 900)]
    assert run("programme", "load", changed, "--json")["loaded"][0]["revision"] == 2
    assert run("programme", "publish", CODE, "--json")["state"] == "published"
    assert run("programme", "draft", CODE, "--json")["revision"] == 3
    first = tmp_path / "first.yaml"
    first.write_text(run("programme", "dump", f"{CODE}@1"), encoding="utf-8")
    assert run("programme", "diff", str(first), str(PACK), "--json") == {
        "differences": [],
        "sentences": [],
    }
    bad = run("programme", "check", str(edit(("year: 2026", "year: 新"))), "--json", status=1)
    assert [(row["line"], row["path"]) for row in bad["problems"]] == [(5, "year")]
    assert "没有" in run("programme", "dump", f"{CODE}@9", status=1)
    assert run("programme", "publish", "nothing", status=1)


def test_nothing_is_left_of_a_pack_that_is_refused(session: Session, tmp_path: Path) -> None:
    with pytest.raises(BadPack):
        _load(session, PACK)
    for table in (Programme, Notice, Catalogue):
        assert session.scalar(select(func.count()).select_from(table)) == 0
