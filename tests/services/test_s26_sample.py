"""The acceptance of the main job: the sample sheet comes out row by row as expected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from models.application import Application
from models.base import begin_writing, db
from tests.support.cases import PACK, SAMPLE


@pytest.fixture
def settings() -> dict[str, object]:
    """The clock is not pinned: papers of the window are entered after it by the city."""
    return {"today": None}


def _run(app: Flask, *arguments: str) -> dict[str, Any]:
    done = app.test_cli_runner().invoke(args=[*arguments, "--json"])
    begin_writing(False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_sample_comes_out_as_expected(app: Flask) -> None:
    expected = json.loads((SAMPLE / "expected.json").read_text(encoding="utf-8"))
    _run(app, "organizations", "import", str(SAMPLE / "organizations.csv"))
    _run(app, "catalogues", "load")
    _run(app, "programme", "load", str(PACK), "--publish")
    assert _run(app, "users", "create", "city", "--role", "city-centre")["password"]
    sheet = str(SAMPLE / "applications.xlsx")
    options = ["--programme", "sh-skill-2026", "--as", "city"]
    tried = _run(app, "applications", "import", sheet, *options, "--dry-run")
    done = _run(app, "applications", "import", sheet, *options)
    assert tried == done
    refused = {row["row"]: row["refused"] for row in expected["by_row"] if "refused" in row}
    assert {row["row"]: row["column"] for row in done["refused"]} == refused
    assert (done["read"], done["accepted"]) == (expected["rows"], expected["accepted"])
    judged = _run(app, "judge", "sh-skill-2026")
    for name in ("eligible", "held", "ineligible", "eligible_fen", "held_fen", "tiers"):
        assert judged[name] == expected[name]
    assert judged["applications"] == expected["accepted"]
    assert _rows(app) == [
        (row["tier"], row["missed"], row["held"], row["fen"])
        for row in expected["by_row"]
        if "refused" not in row
    ]
    assert _run(app, "verify") == {"ok": True, "violations": []}
    again = _run(app, "applications", "import", sheet, *options)
    assert again["accepted"] == 0


def _rows(app: Flask) -> list[tuple[str | None, list[str], bool, int]]:
    with app.app_context():
        return [
            (
                row.tier_key,
                [key for key in row.missed.split(",") if key],
                bool(row.asked),
                row.amount_fen,
            )
            for row in db.session.scalars(select(Application).order_by(Application.sequence))
        ]
