"""The rows of the application grid: one joined query a page, cells in the programme's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import current_app, g, url_for
from markupsafe import Markup
from sqlalchemy import bindparam, func, select

from models.applicant import Applicant
from models.application import (
    APPROVED,
    DRAFT,
    ELIGIBLE,
    HELD,
    PAID,
    REFUSED,
    RETURNED,
    WAITING,
    Application,
)
from models.base import db
from models.organization import Organization
from models.programme import DRAFT as UNPUBLISHED
from models.programme import Revision, Stage
from portal.access.permissions import may
from portal.calendar import Due, calendar_of
from portal.evidence.identifiers import mask_id
from portal.exchange.case_rows import DAY, KIND, NAME, NUMBER, joined
from portal.policy.facts import District
from portal.review.deadlines import SOON, days_due, due_stage
from portal.review.route import StageBook, named_stage
from portal.theme import cells
from portal.theme.shapes import Tone
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor

MARKS = {
    DRAFT: "draft",
    WAITING: "waiting",
    RETURNED: "returned",
    APPROVED: "passed",
    PAID: "paid",
    REFUSED: "refused",
}
VERDICT_MARKS = {ELIGIBLE: "eligible", HELD: "ask", None: ""}
_ROWS = joined(
    select(
        Application.id,
        Application.version,
        Application.number,
        Application.state,
        named_stage().label("stage_key"),
        Application.revision_id,
        Application.verdict,
        Application.tier_key,
        Application.amount_fen,
        Application.missed,
        Application.asked,
        Applicant.name,
        Applicant.row_key,
        Applicant.id_number_sealed,
        Organization.name.label("unit"),
        District.name.label("district"),
        NAME.label("subject_name"),
        NUMBER.label("subject_number"),
        KIND.label("level"),
        DAY.label("day"),
    )
).where(Application.id.in_(bindparam("ids", expanding=True)))


def book() -> StageBook:
    """The programmes' words, looked for once a request."""
    if "stage_book" not in g:
        g.stage_book = _book()
    found: StageBook = g.stage_book
    return found


def _book() -> StageBook:
    """The words kept by this process, read again only when a revision is published."""
    known = current_app.extensions.get("stage_book")
    mark = tuple(
        db.session.execute(
            select(func.count(), func.max(Revision.id)).where(Revision.state != UNPUBLISHED)
        ).one()
    )
    if known is None or known[0] != mark:
        known = (mark, StageBook(db.session()))
        current_app.extensions["stage_book"] = known
    found: StageBook = known[1]
    return found


def load(ids: Sequence[int]) -> list[Any]:
    """What the cells of *ids* show, in that order, by one statement."""
    by_id = {row.id: row for row in db.session.execute(_ROWS, {"ids": ids})}
    return [by_id[row_id] for row_id in ids if row_id in by_id]


def person(row: Any) -> Markup:
    """Name over masked ID number, with the eye where it may be revealed."""
    sealed = row.id_number_sealed
    masked = mask_id(Applicant.id_number.open(row.row_key, sealed)) if sealed else ""
    return cells.pair(row.name, cells.masked(masked, _reveal_url(row)), strong=True)


def number(row: Any) -> Markup:
    """The number, opening the drawer."""
    if "details_url" not in g:
        g.details_url = url_for("application.details_view", id="")
    return cells.link(f"{g.details_url}{row.id}", row.number)


def _reveal_url(row: Any) -> str:
    """Where this person may see the ID number in full; the address is built once a request."""
    if "reveal_url" not in g:
        allowed = may(current_actor(), "applicant:reveal")
        there = url_for("application.reveal", row_id=0, what="id_number")
        g.reveal_url = there if allowed else ""
    return str(g.reveal_url).replace("/0/", f"/{row.id}/")


def level(row: Any) -> Markup | str:
    """The level or class as a chip over the day of issue."""
    if row.level is None:
        return row.day.isoformat() if row.day else ""
    tiers = [tier.key for tier in book().revision(row.revision_id).tiers]
    rank = tiers.index(row.tier_key) if row.tier_key in tiers else 0
    word = book().choice(row.revision_id, row.level)
    return cells.level(word, rank, row.day.isoformat() if row.day else "")


def verdict(row: Any) -> Markup:
    """The verdict over the clause that decides it."""
    return cells.verdict(VERDICT_MARKS.get(row.verdict, "refuse"), clause(row))


def clause(row: Any) -> str:
    """The clause of the first finding against a case, or of the tier that pays it."""
    revision = book().revision(row.revision_id)
    listed = row.missed or row.asked
    keys = [key for key in listed.split(",") if key]
    rows = [*revision.conditions, *revision.bounds] if keys else revision.tiers
    wanted = keys[0] if keys else row.tier_key
    return next((item.clause for item in rows if item.key == wanted), "")


def status(row: Any) -> Markup:
    """Where the case stands, in the programme's own word, over the day it is due if known."""
    word = _(book().label(row.revision_id, row.state, row.stage_key))
    shown = cells.status(_(word), MARKS.get(row.state, "closed"))
    due = g.get("due_marks", {}).get(row.id, "")
    return shown + Markup('<span class="jx-2">{}</span>').format(due) if due else shown


def load_dues(rows: Sequence[Any]) -> None:
    """Have ``status`` tell when each of *rows* is due; one statement a stage."""
    session = db.session()
    calendar = calendar_of(session)
    waiting: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        if due_stage(book().revision(row.revision_id), row.state, row.stage_key):
            waiting.setdefault((row.revision_id, row.stage_key), []).append(row.id)
    g.due_marks = {}
    for (revision_id, key), ids in waiting.items():
        revision = book().revision(revision_id)
        stage = next(row for row in revision.stages if row.key == key)
        found = days_due(session, calendar, revision, stage, ids)
        g.due_marks |= {row_id: _due_line(due, stage) for row_id, due in found.items()}


def _due_line(due: Due, stage: Stage) -> Markup:
    """The due day with its clause in the small line of a cell."""
    words, tone = _due_words(due)
    told = f"{words} {stage.clause}"
    return Markup('<span class="jx-due jx-{}" title="{}">{}</span>').format(tone, told, told)


def due_mark(due: Due, stage: Stage) -> Markup:
    """The due day, how it stands, and the clause that says so."""
    words, tone = _due_words(due)
    return cells.chip(words, tone, "calendar-due", stage.clause)


def _due_words(due: Due) -> tuple[str, Tone]:
    """A year whose calendar is not published is provisional."""
    today = clock().today()
    late, soon = due.day < today, due.day <= today + SOON
    words = [due.day.isoformat(), _("overdue") if late else _("due soon") if soon else ""]
    words.append(_("provisional") if due.provisional else "")
    return " ".join(word for word in words if word), "bad" if late else "warn" if soon else "plain"
