"""项目: notices, programmes and their revisions; a programme's rules as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp

from admin_views import views
from admin_views.base import PortalModelView
from admin_views.choices import offered
from admin_views.programme_book import PAYS_FOR, BookPages
from admin_views.programme_trial import TrialPages
from admin_views.rule_fields import OneOf, PairsField, WordsField
from admin_views.yaml_field import LinesField
from models.application import STATES
from models.base import Because, Refusal, db
from models.notice import Clause, Notice
from models.programme import DRAFT, Programme, Revision
from portal.access.permissions import may
from portal.exchange.sheet_writer import content_disposition
from portal.policy.drafting import FrozenRevision, NewProgramme, start_programme
from portal.policy.pack_schema import FORMS
from portal.policy.packs import (
    BadPack,
    NothingToPublish,
    draft,
    dump_pack,
    load_pack,
    newest_revision,
    publish,
)
from portal.policy.subjects import SUBJECTS
from portal.theme.pages import Detail, Fact, Section
from portal.theme.shapes import Action, Tool
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

MOST_FLAWS = 50
"""Faults of a file that the page lists."""
KEY, PREFIX = r"^[a-z0-9][a-z0-9-]{0,39}$", r"^[A-Z0-9-]{1,20}$"


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
    form_columns = ("notice", "key", "says", "position")
    column_descriptions: ClassVar[dict[str, Any]] = {
        "key": _l("Its number as the notice writes it."),
    }
    list_loads = (joinedload(Clause.notice),)
    list_order = ("id", False)
    list_phone: ClassVar[Any] = {"key": "title"}

    def get_create_form(self) -> Any:
        """A new clause need not say where it stands."""
        form = super().get_create_form()
        hint = _l("Its place in the notice; left empty, it stands last.")
        form.position = IntegerField(_l("No."), [Optional()], description=hint)
        return form

    def create_form(self, obj: Any = None) -> Any:
        """A clause of the notice whose page asked for it."""
        form = super().create_form(obj)
        wanted = request.args.get("notice", "")
        if request.method == "GET" and wanted.isdecimal():
            form.notice.data = db.session.get(Notice, int(wanted))
        return form

    def before_write(self, form: Any, model: Clause, is_created: bool) -> None:
        """A clause without a place stands last."""
        if model.position is None:
            with db.session.no_autoflush:
                places = select(func.max(Clause.position)).where(
                    Clause.notice_id == form.notice.data.id
                )
                model.position = (db.session.scalar(places) or 0) + 1


class StartForm(FlaskForm):
    """What a new programme is called, and from which rules it starts."""

    notice = SelectField(
        _l("Notice"),
        [InputRequired()],
        choices=[],
        description=_l("The notice that it carries out; a new one is entered under Notices first."),
    )
    title = StringField(_l("Title"), [InputRequired(), Length(max=120)])
    code = StringField(
        _l("Code"),
        [InputRequired(), Regexp(KEY, message=_l(FORMS["key"]))],
        description=_l("Small letters, digits and hyphens: place, subject and year."),
    )
    family = StringField(
        _l("Family"),
        [InputRequired(), Regexp(KEY, message=_l(FORMS["key"]))],
        description=_l("The same for every year of it: what was paid once is not paid again."),
    )
    year = IntegerField(_l("Year"), [InputRequired(), NumberRange(2000, 2100)])
    subject = SelectField(_l("Subject"), [InputRequired()], choices=[])
    number_prefix = StringField(
        _l("Number prefix"),
        [InputRequired(), Regexp(PREFIX, message=_l(FORMS["prefix"]))],
        description=_l("Every application number begins with it."),
    )
    like = SelectField(
        _l("Start from"),
        choices=[],
        description=_l("An empty form, or the rules of a programme that there is already."),
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        notices = db.session.scalars(select(Notice).order_by(Notice.id.desc()))
        self.notice.choices = offered((str(row.id), f"{row.key} {row.title}") for row in notices)
        self.subject.choices = offered((key, _(item.label)) for key, item in SUBJECTS.items())
        codes = db.session.execute(
            select(Programme.code, Programme.title).join(Revision).distinct()
        )
        self.like.choices = offered([("", _("An empty form")), *((c, t) for c, t in codes)])


class ProgrammeView(PortalModelView):
    """The programmes."""

    permission = "programme"
    opens_create = True
    opens_edit = True
    list_title = _l("Programmes")
    column_list = ("title", "code", "family", "year", "notice")
    column_labels: ClassVar[dict[str, Any]] = {"notice": _l("Notice")}
    form_columns = ("title",)
    list_loads = (joinedload(Programme.notice),)
    list_phone: ClassVar[Any] = {"title": "title"}

    @property
    def permissions(self) -> dict[str, str]:
        """A file is loaded by who may write, and read by all."""
        return super().permissions | {"load_file": "programme:write", "dump_file": "programme:read"}

    def tools(self) -> list[Tool]:
        """A programme is made on the screens, or comes in as a file."""
        if not may(current_actor(), "programme:write"):
            return []
        return [
            Tool(_("Load a file"), url_for(".load_file"), icon="upload"),
            Tool(_("New programme"), url_for(".create_view"), icon="plus", main=True),
        ]

    def new_form_class(self) -> Any:
        """A programme is named; its rules follow on its own page."""
        return StartForm

    def make(self, form: Any) -> Programme:
        """The programme with an empty draft, or with another's rules."""
        like = newest_revision(db.session(), form.like.data) if form.like.data else None
        names = ("code", "title", "family", "year", "subject", "number_prefix")
        about = NewProgramme(
            notice=db.session.get_one(Notice, int(form.notice.data)),
            **{name: form[name].data for name in names},
        )
        made = start_programme(db.session(), current_actor(), clock(), about, _, like=like)
        return made.programme

    def get_save_return_url(self, model: Programme, is_created: bool = False) -> str:
        """A new programme opens on its page."""
        if is_created:
            newest = newest_revision(db.session(), model.code)
            return url_for("revision.book", id=newest.id)
        return str(super().get_save_return_url(model, is_created))

    def details_of(self, model: Programme) -> Detail:
        """The programme, its revisions as they read, and its rules as a file."""
        shown = super().details_of(model)
        link = Markup('<a href="{}">{}</a>')
        file = link.format(url_for(".dump_file", code=model.code), f"{model.code}.yaml")
        facts = [
            Fact(_("Revision %(number)s", number=row.number), _book_link(row))
            for row in reversed(model.revisions)
        ]
        rules = Section(_("Rules"), [*facts, Fact(_("As a file"), file)])
        return replace(shown, sections=[*shown.sections, rules])

    @expose("/load", methods=("GET", "POST"))
    def load_file(self) -> Any:
        """Load a programme's file as a draft, or say line by line what is wrong with it."""
        form = PackForm()
        if request.method == "POST" and form.validate() and (made := _loaded(form.file.data)):
            return redirect(url_for("revision.details_view", id=made.id))
        return self.render(
            self.edit_template,
            form=form,
            form_opts=None,
            return_url=url_for(".index_view"),
            form_title=_("Load a file"),
            form_lead=_("The file becomes a draft; nothing is in force before it is published."),
        )

    @expose("/dump/<code>")
    def dump_file(self, code: str) -> Response:
        """The newest rules of a programme as a file."""
        answer = Response(dump_pack(db.session(), code), mimetype="application/yaml")
        answer.headers["Content-Disposition"] = content_disposition(f"{code}.yaml")
        return answer


class PackForm(FlaskForm):
    """One YAML file."""

    file = FileField(_l("File"), validators=[FileRequired()])


def _loaded(upload: Any) -> Revision | None:
    """The draft made of *upload*; ``None`` when it was refused, which is flashed."""
    with TemporaryDirectory(prefix="pack-") as folder:
        path = Path(folder) / "pack.yaml"
        upload.save(path)
        try:
            made = load_pack(db.session(), current_actor(), clock(), path)
            db.session.commit()
        except BadPack as refusal:
            db.session.rollback()
            for flaw in refusal.flaws[:MOST_FLAWS]:
                reason = words_of(Because(flaw.message, flaw.params))
                words = _(
                    "Line %(line)s, %(path)s: %(reason)s",
                    line=flaw.line,
                    path=flaw.path,
                    reason=reason,
                )
                flash(words, "error")
            return None
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
            return None
    flash(_("%(title)s is a draft; its rows may be changed.", title=str(made)), "success")
    return made


class RevisionView(BookPages, TrialPages, PortalModelView):
    """The revisions of every programme; a draft is published here."""

    permission = "programme"
    opens_edit = True
    edit_template = "portal/rule_edit.html"
    list_title = _l("Revisions")
    column_list = ("programme", "number", "state", "published_at", "rules")
    column_labels: ClassVar[dict[str, Any]] = {
        "programme": _l("Programme"),
        "rules": _l("Rules"),
        "closing_words": _l("Closing words"),
        "texts": _l("Texts"),
    }
    form_columns = ("pays_for", "claims_within", "choose", "closing_words", "texts")
    form_overrides: ClassVar[dict[str, Any]] = {
        "pays_for": OneOf,
        "closing_words": WordsField,
        "texts": PairsField,
    }
    form_args: ClassVar[dict[str, Any]] = {"closing_words": {"keys": tuple(STATES.items())}}
    column_descriptions: ClassVar[dict[str, Any]] = {
        "closing_words": _l("What the states of a case are called, where it stands at no stage."),
    }
    list_loads = (joinedload(Revision.programme),)
    list_phone: ClassVar[Any] = {"programme": "title", "state": "side"}
    list_actions = (
        Action("publish", _l("Publish"), icon="check", tone="main", direct=True),
        Action("draft", _l("New draft of it"), icon="copy", direct=True),
    )

    @property
    def permissions(self) -> dict[str, str]:
        """Publishing is its own permission; who may read may read it as a page."""
        return super().permissions | {
            "action_view": "programme:publish",
            "book": "programme:read",
            "vocabulary": "programme:read",
            "move": "programme:write",
            "effect": "programme:judge",
            "trial": "programme:judge",
            "trial_sheet": "programme:judge",
        }

    def cell_rules(self, row: Revision) -> Markup:
        """The way to the page where it reads like the notice."""
        return _book_link(row)

    def edit_form(self, obj: Any = None) -> Any:
        """What one award may be for is a record, or a field that identifies it."""
        form = super().edit_form(obj)
        own = [(row.key, row.label) for row in obj.fields if row.is_key] if obj else []
        form.pays_for.offer([*((key, _(word)) for key, word in PAYS_FOR.items()), *own])
        return form

    def before_write(self, form: Any, model: Revision, is_created: bool) -> None:
        """What is published stands."""
        if model.state != DRAFT:
            raise FrozenRevision()

    def render(self, template: str, **kwargs: Any) -> Any:
        """The form of the whole programme fetches words as those of its rows do."""
        if template == self.edit_template and "form" in kwargs:
            kwargs["vocabulary_url"] = url_for(".vocabulary")
            kwargs["revision_id"] = kwargs["model"].id
        return super().render(template, **kwargs)

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Publish the chosen drafts, or make a draft from what is in force."""
        act = {"publish": _publish, "draft": _draft}.get(request.form.get("action", ""))
        shown: Revision | None = None
        for text in request.form.getlist("rowid")[:20] if act else ():
            revision = self.get_one(text.partition(":")[0])
            try:
                shown, done = act(revision)
                db.session.commit()
                flash(done, "success")
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
        back = views.safe(request.form.get("url", ""), url_for(".index_view"))
        if request.form.get("open") and shown is not None:
            back = url_for(".book", id=shown.id)
        return redirect(back)


def _book_link(row: Revision) -> Markup:
    url = url_for("revision.book", id=row.id)
    return Markup('<a href="{}">{}</a>').format(url, _("Read the rules"))


def _publish(revision: Revision) -> tuple[Revision, str]:
    if revision.state != DRAFT and revision.programme.revisions[-1] is not revision:
        raise NothingToPublish(code=revision.programme.code)
    made = publish(db.session(), current_actor(), clock(), revision.programme.code)
    return made, _("%(title)s is in force.", title=revision.programme.title)


def _draft(revision: Revision) -> tuple[Revision, str]:
    made = draft(db.session(), current_actor(), clock(), revision.programme.code)
    return made, _("%(title)s is a draft; its rows may be changed.", title=str(made))
