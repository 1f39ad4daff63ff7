"""The command line: what it does, what it refuses, and that a refusal changes nothing.

A refusal is one JSON object on standard error and status 1; bad usage is status 2.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from models.application import Application
from models.base import begin_writing, db
from tests.conftest import City
from tests.support.cases import PACK, cells, entered, published

CODE = "sh-skill-2026"
REVIEW = ("review", CODE, "--stage")


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the programme's window."""
    return {"today": date(2026, 8, 3)}


@dataclass
class Office:
    """A city with its people, a programme in force and four applications at the first stage."""

    app: Flask

    def run(self, *arguments: str) -> Result:
        """Run a command with ``--json``; an exception that escapes it fails the test."""
        end = arguments.index("--") if "--" in arguments else len(arguments)
        told = [*arguments[:end], "--json", *arguments[end:]]
        done = self.app.test_cli_runner().invoke(args=told)
        begin_writing(False)
        unexpected = done.exception and not isinstance(done.exception, SystemExit)
        assert not unexpected, (arguments, done.exception)
        return done

    def does(self, *arguments: str) -> Any:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.exit_code == 0, (arguments, done.output)
        return json.loads(done.stdout)

    def refuses(self, *arguments: str) -> str:
        """The name of the refusal of a command that changes nothing."""
        before = self.everything()
        done = self.run(*arguments)
        assert (done.exit_code, done.stdout) == (1, ""), (arguments, done.output)
        told = json.loads(done.stderr)
        assert told["message"] and set(told) == {"error", "message"}
        assert self.everything() == before, arguments
        return str(told["error"])

    def misuses(self, *arguments: str) -> None:
        """A command that is used wrongly changes nothing."""
        before = self.everything()
        done = self.run(*arguments)
        assert done.exit_code == 2 and "Usage:" in done.stderr, (arguments, done.output)
        assert self.everything() == before, arguments

    def everything(self) -> dict[str, list[str]]:
        """Every row of every table."""
        with self.app.app_context(), db.engine.connect() as connection:
            return {
                table.name: sorted(repr(row) for row in connection.execute(select(table)))
                for table in db.metadata.sorted_tables
            }

    def cases(self) -> list[tuple[str, str | None]]:
        """State and stage of every case in the order of submission."""
        with self.app.app_context():
            rows = select(Application.state, Application.stage_key).order_by(Application.sequence)
            return [(state, stage) for state, stage in db.session.execute(rows)]


@pytest.fixture
def office(app: Flask, plant: Callable[[Flask], City]) -> Office:
    """The office on a database of its own, nothing left open."""
    with app.app_context():
        begin_writing()
        city = plant(app)
        for login, role, place in (
            ("clerk", "grass-roots", "D1-1"),
            ("unit", "grass-roots", "D1-1"),
            ("district", "district", "D1"),
            ("centre", "city-centre", "SH"),
            ("approver", "city-approver", "SH"),
            ("finance", "finance", "SH"),
            ("auditor", "auditor", "SH"),
        ):
            city.person(login, role, place)
        revision = published(db.session())
        forms = [cells(city.union("D1-1"), n) for n in range(3)]
        forms.append(cells(city.union("D1-1"), 3, certificate__issuer="national"))
        clerk = city.person("scribe", "grass-roots", "D1-1")
        entered(db.session(), clerk, revision, forms)
        db.session.commit()
        begin_writing(False)
    return Office(app)


@pytest.fixture
def approved(office: Office) -> Office:
    """The office after three of the four applications are approved."""
    for stage, login in (
        ("unit", "unit"),
        ("district", "district"),
        ("centre", "centre"),
        ("city", "approver"),
    ):
        only = "certificate.issuer=shanghai"
        office.does(*REVIEW, stage, "--approve", "--as", login, "--where", only)
    return office


def test_review_approves_all_that_wait_and_match(office: Office) -> None:
    where = ("--where", "certificate.issuer=shanghai", "--where", "certificate.level=技师")
    done = office.does(*REVIEW, "unit", "--approve", "--as", "unit", *where)
    assert (done["decided"], done["skipped"]) == (3, [])
    assert [stage for _, stage in office.cases()] == ["district"] * 3 + ["unit"]
    rest = office.does(*REVIEW, "unit", "--approve", "--as", "unit")
    assert rest["decided"] == 1
    by_day = ("--where", "certificate.issued_on=2025-03-01")
    returned = office.does(
        *REVIEW, "district", "--return", "--as", "district", "--reason", "缺少意见", *by_day
    )
    assert returned["decided"] == 4
    assert office.cases() == [("returned", "unit")] * 4


def test_review_skips_with_the_reason(office: Office) -> None:
    done = office.does(*REVIEW, "unit", "--approve", "--as", "scribe")
    assert done["decided"] == 0
    assert [row["number"] for row in done["skipped"]] == [f"S26-00000{n}" for n in (1, 2, 3, 4)]
    assert {row["reason"] for row in done["skipped"]} == {"由您本人录入，须由他人审批"}
    office.does(*REVIEW, "unit", "--approve", "--as", "unit")
    done = office.does(*REVIEW, "district", "--approve", "--as", "district")
    assert (done["decided"], len(done["skipped"])) == (3, 1)
    reason = ("--reason", "电话核实，人力资源部门同意")
    confirmed = office.does(*REVIEW, "district", "--approve", "--as", "district", *reason)
    assert (confirmed["decided"], confirmed["skipped"]) == (1, [])
    found = office.does("explain", "S26-000004")
    asked = next(row for row in found["findings"] if row["key"] == "hr-opinion")
    assert (asked["state"], asked["override"]["reason"]) == ("overridden", reason[1])
    assert ["发证机构", "行业特有工种（国家行业主管单位）"] in asked["facts"]


def test_review_refuses(office: Office) -> None:
    def refused(*more: str, stage: str = "unit", login: str = "unit", act: str = "approve") -> str:
        return office.refuses(*REVIEW, stage, f"--{act}", "--as", login, *more)

    assert refused(act="return") == "ReasonRequired"
    assert refused("--reason", "  ", act="reject") == "ReasonRequired"
    assert refused("--reason", "长" * 501, act="return") == "ReasonTooLong"
    assert refused(stage="nowhere") == "NoSuchStage"
    assert refused(stage="city", login="approver") == "NothingChosen"
    assert refused(login="nobody") == "UnknownAccount"
    assert refused(login="auditor") == "NotAllowed"
    assert refused("--where", "certificate.level") == "BadWhere"
    assert refused("--where", "=技师") == "BadWhere"
    assert refused("--where", "shoe.size=44") == "UnknownFact"
    assert refused("--where", "person=x") == "UnknownFact"
    assert refused("--where", "certificate.issued_on=soon") == "BadValue"
    assert refused("--where", "applicant.union_member=yes") == "UnknownOperator"
    assert refused("--where", "certificate.level=大师") == "NothingChosen"
    other = ("review", "nothing", "--stage", "unit", "--approve", "--as", "unit")
    assert office.refuses(*other) == "UnknownProgramme"
    office.misuses(*REVIEW, "unit", "--as", "unit")
    office.misuses("review", CODE, "--approve", "--as", "unit")
    office.misuses(*REVIEW, "unit", "--approve")
    office.misuses("review", "--stage", "unit", "--approve", "--as", "unit")
    for two in (("--approve", "--reject"), ("--return", "--reject"), ("--approve", "--return")):
        office.misuses(*REVIEW, "unit", *two, "--as", "unit", "--reason", "材料不实")


def test_review_needs_a_programme_in_force(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "draft.yaml"
    text = PACK.read_text(encoding="utf-8").replace(CODE, "draft-1").replace("S26-", "DR-")
    path.write_text(text, encoding="utf-8")
    office.does("programme", "load", str(path))
    command = ("review", "draft-1", "--stage", "unit", "--approve", "--as", "unit")
    assert office.refuses(*command) == "NotInForce"


def test_money_goes_from_budget_to_paid(approved: Office) -> None:
    finance = ("--as", "finance")
    assert approved.does("funding", "budget", CODE, "2500", *finance) == {
        "programme": CODE, "cap_fen": 2_500_00, "spent_fen": 0,
    }  # fmt: skip
    batch = approved.does("funding", "pay", CODE, "--district", "D1", *finance)
    assert (batch["state"], batch["people"], batch["total_fen"]) == ("made", 2, 2_000_00)
    moved = approved.does("funding", "transferred", batch["batch"], "--on", "2026-08-03", *finance)
    assert moved["state"] == "transferred"
    number = batch["batch"]
    assert approved.refuses("funding", "paid", number, *finance) == "PaperMissing"
    approved.does("funding", "confirm", number, "--paper", "transfer-notice", *finance)
    assert approved.refuses("funding", "confirm", number, *finance) == "NotAllowed"
    wrong = ("funding", "confirm", number, "--people", "1", "--yuan", "1000", "--as", "district")
    assert approved.refuses(*wrong) == "SumsDiffer"
    said = approved.does(*wrong, "--differences", "一人销户")
    assert (said["people"], said["total_fen"], said["differences"]) == (1, 1_000_00, "一人销户")
    approved.does("funding", "confirm", number, "--as", "district")
    assert approved.does("funding", "paid", number, *finance)["state"] == "paid"
    assert [state for state, _ in approved.cases()] == ["paid", "paid", "approved", "waiting"]
    assert approved.does("verify") == {"ok": True, "violations": []}


def test_funding_refuses(approved: Office) -> None:
    finance = ("--as", "finance")
    pay = ("funding", "pay", CODE, "--district")
    assert approved.refuses(*pay, "D1", *finance) == "NoBudget"
    budget = ("funding", "budget", CODE)
    assert approved.refuses(*budget, "100", "--as", "centre") == "NotAllowed"
    assert approved.refuses(*budget, "9" * 30, *finance) == "BadBudget"
    assert approved.refuses("funding", "budget", *finance, "--", CODE, "-1") == "BadBudget"
    assert approved.refuses("funding", "budget", "nothing", "1", *finance) == "UnknownProgramme"
    approved.does(*budget, "2500", *finance)
    assert approved.refuses(*pay, "D9", *finance) == "NoSuchUnion"
    assert approved.refuses(*pay, "D2", *finance) == "NothingToPay"
    assert approved.refuses(*pay, "D1", "--as", "nobody") == "UnknownAccount"
    number = approved.does(*pay, "D1", *finance)["batch"]
    assert approved.refuses(*budget, "1999", *finance) == "BudgetBelowSpent"
    for verb in ("transferred", "paid"):
        assert approved.refuses("funding", verb, "P-0", *finance) == "NoSuchBatch"
        assert approved.refuses("funding", verb, number, "--as", "district") == "NotAllowed"
    assert approved.refuses("funding", "paid", number, *finance) == "NotInThatState"
    step = ("funding", "transferred", number)
    assert approved.refuses(*step, "--on", "2026-08-04", *finance) == "BadDay"
    approved.does(*step, *finance)
    assert approved.refuses(*step, *finance) == "NotInThatState"
    cancel = ("funding", "cancel", number, "--reason", "金额有误")
    assert approved.refuses(*cancel, *finance) == "NotInThatState"
    early = ("funding", "paid", number, "--on", "2026-08-02")
    assert approved.refuses(*early, *finance) == "BadDay"


def test_funding_is_used_as_it_says(office: Office) -> None:
    office.misuses("funding", "budget", CODE, "much", "--as", "finance")
    office.misuses("funding", "budget", CODE, "1.5", "--as", "finance")
    office.misuses("funding", "budget", CODE, "100")
    office.misuses("funding", "pay", CODE, "--as", "finance")
    office.misuses("funding", "paid", "P", "--on", "2026-02-30", "--as", "finance")


def test_explain_and_judge_refuse_what_they_do_not_know(office: Office) -> None:
    assert office.refuses("explain", "S26-999999") == "NoSuchApplication"
    assert office.refuses("judge", "nothing") == "UnknownProgramme"
    office.does(*REVIEW, "unit", "--reject", "--as", "unit", "--reason", "材料不实")
    assert office.refuses("explain", "S26-000001") == "NotJudged"


def test_users_are_refused(office: Office) -> None:
    create = ("users", "create")
    office.misuses(*create, "anna", "--role", "wizard")
    office.misuses(*create, "anna")
    at = ("--role", "district", "--organization")
    assert office.refuses(*create, "anna", *at, "D9") == "UnknownUnion"
    assert office.refuses(*create, "district", *at, "D1") == "LoginTaken"
    assert office.refuses(*create, "ＤＩＳＴＲＩＣＴ", *at, "D1") == "LoginTaken"
    assert office.refuses(*create, "anna", *at, "D1-1") == "RoleMisplaced"
    assert office.refuses(*create, "anna", "--role", "district") == "RoleMisplaced"
    assert office.refuses(*create, "a b", *at, "D1") == "BadLogin"
    for verb in ("disable", "enable", "reset"):
        assert office.refuses("users", verb, "nobody") == "UnknownAccount"
    assert office.refuses("users", "move", "unit", "--organization", "D9") == "UnknownUnion"


def test_users_need_a_union(app: Flask) -> None:
    assert Office(app).refuses("users", "create", "anna", "--role", "city-centre") == "NoTree"


def test_catalogues_and_programmes_refuse_unknown_names(office: Office, tmp_path: Path) -> None:
    for pair in (("education", "gone"), ("gone", "education")):
        assert office.refuses("catalogues", "compare", *pair) == "UnknownCatalogue"
    office.misuses("catalogues", "compare", "education")
    for arguments in (
        ("diff", CODE, "gone"),
        ("diff", "gone.yaml", CODE),
        ("dump", "gone"),
        ("dump", "gone@1"),
        ("publish", "gone"),
        ("draft", "gone"),
    ):
        assert office.refuses("programme", *arguments) == "UnknownProgramme"
    for name in (f"{CODE}@9", f"{CODE}@x"):
        assert office.refuses("programme", "dump", name) == "UnknownRevision"
        assert office.refuses("programme", "diff", name, CODE) == "UnknownRevision"
    bad = tmp_path / "bad.yaml"
    bad.write_text("programme: x\n", encoding="utf-8")
    assert office.refuses("programme", "diff", CODE, str(bad)) == "BadPack"
    office.misuses("programme", "check", str(tmp_path / "missing.yaml"))
    office.misuses("programme", "load")


def test_sheets_and_generated_cases_are_asked_for_as_they_say(
    office: Office, tmp_path: Path
) -> None:
    for count in ("-5", "0", "many"):
        office.misuses("bench", "generate", "--applications", count)
    export = ("applications", "export", "--programme", CODE, "--as", "centre", "--out")
    for out in ("/missing/x.xlsx", str(tmp_path / "missing" / "x.xlsx"), str(tmp_path)):
        office.misuses(*export, out)
    assert office.does(*export, str(tmp_path / "x.xlsx"))["rows"] == 4


@pytest.mark.parametrize(
    "group",
    [
        "{at_least: 1, of: 5}",
        "{at_least: true, of: [[applicant.union_member, is true]]}",
        "{at_least: 2, of: [[applicant.union_member, is true]]}",
        "{all: [5]}",
        "{all: [[certificate.level, [is], x]]}",
        "{all: [[certificate.level, {a: 1}, x]]}",
        "{all: [[certificate.level, in table, [a]]]}",
        "{all: [[certificate.level, in table, {a: 1}]]}",
    ],
)
def test_a_malformed_group_is_a_problem_with_its_line(
    app: Flask, tmp_path: Path, group: str
) -> None:
    text = PACK.read_text(encoding="utf-8")
    old = "{all: [[applicant.union_member, is true]]}"
    assert old in text
    bad = tmp_path / "bad.yaml"
    bad.write_text(text.replace(old, group), encoding="utf-8")
    done = Office(app).run("programme", "check", str(bad))
    found = {(row["path"], row["line"]) for row in json.loads(done.stdout)["problems"]}
    assert done.exit_code == 1
    line = text[: text.index(old)].count("\n") + 1
    assert ("conditions.0.require", line) in found


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "S26-\udcff"),
        ("users", "create", "\udcff\udcff", "--role", "city-centre"),
        ("programme", "dump", "\udcff"),
        ("catalogues", "compare", "\udcff", "x"),
    ],
)
def test_bytes_that_are_no_text_are_bad_usage(app: Flask, arguments: tuple[str, ...]) -> None:
    assert Office(app).run(*arguments).exit_code == 2
