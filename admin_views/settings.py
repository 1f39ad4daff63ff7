"""规则: every table that a revision's policy is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from wtforms import SelectField
from wtforms.fields.choices import SelectChoice

from admin_views.allocation_rules import AllocationRuleView
from admin_views.payment_rules import PaymentRuleView
from admin_views.policy_rows import HINTS, PolicyRowView
from admin_views.rule_fields import OfField, OneOf
from models.allocation import Allocation
from models.base import N_, db
from models.programme import (
    AttachmentRule,
    AwardTier,
    Bound,
    Channel,
    Condition,
    DerivedFact,
    FormField,
    OrderKey,
    Revision,
    Stage,
    Window,
)
from models.sharing import PAYERS, Instalment, PaymentRule, Share
from portal.access.permissions import ROLES
from portal.policy.facts import MONEY, NUMBER
from portal.policy.pack_schema import FORMS
from portal.policy.row_words import RowReader
from portal.policy.stage_checks import PANEL, PUBLIC_NOTICE
from portal.policy.starters import stored_fields
from portal.policy.vocabulary import ROW, Vocabulary
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l


class WindowView(PolicyRowView):
    """申报批次."""

    section, stem = "windows", "window-"
    list_title = _l("Windows")
    column_list = ("key", "revision", "clause", "title", "opens_on", "closes_on")
    form_columns = ("title", "clause", "opens_on", "closes_on", "paper_on", "channels")


class ChannelView(PolicyRowView):
    """申报渠道."""

    section, stem = "channels", "channel-"
    list_title = _l("Channels")
    column_list = ("key", "revision", "clause", "title")
    form_columns = ("title", "clause", "roles")


class FormFieldView(PolicyRowView):
    """表单字段."""

    section, stem = "fields", "field.f"
    shown_for: ClassVar[dict[str, tuple[str, tuple[str, ...]]]] = {
        "choices": ("kind", ("choice",)),
        "catalogue": ("kind", ("choice",)),
        "columns": ("kind", ("table",)),
        "at_least": ("kind", ("number", "money", "table", "text", "long_text")),
        "at_most": ("kind", ("number", "money", "table", "text", "long_text")),
        "pattern": ("kind", ("text",)),
        "is_key": ("kind", ("text",)),
    }
    key_form = (r"^[a-z]+\.[a-z_0-9]+$", FORMS["fact"])
    list_title = _l("Form fields")
    column_list = ("label", "key", "revision", "section", "kind", "critical", "purpose")
    form_columns = (
        "label", "section", "kind", "clause", "key", "hint", "choices", "catalogue", "columns",
        "critical", "in_sheet", "purpose", "stage", "when", "at_least", "at_most",
    )  # fmt: skip
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "key": _l("Choose one that the portal keeps, or leave it empty for a field of your own."),
        "choices": _l("For a choice: what may be answered, in the order shown."),
        "columns": _l("For a table: what each of its rows asks."),
        "pattern": _l("A regular expression that the answer must match; usually empty."),
    }

    def offers(self, words: Vocabulary) -> dict[str, Iterable[Any]]:
        """The fields that the portal keeps for this subject and that the form lacks."""
        taken = {row.key for row in words.revision.fields}
        kept = stored_fields(words.revision.programme.subject, _)
        return {"key": [(key, label) for key, label in kept.items() if key not in taken]}

    def get_create_form(self) -> Any:
        """What the key may be is told by its own hint."""
        form = super().get_create_form()
        form.key.kwargs["description"] = self.column_descriptions["key"]
        return form


class DerivedFactView(PolicyRowView):
    """派生事实."""

    section, stem = "facts", "list.f"
    shown_for: ClassVar[dict[str, tuple[str, tuple[str, ...]]]] = {
        "column": ("take", ("sum",)),
        "per": ("of", ("earlier",)),
    }
    key_form = (r"^list\.[a-z_0-9]+$", FORMS["fact"])
    list_title = _l("Derived facts")
    column_list = ("title", "key", "revision", "clause", "of", "take")
    form_columns = ("title", "clause", "of", "take", "column", "per", "when", "self_when")
    fields: ClassVar[dict[str, Any]] = {"of": OneOf, "column": OneOf}
    arguments: ClassVar[dict[str, dict[str, Any]]] = {"when": {"scope": "derived"}}
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "of": _l("A table of the form, or the earlier awarded cases of the family."),
        "column": _l("What is added up, for a sum."),
        "per": _l("For earlier cases: what they share with this one."),
        "when": _l("Only rows or cases for which all of this holds are counted."),
    }

    def offers(self, words: Vocabulary) -> dict[str, Iterable[Any]]:
        """Tables of the form and what they hold."""
        tables = [(row.key, row.label) for row in words.revision.fields if row.kind == "table"]
        added = [word for word in words.facts.values() if word.kind in (NUMBER, MONEY)]
        columns = [(word.key.removeprefix(ROW), word.label, word.group) for word in added]
        return {"of": [*tables, ("earlier", _("Earlier cases"))], "column": columns}


class AttachmentRuleView(PolicyRowView):
    """附件要求."""

    section, stem = "attachments", "file-"
    list_title = _l("Required attachments")
    column_list = ("title", "key", "revision", "clause", "medium", "at_least", "copies")
    form_columns = ("title", "clause", "medium", "copies", "at_least", "at_most", "when")


class ConditionView(PolicyRowView):
    """条件."""

    section, stem = "conditions", "rule-"
    list_title = _l("Conditions")
    column_list = ("key", "revision", "clause", "says", "otherwise")
    form_columns = (
        "says", "clause", "otherwise", "when", "require", "asks", "moments", "reading",
    )  # fmt: skip


class AwardTierView(PolicyRowView):
    """资助档次."""

    section, stem = "tiers", "tier-"
    key_form = (r"^[^\s,]+$", N_("must have no space and no comma"))
    list_title = _l("Award tiers")
    column_list = ("title", "key", "revision", "clause", "amount_fen")
    form_columns = ("title", "clause", "amount_fen", "when", "rule", "uplift", "rounding")


class BoundView(PolicyRowView):
    """限额."""

    section, stem = "bounds", "bound-"
    shown_for: ClassVar[dict[str, tuple[str, tuple[str, ...]]]] = {
        "of": ("take", ("distinct", "sum", "share")),
        "dated": ("within", ("year",)),
        "spill_to": ("over", ("spill",)),
        "asks": ("over", ("ask",)),
    }
    list_title = _l("Bounds")
    column_list = ("key", "revision", "clause", "says", "at_most", "over")
    form_columns = (
        "says", "clause", "counts", "take", "of", "per", "within", "dated", "at_most", "at_least",
        "over", "spill_to", "asks", "tiers", "when", "reading",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = PolicyRowView.column_labels | {
        "of": _l("What is counted")
    }
    fields: ClassVar[dict[str, Any]] = {"of": OfField}
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "of": _l("The fact whose values are counted or added, or for a share which cases count."),
        "per": _l("Counted apart for each of these; none means all cases together."),
        "dated": _l("For a calendar year: the day that says which."),
        "tiers": _l("Only cases of these tiers count; none means all."),
    }


class OrderKeyView(PolicyRowView):
    """排序."""

    section, stem = "orders", "order-"
    list_title = _l("Orders")
    column_list = ("key", "revision", "clause", "fact", "descending")
    form_columns = ("fact", "descending", "clause", "says", "when")
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "fact": _l("Leave empty for a preference: those for whom the terms hold come first."),
    }

    def cell_fact(self, row: OrderKey) -> str:
        """The fact in words, or the preference."""
        words = Vocabulary(db.session(), db.session.get_one(Revision, row.revision_id), _)
        return words.label(row.fact) if row.fact else row.says


class StageView(PolicyRowView):
    """审批环节."""

    section, stem = "stages", "stage-"
    list_title = _l("Stages")
    column_list = ("title", "key", "revision", "clause", "acts", "due")
    form_columns = (
        "title", "clause", "acts", "kind", "words", "returns_to", "keeps_place",
        "keeps_within", "due", "panel", "lasts", "is_editable",
        "channels", "when",
    )  # fmt: skip
    shown_for: ClassVar[dict[str, tuple[str, tuple[str, ...]]]] = {
        "panel": ("kind", (PANEL,)),
        "lasts": ("kind", (PUBLIC_NOTICE,)),
    }
    fields: ClassVar[dict[str, Any]] = {"acts": SelectField}
    arguments: ClassVar[dict[str, dict[str, Any]]] = {
        "acts": {
            "choices": [
                SelectChoice("", "–"),
                *(SelectChoice(role, _l(word)) for role, word in ROLES.items()),
            ]
        }
    }

    def cell_acts(self, row: Stage) -> str:
        """Who decides, in words."""
        return _(ROLES.get(row.acts, row.acts))

    def cell_due(self, row: Stage) -> str:
        """The deadline in words."""
        revision = db.session.get_one(Revision, row.revision_id)
        return RowReader(Vocabulary(db.session(), revision, _)).due(row.due or {})


class ShareView(PolicyRowView):
    """分担与配套."""

    section, stem = "shares", "share-"
    list_title = _l("Shares")
    column_list = ("title", "key", "revision", "clause", "payer", "weight")
    form_columns = ("title", "clause", "payer", "weight", "rule", "others", "tiers", "when")
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "weight": _l("Its part inside the amount beside the other payers; empty for one on top."),
        "rule": _l("What it adds on top of the amount; nothing for a part inside."),
        "others": _l("Who may pay in its place, as recorded with each award."),
        "tiers": _l("Only awards of these tiers; none means all."),
    }

    def offers(self, words: Vocabulary) -> dict[str, Iterable[Any]]:
        """The parties of a case."""
        return {"others": [(key, _(word)) for key, word in PAYERS.items()]}


class InstalmentView(PolicyRowView):
    """分期."""

    section, stem = "instalments", "part-"
    list_title = _l("Instalments")
    column_list = ("title", "key", "revision", "clause", "weight", "after")
    form_columns = ("title", "clause", "weight", "after", "due")
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "weight": _l("Its part of every payer's share, such as 60 and 40."),
        "after": _l("The stage whose passing releases it; none means the final approval."),
    }


VIEWS: tuple[tuple[type[PolicyRowView], type[Any], str], ...] = (
    (WindowView, Window, "window"),
    (ChannelView, Channel, "channel"),
    (FormFieldView, FormField, "formfield"),
    (DerivedFactView, DerivedFact, "derivedfact"),
    (AttachmentRuleView, AttachmentRule, "attachmentrule"),
    (ConditionView, Condition, "condition"),
    (AwardTierView, AwardTier, "awardtier"),
    (BoundView, Bound, "bound"),
    (OrderKeyView, OrderKey, "orderkey"),
    (StageView, Stage, "stage"),
    (AllocationRuleView, Allocation, "allocationrule"),
    (ShareView, Share, "share"),
    (InstalmentView, Instalment, "instalment"),
    (PaymentRuleView, PaymentRule, "paymentrule"),
)
