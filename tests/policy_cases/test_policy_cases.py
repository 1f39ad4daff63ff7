"""Notices in sentences: each case goes through intake, and one statement judges them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from portal.config import ROOT
from portal.policy.explain import explain
from portal.policy.judge import judge
from portal.policy.packs import load_pack, publish
from portal.review.entering import enter
from portal.review.reading import FormReader
from seed.catalogues import load_all
from tests.conftest import make_config
from tests.support.cases import cells

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
PROGRAMMES = ROOT / "seed" / "programmes"
Outcome = dict[str, Any]
Case = dict[str, Any]


@dataclass(frozen=True)
class Book:
    """The cases of one programme, and the day after its windows, when the city enters them."""

    programme: str
    after: Clock
    cases: tuple[Case, ...]


def _read(path: Path) -> Book:
    book = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    for case in book["cases"]:
        case["gives"] = book["gives"] | case.get("gives", {})
        for name in ("facts", "earlier"):
            if name in case:
                case[name] = book["usual"] | case[name]
    return Book(book["programme"], Clock(book["entered_on"]), tuple(book["cases"]))


BOOKS = {path.stem: _read(path) for path in FILES}
CASES = [
    pytest.param(name, case, id=f"{name}: {case['says']}")
    for name, book in BOOKS.items()
    for case in book.cases
]


@pytest.fixture(scope="module")
def judged(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Outcome]]:
    """Every case entered, then all of a programme judged in one go: sentence → what came out."""
    return {
        name: _judged(book, migrated_sqlite, tmp_path_factory.mktemp(name))
        for name, book in BOOKS.items()
    }


def _judged(book: Book, database: Path, home: Path) -> dict[str, Outcome]:
    (home / "portal.db").write_bytes(database.read_bytes())
    app = create_app(make_config(f"sqlite:///{home / 'portal.db'}", home))
    with app.app_context():
        begin_writing()
        outcomes = dict(_outcomes(book, home))
        db.session.remove()
        db.engine.dispose()
        begin_writing(False)
    return outcomes


def _outcomes(book: Book, home: Path) -> Iterator[tuple[str, Outcome]]:
    session = db.session()
    load_all(session, book.after)
    revision = _published(PROGRAMMES / f"{book.programme}.yaml", book.after)
    year = revision.programme.year
    by_year = {year: revision, year - 1: _last_year(book, year, home)}
    unit = _unit(book.after)
    ids = {}
    for serial, case in enumerate(book.cases, 1):
        if "earlier" in case:
            then = by_year[case["earlier"]["application.received_on"].year]
            earlier = _enter(book, then, unit, 500 + serial, case, case["earlier"])
            _become(earlier, case.get("became"))
        ids[case["says"]] = _enter(book, revision, unit, serial, case, case["facts"])
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


def _published(path: Path, clock: Clock) -> Revision:
    actor = system_actor(db.session())
    code = load_pack(db.session(), actor, clock, path).programme.code
    return publish(db.session(), actor, clock, code)


def _last_year(book: Book, year: int, home: Path) -> Revision:
    """The same rules a year before, as another programme of the family."""
    text = (PROGRAMMES / f"{book.programme}.yaml").read_text(encoding="utf-8")
    code = book.programme.replace(str(year), str(year - 1))
    text = text.replace(book.programme, code).replace(f"year: {year}", f"year: {year - 1}")
    text = re.sub(r"(number_prefix: S)\d\d", rf"\g<1>{(year - 1) % 100}", text)
    pack = home / f"{code}.yaml"
    pack.write_text(re.sub(rf"(opens|closes): {year}", rf"\1: {year - 1}", text), encoding="utf-8")
    return _published(pack, book.after)


def _unit(clock: Clock) -> Organization:
    parent = None
    for code, kind in (("C", "city"), ("D", "district"), ("U", "unit")):
        parent = create_organization(
            db.session(),
            system_actor(db.session()),
            clock,
            code=code,
            name=f"{code}工会",
            kind=kind,
            parent=parent,
        )
    assert parent is not None
    return parent


def _enter(
    book: Book, revision: Revision, unit: Organization, serial: int, case: Case, facts: Case
) -> int:
    session, channel = db.session(), case.get("channel", "unit")
    actor = replace(system_actor(session), role="city-centre")
    form = cells(unit, serial) | {key: str(value) for key, value in facts.items()}
    values, problems = FormReader(session, revision, actor, book.after, channel).read(form)
    assert values is not None, (case["says"], problems)
    return enter(session, actor, book.after, revision, channel, [values])[0]


def _become(application_id: int, state: str | None) -> None:
    """Decided long ago, and no longer claiming its certificate: as history is taken over."""
    if state is not None:
        statement = update(Application).where(Application.id == application_id)
        db.session.execute(statement.values(state=state, claims=False))


@pytest.mark.parametrize(("programme", "case"), CASES)
def test_a_case_is_judged_as_the_notice_says(
    programme: str, case: Case, judged: dict[str, dict[str, Outcome]]
) -> None:
    assert judged[programme][case["says"]] == case["gives"]


def test_every_programme_has_its_cases() -> None:
    assert set(BOOKS) == {path.stem for path in PROGRAMMES.glob("*.yaml")}
    for name, book in BOOKS.items():
        assert book.programme == name
        assert len({case["says"] for case in book.cases}) == len(book.cases) >= 20
