"""Notices in sentences: each case goes through intake, and one statement judges them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from models.application import Application
from models.base import begin_writing, db
from portal.app import create_app
from portal.policy.explain import explain
from portal.policy.judge import judge
from tests.conftest import make_config
from tests.support.books import PROGRAMMES, Book, Case, Scene, read_book

Outcome = dict[str, Any]
BOOKS = {path.stem: read_book(path) for path in sorted(Path(__file__).parent.glob("*.yaml"))}
CASES = [
    pytest.param(name, case, id=f"{name}: {case['says']}")
    for name, book in BOOKS.items()
    for case in book.cases
]


Judged = Callable[[str], dict[str, Outcome]]


@pytest.fixture(scope="module")
def judged(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Of a programme every case entered, then judged in one go: sentence → what came out."""

    @cache
    def outcomes(name: str) -> dict[str, Outcome]:
        return _judged(BOOKS[name], migrated_sqlite, tmp_path_factory.mktemp(name))

    return outcomes


def _judged(book: Book, database: Path, home: Path) -> dict[str, Outcome]:
    (home / "portal.db").write_bytes(database.read_bytes())
    app = create_app(make_config(f"sqlite:///{home / 'portal.db'}", home))
    with app.app_context():
        begin_writing()
        found = dict(_outcomes(book, home))
        db.session.remove()
        db.engine.dispose()
        begin_writing(False)
    return found


def _outcomes(book: Book, home: Path) -> Iterator[tuple[str, Outcome]]:
    session = db.session()
    scene = Scene(session, book, home)
    for cases in book.groups():
        with scene.apart():
            ids = {case["says"]: scene.play(case) for case in cases}
            judge(session, scene.revision)
            for says, application_id in ids.items():
                found = session.get_one(Application, application_id, populate_existing=True)
                yield says, _outcome(found)


def _outcome(found: Application) -> Outcome:
    told = explain(db.session(), found)
    assert told is not None
    assert (told.verdict, told.amount_fen) == (found.verdict, found.amount_fen)
    return {
        "verdict": found.verdict,
        "tier": found.tier_key,
        "fen": found.amount_fen,
        "missed": [key for key in found.missed.split(",") if key],
        "asked": [key for key in found.asked.split(",") if key],
    }


@pytest.mark.parametrize(("programme", "case"), CASES)
def test_a_case_is_judged_as_the_notice_says(programme: str, case: Case, judged: Judged) -> None:
    assert judged(programme)[case["says"]] == case["gives"]


def test_every_programme_has_its_cases() -> None:
    assert set(BOOKS) == {path.stem for path in PROGRAMMES.glob("*.yaml")}
    for name, book in BOOKS.items():
        assert book.programme == name
        assert len({case["says"] for case in book.cases}) == len(book.cases) >= 20
