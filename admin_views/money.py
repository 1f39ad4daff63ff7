"""资金: what each payer of a programme may spend."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from admin_views.base import PortalModelView, SeenVersion
from admin_views.batch_words import city_id
from admin_views.choices import Pairs, districts, offered, programmes
from admin_views.filters import ListFilter, equals_number
from admin_views.rule_fields import YuanField
from models.base import N_, Refusal, db
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.funding import Budget
from models.organization import Organization
from models.programme import Programme
from models.types import Fen
from portal.access.scope import visible
from portal.funding.budget import set_budget
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor


class AmountMissing(Refusal):
    """The budget form was sent without an amount."""

    message = N_("Please give the amount in yuan.")


class NoSuchPayer(Refusal):
    """The code is no union's."""

    message = N_("There is no union with the code %(code)s.")


class HasBudget(Refusal):
    """The payer has a budget for the programme, which is changed where it stands."""

    message = N_("%(union)s already has a budget for this programme. Change that one.")


class BudgetView(PortalModelView):
    """What each payer of a programme may spend: the city federation, and whoever has its own."""

    permission = "budget"
    opens_create = True
    opens_edit = True
    list_title = _l("Budgets")
    column_list = ("programme", "payer", "cap_fen", "spent_fen")
    column_labels: ClassVar[dict[str, Any]] = {
        "programme": _l("Programme"),
        "payer": _l("Payer"),
    }
    form_columns = ("cap_fen",)
    form_overrides: ClassVar[dict[str, Any]] = {"cap_fen": YuanField}
    list_loads = (joinedload(Budget.programme), joinedload(Budget.payer))
    list_phone: ClassVar[Any] = {"programme": "title", "cap_fen": "side"}
    list_filters = (
        ListFilter("programme", _l("Programme"), equals_number(Budget.programme_id), programmes),
    )

    def new_form_class(self) -> Any:
        """A budget belongs to a programme and a payer; another's needs a reason."""
        unit = _l("Only where a grass-roots union pays, in place of the payer chosen.")
        why = _l("Needed for all but the city's own budget, such as the letter that says so.")
        length = Length(SHORTEST_REASON, LONGEST_REASON)
        return type(
            "BudgetForm",
            (FlaskForm,),
            {
                "programme": SelectField(_("Programme"), choices=offered(programmes())),
                "payer": SelectField(_("Payer"), choices=offered(_payers())),
                "code": StringField(
                    _("Code of a grass-roots union"), [Optional(), Length(max=40)], description=unit
                ),
                "cap_fen": YuanField(_("Budget (yuan)"), [InputRequired()]),
                "reason": StringField(_("Reason"), [Optional(), length], description=why),
            },
        )

    def get_edit_form(self) -> Any:
        """Only the amount changes, for a reason."""
        length = Length(SHORTEST_REASON, LONGEST_REASON)
        fields = {
            "cap_fen": YuanField(_l("Budget (yuan)"), [InputRequired()]),
            "reason": StringField(_l("Reason"), [InputRequired(), length]),
        }
        return type("BudgetAmountForm", (FlaskForm,), fields | {"seen_version": SeenVersion()})

    def make(self, form: Any) -> Budget:
        """Set it through the service."""
        programme = db.session.get_one(Programme, int(form.programme.data))
        payer = _payer(form.payer.data, (form.code.data or "").strip())
        own = select(Budget.id).where(
            Budget.programme_id == programme.id, Budget.payer_id == payer.id
        )
        if db.session.scalar(own) is not None:
            raise HasBudget(union=payer.name)
        return _set_budget(programme, payer, form.cap_fen.data, form.reason.data or "")

    def change(self, form: Any, model: Budget) -> None:
        """Change it through the service, which compares with what is spent."""
        _set_budget(model.programme, model.payer, form.cap_fen.data, form.reason.data)


def _payers() -> Pairs:
    """The city federation, then its districts and bureaus."""
    city = db.session.get_one(Organization, int(city_id()))
    return [(str(city.id), city.name), *districts()]


def _payer(chosen: str, code: str) -> Organization:
    if not code:
        return db.session.get_one(Organization, int(chosen))
    named = select(Organization).where(
        Organization.code == code, visible(Organization, current_actor())
    )
    found = db.session.scalar(named)
    if found is None:
        raise NoSuchPayer(code=code)
    return found


def _set_budget(programme: Programme, payer: Organization, cap: int | None, reason: str) -> Budget:
    if cap is None:
        raise AmountMissing()
    session, actor = db.session(), current_actor()
    return set_budget(session, actor, clock(), programme, Fen(cap), payer, reason)
