"""Notices in sentences: each case goes through intake, and one statement judges them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import update

from models.application import Application
from models.base import begin_writing, db
from models.organization import Organization
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.access.organizations import create_organization
from portal.app import create_app
from portal.clock import Clock
from portal.policy.explain import explain
from portal.policy.judge import judge
from portal.policy.packs import load_pack, publish
from portal.review.entering import enter
from portal.review.reading import FormReader
from tests.conftest import make_config
from tests.support.cases import PACK, cells, published

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
AFTER = Clock(date(2026, 9, 20))  # papers of the whole window are in; the city enters them
Outcome = dict[str, Any]


def _read(path: Path) -> tuple[list[Any], list[dict[str, Any]]]:
    book = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    for case in book["cases"]:
        case["gives"] = book["gives"] | case.get("gives", {})
        for name in ("facts", "earlier"):
            if name in case:
                case[name] = book["usual"] | case[name]
    return [pytest.param(case, id=case["says"]) for case in book["cases"]], book["cases"]


CASES, ALL = _read(FILES[0])


@pytest.fixture(scope="module")
def judged(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Every case entered, then all judged in one go: sentence → what came out."""
    home = tmp_path_factory.mktemp("policy-cases")
    (home / "portal.db").write_bytes(migrated_sqlite.read_bytes())
    app = create_app(make_config(f"sqlite:///{home / 'portal.db'}", home))
    with app.app_context():
        begin_writing()
        outcomes = dict(_outcomes(home))
        db.session.remove()
        db.engine.dispose()
        begin_writing(False)
    return outcomes


def _outcomes(home: Path) -> Iterator[tuple[str, Outcome]]:
    session = db.session()
    revision = published(session)
    by_year = {2026: revision, 2025: _last_year(home)}
    unit = _unit()
    ids = {}
    for serial, case in enumerate(ALL, 1):
        if "earlier" in case:
            year = case["earlier"]["application.received_on"].year
            earlier = _enter(by_year[year], unit, 500 + serial, case["earlier"])
            _become(earlier, case.get("became"))
        ids[case["says"]] = _enter(revision, unit, serial, case["facts"])
    judge(session, revision)
    for says, application_id in ids.items():
        found = session.get_one(Application, application_id, populate_existing=True)
        yield says, _outcome(found)


def _outcome(found: Application) -> Outcome:
    told = explain(db.session(), found)
    assert (told.verdict, told.amount_fen) == (found.verdict, found.amount_fen)
    return {
        "verdict": found.verdict,
        "tier": found.tier_key,
        "fen": found.amount_fen,
        "missed": [key for key in found.missed.split(",") if key],
        "asked": [key for key in found.asked.split(",") if key],
    }


def _last_year(home: Path) -> Revision:
    """The same rules a year before, as another programme of the family."""
    text = PACK.read_text(encoding="utf-8").replace("sh-skill-2026", "sh-skill-2025")
    text = text.replace("number_prefix: S26-", "number_prefix: S25-")
    pack = home / "sh-skill-2025.yaml"
    pack.write_text(re.sub(r"(opens|closes): 2026", r"\1: 2025", text), encoding="utf-8")
    actor = system_actor(db.session())
    load_pack(db.session(), actor, AFTER, pack)
    return publish(db.session(), actor, AFTER, "sh-skill-2025")


def _unit() -> Organization:
    parent = None
    for code, kind in (("C", "city"), ("D", "district"), ("U", "unit")):
        parent = create_organization(
            db.session(),
            system_actor(db.session()),
            AFTER,
            code=code,
            name=f"{code}工会",
            kind=kind,
            parent=parent,
        )
    assert parent is not None
    return parent


def _enter(revision: Revision, unit: Organization, serial: int, facts: dict[str, Any]) -> int:
    session = db.session()
    actor = replace(system_actor(session), role="city-centre")
    form = cells(unit, serial) | {key: str(value) for key, value in facts.items()}
    values, problems = FormReader(session, revision, actor, AFTER, "unit").read(form)
    assert values is not None, problems
    return enter(session, actor, AFTER, revision, "unit", [values])[0]


def _become(application_id: int, state: str | None) -> None:
    """Decided long ago, and no longer claiming its certificate: as history is taken over."""
    if state is not None:
        statement = update(Application).where(Application.id == application_id)
        db.session.execute(statement.values(state=state, claims=False))


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_judged_as_the_notice_says(
    case: dict[str, Any], judged: dict[str, Outcome]
) -> None:
    assert judged[case["says"]] == case["gives"]


def test_the_file_is_about_the_pack_that_is_judged() -> None:
    assert [path.stem for path in FILES] == ["sh-skill-2026"]
    assert len({case["says"] for case in ALL}) == len(ALL) >= 20
