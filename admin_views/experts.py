"""专家: who scores, and what they are kept from."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import SelectField

from admin_views.base import PortalModelView
from admin_views.choices import offered
from models.account import Account
from models.base import db
from models.organization import Organization
from models.panel import Expert
from portal.access.permissions import EXPERT, NotAllowed
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l


class ExpertView(PortalModelView):
    """The experts of the city's panels."""

    permission = "expert"
    opens_create = True
    opens_edit = True
    list_title = _l("Experts")
    column_list = ("name", "unit", "organization", "speciality", "account", "is_active")
    column_labels: ClassVar[dict[str, Any]] = {
        "organization": _l("Union"),
        "account": _l("Account"),
    }
    form_columns = ("name", "unit", "speciality", "is_active")
    form_args: ClassVar[dict[str, Any]] = {"is_active": {"default": True}}
    list_loads = (joinedload(Expert.organization), joinedload(Expert.account))
    list_phone: ClassVar[Any] = {"name": "title", "is_active": "side"}
    list_empty = _l("Enter the experts before you give them cases to score.")

    def get_create_form(self) -> Any:
        """A new expert also names their union and account."""
        return _with_links(super().get_create_form())

    def get_edit_form(self) -> Any:
        """So does one that is changed."""
        return _with_links(super().get_edit_form())

    def create_form(self, obj: Any = None) -> Any:
        """Offered are all unions, and accounts of experts."""
        return _offering(super().create_form(obj), obj)

    def edit_form(self, obj: Any = None) -> Any:
        """As for a new one."""
        return _offering(super().edit_form(obj), obj)

    def before_write(self, form: Any, model: Any, is_created: bool) -> None:
        """Only what was offered."""
        model.organization_id = _chosen(form.place.data, _places())
        model.account_id = _chosen(form.person.data, _people())

    def cell_organization(self, row: Expert) -> str:
        """The union's name."""
        return row.organization.name if row.organization else ""

    def cell_account(self, row: Expert) -> str:
        """Whose sheets are filled in by themselves."""
        return row.account.login if row.account else _("On paper")

    def cell_is_active(self, row: Expert) -> str:
        """Whether they are given cases."""
        return _("Yes") if row.is_active else _("No")


def _with_links(form: Any) -> Any:
    form.place = SelectField(
        _l("Union"),
        choices=[],
        validate_choice=False,
        description=_l("The union they belong to; they do not score cases of it."),
    )
    form.person = SelectField(
        _l("Account"),
        choices=[],
        validate_choice=False,
        description=_l("With an account of the role expert they fill in their sheets themselves."),
    )
    return form


def _offering(form: Any, obj: Any) -> Any:
    form.place.choices = offered([("", "–"), *_places()])
    form.person.choices = offered([("", _("On paper")), *_people()])
    if form.place.data is None and obj is not None:
        form.place.data = str(obj.organization_id or "")
        form.person.data = str(obj.account_id or "")
    return form


def _chosen(text: str | None, known: list[tuple[str, str]]) -> int | None:
    if not text:
        return None
    if text not in dict(known):
        raise NotAllowed()
    return int(text)


def _places() -> list[tuple[str, str]]:
    rows = db.session.execute(
        select(Organization.id, Organization.name)
        .where(Organization.is_active, Organization.depth > 0)
        .order_by(Organization.path)
    )
    return [(str(key), name) for key, name in rows]


def _people() -> list[tuple[str, str]]:
    rows = db.session.execute(
        select(Account.id, Account.name, Account.login)
        .where(Account.role == EXPERT, Account.is_active)
        .order_by(Account.name)
    )
    return [(str(key), f"{name} · {login}") for key, name, login in rows]
