"""Who bears a part of a case that one of several payers may: seen, and chosen with a reason."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin_views.base import SeenVersion
from admin_views.choices import offered
from models.application import Application
from models.base import Refusal, db
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.sharing import PAYERS
from portal.access.permissions import may
from portal.review.bearers import OPEN, Choice, choices_of, choose_bearer, refuse_closed
from portal.theme import cells
from portal.theme.pages import Fact
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

PERMISSIONS = {"payer_view": "payment:make"}
_APART = "|"


class BearerPages:
    """What ``ApplicationView`` shows of who bears a part of a case."""

    get_one: Any
    render: Any
    edit_template: str

    @expose("/payer/", methods=("GET", "POST"))
    def payer_view(self) -> Any:
        """Choose which of the payers that the rules allow bears a part."""
        application = self.get_one(request.args.get("id", ""))
        there = url_for(".details_view", id=application.id)
        try:
            refuse_closed(db.session(), application)
        except Refusal as refusal:
            flash(words_of(refusal), "error")
            return redirect(there)
        form = _form(application)
        if request.method == "POST" and form.validate() and _chosen(form, application):
            return redirect(there)
        return self.render(
            self.edit_template,
            form=form,
            form_opts=None,
            model=application,
            return_url=there,
            form_title=_("Who pays: %(name)s", name=application.applicant.name),
            form_lead=_("The payment batch, the ledger and the payer's own budget follow it."),
        )


def bearer_facts(application: Application) -> list[Fact]:
    """The way to the choice, where there is one that this person may still make."""
    if not may(current_actor(), "payment:make") or application.state not in OPEN:
        return []
    if not choices_of(db.session(), application):
        return []
    try:
        refuse_closed(db.session(), application)
    except Refusal:
        return []
    there = url_for("application.payer_view", id=application.id)
    return [Fact(_("Settle the payer"), cells.link(there, _("Choose"), drawer=False))]


def _form(application: Application) -> Any:
    choices = choices_of(db.session(), application)
    several = len(choices) > 1
    pairs = [
        (f"{row.key}{_APART}{party}", _named(row.title if several else "", party, union))
        for row in choices
        for party, union in row.payers.items()
    ]
    borne = next((f"{row.key}{_APART}{row.bearer}" for row in choices), "")
    length = Length(SHORTEST_REASON, LONGEST_REASON)
    fields = {
        "payer": SelectField(_title(choices), [InputRequired()], choices=offered(pairs)),
        "reason": StringField(_("Reason"), [InputRequired(), length]),
        "seen_version": SeenVersion(),
    }
    form = type("BearerForm", (FlaskForm,), fields)(data={"payer": borne})
    if request.method == "GET":
        form.seen_version.data = str(application.version)
    return form


def _title(choices: list[Choice]) -> str:
    """The one share that is chosen for, or that there are several."""
    return choices[0].title if len(choices) == 1 else _("Payer")


def _named(share: str, party: str, union: str) -> str:
    payer = f"{_(PAYERS[party])} · {union}"
    return f"{share}：{payer}" if share else payer


def _chosen(form: Any, application: Application) -> bool:
    """Whether the choice was written."""
    share, _apart, payer = form.payer.data.partition(_APART)
    try:
        choose_bearer(
            db.session(), current_actor(), clock(), application, share, payer, form.reason.data,
            form.seen_version.seen,
        )  # fmt: skip
    except Refusal as refusal:
        db.session.rollback()
        flash(words_of(refusal), "error")
        return False
    db.session.commit()
    flash(_("Who pays was recorded."), "success")
    return True
