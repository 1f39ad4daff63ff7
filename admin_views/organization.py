"""组织: the union tree and its accounts; the services write, the screens ask."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, g, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin_views import searching
from admin_views.base import PortalModelView, SeenVersion
from admin_views.choices import offered, worded
from admin_views.filters import ListFilter, equals
from models.account import Account
from models.base import Refusal, db
from models.organization import CITY, KINDS, Organization
from portal.access import accounts, organizations
from portal.access.permissions import ROLE_PLACES, ROLES
from portal.access.scope import visible
from portal.theme import cells
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of


def _unions() -> list[tuple[str, str]]:
    rows = db.session.execute(
        select(Organization.id, Organization.name)
        .where(visible(Organization, current_actor()), Organization.is_active)
        .order_by(Organization.path)
    )
    return [(str(row_id), name) for row_id, name in rows]


class OrganizationView(PortalModelView):
    """The unions of the actor's subtree."""

    permission = "organization"
    opens_create = True
    opens_edit = True
    list_title = _l("Unions")
    column_list = ("name", "code", "kind", "parent", "nature", "is_active")
    column_labels: ClassVar[dict[str, Any]] = {"parent": _l("Parent union")}
    form_columns = ("name", "nature", "industry")
    list_loads = (joinedload(Organization.parent),)
    list_phone: ClassVar[Any] = {"name": "title", "kind": "side"}
    list_filters = (
        ListFilter(
            "kind", _l("Kind"), equals(Organization.kind),
            lambda: worded(KINDS),
        ),
    )  # fmt: skip

    list_search = staticmethod(searching.union_search)
    list_search_hint = _l("Name or code")

    def search_condition(self, kind: str, value: str) -> ColumnElement[bool]:
        """Searches here keep unions."""
        return searching.on_unions(kind, value)

    def new_form_class(self) -> Any:
        """A new union also has a code, a kind and a parent, which never change here."""
        kinds = [pair for pair in worded(KINDS) if pair[0] != CITY]
        return type(
            "UnionForm",
            (FlaskForm,),
            {
                "code": StringField(_("Code"), [InputRequired(), Length(max=40)]),
                "name": StringField(_("Name"), [InputRequired(), Length(max=120)]),
                "kind": SelectField(_("Kind"), choices=offered(kinds)),
                "parent": SelectField(_("Parent union"), choices=offered(_unions())),
                "nature": StringField(_("Nature of the unit"), [Length(max=20)]),
            },
        )

    def make(self, form: Any) -> Organization:
        """Create through the service."""
        return organizations.create_organization(
            db.session(),
            current_actor(),
            clock(),
            code=form.code.data,
            name=form.name.data,
            kind=form.kind.data,
            parent=self.get_one(form.parent.data),
            nature=form.nature.data or None,
        )

    def change(self, form: Any, model: Organization) -> None:
        """Change through the service, which checks the name and keeps its sorting key."""
        organizations.edit_organization(
            db.session(),
            current_actor(),
            clock(),
            model.id,
            name=form.name.data or "",
            nature=form.nature.data or None,
            industry=form.industry.data or None,
            is_active=model.is_active,
        )


class AccountView(PortalModelView):
    """Accounts of the actor's subtree."""

    permission = "account"
    opens_create = True
    opens_edit = True
    organization_of = "organization_id"
    list_title = _l("Accounts")
    column_list = ("login", "name", "role", "organization", "is_active", "created_at")
    column_labels: ClassVar[dict[str, Any]] = {"organization": _l("Union")}
    form_columns = ("name",)
    list_loads = (joinedload(Account.organization),)
    list_phone: ClassVar[Any] = {"login": "foot", "name": "title", "role": "side"}
    list_filters = (
        ListFilter(
            "role", _l("Role"), equals(Account.role),
            lambda: worded(ROLES),
        ),
    )  # fmt: skip
    list_search = staticmethod(searching.account_search)
    list_search_hint = _l("Account or name")
    list_actions = (
        Action("disable", _l("Disable"), icon="ban", tone="refuse", direct=True),
        Action("enable", _l("Enable"), icon="check", tone="plain", direct=True),
        Action("reset", _l("New one-use password"), icon="key", tone="plain", direct=True),
    )

    def search_condition(self, kind: str, value: str) -> ColumnElement[bool]:
        """Searches here keep accounts."""
        return searching.on_accounts(kind, value)

    def cell_role(self, row: Account) -> str:
        """The role in words."""
        return _(ROLES[row.role])

    def cell_login(self, row: Account) -> Markup:
        """The account, opening the drawer."""
        return cells.link(url_for(".details_view", id=row.id), row.login)

    def new_form_class(self) -> Any:
        """What a new account needs; the password is made by the portal."""
        roles = [pair for pair in worded(ROLES) if self._may_give(pair[0])]
        return type(
            "AccountForm",
            (FlaskForm,),
            {
                "login": StringField(_("Account"), [InputRequired(), Length(max=60)]),
                "name": StringField(_("Name"), [InputRequired(), Length(max=60)]),
                "phone": StringField(_("Mobile phone"), [Length(max=20)]),
                "role": SelectField(_("Role"), choices=offered(roles)),
                "organization": SelectField(_("Union"), choices=offered(_unions())),
            },
        )

    def get_edit_form(self) -> Any:
        """Only the name and the address of the daily digest are changed here."""
        fields = {
            "name": StringField(_l("Name"), [InputRequired(), Length(max=60)]),
            "email": StringField(_l("Mail address"), [Length(max=120)]),
        }
        return type("AccountNameForm", (FlaskForm,), fields | {"seen_version": SeenVersion()})

    def make(self, form: Any) -> Account:
        """Create through the service."""
        place = db.session.get_one(Organization, int(form.organization.data))
        made, password = accounts.create_account(
            db.session(),
            current_actor(),
            clock(),
            form.login.data,
            form.name.data,
            form.role.data,
            place,
            form.phone.data or "",
        )
        g.one_use_password = password
        return made

    def after_make(self, model: Account) -> None:
        """Show the one-use password once."""
        _tell_password(model, g.pop("one_use_password"))

    def change(self, form: Any, model: Account) -> None:
        """Change through the service, which says whose accounts this person manages."""
        accounts.edit_account(
            db.session(),
            current_actor(),
            clock(),
            model.id,
            name=form.name.data,
            phone=None,
            email=form.email.data or "",
        )

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Disable, enable or give a new password to the chosen accounts."""
        act = {
            "disable": accounts.disable_account,
            "enable": accounts.enable_account,
            "reset": accounts.reset_password,
        }.get(request.form.get("action", ""))
        for text in request.form.getlist("rowid")[:100]:
            account_id = text.partition(":")[0]
            if act is None or not account_id.isdecimal() or len(account_id) > 18:
                break
            try:
                done = act(db.session(), current_actor(), clock(), int(account_id))
                db.session.commit()
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
                continue
            if isinstance(done, tuple):
                _tell_password(*done)
        return redirect(url_for(".index_view"))

    def _may_give(self, role: str) -> bool:
        depth = current_actor().depth
        return depth == 0 or bool(ROLE_PLACES[role] & {"group", "unit"})


def _tell_password(account: Account, password: str) -> None:
    words = _("One-use password of %(login)s, shown only now:", login=account.login)
    flash(Markup("{} <b>{}</b>").format(words, password), "success")
