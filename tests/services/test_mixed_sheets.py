"""Mixed cases of every programme: the set, each case alone, and both databases.

``MIXED_CASES`` and ``MIXED_ALONE`` make it longer: 500 and 100 were seen to agree.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from models.application import ELIGIBLE, Application
from models.base import begin_writing, db
from models.catalogue import Catalogue
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.config import ROOT
from portal.exchange.applications_in import apply, read_applications
from portal.policy.judge import judge, policy_for
from portal.review.entering import enter
from portal.review.reading import FormReader
from tests.conftest import create_database, make_config
from tests.support import postgres
from tests.support.apps import kept_app
from tests.support.books import PROGRAMMES, Scene, read_book
from tests.support.mixed_forms import Form, Mixer

BOOKS = ROOT / "tests" / "policy_cases"
PACKS = sorted(path.stem for path in PROGRAMMES.glob("*.yaml"))
CASES = int(os.environ.get("MIXED_CASES", "60"))
ALONE = int(os.environ.get("MIXED_ALONE", "10"))
PLACES = (
    {"district": "D", "unit": "D-1", "nature": "国有"},
    {"district": "D", "unit": "D-2", "nature": "个私"},
    {"district": "E", "unit": "E-1", "nature": "外资"},
    {"district": "F", "kind": "bureau", "unit": "F-1", "nature": "事业"},
    {"district": "F", "kind": "bureau", "unit": "F-2"},
)
Found = dict[str, dict[str, Any]]


@pytest.mark.parametrize("programme", PACKS)
def test_a_mixed_sheet_is_judged_alike_as_a_set_alone_and_on_both_databases(
    programme: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = {}
    for name in ["sqlite", *(["postgresql"] if postgres.is_here() else [])]:
        home = tmp_path / name
        home.mkdir()
        with _scene(programme, _database(name, home, request), home) as scene:
            found[name] = _judged(scene, programme)
    first, *others = found.values()
    assert len(first) == CASES
    assert all(other == first for other in others)


def _database(name: str, home: Path, request: pytest.FixtureRequest) -> str:
    if name == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), home / "portal.db")
        return f"sqlite:///{home / 'portal.db'}"
    server = request.getfixturevalue("postgresql_server")
    own = f"mixed_{PACKS.index(request.node.callspec.params['programme'])}"
    create_database(server, own, request.getfixturevalue("migrated_postgresql"))
    return str(server.format(name=own))


@contextmanager
def _scene(programme: str, url: str, home: Path) -> Iterator[Scene]:
    app = kept_app(make_config(url, home))
    with app.app_context():
        begin_writing()
        yield Scene(db.session(), read_book(BOOKS / f"{programme}.yaml"), home)
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()
        begin_writing(False)


def _judged(scene: Scene, programme: str) -> Found:
    """Enter the forms, half of them from a sheet; judge; award some; judge in every way."""
    session, revision = scene.session, scene.revision
    units = [scene._unit(place) for place in PLACES]
    tables = {row.key: row for row in session.scalars(select(Catalogue))}
    mixer = Mixer(revision, scene.book.usual, tables, programme)
    forms = list(mixer.forms(CASES, units))
    _enter_sheet(scene, forms[: CASES // 2])
    _enter_forms(scene, forms[CASES // 2 :])
    _award(session)
    judge(session, revision)
    whole = _found(session, policy_for(session, revision).statement)
    _agrees(session, scene, whole)
    return {str(number): row for number, row in _by_number(session, whole)}


def _enter_sheet(scene: Scene, forms: list[Form]) -> None:
    labels = {
        row.key: row.label
        for row in scene.revision.fields
        if row.purpose != "survey" and not row.stage
    }
    path = scene.home / "sheet.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(labels.values())
        sheet.writerows([form.get(key, "") for key in labels] for form in forms)
    actor, programme = _actor(scene), scene.revision.programme
    reading = read_applications(
        scene.session, actor, scene.book.after, programme, _channel(scene), path
    )
    for (number, _values), case in zip(
        reading.accepted, apply(scene.session, actor, scene.book.after, reading), strict=True
    ):
        scene._fill_in(scene.revision, case, _channel(scene), forms[number - 2])


def _enter_forms(scene: Scene, forms: list[Form]) -> None:
    """Enter what can be read, all at once; what claims the same twice comes in once."""
    actor, channel = _actor(scene), _channel(scene)
    reader = FormReader(scene.session, scene.revision, actor, scene.book.after, channel)
    read = ((form, reader.read(form)[0]) for form in forms)
    held = set(scene.session.scalars(select(Application.claim_key)))
    kept: dict[str, tuple[Form, Any]] = {}
    for form, values in read:
        if values is not None and values.claim not in held:
            kept.setdefault(values.claim, (form, values))
    entered = enter(
        scene.session,
        actor,
        scene.book.after,
        scene.revision,
        channel,
        [values for _form, values in kept.values()],
    )
    for case, (form, _values) in zip(entered, kept.values(), strict=True):
        scene._fill_in(scene.revision, case, channel, form)


def _award(session: Session) -> None:
    """Some of the eligible were approved or paid since."""
    for rest, state in ((0, "approved"), (3, "paid")):
        some = (Application.verdict == ELIGIBLE, Application.sequence % 7 == rest)
        session.execute(update(Application).where(*some).values(state=state))
    session.expire_all()


def _agrees(session: Session, scene: Scene, whole: Found) -> None:
    """Every part of ten, and a hundred cases alone, come out as in the set: of those alone fewer
    on the database that is slower to answer one question at a time."""
    ids = sorted(whole)
    chosen = select(Application.id).where(Application.id.in_(bindparam("ids", expanding=True)))
    part = policy_for(session, scene.revision, chosen).statement
    parts = [ids[n : n + 10] for n in range(0, len(ids), 10)]
    share = 1 if session.get_bind().dialect.name == "sqlite" else 5
    alone = ids[:: max(1, len(ids) * share // ALONE)]
    for some in [*parts, *([case] for case in alone)]:
        assert _found(session, part, {"ids": some}) == {case: whole[case] for case in some}


def _found(session: Session, statement: Any, params: dict[str, Any] | None = None) -> Any:
    rows = session.execute(statement, params or {}).mappings()
    return {row["id"]: {key: row[key] for key in row if key != "id"} for row in rows}


def _by_number(session: Session, whole: Any) -> Iterator[tuple[str, Any]]:
    for case, number in session.execute(select(Application.id, Application.number)):
        if case in whole:
            yield number, whole[case]


def _actor(scene: Scene) -> Actor:
    return replace(system_actor(scene.session), role="city-centre")


def _channel(scene: Scene) -> str:
    return scene.revision.channels[0].key
