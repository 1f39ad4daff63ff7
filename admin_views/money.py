"""资金: what each programme may spend."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_wtf import FlaskForm
from sqlalchemy.orm import joinedload
from wtforms import SelectField
from wtforms.validators import InputRequired

from admin_views.base import PortalModelView, SeenVersion
from admin_views.choices import offered, programmes
from admin_views.rule_fields import YuanField
from models.base import N_, Refusal, db
from models.funding import Budget
from models.programme import Programme
from models.types import Fen
from portal.funding.budget import set_budget
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor


class AmountMissing(Refusal):
    """The budget form was sent without an amount."""

    message = N_("Please give the amount in yuan.")


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
