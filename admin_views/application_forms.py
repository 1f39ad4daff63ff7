"""The application form as the programme's paper has it, section by section."""

from __future__ import annotations

import json
from typing import Any

from flask import flash
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import DateField, Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin_views.choices import offered
from models.application import Application
from models.base import db
from models.catalogue import Catalogue, CatalogueEntry
from models.organization import Organization
from models.programme import FormField, Revision
from portal.access.permissions import may
from portal.review.corrections import Asked, correctable, form_fields
from portal.review.form_values import mask_of, stored_cells
from portal.review.reading import Problem, Values
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told
from portal.web.actor import current_actor

Fieldsets = list[tuple[str, list[str]]]


class ExportReason(FlaskForm):
    """Why identifiers are wanted in full."""

    with_identifiers = HiddenField(default="1")
    reason = StringField(_l("Reason"), [InputRequired(), Length(min=2, max=200)])


def name_of(key: str) -> str:
    """A form field's key as the name of an input."""
    return key.replace(".", "__")


def shown_fields(revision: Revision, application: Application | None) -> list[FormField]:
    """The fields that this person fills in; a survey only whoever answers it (S26 附件)."""
    actor = current_actor()
    hidden = set() if may(actor, "application:backdate") else {"application.received_on"}
    if application is not None and application.created_by_id != actor.account_id:
        hidden |= {row.key for row in revision.fields if row.purpose == "survey"}
    return [row for row in revision.fields if row.key not in hidden and not row.stage]


def form_class(revision: Revision, application: Application | None) -> type[FlaskForm]:
    """A form with one input per field of *revision*, in order, and the version that was seen."""
    shown = shown_fields(revision, application)
    inputs: dict[str, Any] = {name_of(row.key): _input(row) for row in shown}
    return type("ApplicationForm", (FlaskForm,), inputs | {"seen_version": HiddenField()})


def stage_form(fields: list[FormField]) -> type[FlaskForm]:
    """A form of what a stage fills in, and the version that was seen."""
    inputs: dict[str, Any] = {name_of(row.key): _input(row) for row in fields}
    return type("StageForm", (FlaskForm,), inputs | {"seen_version": HiddenField()})


def fieldsets(revision: Revision, application: Application | None) -> Fieldsets:
    """The sections of the paper with the inputs of each."""
    found: dict[str, list[str]] = {}
    for row in shown_fields(revision, application):
        found.setdefault(row.section, []).append(name_of(row.key))
    return list(found.items())


def lock(form: FlaskForm, revision: Revision, asked: Asked | None) -> None:
    """Leave open what a return named, each with what is wrong; what it did not name is read."""
    for row in form_fields(revision):
        name = name_of(row.key)
        if asked is None or name not in form:
            continue
        if not asked.may_change(row.key):
            form[name].render_kw = (form[name].render_kw or {}) | {"disabled": True}
        elif row.key in asked.fields:
            why = asked.fields[row.key]
            wrong = f"{_('To be corrected')}：{why}" if why else _("To be corrected")
            form[name].description = wrong


def lead_of(asked: Asked | None, revision: Revision) -> str:
    """What a return asks, above the form."""
    if asked is None:
        return ""
    if not asked.fields:
        return _("Returned: %(reason)s", reason=asked.reason)
    labels = correctable(revision)
    named = "、".join(labels.get(key, key) for key in asked.fields)
    return _(
        "Returned: %(reason)s. Only this may be changed: %(fields)s",
        reason=asked.reason.rstrip("。"),
        fields=named,
    )


def cells_of(
    form: FlaskForm,
    revision: Revision,
    application: Application | None,
    stored: dict[str, str],
    asked: Asked | None = None,
) -> dict[str, str]:
    """What was typed, by field key; a mask left as it was stands for what is stored.

    So does a survey answer that this person was not shown, and what a return did not name.
    """
    typed = {key: text for key, text in stored.items() if key.startswith("survey.")}
    for row in shown_fields(revision, application):
        named = row.purpose == "survey" or asked is None or asked.may_change(row.key)
        if not named:
            typed[row.key] = stored.get(row.key, "")
            continue
        raw = form[name_of(row.key)].raw_data
        text = str(raw[0]) if raw else ""
        kept = stored.get(row.key, "")
        typed[row.key] = kept if kept and text == mask_of(row.kind, kept) else text
    return typed


def show_problems(form: FlaskForm, problems: list[Problem]) -> None:
    """Put every problem beside its field; one without a field stands above the form."""
    for problem in problems:
        name, words = name_of(problem.key), told(problem.message, problem.params)
        if name in form:
            form[name].errors = [*form[name].errors, words]
        else:
            flash(f"{problem.label}：{words}", "error")


def flash_warnings(values: Values) -> None:
    """Say what was accepted and deserves a second look."""
    for problem in values.warnings:
        flash(f"{problem.label}：{told(problem.message, problem.params)}", "warning")


def prefilled(application: Application | None, answers: dict[str, Any]) -> dict[str, str]:
    """The form's first values by input name: the stored case with masks, or the actor's union."""
    if application is None:
        return {name_of(key): value for key, value in _own_union().items()}
    kinds = {row.key: row.kind for row in application.revision.fields}
    return {
        name_of(key): mask_of(kinds.get(key, ""), value)
        for key, value in stored_cells(application, answers).items()
    }


def _own_union() -> dict[str, str]:
    place = db.session.get_one(Organization, current_actor().organization_id)
    found = {}
    if place.district is not None:
        found["organization.district"] = place.district.name
    if place.kind == "unit":
        found["organization.unit"] = place.name
        found["organization.nature"] = place.nature or ""
    return found


def _input(row: FormField) -> Field:
    label = f"{row.label} *" if row.critical else row.label
    look = _table_look(row) if row.kind == "table" else _LOOKS.get(row.kind, {})
    shared: dict[str, Any] = {"description": row.hint, "render_kw": look}
    if row.kind == "yes_no":
        choices = [("", ""), ("yes", _("Yes")), ("no", _("No"))]
        return SelectField(label, choices=offered(choices), validate_choice=False, **shared)
    if row.kind == "choice":
        return SelectField(label, choices=offered(_options(row)), validate_choice=False, **shared)
    if row.kind == "date":
        return DateField(label, **shared)
    return (TextAreaField if row.kind in _LOOKS else StringField)(label, **shared)


def _table_look(row: FormField) -> dict[str, Any]:
    """What draws a table as rows of inputs: its columns and the words of its buttons."""
    return {
        **_LOOKS["table"],
        "data-columns": json.dumps(row.columns, ensure_ascii=False),
        "data-say-add": _("Add a row"),
        "data-say-remove": _("Remove"),
        "data-say-yes-no": f"{_('Yes')}|{_('No')}",
    }


_LOOKS: dict[str, dict[str, Any]] = {
    "long_text": {"data-wide": "1"},
    "table": {"data-wide": "1", "rows": 6},
}
"""Fields that take lines of text, and how they look."""


def _options(row: FormField) -> list[tuple[str, str]]:
    if not row.catalogue:
        return [("", ""), *row.choices.items()]
    entries = db.session.scalars(
        select(CatalogueEntry.title)
        .join(Catalogue)
        .where(Catalogue.key == row.catalogue, CatalogueEntry.retired_on.is_(None))
        .order_by(CatalogueEntry.position)
    )
    return [("", ""), *((title, title) for title in entries)]
