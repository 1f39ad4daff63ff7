"""Notices in sentences: each case goes through intake, and one statement judges them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.application import Application
from models.base import begin_writing, db
from portal.policy.explain import explain
from portal.policy.judge import judge
from tests.conftest import make_config
from tests.support.apps import kept_app
from tests.support.books import PROGRAMMES, Book, Scene, read_book

Outcome = dict[str, Any]
BOOKS = {path.stem: read_book(path) for path in sorted(Path(__file__).parent.glob("*.yaml"))}
ALONE = 5
"""Of so many cases one is explained alone, too."""


@pytest.mark.parametrize("programme", BOOKS)
def test_every_case_is_judged_as_the_notice_says(
    programme: str, migrated_sqlite: Path, tmp_path: Path
) -> None:
    """Every case is entered, then all are judged in one go."""
    book = BOOKS[programme]
    found = _judged(book, migrated_sqlite, tmp_path)
    wrong = {
        case["says"]: {"should be": case["gives"], "is": found[case["says"]]}
        for case in book.cases
        if found[case["says"]] != case["gives"]
    }
    assert wrong == {}


def _judged(book: Book, database: Path, home: Path) -> dict[str, Outcome]:
    (home / "portal.db").write_bytes(database.read_bytes())
    app = kept_app(make_config(f"sqlite:///{home / 'portal.db'}", home))
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
            ids = scene.play_all(cases)
            judge(session, scene.revision)
            for place, (case, application_id) in enumerate(zip(cases, ids, strict=True)):
                found = session.get_one(Application, application_id, populate_existing=True)
                if place % ALONE == 0:
                    _agrees(found)
                yield case["says"], _outcome(found)


def _agrees(found: Application) -> None:
    """Alone the case comes out as it did among all."""
    told = explain(db.session(), found)
    assert told is not None
    assert (told.verdict, told.amount_fen) == (found.verdict, found.amount_fen)


def _outcome(found: Application) -> Outcome:
    return {
        "verdict": found.verdict,
        "tier": found.tier_key,
        "fen": found.amount_fen,
        "missed": [key for key in found.missed.split(",") if key],
        "asked": [key for key in found.asked.split(",") if key],
    }


def test_every_programme_has_its_cases() -> None:
    assert set(BOOKS) == {path.stem for path in PROGRAMMES.glob("*.yaml")}
    for name, book in BOOKS.items():
        assert book.programme == name
        assert len({case["says"] for case in book.cases}) == len(book.cases) >= 20
