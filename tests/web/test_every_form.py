"""The rows of all packs go through their forms and come out as they were."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from flask import Flask

from admin_views.programme_book import SCREENS
from models.base import begin_writing, db
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.config import ROOT
from portal.policy.pack_rows import SECTIONS, document_of
from portal.policy.packs import load_pack
from seed.catalogues import load_all
from tests.conftest import City
from tests.support.cases import CLOCK
from tests.support.unlike import unlike
from tests.web.forms import change
from tests.web.pages import Browser

PACKS = sorted((ROOT / "seed" / "programmes").glob("*.yaml"))


def test_every_row_of_every_pack_survives_its_form(app: Flask, town: City) -> None:
    """Every kind of row, that is; with ``EVERYTHING=1`` every row."""
    with app.app_context():
        begin_writing()
        town.person("centre", "city-centre", "SH")
        load_all(db.session(), CLOCK)
        system = system_actor(db.session())
        revisions = [load_pack(db.session(), system, CLOCK, path) for path in PACKS]
        db.session.commit()
        begin_writing(False)
        before = {revision.id: document_of(revision) for revision in revisions}
        rows = [(s, row.id) for s in SECTIONS for row in _chosen(revisions, s)]
    browser = Browser(app)
    assert browser.log_in("centre").status_code == 303
    wrong = []
    for section, row_id in rows:
        answer = change(browser, f"/{SCREENS[section]}/edit/?id={row_id}")
        if answer.status_code != 302:
            wrong.append((section, row_id, _said(answer.text)))
    for revision_id in before:
        assert change(browser, f"/revision/edit/?id={revision_id}").status_code == 302
    assert wrong == []
    with app.app_context():
        for revision_id, document in before.items():
            found = db.session.get_one(Revision, revision_id)
            assert document_of(found) == document


def _chosen(revisions: Sequence[Revision], section: str) -> list[Any]:
    if os.environ.get("EVERYTHING"):
        return [row for revision in revisions for row in getattr(revision, section)]
    return unlike(revisions, section)


def _said(page: str) -> str:
    return re.sub(r"(?s)<[^>]*>|\s", "", page[page.find("jx-flash") :])[:300]
