"""资金 · 资金调整: awards that change after their approval; one proposes, another approves."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from admin_views import adjustment_words as words
from admin_views.adjustment_forms import amount_form, reason_form, receipt_form
from admin_views.base import PortalModelView
from admin_views.choices import programmes, worded
from admin_views.filters import ListFilter, equals, equals_number
from admin_views.listing import ListTab
from admin_views.steps import Stepping
from admin_views.views import safe
from models.adjustment import (
    ADJUSTMENT_STATES,
    APPROVED,
    CANCELLED,
    IN_FORCE,
    PROPOSED,
    REFUSED,
    Adjustment,
)
from models.application import Application
from models.base import Refusal, db
from models.programme import Programme
from portal.access.permissions import may
from portal.access.scope import visible
from portal.exchange.affected_sheet import write_affected
from portal.funding.adjusting import cancel_adjustment, decide_adjustments
from portal.funding.adjustment_record import MOST, AdjustmentMoved
from portal.funding.affected import IN_FORCE as RULES_IN_FORCE
from portal.funding.affected import RULES, affected
from portal.funding.proposing import propose, propose_amount
from portal.funding.recovering import receive
from portal.theme import cells
from portal.theme.pages import Detail
from portal.theme.shapes import Action, Tool
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

IN_SHEET = 20_000
"""So many of the affected cases a sheet names."""


class AdjustmentView(Stepping, PortalModelView):
    """Adjustments of awards, from their proposal to the last fen."""

    permission = "adjustment"
    list_title = _l("Adjustments")
    details_modal = False
    column_list = (
        "application", "person", "programme", "fen", "settle_fen", "received_fen", "state",
        "proposed_at",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {
        "application": _l("Application"),
        "person": _l("Applicant"),
        "programme": _l("Programme"),
    }
    form_columns = ("reason",)
    list_loads = (
        joinedload(Adjustment.application).joinedload(Application.applicant),
        joinedload(Adjustment.programme),
    )
    list_sums = ("settle_fen", "received_fen")
    list_unsummed = (REFUSED, CANCELLED)
    list_phone: ClassVar[Any] = {
        "application": "foot", "person": "title", "settle_fen": "side", "state": "side",
        "proposed_at": "hide",
    }  # fmt: skip
    list_filters = (
        ListFilter("programme", _l("Programme"), equals_number(Adjustment.programme_id),
                   programmes),
        ListFilter("state", _l("State"), equals(Adjustment.state),
                   lambda: worded(ADJUSTMENT_STATES)),
    )  # fmt: skip
    list_tabs = (
        ListTab("all", _l("All"), lambda: ()),
        ListTab("proposed", _l("To be approved"), lambda: [Adjustment.state == PROPOSED]),
        ListTab("pay", _l("To be paid"), lambda: [
            Adjustment.state == APPROVED, Adjustment.settle_fen > 0]),
        ListTab("owed", _l("Still owed back"), lambda: [
            Adjustment.state == APPROVED, Adjustment.settle_fen < 0]),
    )  # fmt: skip
    list_empty = _l("Finance proposes them from the cases that a later finding affects.")

    @property
    def permissions(self) -> dict[str, str]:
        """Proposing is finance's, approving another person's."""
        return super().permissions | {
            "affected": "adjustment:read",
            "affected_sheet": "adjustment:read",
            "propose": "adjustment:propose",
            "one": "adjustment:propose",
            "act": "adjustment:cancel",
            "action_view": "adjustment:approve",
            "decide": "adjustment:approve",
            "cancel": "adjustment:cancel",
            "receive": "payment:make",
        }

    def tools(self) -> list[Tool]:
        """The way to the affected cases."""
        there = url_for(".affected")
        return [Tool(_("Affected by a later finding"), there, icon="search", main=True)]

    def actions(self) -> Sequence[Action]:
        """Approving and refusing many at once."""
        if not may(current_actor(), "adjustment:approve"):
            return ()
        return (
            Action("approve", _("Approve"), icon="check", tone="main"),
            Action("refuse", _("Do not approve"), icon="x", tone="refuse"),
        )

    def row_fen(self, row: Adjustment) -> int:
        """What the bar adds up."""
        return row.settle_fen

    def cell_application(self, row: Adjustment) -> str:
        """The number of the case."""
        return row.application.number

    def cell_person(self, row: Adjustment) -> str:
        """Whose award it is."""
        return row.application.applicant.name

    def cell_state(self, row: Adjustment) -> Any:
        """The state as a badge."""
        return cells.status(_(ADJUSTMENT_STATES[row.state]), words.MARKS.get(row.state, "closed"))

    def details_of(self, model: Adjustment) -> Detail:
        """The adjustment and the next steps."""
        case = model.application
        return Detail(
            title=f"{case.applicant.name} · {case.number}",
            subtitle=model.programme.title,
            sections=words.sections(model),
            value=f"{model.id}:{model.version}",
            actions=_steps(model),
            action_url=url_for(".act"),
            page_url=url_for(".details_view", id=model.id),
        )

    @expose("/affected")
    def affected(self) -> Any:
        """The cases that would come out otherwise."""
        programme, rules = _asked(request.args)
        try:
            page = words.page_of(programme, rules)
        except Refusal as refusal:
            flash(words_of(refusal), "error")
            page = words.page_of(None, rules)
        return self.render("portal/affected.html", page=page)

    @expose("/affected_sheet", methods=("POST",))
    def affected_sheet(self) -> Any:
        """The same as a sheet, with what each payer pays or gets back."""
        programme, rules = _asked(request.form)
        if programme is None:
            return redirect(url_for(".affected", rules=rules))
        found = affected(db.session(), current_actor(), programme, rules, most=IN_SHEET)
        target = BytesIO()
        write_affected(db.session(), current_actor(), clock(), programme, found, target, told)
        db.session.commit()
        return sheet_answer(target, f"{programme.code}.xlsx")

    @expose("/propose", methods=("POST",))
    def propose(self) -> Any:
        """Propose what the rules say for the ticked cases."""
        programme, rules = _asked(request.form)
        ids = _numbers(",".join(request.form.getlist("case")))
        there = url_for(".affected", programme=request.form.get("programme", ""), rules=rules)
        if programme is None or not ids:
            flash(_("Tick at least one case."), "error")
            return redirect(there)
        try:
            done = propose(
                db.session(), current_actor(), clock(), programme, ids,
                request.form.get("reason", ""), rules,
            )  # fmt: skip
            db.session.commit()
            flash(_("%(count)s adjustments were proposed.", count=done.done), "success")
            return redirect(url_for(".index_view", tab="proposed"))
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
            return redirect(there)

    @expose("/one/<int:row_id>", methods=("GET", "POST"))
    def one(self, row_id: int) -> Any:
        """Propose an amount for one case."""
        case = _case(row_id)
        form = amount_form()()

        def do() -> Response:
            made = propose_amount(
                db.session(), current_actor(), clock(), case,
                int(form.fen.data or 0) * (1 if form.way.data == "more" else -1),
                form.reason.data, form.clause.data or "",
            )  # fmt: skip
            flash(_("%(count)s adjustments were proposed.", count=1), "success")
            return redirect(url_for(".details_view", id=made.id))

        title = f"{case.applicant.name} · {case.number} · {_('Propose an amount')}"
        lead = _("By how much the award changes. Somebody else approves it.")
        back = url_for("application.details_view", id=case.id)
        return self.step(form, do, title, lead, back)

    @expose("/act", methods=("POST",))
    def act(self) -> Any:
        """From a button of the page to its step."""
        row = self.get_one(request.form.get("rowid", "").partition(":")[0])
        action = request.form.get("action", "")
        if action in ("approve", "refuse"):
            return redirect(url_for(".decide", ids=row.id, act=action))
        if action in ("cancel", "receive"):
            return redirect(url_for(f".{action}", row_id=row.id))
        return redirect(url_for(".details_view", id=row.id))

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """From the ticked rows, or all that match, to what is decided of them."""
        action = request.form.get("action", "")
        if action not in ("approve", "refuse"):
            abort(400)
        back = safe(request.form.get("url", ""), url_for(".index_view"))
        ids = [text.partition(":")[0] for text in request.form.getlist("rowid")]
        if request.form.get("all") == "1":
            where = [*self.matching(_query(back)), Adjustment.state == PROPOSED]
            ids = [str(row_id) for row_id in db.session.scalars(
                select(Adjustment.id).where(*where).order_by(Adjustment.id).limit(MOST)
            )]  # fmt: skip
        return self._shown(_numbers(",".join(ids)), action == "approve")

    @expose("/decide", methods=("GET", "POST"))
    def decide(self) -> Any:
        """Approve or refuse, once the person has read what that does."""
        approve = request.values.get("act") == "approve"
        if not approve and request.values.get("act") != "refuse":
            abort(400)
        ids = _numbers(request.values.get("ids", ""))
        if request.method == "POST" and _decided(ids, approve):
            return redirect(url_for(".index_view", tab="proposed"))
        return self._shown(ids, approve)

    @expose("/cancel/<int:row_id>", methods=("GET", "POST"))
    def cancel(self, row_id: int) -> Any:
        """Take it back before it took effect."""
        row = self.get_one(row_id)
        form = reason_form()(data={"seen_version": str(row.version)})

        def do() -> Response:
            cancel_adjustment(
                db.session(),
                current_actor(),
                clock(),
                row,
                form.reason.data,
                form.seen_version.seen,
            )
            flash(_("The adjustment was cancelled."), "success")
            return redirect(back)

        lead = _("The award becomes again what it was before.")
        back = url_for(".details_view", id=row.id)
        title = f"{row.application.number} · {_('Cancel')}"
        return self.step(form, do, title, lead, back, ends=AdjustmentMoved)

    @expose("/receive/<int:row_id>", methods=("GET", "POST"))
    def receive(self, row_id: int) -> Any:
        """Record what came in."""
        row = self.get_one(row_id)
        form = receipt_form()(data={
            "on": clock().today(), "fen": row.owed_fen, "seen_version": str(row.version),
        })  # fmt: skip

        def do() -> Response:
            receive(
                db.session(), current_actor(), clock(), row, int(form.fen.data or 0),
                form.on.data, form.reason.data, form.seen_version.seen,
            )  # fmt: skip
            flash(_("It was recorded that money came in."), "success")
            return redirect(back)

        lead = _("Still owed: %(fen)s yuan. A part may come in.", fen=cells.yuan(row.owed_fen))
        back = url_for(".details_view", id=row.id)
        title = f"{row.application.number} · {_('Money came in')}"
        return self.step(form, do, title, lead, back, ends=AdjustmentMoved)

    def _shown(self, ids: Sequence[int], approve: bool) -> Any:
        """The page that asks whether these are approved."""
        rows = words.chosen(ids)
        if not rows:
            flash(_("None of the chosen adjustments waits to be approved."), "error")
            return redirect(url_for(".index_view"))
        page = words.decide_page(rows, approve)
        return self.render("portal/adjustments_decide.html", page=page)


def _decided(ids: Sequence[int], approve: bool) -> bool:
    try:
        done = decide_adjustments(
            db.session(), current_actor(), clock(), ids, approve=approve,
            reason=request.form.get("reason", ""),
        )  # fmt: skip
        db.session.commit()
    except Refusal as refusal:
        db.session.rollback()
        flash(words_of(refusal), "error")
        return False
    flash(
        _("%(done)s adjustments were decided, %(left)s left as they were.",
          done=done.done, left=done.left),
        "success",
    )  # fmt: skip
    return True


def _steps(row: Adjustment) -> list[Action]:
    actor, steps = current_actor(), []
    others = row.proposed_by_id != actor.account_id
    if row.state == PROPOSED and others and may(actor, "adjustment:approve"):
        steps.append(Action("approve", _("Approve"), icon="check", tone="main"))
        steps.append(Action("refuse", _("Do not approve"), icon="x", tone="refuse"))
    if row.state == APPROVED and row.owed_fen and may(actor, "payment:make"):
        steps.append(Action("receive", _("Money came in"), icon="coin-yuan", tone="main"))
    if row.state in (PROPOSED, *IN_FORCE) and may(actor, "adjustment:cancel"):
        steps.append(Action("cancel", _("Cancel the adjustment"), icon="ban"))
    return steps


def _asked(asked: Any) -> tuple[Programme | None, str]:
    """The programme and the rules that were chosen."""
    wanted, rules = asked.get("programme", ""), asked.get("rules", "")
    known = wanted in dict(programmes())
    programme = db.session.get(Programme, int(wanted)) if known else None
    return programme, rules if rules in RULES else RULES_IN_FORCE


def _numbers(text: str) -> list[int]:
    found = [each for each in text.split(",") if each.isdecimal() and len(each) < 19]
    return [int(each) for each in found[:MOST]]


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _case(row_id: int) -> Application:
    found = db.session.scalar(
        select(Application).where(Application.id == row_id, visible(Application, current_actor()))
    )
    return found if found is not None else abort(404)
