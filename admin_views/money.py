"""资金: budgets, payment batches, and the people in them; finance acts, districts look on."""

from __future__ import annotations

from io import BytesIO
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import DateField, SelectField
from wtforms.validators import InputRequired

from admin_views.base import PortalModelView, SeenVersion
from admin_views.choices import districts, offered, programmes, worded
from admin_views.filters import ListFilter, equals, equals_number
from admin_views.rule_fields import YuanField
from models.base import N_, Refusal, db
from models.funding import BATCH_STATES, MADE, TRANSFERRED, Budget, Payment, PaymentBatch
from models.organization import Organization
from models.programme import Programme
from models.types import Fen
from portal.access.permissions import may, require
from portal.exchange.payment_sheet import write_payments
from portal.funding.budget import set_budget
from portal.funding.payout import make_batch, mark_paid, mark_transferred
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
        return super().permissions | makes | {"move": "payment:export"}

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
        people = db.session.scalars(
            select(Payment)
            .where(Payment.batch_id == model.id)
            .options(joinedload(Payment.application))
            .order_by(Payment.position)
            .limit(SHOWN)
        )
        facts = [
            Fact(
                f"{row.position}. {row.application.applicant.name}",
                cells.link(
                    url_for("application.details_view", id=row.application_id),
                    f"{row.application.number} · ¥{cells.yuan(row.amount_fen)}",
                    drawer=False,
                ),
            )
            for row in people
        ]
        return Detail(
            title=shown.title,
            subtitle=model.district.name,
            sections=[*shown.sections, Section(_("People"), facts)],
            value=f"{model.id}:{model.version}",
            actions=self._steps(model),
            action_url=url_for(".move"),
            page_url=shown.page_url,
        )

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


def _payment_list(batch: PaymentBatch) -> Any:
    target = BytesIO()
    write_payments(db.session(), current_actor(), clock(), batch, target, told)
    db.session.commit()
    return sheet_answer(target, f"{batch.number}.xlsx")


def _step_title(batch: PaymentBatch) -> str:
    return _("Mark as transferred") if batch.state == MADE else _("Mark as paid")


def _day_form() -> Any:
    fields = {"on": DateField(_("Day"), [InputRequired()]), "seen_version": SeenVersion()}
    return type("DayForm", (FlaskForm,), fields)
