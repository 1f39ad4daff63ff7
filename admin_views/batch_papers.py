"""What is done with a batch beside moving it on: papers, a bank's file, cancelling it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import abort, flash, redirect, send_file, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import DateField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from admin_views.base import SeenVersion
from admin_views.batch_document import document_of
from admin_views.choices import offered
from admin_views.rule_fields import YuanField
from admin_views.steps import Stepping
from models.base import N_, Refusal, db
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.funding import PaymentBatch
from models.papers import BankFile
from models.sharing import PAPERS
from portal.exchange.bank_file import write_bank_csv, write_bank_sheet
from portal.exchange.sheet_writer import MIME, content_disposition
from portal.funding.cancelling import cancel_batch
from portal.funding.papers import (
    LONGEST_DIFFERENCES,
    NotTheTime,
    give_paper,
    may_give,
    payees_of,
    stated_fen,
)
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor

PERMISSIONS = {
    "document": "payment:read",
    "paper": "payment:paper",
    "cancel": "payment:make",
    "bank": "payment:bank",
}
CSV, SHEET = "csv", "xlsx"


class BatchMoved(Refusal):
    """The step was already taken, by somebody else or by the same form sent twice."""

    message = N_("This batch was moved on meanwhile. Please look again.")


def refuse_moved(batch: PaymentBatch, form: Any) -> None:
    """Raise ``BatchMoved`` where *form* was opened with another version of *batch*."""
    if form.seen_version.seen != batch.version:
        raise BatchMoved()


class BatchPapers(Stepping):
    """What ``BatchView`` does with one batch."""

    get_one: Any

    @expose("/document/<int:row_id>/<kind>")
    def document(self, row_id: int, kind: str) -> Any:
        """A paper of the batch to print, before or after it is given."""
        batch = self._batch_of(row_id, kind)
        return self.render("portal/batch_document.html", paper=document_of(batch, kind))

    @expose("/paper/<int:row_id>/<kind>", methods=("GET", "POST"))
    def paper(self, row_id: int, kind: str) -> Any:
        """Say that a paper was given: when, for how many, for how much."""
        batch = self._batch_of(row_id, kind)
        back = url_for(".details_view", id=batch.id)
        if not may_give(current_actor(), batch, kind):
            flash(_(NotTheTime.message, number=batch.number), "error")
            return redirect(back)
        payees = payees_of(db.session(), batch)
        form = _paper_form(batch, kind, payees)

        def do() -> Response:
            said = (form.on.data, form.people.data, form.total.data, form.differences.data or "")
            give_paper(db.session(), current_actor(), clock(), batch, kind, *said)
            flash(_("%(paper)s: recorded.", paper=_(PAPERS[kind])), "success")
            return redirect(back)

        lead = _("The batch has %(people)s people. What differs must be named.", people=payees)
        title = f"{batch.number} · {_(PAPERS[kind])}"
        return self.step(form, do, title, lead, back)

    @expose("/cancel/<int:row_id>", methods=("GET", "POST"))
    def cancel(self, row_id: int) -> Any:
        """Cancel a batch that was not sent."""
        batch = self.get_one(str(row_id))
        back = url_for(".details_view", id=batch.id)
        form = _cancel_form()(data={"seen_version": str(batch.version)})

        def do() -> Response:
            refuse_moved(batch, form)
            cancel_batch(db.session(), current_actor(), clock(), batch, form.reason.data)
            flash(_("Batch %(number)s was cancelled.", number=batch.number), "success")
            return redirect(back)

        lead = _("Its people are owed again, and the next batch pays them.")
        title = f"{batch.number} · {_('Cancel the batch')}"
        return self.step(form, do, title, lead, back, ends=Refusal)

    @expose("/bank/<int:row_id>", methods=("GET", "POST"))
    def bank(self, row_id: int) -> Any:
        """The file that the bank reads, by one of the templates."""
        batch = self.get_one(str(row_id))
        back = url_for(".details_view", id=batch.id)
        form = _bank_form()

        def do() -> Response:
            template, target = db.session.get_one(BankFile, int(form.template.data)), BytesIO()
            write = write_bank_csv if form.kind.data == CSV else write_bank_sheet
            write(db.session(), current_actor(), clock(), batch, template, target)
            return _download(target, f"{batch.number}-bank.{form.kind.data}")

        lead = _("Card and account numbers stand in the file in full; that it was taken is kept.")
        return self.step(form, do, f"{batch.number} · {_('Bank file')}", lead, back)

    def _batch_of(self, row_id: int, kind: str) -> PaymentBatch:
        if kind not in PAPERS:
            abort(404)
        found: PaymentBatch = self.get_one(str(row_id))
        return found


def _paper_form(batch: PaymentBatch, kind: str, payees: int) -> Any:
    total = stated_fen(db.session(), batch, kind)
    fields = {
        "on": DateField(_("Day"), [InputRequired()]),
        "people": IntegerField(_("Head count"), [InputRequired(), NumberRange(0, 10**8)]),
        "total": YuanField(_("Total (yuan)"), [InputRequired()]),
        "differences": StringField(_("Differences"), [Optional(), Length(max=LONGEST_DIFFERENCES)]),
    }
    said = {"on": clock().today(), "people": payees, "total": total}
    return type("PaperForm", (FlaskForm,), fields)(data=said)


def _cancel_form() -> Any:
    length = Length(min=SHORTEST_REASON, max=LONGEST_REASON)
    fields = {
        "reason": StringField(_("Reason"), [InputRequired(), length]),
        "seen_version": SeenVersion(),
    }
    return type("CancelForm", (FlaskForm,), fields)


def _bank_form() -> Any:
    rows = db.session.execute(select(BankFile.id, BankFile.title).order_by(BankFile.id))
    templates = [(str(row_id), title) for row_id, title in rows]
    fields = {
        "template": SelectField(_("Template"), choices=offered(templates)),
        "kind": SelectField(_("Kind of file"), choices=offered([(CSV, "CSV"), (SHEET, "Excel")])),
    }
    return type("BankFileForm", (FlaskForm,), fields)()


def _download(target: BytesIO, name: str) -> Response:
    target.seek(0)
    answer = send_file(target, mimetype="text/csv" if name.endswith(CSV) else MIME)
    answer.headers["Content-Disposition"] = content_disposition(name)
    return answer
