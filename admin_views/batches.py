"""拨付批次: payment batches and the people in them; finance acts, districts look on and confirm."""

from __future__ import annotations

from io import BytesIO
from typing import Any, ClassVar

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from sqlalchemy import ColumnElement
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin_views import batch_words as words
from admin_views.application_cells import book
from admin_views.base import PortalModelView, SeenVersion
from admin_views.batch_papers import PERMISSIONS as PAPER_PAGES
from admin_views.batch_papers import BatchPapers, refuse_moved
from admin_views.choices import districts, offered, programmes, worded
from admin_views.filters import ListFilter, equals, equals_number
from admin_views.listing import ListTab
from models.base import Refusal, db
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.funding import (
    BATCH_STATES,
    CANCELLED,
    MADE,
    REVERSALS,
    TRANSFERRED,
    Payment,
    PaymentBatch,
)
from models.organization import Organization
from models.programme import Programme
from portal.access.permissions import may, require
from portal.exchange.payment_sheet import write_payments
from portal.funding.papers import papers_of
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.funding.reversals import reverse_payment
from portal.review.todo import unconfirmed
from portal.theme import cells
from portal.theme.pages import Detail
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer

_MARKS = {MADE: "draft", TRANSFERRED: "waiting", "paid": "paid"}


class BatchView(BatchPapers, PortalModelView):
    """Payment batches; a batch is made for one district at a time, or for people directly."""

    permission = "payment"
    list_title = _l("Payment batches")
    column_list = (
        "number", "programme", "district", "payments_count", "total_fen", "state", "made_at",
        "transferred_on", "due_on", "paid_on",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {
        "programme": _l("Programme"),
        "district": _l("District or bureau union"),
    }
    form_columns = ("number",)
    list_loads = (joinedload(PaymentBatch.programme), joinedload(PaymentBatch.district))
    list_sums = ("total_fen",)
    list_unsummed = (CANCELLED,)
    list_phone: ClassVar[Any] = {
        "number": "foot", "district": "title", "total_fen": "side", "state": "side",
        "made_at": "hide",
    }  # fmt: skip
    list_filters = (
        ListFilter("programme", _l("Programme"), equals_number(PaymentBatch.programme_id),
                   programmes),
        ListFilter("district", _l("District"), equals_number(PaymentBatch.district_id),
                   districts),
        ListFilter("state", _l("State"), equals(PaymentBatch.state),
                   lambda: worded(BATCH_STATES)),
    )  # fmt: skip
    list_tabs = (
        ListTab("all", _l("All"), lambda: ()),
        ListTab("open", _l("On its way"), lambda: [_is_open()]),
        ListTab("late", _l("Overdue"), lambda: [
            _is_open(), PaymentBatch.due_on < clock().today()]),
        ListTab("confirm", _l("To confirm"), lambda: [unconfirmed(book().revisions())]),
    )  # fmt: skip
    list_empty = _l("Finance makes a batch from finally approved applications.")

    @property
    def permissions(self) -> dict[str, str]:
        """Making and moving batches is finance's."""
        makes = dict.fromkeys(("create_view", "action_view"), "payment:make")
        return (
            super().permissions
            | makes
            | {
                "move": "payment:export",
                "returned": "payment:make",
            }
            | PAPER_PAGES
        )

    @property
    def can_create(self) -> bool:
        """Finance makes batches."""
        return may(current_actor(), "payment:make")

    def actions(self) -> tuple[Action, ...]:
        """Marking goes through the batch's own page, one at a time."""
        return ()

    def cell_state(self, row: PaymentBatch) -> Any:
        """The state as a badge."""
        return cells.status(_(BATCH_STATES[row.state]), _MARKS.get(row.state, "closed"))

    def cell_due_on(self, row: PaymentBatch) -> Any:
        """The day, marked where it is over and nobody was paid."""
        if row.due_on is None or row.state not in (MADE, TRANSFERRED):
            return cells.day(row.due_on)
        late = row.due_on < clock().today()
        return cells.chip(
            row.due_on.isoformat(), "bad" if late else "plain", "calendar-due",
            _("overdue") if late else "",
        )  # fmt: skip

    def new_form_class(self) -> Any:
        """A batch is for a programme and a district, or for those who are paid directly."""
        payees = [*districts(), (words.city_id(), _("Straight to people's accounts"))]
        return type(
            "BatchForm",
            (FlaskForm,),
            {
                "programme": SelectField(_("Programme"), choices=offered(programmes())),
                "district": SelectField(_("District or bureau union"), choices=offered(payees)),
            },
        )

    def make(self, form: Any) -> PaymentBatch:
        """Make it through the service."""
        return make_batch(
            db.session(),
            current_actor(),
            clock(),
            db.session.get_one(Programme, int(form.programme.data)),
            db.session.get_one(Organization, int(form.district.data)),
        )

    def details_of(self, model: PaymentBatch) -> Detail:
        """The batch, its people in order of approval, and the next step."""
        shown = super().details_of(model)
        return Detail(
            title=shown.title,
            subtitle=words.payee(model),
            sections=[*shown.sections, *words.sections(model)],
            value=f"{model.id}:{model.version}",
            actions=self._steps(model),
            action_url=url_for(".move"),
            page_url=shown.page_url,
        )

    @expose("/returned/<int:row_id>", methods=("GET", "POST"))
    def returned(self, row_id: int) -> Any:
        """Record that one person's payment came back."""
        payment = self._payment(row_id)
        form = _return_form()(data={"on": clock().today()})
        back = url_for(".details_view", id=payment.batch_id)

        def do() -> Response:
            reverse_payment(
                db.session(), current_actor(), clock(), payment,
                form.kind.data, form.on.data, form.reason.data,
            )  # fmt: skip
            flash(_("It was recorded that the payment came back."), "success")
            return redirect(back)

        name, number = payment.application.applicant.name, payment.application.number
        title = f"{name} · {number} · ¥{cells.yuan(payment.amount_fen)}"
        lead = _("What the bank returned is paid again by the next batch.")
        return self.step(form, do, title, lead, back)

    def _payment(self, row_id: int) -> Payment:
        """A payment of a batch that the actor sees."""
        found = db.session.get(Payment, row_id) if row_id < 10**18 else None
        if found is None:
            abort(404)
        self.get_one(str(found.batch_id))
        return found

    @expose("/move", methods=("GET", "POST"))
    def move(self) -> Any:
        """Answer with the payment list, or mark a batch as transferred or paid on a day."""
        text = request.values.get("rowid", "").partition(":")[0]
        batch = self.get_one(text)
        if request.form.get("action") == "sheet":
            return _payment_list(batch)
        if request.form.get("action") in ("cancel", "bank"):
            return redirect(url_for(f".{request.form['action']}", row_id=batch.id))
        require(current_actor(), "payment:make")
        if request.method == "POST" and "on" not in request.form:
            return redirect(url_for(".move", rowid=batch.id))
        form = _day_form()(data={"on": clock().today(), "seen_version": str(batch.version)})
        back = url_for(".details_view", id=batch.id)
        step = {MADE: mark_transferred, TRANSFERRED: mark_paid}.get(batch.state)
        if step is None:
            flash(_("This batch is already paid or cancelled."), "error")
            return redirect(back)

        def do() -> Response:
            refuse_moved(batch, form)
            step(db.session(), current_actor(), clock(), batch, form.on.data)
            flash(_("Batch %(number)s was updated.", number=batch.number), "success")
            return redirect(back)

        title = f"{batch.number} · {_step_title(batch)}"
        return self.step(form, do, title, _lead(batch), back, ends=Refusal)

    def _steps(self, batch: PaymentBatch) -> list[Action]:
        steps = []
        if may(current_actor(), "payment:make") and batch.state in (MADE, TRANSFERRED):
            steps.append(Action("move", _step_title(batch), icon="check", tone="main", direct=True))
        if may(current_actor(), "payment:export"):
            steps.append(Action("sheet", _("Payment list"), icon="table-export", direct=True))
        if may(current_actor(), "payment:bank") and batch.state in (MADE, TRANSFERRED):
            steps.append(Action("bank", _("Bank file"), icon="file-spreadsheet", direct=True))
        if may(current_actor(), "payment:make") and batch.state == MADE:
            steps.append(
                Action("cancel", _("Cancel the batch"), icon="x", tone="refuse", direct=True)
            )
        return steps


def _is_open() -> ColumnElement[bool]:
    """Its people are not paid yet."""
    return PaymentBatch.state.in_((MADE, TRANSFERRED))


def _payment_list(batch: PaymentBatch) -> Any:
    target = BytesIO()
    write_payments(db.session(), current_actor(), clock(), batch, target, told)
    db.session.commit()
    return sheet_answer(target, f"{batch.number}.xlsx")


def _step_title(batch: PaymentBatch) -> str:
    return _("Mark as transferred") if batch.state == MADE else _("Mark as paid")


def _lead(batch: PaymentBatch) -> str:
    """What the step's day is; before people count as paid, too, what their union's papers name."""
    day = _("The day on which the bank carried it out.")
    given = papers_of(db.session(), batch).values() if batch.state == TRANSFERRED else ()
    named = [row.differences for row in given if row.differences]
    if not named:
        return day
    return day + _(
        "Named differences: %(differences)s. Record afterwards as returned by the bank whoever was "
        "not paid.",
        differences=_("; ").join(named),
    )


def _return_form() -> Any:
    fields = {
        "kind": SelectField(_("What happened"), choices=offered(worded(REVERSALS))),
        "on": DateField(_("Day"), [InputRequired()]),
        "reason": StringField(
            _("Reason"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)]
        ),
    }
    return type("ReturnForm", (FlaskForm,), fields)


def _day_form() -> Any:
    fields = {"on": DateField(_("Day"), [InputRequired()]), "seen_version": SeenVersion()}
    return type("DayForm", (FlaskForm,), fields)
