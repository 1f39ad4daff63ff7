"""规则: every table that a revision's policy is made of.

A published revision shows its rows and refuses change; a draft's rows are edited and checked by
the same compiler that will run them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice

from admin_views.base import PortalModelView
from admin_views.choices import offered
from admin_views.filters import ListFilter, equals_number
from admin_views.yaml_field import LinesField, YamlField, YamlMapField
from models.base import N_, Refusal, db
from models.programme import (
    DRAFT,
    AwardTier,
    Bound,
    Channel,
    Condition,
    FormField,
    OrderKey,
    Revision,
    Stage,
    Window,
)
from portal.access.permissions import ROLES
from portal.policy.check import problems
from portal.policy.facts import FACTS
from portal.theme import cells
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told

WIDE = {"data-wide": "1", "rows": 6}


PERIODS = {
    "days": N_("%(count)s days after: %(anchor)s"),
    "working_days": N_("%(count)s working days after: %(anchor)s"),
    "months": N_("%(count)s months after: %(anchor)s"),
    "years": N_("%(count)s years after: %(anchor)s"),
    "day_of_next_month": N_("day %(count)s of the month after: %(anchor)s"),
}
"""How long a stage has, in words."""


class FrozenRevision(Refusal):
    """The row belongs to a revision that is in force or closed."""

    message = N_("A published revision does not change. Make a new draft first.")


class CannotCompile(Refusal):
    """The changed row would not compile."""

    message = N_("%(path)s: %(reason)s")


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
            reason = told(problem.message, problem.params)
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
        "words": YamlField, "due": YamlMapField, "channels": LinesField, "acts": SelectField,
    }  # fmt: skip
    form_args: ClassVar[dict[str, Any]] = {
        "acts": {"choices": [SelectChoice(role, _l(word)) for role, word in ROLES.items()]}
    }

    def cell_acts(self, row: Stage) -> str:
        """Who decides, in words."""
        return _(ROLES.get(row.acts, row.acts))

    def cell_due(self, row: Stage) -> str:
        """The deadline in words."""
        due = row.due or {}
        anchor = FACTS.get(due.get("after", ""))
        after = _(anchor.label) if anchor else ""
        words = [_(PERIODS[key], count=due[key], anchor=after) for key in PERIODS if key in due]
        return "".join(words)


VIEWS: tuple[tuple[type[PortalModelView], type[Any], str], ...] = (
    (WindowView, Window, "window"),
    (ChannelView, Channel, "channel"),
    (FormFieldView, FormField, "formfield"),
    (ConditionView, Condition, "condition"),
    (AwardTierView, AwardTier, "awardtier"),
    (BoundView, Bound, "bound"),
    (OrderKeyView, OrderKey, "orderkey"),
    (StageView, Stage, "stage"),
)
