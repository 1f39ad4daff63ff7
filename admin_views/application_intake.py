"""Entering, correcting and withdrawing one application by its form."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import select

from admin_views import application_forms as forms
from models.application import RETURNED, Application, SurveyAnswer
from models.base import Refusal, db
from models.programme import FormField, Programme, Revision
from portal.policy.judge import in_force
from portal.review.corrections import Asked, asked_of
from portal.review.earlier import (
    already_claimed,
    claimed_problem,
    contradictions,
    person_key,
    record_contradictions,
    records_before,
    said_before,
    standing_keys,
)
from portal.review.entering import edit, enter
from portal.review.reading import FormReader, Problem, Values
from portal.review.route import editable
from portal.review.stage_answers import NotThisStage, fields_of, fill_in, stage_of
from portal.review.submit import is_open, withdraw
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of


class Intake:
    """What ``ApplicationView`` does with forms."""

    can_edit: Any
    create_template: Any
    edit_template: Any
    get_one: Any
    render: Any

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """The form of a programme that is receiving applications, chosen first among several."""
        ways = self._ways()
        if request.method == "GET" and len(ways) > 1:
            return self.render("portal/choose_programme.html", groups=_choices(ways))
        revision, channel = ways[0] if ways else abort(404)
        form = forms.form_class(revision, None)(data=forms.prefilled(None, {}))
        if request.method == "POST" and form.is_submitted():
            done = self._submit(form, revision, channel)
            if done is not None:
                return done
        return self._form_page(self.create_template, form, revision, None)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """The form of a case that may still be edited."""
        application = self.get_one(request.args.get("id", ""))
        if not self.can_edit or not editable(application):
            flash(_("This application can no longer be edited."), "error")
            return redirect(url_for(".details_view", id=application.id))
        survey = db.session.get(SurveyAnswer, application.id)
        answers = survey.answers if survey else {}
        first = forms.prefilled(application, answers)
        revision = application.revision
        asked = asked_of(db.session(), application) if application.state == RETURNED else None
        form = forms.form_class(revision, application)(data=_dated(first, revision))
        forms.lock(form, revision, asked)
        if request.method == "POST":
            done = self._save(form, application, answers, asked)
            if done is not None:
                return done
        else:
            form.seen_version.data = str(application.version)
        return self._form_page(
            self.edit_template, form, revision, application, forms.lead_of(asked, revision)
        )

    @expose("/stage/", methods=("GET", "POST"))
    def stage_view(self) -> Any:
        """What the stage at which a case waits fills in itself."""
        application = self.get_one(request.args.get("id", ""))
        stage = stage_of(application, current_actor())
        fields = fields_of(application, stage) if stage else []
        there = url_for(".details_view", id=application.id)
        if stage is None or not fields:
            flash(_(NotThisStage.message), "error")
            return redirect(there)
        stored = forms.stored_cells(application, {})
        first = {forms.name_of(row.key): stored.get(row.key, "") for row in fields}
        form = forms.stage_form(fields)(data=_dated(first, application.revision))
        if request.method == "POST" and self._filled(form, application, fields):
            return redirect(there)
        if request.method == "GET":
            form.seen_version.data = str(application.version)
        return self.render(
            self.edit_template,
            form=form,
            form_opts=None,
            return_url=there,
            fieldsets=[(stage.title, [forms.name_of(row.key) for row in fields])],
            form_title=f"{application.number} {application.applicant.name}",
        )

    def _filled(self, form: Any, application: Application, fields: list[FormField]) -> bool:
        typed = {row.key: (form[forms.name_of(row.key)].raw_data or [""])[0] for row in fields}
        seen = _version(form.seen_version.data)
        session = db.session()
        try:
            problems = fill_in(session, current_actor(), clock(), application, typed, seen)
        except Refusal as refusal:
            session.rollback()
            flash(words_of(refusal), "error")
            return False
        if problems:
            session.rollback()
            forms.show_problems(form, problems)
            return False
        session.commit()
        flash(_("What this stage fills in was saved."), "success")
        return True

    @expose("/withdraw", methods=("POST",))
    def withdraw(self) -> Any:
        """Take a case back."""
        row_id, _colon, seen = request.form.get("rowid", "").partition(":")
        application = self.get_one(row_id)
        try:
            withdraw(db.session(), current_actor(), clock(), application, _version(seen))
            db.session.commit()
            flash(_("The application was withdrawn."), "success")
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
        return redirect(url_for(".details_view", id=application.id))

    def _ways(self) -> list[tuple[Revision, str]]:
        """The revisions and channels by which this person may enter applications today.

        Where none is open the first of the closed ones stands alone: its form says why.
        """
        programme, channel = request.args.get("programme", ""), request.args.get("channel", "")
        theirs = [
            (revision, row.key)
            for found in db.session.scalars(select(Programme).order_by(Programme.id.desc()))
            if not programme or found.code == programme
            for revision in [in_force(db.session(), found)]
            if revision is not None
            for row in revision.channels
            if current_actor().role in row.roles and channel in ("", row.key)
        ]
        received = [way for way in theirs if is_open(*way, clock().today())]
        return received or theirs[:1]

    def _submit(self, form: Any, revision: Revision, channel: str) -> Any:
        session, actor = db.session(), current_actor()
        reader = FormReader(session, revision, actor, clock(), channel)
        values, problems = reader.read(forms.cells_of(form, revision, None, {}))
        if values is not None:
            held = already_claimed(session, revision.programme.family, [values.claim])
            problems = [claimed_problem(reader, number) for number in held.values()]
            problems += self._contradictions(reader, values, None)
        if values is None or problems:
            forms.show_problems(form, problems)
            return None
        try:
            ids = enter(session, actor, clock(), revision, channel, [values])
        except Refusal as refusal:
            session.rollback()
            flash(words_of(refusal), "error")
            return None
        session.commit()
        flash(_("The application was submitted."), "success")
        forms.flash_warnings(values)
        return redirect(url_for(".details_view", id=ids[0]))

    def _save(
        self, form: Any, application: Application, answers: dict[str, Any], asked: Asked | None
    ) -> Any:
        session, actor, revision = db.session(), current_actor(), application.revision
        corrects = application.state == RETURNED
        channel = application.channel
        reader = FormReader(session, revision, actor, clock(), channel, corrects=corrects)
        stored = forms.stored_cells(application, answers)
        values, problems = reader.read(forms.cells_of(form, revision, application, stored, asked))
        if values is not None:
            problems = self._contradictions(reader, values, application.id)
        if values is None or problems:
            forms.show_problems(form, problems)
            return None
        try:
            edit(session, actor, clock(), application, values, _version(form.seen_version.data))
        except Refusal as refusal:
            session.rollback()
            flash(words_of(refusal), "error")
            return None
        session.commit()
        flash(_("The change was saved and goes back for review."), "success")
        forms.flash_warnings(values)
        return redirect(url_for(".details_view", id=application.id))

    def _contradictions(
        self, reader: FormReader, values: Values, application_id: int | None
    ) -> list[Problem]:
        key = person_key(values)
        said = said_before(db.session(), [key], application_id)
        records = records_before(
            db.session(), reader.revision.programme, standing_keys(values), application_id
        )
        found = contradictions(reader, values, said.get(key))
        return [*found, *record_contradictions(reader, values, records)]

    def _form_page(
        self,
        template: str,
        form: Any,
        revision: Revision,
        application: Application | None,
        lead: str = "",
    ) -> Any:
        title = revision.programme.title
        if application is not None:
            title = f"{application.number} {application.applicant.name}"
        return self.render(
            template,
            form=form,
            form_opts=None,
            return_url=url_for(".index_view"),
            fieldsets=forms.fieldsets(revision, application),
            form_title=title,
            form_lead=lead,
        )


def _version(text: str | None) -> int:
    """The version that a form was opened with; 0, which no row has, where it says none."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _dated(values: dict[str, str], revision: Revision) -> dict[str, Any]:
    """Date inputs want dates, not text."""
    dates = {forms.name_of(row.key) for row in revision.fields if row.kind == "date"}
    return {
        name: date.fromisoformat(value) if name in dates and value else value
        for name, value in values.items()
    }


def _choices(ways: list[tuple[Revision, str]]) -> dict[str, list[tuple[str, str]]]:
    """Programme → the titles of its channels and the addresses of their forms."""
    found: dict[str, list[tuple[str, str]]] = {}
    for revision, key in ways:
        title = next(row.title for row in revision.channels if row.key == key)
        url = url_for(".create_view", programme=revision.programme.code, channel=key)
        found.setdefault(revision.programme.title, []).append((title, url))
    return found
