"""Packs beside each other and beside the facts: nothing is said twice, nothing taken twice."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from ruamel.yaml import YAML
from sqlalchemy.orm import Session

from portal.access.accounts import system_actor
from portal.config import ROOT
from portal.policy.facts import AWARD, fact
from portal.policy.packs import check_pack, load_pack
from portal.policy.terms import group_sql
from seed.catalogues import load_all
from tests.support.cases import CLOCK

PACKS = sorted((ROOT / "seed" / "programmes").glob("*.yaml"))
STUDIOS, PROJECTS = (
    ROOT / "seed" / "programmes" / f"{code}.yaml" for code in ("sh-studio-2020", "bj-project-2022")
)


def test_packs_of_one_notice_say_the_same_of_it() -> None:
    notices = [YAML(typ="safe").load(pack)["notice"] for pack in PACKS]
    notices.sort(key=lambda notice: str(notice["key"]))
    for key, same in groupby(notices, key=lambda notice: notice["key"]):
        first, *others = same
        assert all(other == first for other in others), key


def test_a_file_and_a_condition_of_one_key_are_told(session: Session, tmp_path: Path) -> None:
    load_all(session, CLOCK)
    text = STUDIOS.read_text(encoding="utf-8").replace("{key: video,", "{key: team,", 1)
    path = tmp_path / "pack.yaml"
    path.write_text(text, encoding="utf-8")
    assert "attachments.4.key" in [flaw.path for flaw in check_pack(session, path)]


def test_the_amount_brings_the_records_that_its_tiers_read(session: Session) -> None:
    load_all(session, CLOCK)
    revision = load_pack(session, system_actor(session), CLOCK, PROJECTS)
    amount = fact(AWARD, revision)
    assert amount is not None
    assert {table.__tablename__ for table in amount.needs} == {"studio", "project"}


def test_a_share_may_name_facts_of_the_applicant(session: Session) -> None:
    load_all(session, CLOCK)
    revision = load_pack(session, system_actor(session), CLOCK, STUDIOS)
    share = fact("list.women", revision)
    assert share is not None
    assert {table.__tablename__ for table in share.needs} == {"applicant"}
    assert "applicant.sex" in str(group_sql({"all": [["list.women", "at least", 50]]}, revision))
