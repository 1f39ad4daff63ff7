"""Scores by the sheet: one row a case and expert, typed from paper by the centre."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from models.base import N_, Because, Refusal
from models.panel import ScoreSheet
from models.programme import Revision, Stage
from portal.access.actor import Actor
from portal.clock import Clock
from portal.exchange.workbook import Sheet, read_sheet
from portal.review import panel

NUMBER = (N_("Application number"), "number")
EXPERT = (N_("Expert"), "expert")
WHY = (N_("Justification"), "justification")


class NoSuchColumn(Refusal):
    """A column is missing."""

    message = N_("The sheet has no column %(column)s.")


class BadScores(Refusal):
    """A row cannot be taken; none was."""

    message = N_("Row %(row)s: %(why)s Nothing was taken over.")


class NoSuchSheet(Refusal):
    """Nobody gave this expert this case."""

    message = N_("%(expert)s has no open score sheet for %(number)s.")


def take_scores(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
    path: Path,
    told: Any,
) -> int:
    """Fill in the open sheets that the rows of *path* name; gives how many. All or none.

    Columns are the number, the expert's name, every criterion by key or title, the justification;
    *told* translates their names. Raises ``BadScores`` or ``NoSuchColumn``.
    """
    read = read_sheet(path)
    criteria = panel.panel_of(stage)["criteria"]
    places = _places(read, criteria, told)
    open_ones = _open(session, actor, revision, stage)
    for number, row in read.rows:
        cells = {key: row[place] if place < len(row) else "" for key, place in places.items()}
        try:
            _take_row(session, actor, clock, open_ones, cells)
        except Refusal as refusal:
            raise BadScores(row=number, why=Because(refusal.message, refusal.params)) from refusal
    return len(read.rows)


def _places(read: Sheet, criteria: list[dict[str, Any]], told: Any) -> dict[str, int]:
    wanted = {key: {key, told(word, {})} for word, key in (NUMBER, EXPERT, WHY)}
    wanted |= {f".{item['key']}": {item["key"], item["title"]} for item in criteria}
    found = {}
    for key, names in wanted.items():
        place = next((n for n, name in enumerate(read.heading) if name in names), None)
        if place is None:
            raise NoSuchColumn(column=max(names))
        found[key] = place
    return found


def _open(
    session: Session, actor: Actor, revision: Revision, stage: Stage
) -> dict[tuple[str, str], ScoreSheet]:
    cases = {row.id: row.number for row in panel.waiting_at(session, actor, revision, stage)}
    return {
        (cases[case], sheet.expert.name): sheet
        for case, sheets in panel.sheets_of(session, stage, cases).items()
        for sheet in sheets
        if sheet.submitted_at is None
    }


def _take_row(
    session: Session,
    actor: Actor,
    clock: Clock,
    open_ones: dict[tuple[str, str], ScoreSheet],
    cells: dict[str, str],
) -> None:
    number, expert = cells["number"].strip(), cells["expert"].strip()
    sheet = open_ones.pop((number, expert), None)
    if sheet is None:
        raise NoSuchSheet(expert=expert[:60], number=number[:40])
    points = {key[1:]: text for key, text in cells.items() if key.startswith(".")}
    panel.score(session, actor, clock, sheet, points, cells["justification"], sheet.version)
