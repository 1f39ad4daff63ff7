"""Rules tried, compared, cloned and followed from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models.audit import AuditEntry
from models.base import begin_writing, db
from models.programme import DRAFT, Programme
from portal.config import ROOT
from portal.policy.drafting import AlreadyTaken
from portal.policy.packs import BadName, UnknownNotice, UnknownProgramme, clone
from tests.services.test_commands import Office, office, settings
from tests.services.test_decide import Desk, desk
from tests.support.cases import CLOCK, PACK

__all__ = ["desk", "office", "settings"]
CODE = "sh-skill-2026"
EARLIER = str(ROOT / "seed" / "programmes" / "sh-skill-2023.yaml")
NAMES = ("--title", "下一年度资助", "--year", "2027", "--prefix", "S27-")


@pytest.fixture
def stricter(tmp_path: Path) -> str:
    """The pack with a later date floor."""
    text = PACK.read_text(encoding="utf-8").replace("[2023-01-01,", "[2025-06-01,", 1)
    path = tmp_path / "stricter.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _plain(office: Office, *arguments: str) -> str:
    done = office.app.test_cli_runner().invoke(args=arguments)
    begin_writing(False)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def test_simulate_tells_who_flips_and_writes_nothing(office: Office, stricter: str) -> None:
    before = office.everything()
    found = office.does("simulate", stricter, "--on", CODE)
    assert office.everything() == before
    assert (found["cases"], found["flipped"], len(found["flips"])) == (4, 4, 4)
    assert found["before"]["eligible"] == 3 and found["after"]["ineligible"] == 4
    assert found["flips"][0]["key"] == "issued" and found["flips"][0]["clause"] == "一"
    assert found["districts"][0]["code"] == "D1"
    assert office.does("simulate", CODE, "--on", CODE)["flipped"] == 0
    assert office.does("simulate", f"{CODE}@1", "--on", CODE)["flipped"] == 0
    text = _plain(office, "simulate", stricter, "--on", CODE)
    assert "S26-000001 符合 → 不符合 [一]" in text.replace("条件", "")
    assert "4 件结论改变" in text


def test_simulate_refuses_what_it_does_not_know(office: Office, tmp_path: Path) -> None:
    assert office.refuses("simulate", CODE, "--on", "nowhere") == "UnknownProgramme"
    assert office.refuses("simulate", "nowhere", "--on", CODE) == "UnknownProgramme"
    assert office.refuses("simulate", f"{CODE}@7", "--on", CODE) == "UnknownRevision"
    bad = tmp_path / "bad.yaml"
    bad.write_text("programme: [", encoding="utf-8")
    assert office.refuses("simulate", str(bad), "--on", CODE) == "BadPack"
    office.misuses("simulate", CODE)


def test_diff_reads_in_sentences(office: Office) -> None:
    found = office.does("programme", "diff", EARLIER, CODE)
    assert found["differences"]
    says = {row["says"]: row for row in found["sentences"]}
    floor = says["发证日期：最早日期由2020-01-01改为2023-01-01"]
    assert (floor["section"], floor["key"], floor["clause"]) == ("conditions", "issued", "一")
    text = _plain(office, "programme", "diff", EARLIER, CODE)
    assert "资助档次\n  - 新增“特级技师”" in text
    assert "    - 发证日期：最早日期由2020-01-01改为2023-01-01\n" in text
    assert _plain(office, "programme", "diff", CODE, CODE) == "没有变化。\n"


def test_move_is_shown_and_done(office: Office, stricter: str) -> None:
    assert office.refuses("programme", "move", CODE, "--reason", "重新审核") == "NothingToMove"
    office.does("programme", "load", stricter, "--publish")
    before = office.everything()
    shown = office.does("programme", "move", CODE, "--dry-run")
    assert office.everything() == before
    assert (shown["moved"], shown["effect"]["flipped"]) == (4, 4)
    assert "4 件申报改按第2版规则审核" in _plain(office, "programme", "move", CODE, "--dry-run")
    assert office.refuses("programme", "move", CODE) == "ReasonRequired"
    done = office.does("programme", "move", CODE, "--reason", "重新审核")
    assert done["moved"] == 4
    assert office.does("judge", CODE)["ineligible"] == 4
    assert office.does("verify") == {"ok": True, "violations": []}


def test_clone_starts_the_next_year(office: Office) -> None:
    made = office.does("programme", "clone", CODE, "next-year", *NAMES)
    assert made == {"programme": "next-year", "revision": 1, "state": DRAFT, "reminders": []}
    assert office.does("programme", "diff", CODE, "next-year")["sentences"] == []
    again = ("programme", "clone", CODE)
    assert office.refuses(*again, "next-year", *NAMES) == "AlreadyTaken"
    assert office.refuses(*again, "other", *NAMES) == "AlreadyTaken"  # the prefix
    assert office.refuses("programme", "clone", "nowhere", "other", *NAMES) == "UnknownProgramme"
    office.misuses(*again, "other")


def test_a_clone_is_its_own_programme_of_the_family(desk: Desk) -> None:
    centre = desk.people["centre"]
    made = clone(desk.session, centre, CLOCK, CODE, "next-year", "下一年度", 2027, "S27-", "S26")
    old = desk.revision.programme
    assert made.programme is not old
    assert (made.programme.family, made.programme.subject) == (old.family, old.subject)
    assert (made.programme.year, made.programme.notice, made.state) == (2027, old.notice, DRAFT)
    assert [row.key for row in made.tiers] == [row.key for row in desk.revision.tiers]
    assert not {row.id for row in made.tiers} & {row.id for row in desk.revision.tiers}
    entry = desk.session.scalars(
        select(AuditEntry).where(AuditEntry.entity_id == made.id, AuditEntry.entity == "revision")
    ).all()[-1]
    assert (entry.account_id, entry.action) == (centre.account_id, "programme:start")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"new_code": CODE}, AlreadyTaken),
        ({"number_prefix": "S26-"}, AlreadyTaken),
        ({"new_code": "Next Year"}, BadName),
        ({"number_prefix": "s27"}, BadName),
        ({"notice_key": "S99"}, UnknownNotice),
        ({"code": "nowhere"}, UnknownProgramme),
    ],
)
def test_a_clone_that_cannot_be_called_so_leaves_nothing(
    desk: Desk, changes: dict[str, Any], refusal: type[Exception]
) -> None:
    names = {
        "code": CODE, "new_code": "next-year", "title": "下一年度", "year": 2027,
        "number_prefix": "S27-",
    }  # fmt: skip
    with pytest.raises(refusal):
        clone(desk.session, desk.people["centre"], CLOCK, **(names | changes))
    assert desk.session.scalars(select(Programme.code)).all() == [CODE]
    assert not db.session.new
