"""What is typed about an adjustment; each form is made for its request."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin_views.base import SeenVersion
from admin_views.choices import offered
from admin_views.rule_fields import YuanField
from models.decision import LONGEST_REASON, SHORTEST_REASON
from portal.funding.proposing import LONGEST_CLAUSE
from portal.translations.words import gettext as _


def reason_form() -> Any:
    """Why."""
    return type("ReasonForm", (FlaskForm,), {"reason": _reason(), "seen_version": SeenVersion()})


def amount_form() -> Any:
    """By how much an award changes, and why."""
    ways = [("less", _("Less than approved")), ("more", _("More than approved"))]
    fields = {
        "way": SelectField(_("The award becomes"), choices=offered(ways)),
        "fen": YuanField(_("By (yuan)"), [InputRequired()]),
        "clause": StringField(_("Clause"), [Length(max=LONGEST_CLAUSE)]),
        "reason": _reason(),
    }
    return type("AmountForm", (FlaskForm,), fields)


def receipt_form() -> Any:
    """What came in, when and by which way."""
    fields = {
        "fen": YuanField(_("Amount (yuan)"), [InputRequired()]),
        "on": DateField(_("Day"), [InputRequired()]),
        "reason": _reason(),
        "seen_version": SeenVersion(),
    }
    return type("ReceiptForm", (FlaskForm,), fields)


def _reason() -> TextAreaField:
    return TextAreaField(_("Reason"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])
