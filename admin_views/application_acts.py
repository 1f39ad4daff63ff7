"""Deciding from the grid: freeze what was chosen, show how it stands, decide, tell row by row."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import select
from werkzeug.datastructures import ImmutableMultiDict

from admin_views.views import safe
from models.applicant import Applicant
from models.application import Application
from models.base import Refusal, db
from models.decision import PASS, REJECT, RETURN, DecisionBatch, Selection, SelectionItem
from portal.access.scope import visible
from portal.review.decide import decide
from portal.review.selections import freeze, freeze_seen, preflight, selection_of
from portal.review.standing import INELIGIBLE, NEEDS_PERSON, READY, REASONS
from portal.theme.pages import Confirm, Group, Outcome, OutcomeRow
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

SHOWN = 500
"""Rows of an outcome that the page lists; all are in the selection."""
_KINDS = {READY: "eligible", NEEDS_PERSON: "ask", INELIGIBLE: "refuse", "changed": "changed"}


def actions() -> list[Action]:
    """The decisions that can be made, in words."""
    return [
        Action(PASS, _("Pass"), icon="check", tone="main"),
        Action(RETURN, _("Return"), icon="arrow-back-up", tone="return"),
        Action(REJECT, _("Do not fund"), icon="x", tone="refuse"),
    ]


def freeze_chosen(view: Any) -> Any:
    """Freeze the ticked rows, or all that match the list, and go to the confirm page."""
    outcome, url = request.form.get("action", ""), request.form.get("url", "")
    if outcome not in (PASS, RETURN, REJECT):
        abort(400)
    back = safe(url, url_for("application.index_view"))
    try:
        selection = _frozen(view, outcome, back)
    except Refusal as refusal:
        db.session.rollback()
        flash(words_of(refusal), "error")
        return redirect(back)
    db.session.commit()
    return redirect(url_for("application.confirm", token=selection.row_key))


def confirm_page(view: Any, token: str) -> Any:
    """The frozen set in groups; a POST decides it."""
    actor = current_actor()
    try:
        selection = selection_of(db.session(), actor, clock(), token)
    except Refusal as refusal:
        flash(words_of(refusal), "error")
        return redirect(url_for("application.index_view"))
    if request.method == "POST":
        return _decide(view, selection)
    return _show(view, selection, [])


def outcome_page(view: Any, batch_id: int) -> Any:
    """What an act did, row by row, for the person who did it."""
    batch = db.session.scalar(
        select(DecisionBatch).where(
            DecisionBatch.id == batch_id, DecisionBatch.account_id == current_actor().account_id
        )
    )
    if batch is None or batch.selection_id is None:
        abort(404)
    rows = db.session.execute(
        select(
            Application.id,
            Application.number,
            Application.amount_fen,
            Applicant.name,
            SelectionItem.skipped,
        )
        .join(Applicant, Applicant.id == Application.applicant_id)
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .where(
            SelectionItem.selection_id == batch.selection_id,
            visible(Application, current_actor()),
        )
        .order_by(SelectionItem.skipped.is_(None), Application.id)
    ).all()
    done = [row for row in rows if row.skipped is None]
    outcome = Outcome(
        title=_titles()[batch.outcome],
        done=len(done),
        done_fen=sum(row.amount_fen for row in done) if batch.outcome == PASS else None,
        not_done=len(rows) - len(done),
        rows=[_row(row) for row in rows[:SHOWN]],
        back_url=url_for("application.index_view", **_query_of(batch)),
    )
    return view.render("portal/action_outcome.html", outcome=outcome)


def _query_of(batch: DecisionBatch) -> dict[str, Any]:
    return db.session.get_one(Selection, batch.selection_id).query


def _frozen(view: Any, outcome: str, back: str) -> Selection:
    session, actor = db.session(), current_actor()
    query = dict(parse_qsl(urlsplit(back).query))
    kept = {key: value for key, value in view.state_of(query).items() if key != "s"}
    if request.form.get("all") == "1":
        cases = select(Application.id).where(*view.matching(ImmutableMultiDict(query)))
        return freeze(session, actor, clock(), outcome, cases, kept)
    seen = dict(_seen(text) for text in request.form.getlist("rowid")[:10_000])
    return freeze_seen(session, actor, clock(), outcome, seen, kept)


def _seen(text: str) -> tuple[int, int]:
    row, _colon, version = text.partition(":")
    if not row.isdecimal() or not version.isdecimal() or max(len(row), len(version)) > 18:
        abort(400)
    return int(row), int(version)


def _decide(view: Any, selection: Selection) -> Any:
    form = request.form
    override = form.get("ask_reason", "") if form.get("include_ask") == "1" else ""
    if form.get("include_ask") == "1" and not override.strip():
        return _show(view, selection, [("ask_reason", _("Please give a reason."))])
    try:
        outcome = decide(
            db.session(),
            current_actor(),
            clock(),
            selection,
            selection.outcome,
            form.get("reason", ""),
            override,
        )
    except Refusal as refusal:
        db.session.rollback()
        found = selection_of(db.session(), current_actor(), clock(), selection.row_key)
        return _show(view, found, [("reason", words_of(refusal))])
    db.session.commit()
    return redirect(url_for("application.outcome", batch_id=outcome.batch_id))


def _show(view: Any, selection: Selection, errors: list[tuple[str, str]]) -> Any:
    found = preflight(db.session(), current_actor(), selection)
    counts = {group.kind: group.count for group in found}
    passing = selection.outcome == PASS
    action = next(item for item in actions() if item.key == selection.outcome)
    confirm = Confirm(
        title=_titles()[selection.outcome],
        lead=_("%(count)s applications were chosen.", count=sum(counts.values())),
        action_url=url_for("application.confirm", token=selection.row_key),
        token=selection.row_key,
        action=action,
        groups=[
            Group(
                kind=_KINDS.get(group.kind, "skip"),  # type: ignore[arg-type]
                label=_(group.title),
                count=group.count,
                fen=group.total_fen,
                included=group.kind == READY,
            )
            for group in found
        ],
        back_url=url_for("application.index_view", **selection.query),
        reason_required=not passing,
        reason_label=_("Reason for all"),
        reason=request.form.get("reason", ""),
        may_include_ask=passing and bool(counts.get(NEEDS_PERSON)),
        include_ask=request.form.get("include_ask") == "1",
        ask_reason=request.form.get("ask_reason", ""),
        errors=errors,
    )
    return view.render("portal/confirm_action.html", confirm=confirm)


def _titles() -> dict[str, str]:
    return {
        PASS: _("Pass applications"),
        RETURN: _("Return for correction"),
        REJECT: _("Decide not to fund"),
    }


def _row(row: Any) -> OutcomeRow:
    return OutcomeRow(
        label=row.number,
        who=row.name,
        url=url_for("application.details_view", id=row.id),
        reason=_(REASONS[row.skipped]) if row.skipped else "",
    )
