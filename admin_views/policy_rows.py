"""The base of the screens of a revision's tables.

A published revision shows its rows and refuses change; a draft's rows are edited and checked by
the same compiler that will run them. The forms follow the columns of the tables; what may be
chosen comes from the revision itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from flask import flash, request, url_for
from sqlalchemy import inspect, select
from sqlalchemy.orm import joinedload
from wtforms import SelectField
from wtforms.validators import InputRequired, Length, Optional, Regexp

from admin_views.base import PortalModelView
from admin_views.choices import offered
from admin_views.filters import ListFilter, equals_number
from admin_views.rule_fields import (
    ColumnsField,
    GroupField,
    MapField,
    OneOf,
    OptionalTermsField,
    PairsField,
    Several,
    StagePartField,
    SuggestedField,
    TermsField,
    WordsField,
    YuanField,
)
from models.base import N_, Refusal, db
from models.programme import (
    DRAFT,
    Revision,
)
from portal.access.permissions import ROLES
from portal.policy.drafting import FrozenRevision, fresh_key, next_position
from portal.policy.facts import DATE
from portal.policy.pack_checks import problems_of
from portal.policy.pack_rows import document_of
from portal.policy.pack_schema import FORMS, schema_problems
from portal.policy.places import spot
from portal.policy.vocabulary import ROW, Vocabulary, Word
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told

TEXT_AREA = {"data-wide": "1", "rows": 3}
UNASKED = frozenset({"id", "revision_id", "position"})
"""Columns that no form asks for: a row's place is changed by moving it."""
STATUS_WORDS = (
    ("waiting", N_("While it waits")),
    ("passed", N_("Once passed")),
    ("failed", N_("Once refused")),
    ("returned", N_("Sent back")),
)
_NAMES = ("title", "label", "says")
_BOOK = re.compile(r"/revision/book\?id=(\d{1,18})\b")

FIELDS: dict[str, Callable[..., Any]] = {
    "after": OneOf,
    "amount_fen": YuanField,
    "asks": OneOf,
    "catalogue": OneOf,
    "channels": Several,
    "choices": PairsField,
    "clause": SuggestedField,
    "columns": ColumnsField,
    "dated": OneOf,
    "due": MapField,
    "fact": OneOf,
    "keeps_within": MapField,
    "lasts": StagePartField,
    "moments": Several,
    "others": Several,
    "panel": StagePartField,
    "per": Several,
    "require": GroupField,
    "returns_to": OneOf,
    "roles": Several,
    "rounding": MapField,
    "rule": MapField,
    "section": SuggestedField,
    "self_when": OptionalTermsField,
    "spill_to": OneOf,
    "stage": OneOf,
    "tiers": Several,
    "uplift": MapField,
    "when": TermsField,
    "words": WordsField,
}
"""The form field of each column by its name; other columns are what their type says."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "due": {"editor": "due"},
    "fact": {"nothing": ""},
    "keeps_within": {"editor": "length"},
    "lasts": {"editor": "lasts"},
    "panel": {"editor": "panel"},
    "rounding": {"editor": "rounding"},
    "rule": {"editor": "amount"},
    "uplift": {"editor": "uplift"},
    "words": {"keys": STATUS_WORDS},
}
HINTS: dict[str, Any] = {
    "key": _l("A short name in small letters that other rows refer to; left empty, one is made."),
    "clause": _l("The number of the clause in the notice, as written there."),
    "reading": _l("Where the notice may be read in several ways: the reading chosen, and why."),
    "require": _l("Without any term a person is always asked."),
    "asks": _l("The stage whose reviewer answers when the case is unclear."),
    "critical": _l("Without it no application is taken in."),
    "rule": _l("Where the amount is no fixed sum."),
}


class CannotCompile(Refusal):
    """The changed row would not compile."""

    message = N_("%(path)s: %(reason)s")


def _revisions() -> list[tuple[str, str]]:
    rows = db.session.scalars(
        select(Revision).options(joinedload(Revision.programme)).order_by(Revision.id)
    )
    return [(str(row.id), str(row)) for row in rows]


class PolicyRowView(PortalModelView):
    """Base of the tables of a revision. ``section`` is the pack's; ``stem`` begins made keys."""

    section: ClassVar[str] = ""
    stem: ClassVar[str] = ""
    key_form: ClassVar[tuple[str, str]] = (r"^[a-z0-9][a-z0-9-]{0,39}$", FORMS["key"])
    fields: ClassVar[dict[str, Any]] = {}
    arguments: ClassVar[dict[str, dict[str, Any]]] = {}
    shown_for: ClassVar[dict[str, tuple[str, tuple[str, ...]]]] = {}
    """Field → the field that decides whether it is asked, and the answers for which it is."""

    permission = "programme"
    opens_create = True
    opens_edit = True
    opens_delete = True
    create_template = "portal/rule_create.html"
    edit_template = "portal/rule_edit.html"
    list_order = ("id", False)
    list_phone: ClassVar[Any] = {"key": "title", "clause": "side"}
    column_labels: ClassVar[dict[str, Any]] = {
        "revision": _l("Revision"),
        "is_key": _l("Identifies what is claimed"),
    }
    column_descriptions: ClassVar[dict[str, Any]] = HINTS
    form_widget_args: ClassVar[dict[str, Any]] = {"says": TEXT_AREA, "reading": TEXT_AREA}

    def __init__(self, model: Any, **kwargs: Any) -> None:
        self.list_filters = (
            ListFilter("revision", _l("Revision"), equals_number(model.revision_id), _revisions),
        )
        names = [a.key for a in inspect(model).column_attrs if a.key not in UNASKED]
        first = [name for name in self.form_columns or () if name in names]
        self.form_columns = (*first, *(name for name in names if name not in first))
        self.form_overrides = {k: v for k, v in (FIELDS | self.fields).items() if k in names}
        self.form_args = {k: v for k, v in (ARGUMENTS | self.arguments).items() if k in names}
        super().__init__(model, **kwargs)

    def cell_revision(self, row: Any) -> str:
        """The revision that the row belongs to."""
        return str(db.session.get_one(Revision, row.revision_id))

    def create_form(self, obj: Any = None) -> Any:
        """A new row names one of the drafts, and chooses from what that draft has."""
        form = super().create_form(obj)
        drafts = self._drafts()
        form.revision.choices = offered((str(row.id), str(row)) for row in drafts)
        wanted = form.revision.data if request.method == "POST" else _wanted()
        chosen = next((row for row in drafts if str(row.id) == wanted), None)
        chosen = chosen or (drafts[0] if drafts else None)
        if request.method == "GET" and chosen is not None:
            form.revision.data = str(chosen.id)
        self._offer(form, chosen)
        return form

    def edit_form(self, obj: Any = None) -> Any:
        """A row chooses from what its own revision has."""
        form = super().edit_form(obj)
        self._offer(form, db.session.get_one(Revision, obj.revision_id) if obj else None)
        return form

    def get_create_form(self) -> Any:
        """A new row also chooses its draft; its key may be left to us."""
        form = super().get_create_form()
        form.revision = SelectField(_l("Revision"), choices=[])
        form.key = self._key(Optional())
        return form

    def get_edit_form(self) -> Any:
        """A row that stands keeps a key."""
        form = super().get_edit_form()
        form.key = self._key(InputRequired())
        return form

    def before_write(self, form: Any, model: Any, is_created: bool) -> None:
        """Only drafts change, and only to what compiles."""
        with db.session.no_autoflush:  # the row has no revision and no place yet
            if is_created:
                self._place(form, model)
            revision = self._draft_of(model)
        db.session.flush()
        db.session.refresh(revision)
        self._refuse_faults(model, revision)

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

    def render(self, template: str, **kwargs: Any) -> Any:
        """The forms fetch the words of their revision's rules."""
        if template in (self.create_template, self.edit_template):
            kwargs["vocabulary_url"] = url_for("revision.vocabulary")
            form, model = kwargs.get("form"), kwargs.get("model")
            kwargs["revision_id"] = model.revision_id if model is not None else form.revision.data
            kwargs["shown_for"] = self.shown_for
            if model is not None:
                kwargs["form_title"] = _(
                    "%(label)s: %(value)s", label=self.name, value=_named(model)
                )
        return super().render(template, **kwargs)

    def offers(self, words: Vocabulary) -> dict[str, Iterable[Any]]:
        """What each field of this screen offers beside the usual."""
        return {}

    def _key(self, presence: Any) -> Any:
        pattern, words = self.key_form
        validators = [presence, Length(max=40), Regexp(pattern, message=_l(words))]
        return SuggestedField(_l("Key"), validators, description=HINTS["key"])

    def _offer(self, form: Any, revision: Revision | None) -> None:
        if revision is None:
            offers: dict[str, Any] = {}
        else:
            words = Vocabulary(db.session(), revision, _)
            offers = _usual(words) | self.offers(words)
        for field in form:
            if isinstance(field, SuggestedField):
                field.suggest(offers.get(field.short_name, ()))
            elif isinstance(field, OneOf | Several):
                field.offer(offers.get(field.short_name, ()))

    def _place(self, form: Any, model: Any) -> None:
        """A new row stands last in the draft that was chosen, with a key of its own."""
        chosen = form.revision.data or ""
        revision = next((row for row in self._drafts() if str(row.id) == chosen), None)
        if revision is None:
            raise FrozenRevision()
        model.revision_id = revision.id
        model.position = next_position(revision, self.section)
        model.key = model.key or fresh_key(revision, self.section, self.stem)

    def _refuse_faults(self, model: Any, revision: Revision) -> None:
        """What the changed row itself has wrong; the page of the programme lists the rest."""
        found = [
            *problems_of(db.session(), revision),
            *schema_problems(document_of(revision)),
        ]
        for problem in found:
            place = spot(revision, problem.path, _)
            if place.row is model:
                reason = told(problem.message, problem.params)
                raise CannotCompile(path=place.words, reason=reason)

    def _drafts(self) -> list[Revision]:
        rows = select(Revision).where(Revision.state == DRAFT).order_by(Revision.id.desc())
        return list(db.session.scalars(rows.options(joinedload(Revision.programme))))

    def _is_frozen(self, model: Any) -> bool:
        return db.session.get_one(Revision, model.revision_id).state != DRAFT

    def _draft_of(self, model: Any) -> Revision:
        revision = db.session.get_one(Revision, model.revision_id)
        if revision.state != DRAFT:
            raise FrozenRevision()
        return revision


def _named(model: Any) -> str:
    """What a row is called on its page."""
    return next(filter(None, (getattr(model, name, "") for name in _NAMES)), model.key)


def _wanted() -> str:
    """The revision that the address names, itself or by the page to return to."""
    found = _BOOK.search(request.args.get("url", ""))
    return request.args.get("revision", "") or (found[1] if found else "")


def _usual(words: Vocabulary) -> dict[str, Iterable[Any]]:
    """What columns of one name offer on every screen."""
    revision = words.revision
    stages = [(row.key, row.title) for row in revision.stages]
    facts = [word for word in words.facts.values() if not word.key.startswith(ROW)]
    tiers = [(row.key, row.title) for row in revision.tiers]
    return {
        "after": stages,
        "asks": stages,
        "catalogue": words.catalogues.items(),
        "channels": [(row.key, row.title) for row in revision.channels],
        "clause": [(row.key, row.says) for row in revision.programme.notice.clauses],
        "dated": _grouped(word for word in facts if word.kind == DATE),
        "fact": _grouped(word for word in facts if not word.is_key),
        "moments": [*stages, ("payment", _("Before payment"))],
        "per": [(word.key, word.label) for word in facts if word.is_key],
        "returns_to": stages,
        "roles": [(role, _(word)) for role, word in ROLES.items()],
        "section": [(name, "") for name in dict.fromkeys(row.section for row in revision.fields)],
        "spill_to": tiers,
        "stage": stages,
        "tiers": tiers,
    }


def _grouped(words: Iterable[Word]) -> list[tuple[str, str, str]]:
    return [(word.key, word.label, word.group) for word in words]
