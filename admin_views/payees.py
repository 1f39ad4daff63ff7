"""The account of an approved case: corrected after the bank returned a payment."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import select
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from admin_views import application_forms as forms
from admin_views.base import SeenVersion
from models.application import Application
from models.base import Refusal, db
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.funding import Payment
from portal.access.permissions import may
from portal.review.payees import (
    NotCorrectable,
    correct_account,
    fields_of,
    is_correctable,
)
from portal.theme import cells
from portal.theme.pages import Fact, Section
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

PERMISSIONS = {"account_view": "payment:account"}


class PayeePages:
    """What ``ApplicationView`` shows of a case's account."""

    get_one: Any
    render: Any
    edit_template: str

    @expose("/account/", methods=("GET", "POST"))
    def account_view(self) -> Any:
        """Correct the account of an approved case."""
        application = self.get_one(request.args.get("id", ""))
        there = url_for(".details_view", id=application.id)
        if not may_correct(application):
            flash(_(NotCorrectable.message), "error")
            return redirect(there)
        form = _form(application)
        if request.method == "POST" and form.validate() and _corrected(form, application):
            return redirect(there)
        return self.render(
            self.edit_template,
            form=form,
            form_opts=None,
            model=application,
            return_url=there,
            form_title=_("Correct the account: %(name)s", name=application.applicant.name),
            form_lead=_("The case stays approved; the next batch pays it to this account."),
        )


def may_correct(application: Application) -> bool:
    """Whether this person may change the account of *application* now."""
    if not may(current_actor(), "payment:account") or not fields_of(application):
        return False
    open_ = select(Application.id).where(Application.id == application.id, is_correctable())
    return db.session.scalar(open_) is not None


def sections(application: Application) -> list[Section]:
    """The ways to the correction and to the person's statement, where there are any."""
    facts = []
    if may_correct(application):
        there = url_for("application.account_view", id=application.id)
        link = cells.link(there, _("Correct the account"), drawer=False)
        facts.append(Fact(_("Card or account number"), link))
    if may(current_actor(), "statement:read") and _has_moved(application):
        there = url_for("statement.index", number=application.number, month="")
        facts.append(Fact(_("Statement"), cells.link(there, _("Show"), drawer=False)))
    return [Section(_("Account"), facts)] if facts else []


def _has_moved(application: Application) -> bool:
    found = select(Payment.id).where(Payment.application_id == application.id).limit(1)
    return db.session.scalar(found) is not None


def _form(application: Application) -> Any:
    rows = fields_of(application)
    stored = forms.stored_cells(application, {})
    masked = {row.key: forms.mask_of(row.kind, stored.get(row.key, "")) for row in rows}
    length = Length(min=SHORTEST_REASON, max=LONGEST_REASON)
    reason = StringField(_("Reason"), [InputRequired(), length])
    made = type("AccountForm", (forms.stage_form(rows),), {"reason": reason})
    made.seen_version = SeenVersion()
    form = made(data={forms.name_of(key): text for key, text in masked.items()})
    if request.method == "GET":
        form.seen_version.data = str(application.version)
    return form


def _corrected(form: Any, application: Application) -> bool:
    """Whether what was typed was written; a mask left as it was stands for what is stored."""
    stored = forms.stored_cells(application, {})
    typed = {}
    for row in fields_of(application):
        text = str((form[forms.name_of(row.key)].raw_data or [""])[0])
        kept = stored.get(row.key, "")
        typed[row.key] = kept if kept and text == forms.mask_of(row.kind, kept) else text
    try:
        problems = correct_account(
            db.session(), current_actor(), clock(), application, typed, form.reason.data,
            form.seen_version.seen,
        )  # fmt: skip
    except Refusal as refusal:
        db.session.rollback()
        flash(words_of(refusal), "error")
        return False
    if problems:
        db.session.rollback()
        forms.show_problems(form, problems)
        return False
    db.session.commit()
    flash(_("The account was corrected."), "success")
    return True
