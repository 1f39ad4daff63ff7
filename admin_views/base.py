"""``PortalModelView``: a Flask-Admin screen that is closed until its declaration opens it.

One scope feeds list, count, details, edit and delete. Nothing is writable that ``form_columns``
does not name; every change is audited in its own transaction.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import uuid4

from flask import abort, current_app, flash, request
from flask_admin.contrib.sqla import ModelView
from flask_wtf import FlaskForm
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import IntegrityError
from wtforms import HiddenField, SelectField
from wtforms.fields.choices import SelectChoice

from admin_views.listing import Listing
from models.base import N_, Refusal, db
from portal.access import audit
from portal.access.permissions import may
from portal.access.scope import visible
from portal.theme.pages import Detail, Fact, Section
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of


class SeenVersion(HiddenField):
    """Carries the version that the form was opened with; never written to the row."""

    def populate_obj(self, obj: Any, name: str) -> None:
        """Leave the row alone."""

    @property
    def seen(self) -> int:
        """The version, or 0, which no row has, where none was sent."""
        text = str(self.data or "")
        return int(text) if text.isdecimal() else 0


UPSTREAM_WORDS = (
    N_("Failed to create record."),
    N_("Failed to save record."),
    N_("Record was successfully created."),
    N_("Record was successfully saved."),
    N_("Record was successfully deleted."),
)
"""What Flask-Admin flashes and its own Chinese catalogue lacks; the theme translates it."""


class PortalForm(FlaskForm):
    """A form that knows the row it edits, as Flask-Admin's uniqueness check wants."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._obj = kwargs.get("obj")
        super().__init__(*args, **kwargs)


class PortalModelView(Listing, ModelView):
    """Base of every screen. ``permission`` is the subject of its permissions.

    Subclasses declare ``column_list``, ``form_columns``, ``list_filters``, ``list_tabs`` and say
    what they open with ``opens_create`` and ``opens_edit``.
    """

    permission: ClassVar[str] = ""
    opens_create: ClassVar[bool] = False
    opens_edit: ClassVar[bool] = False
    opens_delete: ClassVar[bool] = False
    organization_of: ClassVar[str | None] = None

    can_view_details = True
    can_export = False
    details_modal = True
    named_filter_urls = False
    form_base_class = PortalForm
    list_template = "admin/model/list.html"
    create_template = "admin/model/create.html"
    edit_template = "admin/model/edit.html"
    details_template = "admin/model/details.html"
    details_modal_template = "admin/model/modals/details.html"

    def __init__(self, model: Any, **kwargs: Any) -> None:
        self.column_labels = _labels(model) | (self.column_labels or {})
        choices = _choices(model)
        self.form_overrides = dict.fromkeys(choices, SelectField) | (self.form_overrides or {})
        self.form_args = {key: {"choices": offers} for key, offers in choices.items()} | (
            self.form_args or {}
        )
        super().__init__(model, db, name=self.list_title, **kwargs)

    @property
    def permissions(self) -> dict[str, str]:
        """The permission of each page that the gate does not know by name."""
        return dict.fromkeys(
            ("counts", "totals", "search_view", "save_view", "drop_view"),
            f"{self.permission}:read",
        )

    @property
    def can_create(self) -> bool:
        """Whether this person may add rows here."""
        return self.opens_create and self._may_write()

    @property
    def can_edit(self) -> bool:
        """Whether this person may change rows here."""
        return self.opens_edit and self._may_write()

    @property
    def can_delete(self) -> bool:
        """Whether this person may delete rows here."""
        return self.opens_delete and self._may_write()

    def is_accessible(self) -> bool:
        """Whether this person may read the screen at all."""
        return may(current_actor(), f"{self.permission}:read")

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Any:
        """A screen that is not theirs is forbidden."""
        abort(403)

    def get_query(self) -> Any:
        """Every query of the screen starts inside the actor's subtree."""
        return select(self.model).where(visible(self.model, current_actor()))

    def get_count_query(self) -> Any:
        """The count has the same bounds."""
        return (
            select(func.count()).select_from(self.model).where(visible(self.model, current_actor()))
        )

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's own name
        """The row *id* if it is in scope; any other is not found."""
        text = str(id)
        if not text.isdecimal() or len(text) > 18:
            abort(404)
        found = db.session.scalar(self.get_query().where(self.model.id == int(text)))
        return found if found is not None else abort(404)

    def new_form_class(self) -> Any:
        """The form class of a new row where it is not the declared columns; made per request."""
        return None

    def create_form(self, obj: Any = None) -> Any:
        """The form for a new row."""
        made = self.new_form_class()
        return made() if made is not None else super().create_form(obj)

    def get_edit_form(self) -> Any:
        """The edit form also carries the version that was seen."""
        form = super().get_edit_form()
        form.seen_version = SeenVersion()
        return form

    def edit_form(self, obj: Any = None) -> Any:
        """The form for *obj*; on opening it notes the version."""
        form = super().edit_form(obj)
        if request.method == "GET" and obj is not None:
            form.seen_version.data = str(getattr(obj, "version", 1))
        return form

    def create_model(self, form: Any) -> Any:
        """Add a row, its audit entry in the same transaction."""
        try:
            model = self.make(form)
            db.session.commit()
        except Exception as error:
            self._failed(error)
            return False
        self.after_make(model)
        return model

    def update_model(self, form: Any, model: Any) -> bool:
        """Change a row unless somebody else did meanwhile, audited in the same transaction."""
        seen = form.seen_version.data
        if hasattr(model, "version") and str(model.version) != str(seen):
            flash(
                _("Somebody changed this record while you had it open. Please look again."), "error"
            )
            return False
        try:
            self.change(form, model)
            db.session.commit()
        except Exception as error:
            self._failed(error)
            return False
        return True

    def delete_model(self, model: Any) -> bool:
        """Delete a row, its audit entry in the same transaction."""
        try:
            self._audit("delete", model, {})
            db.session.delete(model)
            db.session.flush()
            self.after_remove(model)
            db.session.commit()
        except Exception as error:
            self._failed(error)
            return False
        return True

    def make(self, form: Any) -> Any:
        """The new row, audited: the declared columns, or what a screen's service makes of them."""
        model = self.model()
        form.populate_obj(model)
        if hasattr(model, "version"):
            model.version = 1
        db.session.add(model)
        self.before_write(form, model, True)
        db.session.flush()
        self._audit("create", model, {})
        return model

    def after_make(self, model: Any) -> None:
        """A place for what is told once a new row is safe."""

    def change(self, form: Any, model: Any) -> None:
        """Write the form over *model*, audited: by columns, or by a screen's service."""
        form.populate_obj(model)
        changes = _changes(model)
        if hasattr(model, "version"):
            model.version += 1
        self.before_write(form, model, False)
        db.session.flush()
        self._audit("edit", model, changes)

    def before_write(self, form: Any, model: Any, is_created: bool) -> None:
        """A place for a screen's own checks, inside the transaction; raise ``Refusal`` to stop."""

    def after_remove(self, model: Any) -> None:
        """A place for what must follow a deletion, inside the transaction."""

    def details_of(self, model: Any) -> Detail:
        """What the drawer shows; the declared columns by default."""
        facts = [
            Fact(str(self.label_of(name)), self.cell(model, name))
            for name in self.column_details_list or self.column_list or ()
        ]
        return Detail(
            title=str(model),
            sections=[Section("", facts)],
            edit_url=self.get_url(".edit_view", id=model.id) if self.can_edit else "",
            page_url=self.get_url(".details_view", id=model.id),
        )

    def render(self, template: str, **kwargs: Any) -> Any:
        """Hand our templates what they draw."""
        if template in (self.details_template, self.details_modal_template):
            kwargs["detail"] = self.details_of(kwargs["model"])
        return super().render(template, **kwargs)

    def _may_write(self) -> bool:
        return may(current_actor(), f"{self.permission}:write")

    def _audit(self, act: str, model: Any, changes: dict[str, Any]) -> None:
        place = getattr(model, self.organization_of, None) if self.organization_of else None
        audit.record(
            db.session(),
            current_actor(),
            clock().now(),
            f"{self.permission}:{act}",
            self.model.__tablename__,
            model.id,
            details={"changes": changes} if changes else {},
            organization_id=place,
        )

    def _failed(self, error: Exception) -> None:
        """Undo, and say why without showing SQL or values."""
        db.session.rollback()
        if isinstance(error, Refusal):
            flash(words_of(error), "error")
        elif isinstance(error, IntegrityError):
            flash(
                _("Another record already has this key, or something still uses this one."), "error"
            )
        else:
            log_id = uuid4().hex[:8]
            current_app.logger.error(
                "screen %s failed, id %s", self.endpoint, log_id, exc_info=error
            )
            flash(_("Something went wrong; nothing was saved. Number: %(id)s", id=log_id), "error")


def _labels(model: Any) -> dict[str, Any]:
    """Every column's label from its ``info``, translated when shown."""
    columns = inspect(model).columns
    return {c.key: _l(label) for c in columns if (label := c.info.get("label"))}


def _choices(model: Any) -> dict[str, Any]:
    """What every column with ``choices`` in its ``info`` offers, translated when shown."""
    columns = inspect(model).columns
    return {
        c.key: [SelectChoice(value, _l(word)) for value, word in c.info["choices"].items()]
        for c in columns
        if "choices" in c.info
    }


def _changes(model: Any) -> dict[str, Any]:
    """Changed columns as ``{name: [before, after]}``; sealed columns appear by name only."""
    found: dict[str, Any] = {}
    for attribute in inspect(model).attrs:
        history = attribute.history
        if not history.has_changes() or attribute.key in inspect(type(model)).relationships:
            continue
        if attribute.key.endswith(("_sealed", "_index", "password_hash")):
            found[attribute.key.removesuffix("_sealed").removesuffix("_index")] = "***"
        else:
            found[attribute.key] = [_plain(history.deleted), _plain(history.added)]
    return found


def _plain(values: Any) -> Any:
    value = values[0] if values else None
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)
