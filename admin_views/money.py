"""资金: budgets, payment batches, and the people in them; finance acts, districts look on."""

from __future__ import annotations

from io import BytesIO
from typing import Any, ClassVar

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin_views.base import PortalModelView, SeenVersion
from admin_views.choices import districts, offered, programmes, worded
from admin_views.filters import ListFilter, equals, equals_number
from admin_views.rule_fields import YuanField
from models.base import N_, Refusal, db
from models.funding import (
    BATCH_STATES,
    MADE,
    PAID,
    REVERSALS,
    TRANSFERRED,
    Budget,
    Payment,
    PaymentBatch,
    PaymentReversal,
    PaymentShare,
)
from models.organization import Organization
from models.programme import Programme
from models.types import Fen
from portal.access.permissions import may, require
from portal.exchange.payment_sheet import write_payments
from portal.funding.budget import set_budget
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.funding.reversals import reverse_payment
from portal.theme import cells
from portal.theme.pages import Detail, Fact, Section
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

SHOWN = 200
_MARKS = {MADE: "draft", TRANSFERRED: "waiting", "paid": "paid"}


class AmountMissing(Refusal):
    """The budget form was sent without an amount."""

    message = N_("Please give the amount in yuan.")


class BatchMoved(Refusal):
    """The step was already taken, by somebody else or by the same form sent twice."""

    message = N_("This batch was moved on meanwhile. Please look again.")


class BudgetView(PortalModelView):
    """What each programme may spend."""

    permission = "budget"
    opens_create = True
    opens_edit = True
    list_title = _l("Budgets")
    column_list = ("programme", "cap_fen", "spent_fen")
    column_labels: ClassVar[dict[str, Any]] = {"programme": _l("Programme")}
    form_columns = ("cap_fen",)
    form_overrides: ClassVar[dict[str, Any]] = {"cap_fen": YuanField}
    list_loads = (joinedload(Budget.programme),)
    list_phone: ClassVar[Any] = {"programme": "title", "cap_fen": "side"}

    def new_form_class(self) -> Any:
        """A budget belongs to a programme."""
        return type(
            "BudgetForm",
            (FlaskForm,),
            {
                "programme": SelectField(_("Programme"), choices=offered(programmes())),
                "cap_fen": YuanField(_("Budget (yuan)"), [InputRequired()]),
            },
        )

    def get_edit_form(self) -> Any:
        """Only the amount changes."""
        fields = {"cap_fen": YuanField(_l("Budget (yuan)"), [InputRequired()])}
        return type("BudgetAmountForm", (FlaskForm,), fields | {"seen_version": SeenVersion()})

    def make(self, form: Any) -> Budget:
        """Set it through the service."""
        return _set_budget(int(form.programme.data), form.cap_fen.data)

    def change(self, form: Any, model: Budget) -> None:
        """Change it through the service, which compares with what is spent."""
        _set_budget(model.programme_id, form.cap_fen.data)


def _set_budget(programme_id: int, cap: int | None) -> Budget:
    if cap is None:
        raise AmountMissing()
    programme = db.session.get_one(Programme, programme_id)
    return set_budget(db.session(), current_actor(), clock(), programme, Fen(cap))


class BatchView(PortalModelView):
    """Payment batches; a batch is made for one district at a time."""

    permission = "payment"
    list_title = _l("Payment batches")
    column_list = (
        "number", "programme", "district", "payments_count", "total_fen", "state", "made_at",
        "transferred_on", "paid_on",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {
        "programme": _l("Programme"),
        "district": _l("District or bureau union"),
    }
    form_columns = ("number",)
    list_loads = (joinedload(PaymentBatch.programme), joinedload(PaymentBatch.district))
    list_sums = ("total_fen",)
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

    def new_form_class(self) -> Any:
        """A batch is for a programme and a district."""
        return type(
            "BatchForm",
            (FlaskForm,),
            {
                "programme": SelectField(_("Programme"), choices=offered(programmes())),
                "district": SelectField(
                    _("District or bureau union"), choices=offered(districts())
                ),
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
        facts = [_person(model, row, reversal) for row, reversal in _people(model)]
        return Detail(
            title=shown.title,
            subtitle=model.district.name,
            sections=[
                *shown.sections,
                Section(_("Who pays"), _payers(model)),
                Section(_("People"), facts),
            ],
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
        if request.method == "POST" and form.validate():
            try:
                reverse_payment(
                    db.session(), current_actor(), clock(), payment,
                    form.kind.data, form.on.data, form.reason.data,
                )  # fmt: skip
                db.session.commit()
                flash(_("It was recorded that the payment came back."), "success")
                return redirect(back)
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
        name, number = payment.application.applicant.name, payment.application.number
        return self.render(
            "admin/model/edit.html",
            form=form,
            form_opts=None,
            model=payment,
            return_url=back,
            form_title=f"{name} · {number} · ¥{cells.yuan(payment.amount_fen)}",
            form_lead=_("What the bank returned is paid again by the next batch."),
        )

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
        require(current_actor(), "payment:make")
        if request.method == "POST" and "on" not in request.form:
            return redirect(url_for(".move", rowid=batch.id))
        form = _day_form()(data={"on": clock().today(), "seen_version": str(batch.version)})
        step = {MADE: mark_transferred, TRANSFERRED: mark_paid}.get(batch.state)
        if step is None:
            flash(_("This batch is already paid."), "error")
            return redirect(url_for(".details_view", id=batch.id))
        if request.method == "POST" and form.validate():
            try:
                if form.seen_version.data != str(batch.version):
                    raise BatchMoved()
                step(db.session(), current_actor(), clock(), batch, form.on.data)
                db.session.commit()
                flash(_("Batch %(number)s was updated.", number=batch.number), "success")
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
            return redirect(url_for(".details_view", id=batch.id))
        return self.render(
            "admin/model/edit.html",
            form=form,
            form_opts=None,
            model=batch,
            return_url=url_for(".details_view", id=batch.id),
            form_title=f"{batch.number} · {_step_title(batch)}",
            form_lead=_("The day on which the bank carried it out."),
        )

    def _steps(self, batch: PaymentBatch) -> list[Action]:
        steps = []
        if may(current_actor(), "payment:make") and batch.state in (MADE, TRANSFERRED):
            steps.append(Action("move", _step_title(batch), icon="check", tone="main", direct=True))
        if may(current_actor(), "payment:export"):
            steps.append(Action("sheet", _("Payment list"), icon="table-export", direct=True))
        return steps


def _people(batch: PaymentBatch) -> Any:
    """The payments of *batch* in their order, each with what came back."""
    return db.session.execute(
        select(Payment, PaymentReversal)
        .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(Payment.batch_id == batch.id)
        .options(joinedload(Payment.application))
        .order_by(Payment.position)
        .limit(SHOWN)
    )


def _person(batch: PaymentBatch, row: Payment, reversal: PaymentReversal | None) -> Fact:
    url = url_for("application.details_view", id=row.application_id)
    words = f"{row.application.number} · ¥{cells.yuan(row.amount_fen)}"
    shown = cells.link(url, words, drawer=False)
    if reversal is not None:
        came = f"{_(REVERSALS[reversal.kind])} {reversal.came_on} · {reversal.reason}"
        shown += Markup(" ") + cells.chip(came, "warn")
    elif batch.state == PAID and may(current_actor(), "payment:make"):
        there = url_for(".returned", row_id=row.id)
        shown += Markup(" · ") + cells.link(there, _("Came back"), drawer=False)
    return Fact(f"{row.position}. {row.application.applicant.name}", shown)


def _payers(batch: PaymentBatch) -> list[Fact]:
    """What each payer bears of *batch*, those on top told apart."""
    rows = db.session.execute(
        select(Organization.name, PaymentShare.is_on_top, func.sum(PaymentShare.amount_fen))
        .join(PaymentShare, PaymentShare.payer_id == Organization.id)
        .join(Payment, Payment.id == PaymentShare.payment_id)
        .where(Payment.batch_id == batch.id)
        .group_by(Organization.id, Organization.name, PaymentShare.is_on_top)
        .order_by(PaymentShare.is_on_top, Organization.id)
        .limit(SHOWN)
    )
    return [
        Fact(f"{name}（{_('on top')}）" if on_top else name, cells.amount(int(fen), sign=True))
        for name, on_top, fen in rows
    ]


def _payment_list(batch: PaymentBatch) -> Any:
    target = BytesIO()
    write_payments(db.session(), current_actor(), clock(), batch, target, told)
    db.session.commit()
    return sheet_answer(target, f"{batch.number}.xlsx")


def _step_title(batch: PaymentBatch) -> str:
    return _("Mark as transferred") if batch.state == MADE else _("Mark as paid")


def _return_form() -> Any:
    fields = {
        "kind": SelectField(_("What happened"), choices=offered(worded(REVERSALS))),
        "on": DateField(_("Day"), [InputRequired()]),
        "reason": StringField(_("Reason"), [InputRequired(), Length(min=2, max=500)]),
    }
    return type("ReturnForm", (FlaskForm,), fields)


def _day_form() -> Any:
    fields = {"on": DateField(_("Day"), [InputRequired()]), "seen_version": SeenVersion()}
    return type("DayForm", (FlaskForm,), fields)
