"""Deciding from the grid: freeze what was chosen, show how it stands, decide at once or later."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import select
from werkzeug.datastructures import ImmutableMultiDict

from admin_views import act_words as said
from admin_views.views import safe
from models.application import Application
from models.base import Refusal, db
from models.decision import PASS, REJECT, RETURN, Selection
from portal.review.bulk import AT_ONCE, decide_later
from portal.review.decide import decide
from portal.review.selections import (
    SelectionGone,
    freeze,
    freeze_seen,
    preflight,
    selection_of,
    size,
    take_out,
)
from portal.review.standing import INELIGIBLE, NEEDS_PERSON, READY, TAKEN_OUT
from portal.theme.pages import Confirm, Group
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

_KINDS = {
    READY: "eligible",
    NEEDS_PERSON: "ask",
    INELIGIBLE: "refuse",
    "changed": "changed",
    "duplicate": "duplicate",
}


def actions() -> list[Action]:
    """The decisions that can be made, in words."""
    return [
        Action(PASS, _("Pass"), icon="check", tone="main"),
        Action(RETURN, _("Return"), icon="arrow-back-up", tone="return"),
        Action(REJECT, _("Do not fund"), icon="x", tone="refuse"),
    ]


def titles() -> dict[str, str]:
    """What each act is called."""
    return {
        PASS: _("Pass applications"),
        RETURN: _("Return for correction"),
        REJECT: _("Decide not to fund"),
    }


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
        return _gone(token, refusal)
    if request.method == "POST" and request.form.get("look") != "1":
        return _decide(view, selection)
    return _show(view, selection, [])


def _gone(token: str, refusal: Refusal) -> Any:
    """What was confirmed before, perhaps by a button pressed twice, shows what came of it."""
    done = select(Selection.id).where(
        Selection.row_key == token,
        Selection.account_id == current_actor().account_id,
        Selection.used_at.is_not(None),
    )
    if db.session.scalar(done) is not None:
        return redirect(url_for("application.outcome", token=token))
    flash(words_of(refusal), "error")
    return redirect(url_for("application.index_view"))


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
    form, session, actor = request.form, db.session(), current_actor()
    override = form.get("ask_reason", "") if form.get("include_ask") == "1" else ""
    if form.get("include_ask") == "1" and not override.strip():
        return _show(view, selection, [("ask_reason", _("Please give a reason."))])
    words, outcome = said.read_words(selection, override), selection.outcome
    if wrong := said.wrong_places(outcome, words):
        return _show(view, selection, wrong)
    try:
        if unions := said.sent_parts():
            take_out(session, selection, said.cases_of(unions))
        if size(session, selection) > AT_ONCE:
            decide_later(session, actor, clock(), selection, outcome, words, titles()[outcome])
        else:
            decide(session, actor, clock(), selection, outcome, words=words)
    except Refusal as refusal:
        session.rollback()
        if isinstance(refusal, SelectionGone):
            return _gone(selection.row_key, refusal)
        found = selection_of(session, actor, clock(), selection.row_key)
        return _show(view, found, [("reason", words_of(refusal))])
    session.commit()
    return redirect(url_for("application.outcome", token=selection.row_key))


def _show(view: Any, selection: Selection, errors: list[tuple[str, str]]) -> Any:
    found = preflight(db.session(), current_actor(), selection)
    counts = {group.kind: group.count for group in found}
    total = sum(counts.values())
    passing = selection.outcome == PASS
    action = next(item for item in actions() if item.key == selection.outcome)
    lead = _("%(count)s applications were chosen.", count=f"{total:,}")
    if total > AT_ONCE:
        lead += _("They are decided in the background; you may leave the page meanwhile.")
    confirm = Confirm(
        title=titles()[selection.outcome],
        lead=lead,
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
            if group.kind != TAKEN_OUT
        ],
        back_url=url_for("application.index_view", **selection.query),
        reason_required=not passing,
        reason_label=_("Reason for all"),
        reason=request.form.get("reason", ""),
        quick_reasons=[] if passing else said.quick_reasons(selection.outcome),
        may_include_ask=passing and bool(counts.get(NEEDS_PERSON)),
        include_ask=request.form.get("include_ask") == "1",
        ask_reason=request.form.get("ask_reason", ""),
        fields=said.named_fields(selection),
        tiers=said.tiers(selection),
        parts=said.parts(selection) if total > 1 else [],
        may_except=total > 1,
        exceptional=said.exceptional(selection, actions()) if total > 1 else [],
        errors=errors,
    )
    return view.render("portal/confirm_action.html", confirm=confirm)
