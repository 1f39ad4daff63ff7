"""项目: notices, programmes, revisions and every table that a revision's policy is made of.

A published revision shows its rows and refuses change; a draft's rows are edited and checked by
the same compiler that will run them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import SelectField, StringField

from admin_views.base import PortalModelView
from admin_views.choices import offered
from admin_views.filters import ListFilter, equals_number
from admin_views.yaml_field import LinesField, YamlField, YamlMapField
from models.base import N_, Refusal, db
from models.notice import Clause, Notice
from models.programme import (
    DRAFT,
    AwardTier,
    Bound,
    Channel,
    Condition,
    FormField,
    OrderKey,
    Programme,
    Revision,
    Stage,
    Window,
)
from portal.policy.check import problems
from portal.policy.packs import publish
from portal.theme import cells
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

WIDE = {"data-wide": "1", "rows": 6}


class FrozenRevision(Refusal):
    """The row belongs to a revision that is in force or closed."""

    message = N_("A published revision does not change. Make a new draft first.")


class CannotCompile(Refusal):
    """The changed row would not compile."""

    message = N_("%(path)s: %(reason)s")


class NoticeView(PortalModelView):
    """The notices."""

    permission = "programme"
    opens_create = True
    opens_edit = True
    list_title = _l("Notices")
    column_list = ("title", "key", "document_number", "issuer", "issued_on")
    form_columns = ("key", "title", "document_number", "issuer", "issued_on", "basis")
    form_overrides: ClassVar[dict[str, Any]] = {"basis": LinesField}
    list_phone: ClassVar[Any] = {"title": "title"}


class ClauseView(PortalModelView):
    """Their clauses, in our own words."""

    permission = "programme"
    opens_create = True
    opens_edit = True
    list_title = _l("Clauses")
    column_list = ("key", "notice", "says")
    column_labels: ClassVar[dict[str, Any]] = {"notice": _l("Notice")}
    form_columns = ("notice", "position", "key", "says")
    list_loads = (joinedload(Clause.notice),)
    list_order = ("id", False)
    list_phone: ClassVar[Any] = {"key": "title"}


class ProgrammeView(PortalModelView):
    """The programmes."""

    permission = "programme"
    opens_edit = True
    list_title = _l("Programmes")
    column_list = ("title", "code", "family", "year", "notice")
    column_labels: ClassVar[dict[str, Any]] = {"notice": _l("Notice")}
    form_columns = ("title",)
    list_loads = (joinedload(Programme.notice),)
    list_phone: ClassVar[Any] = {"title": "title"}


class RevisionView(PortalModelView):
    """The revisions of every programme; a draft is published here."""

    permission = "programme"
    list_title = _l("Revisions")
    column_list = ("programme", "number", "state", "published_at")
    column_labels: ClassVar[dict[str, Any]] = {"programme": _l("Programme")}
    form_columns = ("number",)
    list_loads = (joinedload(Revision.programme),)
    list_phone: ClassVar[Any] = {"programme": "title", "state": "side"}
    list_actions = (Action("publish", _l("Publish"), icon="check", tone="main", direct=True),)

    @property
    def permissions(self) -> dict[str, str]:
        """Publishing is its own permission."""
        return super().permissions | {"action_view": "programme:publish"}

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Publish the chosen drafts."""
        for text in request.form.getlist("rowid")[:20]:
            revision = self.get_one(text.partition(":")[0])
            try:
                publish(db.session(), current_actor(), clock(), revision.programme.code)
                db.session.commit()
                flash(_("%(title)s is in force.", title=revision.programme.title), "success")
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
        return redirect(url_for(".index_view"))


def _revisions() -> list[tuple[str, str]]:
    rows = db.session.scalars(
        select(Revision).options(joinedload(Revision.programme)).order_by(Revision.id)
    )
    return [(str(row.id), str(row)) for row in rows]


class PolicyRowView(PortalModelView):
    """Base of the tables of a revision."""

    permission = "programme"
    opens_create = True
    opens_edit = True
    opens_delete = True
    list_order = ("id", False)
    list_phone: ClassVar[Any] = {"key": "title", "clause": "side"}
    column_labels: ClassVar[dict[str, Any]] = {"revision": _l("Revision")}
    form_widget_args: ClassVar[dict[str, Any]] = {
        "when": WIDE, "require": WIDE, "says": WIDE, "reading": WIDE, "choices": WIDE,
        "words": WIDE, "due": WIDE,
    }  # fmt: skip

    def __init__(self, model: Any, **kwargs: Any) -> None:
        self.list_filters = (
            ListFilter("revision", _l("Revision"), equals_number(model.revision_id), _revisions),
        )
        super().__init__(model, **kwargs)

    def cell_revision(self, row: Any) -> str:
        """The revision that the row belongs to."""
        return str(db.session.get_one(Revision, row.revision_id))

    def create_form(self, obj: Any = None) -> Any:
        """A new row names one of the drafts."""
        form = super().create_form(obj)
        form.revision.choices = offered(self._drafts())
        return form

    def get_create_form(self) -> Any:
        """A new row also chooses its draft."""
        form = super().get_create_form()
        form.revision = SelectField(_l("Revision"), choices=[])
        return form

    def before_write(self, form: Any, model: Any, is_created: bool) -> None:
        """Only drafts change, and only to what compiles."""
        if is_created:
            chosen = form.revision.data or ""
            if chosen not in dict(self._drafts()):
                raise FrozenRevision()
            model.revision_id = int(chosen)
        revision = self._draft_of(model)
        db.session.flush()
        db.session.refresh(revision)
        for problem in problems(revision):
            text = _(problem.message)
            reason = text % problem.params if problem.params else text
            raise CannotCompile(path=".".join(map(str, problem.path)), reason=reason)

    def update_model(self, form: Any, model: Any) -> bool:
        """A frozen row says so before anything is tried."""
        if self._is_frozen(model):
            flash(_(FrozenRevision.message), "error")
            return False
        return super().update_model(form, model)

    def delete_model(self, model: Any) -> bool:
        """The same for deleting."""
        if self._is_frozen(model):
            flash(_(FrozenRevision.message), "error")
            return False
        return super().delete_model(model)

    def _drafts(self) -> list[tuple[str, str]]:
        rows = db.session.scalars(select(Revision).where(Revision.state == DRAFT))
        return [(str(row.id), str(row)) for row in rows]

    def _is_frozen(self, model: Any) -> bool:
        return db.session.get_one(Revision, model.revision_id).state != DRAFT

    def _draft_of(self, model: Any) -> Revision:
        revision = db.session.get_one(Revision, model.revision_id)
        if revision.state != DRAFT:
            raise FrozenRevision()
        return revision


class YuanField(StringField):
    """An amount typed in yuan and kept in fen."""

    def _value(self) -> str:
        return cells.yuan(self.data).replace(",", "") if isinstance(self.data, int) else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Yuan with at most two decimals; empty is unset."""
        text = (valuelist[0] if valuelist else "").strip().replace(",", "")
        whole, _point, cents = text.partition(".")
        digits = whole.isdecimal() and (cents or "0").isdecimal()
        if not text:
            self.data = None
        elif digits and len(whole) < 12 and len(cents) < 3:
            self.data = int(whole) * 100 + int((cents or "0").ljust(2, "0"))
        else:
            raise ValueError(_("must be an amount in yuan"))


class WindowView(PolicyRowView):
    """申报批次."""

    list_title = _l("Windows")
    column_list = ("key", "revision", "clause", "title", "opens_on", "closes_on")
    form_columns = ("position", "key", "clause", "title", "opens_on", "closes_on", "channels")
    form_overrides: ClassVar[dict[str, Any]] = {"channels": LinesField}


class ChannelView(PolicyRowView):
    """申报渠道."""

    list_title = _l("Channels")
    column_list = ("key", "revision", "clause", "title")
    form_columns = ("position", "key", "clause", "title", "roles")
    form_overrides: ClassVar[dict[str, Any]] = {"roles": LinesField}


class FormFieldView(PolicyRowView):
    """表单字段."""

    list_title = _l("Form fields")
    column_list = ("label", "key", "revision", "section", "kind", "critical", "purpose")
    form_columns = (
        "position", "key", "clause", "section", "label", "kind", "choices", "catalogue",
        "purpose", "critical", "in_sheet", "hint",
    )  # fmt: skip
    form_overrides: ClassVar[dict[str, Any]] = {"choices": YamlField}


class ConditionView(PolicyRowView):
    """条件."""

    list_title = _l("Conditions")
    column_list = ("key", "revision", "clause", "says", "otherwise")
    form_columns = (
        "position", "key", "clause", "says", "when", "require", "otherwise", "asks", "reading",
    )  # fmt: skip
    form_overrides: ClassVar[dict[str, Any]] = {"when": YamlField, "require": YamlMapField}


class AwardTierView(PolicyRowView):
    """资助档次."""

    list_title = _l("Award tiers")
    column_list = ("title", "key", "revision", "clause", "amount_fen")
    form_columns = ("position", "key", "clause", "title", "when", "amount_fen")
    form_overrides: ClassVar[dict[str, Any]] = {"when": YamlField, "amount_fen": YuanField}


class BoundView(PolicyRowView):
    """限额."""

    list_title = _l("Bounds")
    column_list = ("key", "revision", "clause", "says", "at_most", "over")
    form_columns = (
        "position", "key", "clause", "says", "counts", "per", "within", "at_most", "over", "when",
    )  # fmt: skip
    form_overrides: ClassVar[dict[str, Any]] = {"per": LinesField, "when": YamlField}


class OrderKeyView(PolicyRowView):
    """排序."""

    list_title = _l("Orders")
    column_list = ("key", "revision", "clause", "fact", "descending")
    form_columns = ("position", "key", "clause", "fact", "descending")


class StageView(PolicyRowView):
    """审批环节."""

    list_title = _l("Stages")
    column_list = ("title", "key", "revision", "clause", "acts", "due")
    form_columns = (
        "position", "key", "clause", "title", "acts", "kind", "words", "returns_to", "due",
        "channels", "is_editable",
    )  # fmt: skip
    form_overrides: ClassVar[dict[str, Any]] = {
        "words": YamlField, "due": YamlMapField, "channels": LinesField,
    }  # fmt: skip

    def cell_due(self, row: Stage) -> str:
        """The deadline as written."""
        return " ".join(f"{key} {value}" for key, value in (row.due or {}).items())


VIEWS: tuple[tuple[type[PortalModelView], type[Any], str], ...] = (
    (NoticeView, Notice, "notice"),
    (ClauseView, Clause, "clause"),
    (ProgrammeView, Programme, "programme"),
    (RevisionView, Revision, "revision"),
    (WindowView, Window, "window"),
    (ChannelView, Channel, "channel"),
    (FormFieldView, FormField, "formfield"),
    (ConditionView, Condition, "condition"),
    (AwardTierView, AwardTier, "awardtier"),
    (BoundView, Bound, "bound"),
    (OrderKeyView, OrderKey, "orderkey"),
    (StageView, Stage, "stage"),
)
