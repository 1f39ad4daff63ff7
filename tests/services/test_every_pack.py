"""Every programme that comes with the product: dumped as it was loaded, and never confused."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from sqlalchemy.orm import Session

from portal.access.accounts import system_actor
from portal.config import ROOT
from portal.policy.facts import AWARD, fact
from portal.policy.pack_files import read
from portal.policy.pack_rows import completed
from portal.policy.packs import check_pack, dump_pack, load_pack
from portal.policy.terms import group_sql
from seed.catalogues import load_all
from tests.support.cases import CLOCK

PACKS = sorted((ROOT / "seed" / "programmes").glob("*.yaml"))
STUDIOS, PROJECTS = (
    ROOT / "seed" / "programmes" / f"{code}.yaml" for code in ("sh-studio-2020", "bj-project-2022")
)


@pytest.mark.parametrize("pack", PACKS, ids=lambda path: path.stem)
def test_a_dump_is_the_same_document(session: Session, pack: Path, tmp_path: Path) -> None:
    load_all(session, CLOCK)
    actor = system_actor(session)
    loaded = load_pack(session, actor, CLOCK, pack)
    session.expire_all()
    again = tmp_path / "again.yaml"
    again.write_text(dump_pack(session, pack.stem), encoding="utf-8")
    written, dumped = (read(path)[0].document for path in (pack, again))
    assert completed(dumped) == completed(written)
    assert dumped["notice"] == written["notice"]
    assert load_pack(session, actor, CLOCK, again) is loaded


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
