"""What an act did, row by row, while it runs and after: progress, sheet, taking it back."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

from flask import abort, flash, jsonify, redirect, url_for
from flask_babel import format_datetime
from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from admin_views import outcome_words as words
from admin_views.application_acts import titles
from models.applicant import Applicant
from models.application import Application
from models.base import Refusal, db
from models.decision import (
    PASS,
    UNDO,
    DecisionBatch,
    Selection,
    SelectionItem,
)
from models.organization import Organization
from portal.access.scope import visible
from portal.exchange.sheet_writer import SheetColumn, write_sheet
from portal.jobs import DONE, FAILED, QUEUED, RUNNING
from portal.jobs import STATES as JOB_STATES
from portal.review.bulk import AT_ONCE, go_on, undo_later
from portal.review.selections import size
from portal.review.standing import MOVED_ON, UNDONE
from portal.review.undo import NothingToUndo, undo, undoable
from portal.theme.pages import Acts, DoneAct, Outcome
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

SHOWN = 500
"""Rows of an outcome that the page lists; the sheet has all that were not done."""
LATELY = timedelta(days=31)
_DECIDED = and_(
    SelectionItem.batch_id.is_not(None),
    or_(SelectionItem.skipped.is_(None), SelectionItem.skipped == MOVED_ON),
)
_UNDONE = and_(SelectionItem.batch_id.is_not(None), SelectionItem.skipped == UNDONE)
_LEFT = and_(SelectionItem.batch_id.is_(None), SelectionItem.skipped.is_not(None))
_WAITS = and_(SelectionItem.batch_id.is_(None), SelectionItem.skipped.is_(None))


class Outcomes:
    """What ``ApplicationView`` tells of acts."""

    render: Any

    def outcome_page(self, token: str) -> Any:
        """What the act did, for the person who did it; it follows the work while it runs."""
        selection = _own(token)
        runs = _runs(selection)
        counts = _counts(selection)
        rows = db.session.execute(_rows(selection).limit(SHOWN)).all()
        found = 0 if runs else _undoable(selection)
        outcome = Outcome(
            title=titles()[selection.outcome],
            done=counts.done,
            done_fen=int(counts.fen) if selection.outcome == PASS else None,
            done_words=words.done_words(counts),
            not_done=counts.left,
            undone=counts.undone,
            waits=counts.waits,
            rows=[words.outcome_row(row) for row in rows],
            rest=max(counts.total - len(rows), 0),
            back_url=url_for("application.index_view", **selection.query),
            sheet_url=url_for(".outcome_sheet", token=token) if counts.left + counts.waits else "",
            undo_url=url_for(".undo_act", token=token) if found else "",
            undo_hint="" if runs or not counts.done else words.undo_hint(selection, found),
            progress_url=url_for(".act_progress", token=token) if runs else "",
            go_on_url=url_for(".go_on_act", token=token) if _failed(selection) else "",
        )
        return self.render("portal/action_outcome.html", outcome=outcome)

    def progress_of(self, token: str) -> Response:
        """How far the act is."""
        selection = _own(token)
        job = selection.job
        if job is None:
            abort(404)
        state = job.state if job.state in (DONE, FAILED) else "running"
        url = url_for(".outcome", token=token)
        return jsonify(done=job.done, total=job.total, state=state, url=url)

    def take_back(self, token: str) -> Any:
        """Take the act back where nobody acted on it since."""
        selection, session = _own(token), db.session()
        there = redirect(url_for(".outcome", token=token))
        try:
            if size(session, selection) > AT_ONCE:
                undo_later(session, current_actor(), clock(), selection, _("Take it back"))
            else:
                done = undo(session, current_actor(), clock(), selection)
                flash(_("%(count)s applications were taken back.", count=done.undone), "success")
        except Refusal as refusal:
            session.rollback()
            flash(words_of(refusal), "error")
            return there
        session.commit()
        return there

    def continue_act(self, token: str) -> Any:
        """Let the worker go on with what a failed job left."""
        selection = _own(token)
        try:
            go_on(db.session(), current_actor(), clock(), selection)
            db.session.commit()
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
        return redirect(url_for(".outcome", token=token))

    def sheet_of(self, token: str) -> Response:
        """Those that were not done, with the reason beside each."""
        selection = _own(token)
        rows = db.session.execute(_rows(selection).where(or_(_LEFT, _WAITS))).all()
        columns = [
            SheetColumn(_("Application number"), 20),
            SheetColumn(_("Applicant"), 14),
            SheetColumn(_("Unit"), 34),
            SheetColumn(_("Reason"), 50),
        ]
        lines = [[row.number, row.name, row.unit, words.why(row)] for row in rows]
        target = BytesIO()
        write_sheet(target, _("Not done"), columns, lines)
        return sheet_answer(target, f"{_('Not done')}-{clock().today()}.xlsx")

    def acts_page(self) -> Any:
        """What this person decided of late; what still runs is found again here."""
        rows = db.session.execute(
            select(Selection, *_tally())
            .join(SelectionItem, SelectionItem.selection_id == Selection.id)
            .where(
                Selection.account_id == current_actor().account_id,
                Selection.used_at > clock().now() - LATELY,
            )
            .group_by(Selection.id)
            .order_by(Selection.id.desc())
            .limit(50)
            .options(joinedload(Selection.job))
        ).all()
        shown = [
            DoneAct(
                label=titles().get(row.Selection.outcome, row.Selection.outcome),
                when=format_datetime(row.Selection.used_at, "yyyy-MM-dd HH:mm"),
                url=url_for(".outcome", token=row.Selection.row_key),
                done=row.done,
                not_done=row.left,
                state=_state(row.Selection),
            )
            for row in rows
        ]
        acts = Acts(shown, url_for("application.index_view"))
        return self.render("portal/acts.html", acts=acts)


def _state(selection: Selection) -> str:
    if selection.job is None or selection.job.state == DONE:
        return ""
    return _(JOB_STATES[selection.job.state])


def _own(token: str) -> Selection:
    """The act of this person; nobody else's."""
    found = db.session.scalar(
        select(Selection).where(
            Selection.row_key == token,
            Selection.account_id == current_actor().account_id,
            Selection.used_at.is_not(None),
        )
    )
    return found if found is not None else abort(404)


def _runs(selection: Selection) -> bool:
    return selection.job is not None and selection.job.state in (QUEUED, RUNNING)


def _failed(selection: Selection) -> bool:
    return selection.job is not None and selection.job.state == FAILED


def _undoable(selection: Selection) -> int:
    try:
        return undoable(db.session(), current_actor(), selection)
    except (NothingToUndo, Refusal):
        return 0


def _tally() -> list[ColumnElement[int]]:
    kinds = {"done": _DECIDED, "undone": _UNDONE, "left": _LEFT, "waits": _WAITS}
    counted = [func.count().filter(which).label(name) for name, which in kinds.items()]
    return [*counted, func.count().label("total")]


def _counts(selection: Selection) -> Any:
    """How many cases stand which way, and the fen of those that were passed."""
    decided = {
        name: and_(_DECIDED, DecisionBatch.outcome == outcome)
        for outcome, name in words.WAYS.items()
    }
    fen = func.sum(case((decided["passed"], Application.amount_fen), else_=0))
    return db.session.execute(
        select(
            *_tally(),
            *(func.count().filter(which).label(name) for name, which in decided.items()),
            func.coalesce(fen, 0).label("fen"),
        )
        .select_from(SelectionItem)
        .join(Application, Application.id == SelectionItem.application_id)
        .outerjoin(DecisionBatch, DecisionBatch.id == SelectionItem.batch_id)
        .where(SelectionItem.selection_id == selection.id)
    ).one()


def _rows(selection: Selection) -> Select[Any]:
    """The cases of the act that this person sees, what was not done first."""
    return (
        select(
            Application.id,
            Application.number,
            Applicant.name,
            Organization.name.label("unit"),
            SelectionItem.skipped,
            SelectionItem.batch_id,
            DecisionBatch.outcome,
            func.coalesce(SelectionItem.reason, literal(selection.reason)).label("said"),
        )
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .join(Applicant, Applicant.id == Application.applicant_id)
        .join(Organization, Organization.id == Application.organization_id)
        .outerjoin(DecisionBatch, DecisionBatch.id == SelectionItem.batch_id)
        .where(SelectionItem.selection_id == selection.id, visible(Application, current_actor()))
        .order_by(SelectionItem.skipped.is_(None), Application.id)
    )


def newest_acts(count: int) -> list[tuple[Selection, int]]:
    """The last acts of this person that decided something, each with how many cases."""
    rows = db.session.execute(
        select(Selection, func.sum(DecisionBatch.decided))
        .join(DecisionBatch, DecisionBatch.selection_id == Selection.id)
        .where(
            Selection.account_id == current_actor().account_id,
            DecisionBatch.outcome != UNDO,
            DecisionBatch.decided > 0,
        )
        .group_by(Selection.id)
        .order_by(Selection.id.desc())
        .limit(count)
    ).all()
    return [(selection, int(decided)) for selection, decided in rows]
