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
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from admin_views.base import PortalModelView
from admin_views.yaml_field import LinesField
from models.base import Because, Refusal, db
from models.notice import Clause
from models.programme import (
    Programme,
    Revision,
)
from portal.access.permissions import may
from portal.exchange.sheet_writer import content_disposition
from portal.policy.packs import BadPack, draft, dump_pack, load_pack, publish
from portal.theme.pages import Detail, Fact, Section
from portal.theme.shapes import Action, Tool
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

MOST_FLAWS = 50
"""Faults of a file that the page lists."""


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

    @property
    def permissions(self) -> dict[str, str]:
        """A file is loaded by who may write, and read by all."""
        return super().permissions | {"load_file": "programme:write", "dump_file": "programme:read"}

    def tools(self) -> list[Tool]:
        """A programme comes in as a file; its rows are edited from there on."""
        if not may(current_actor(), "programme:write"):
            return []
        return [Tool(_("Load a file"), url_for(".load_file"), icon="upload", main=True)]

    def details_of(self, model: Programme) -> Detail:
        """The programme, and its rules as a file."""
        shown = super().details_of(model)
        file = Markup('<a href="{}">{}.yaml</a>').format(
            url_for(".dump_file", code=model.code), model.code
        )
        facts = Section(_("Rules"), [Fact(_("As a file"), file)])
        return replace(shown, sections=[*shown.sections, facts])

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


class RevisionView(PortalModelView):
    """The revisions of every programme; a draft is published here."""

    permission = "programme"
    list_title = _l("Revisions")
    column_list = ("programme", "number", "state", "published_at")
    column_labels: ClassVar[dict[str, Any]] = {"programme": _l("Programme")}
    form_columns = ("number",)
    list_loads = (joinedload(Revision.programme),)
    list_phone: ClassVar[Any] = {"programme": "title", "state": "side"}
    list_actions = (
        Action("publish", _l("Publish"), icon="check", tone="main", direct=True),
        Action("draft", _l("New draft of it"), icon="copy", direct=True),
    )

    @property
    def permissions(self) -> dict[str, str]:
        """Publishing is its own permission."""
        return super().permissions | {"action_view": "programme:publish"}

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Publish the chosen drafts, or make a draft from what is in force."""
        act = {"publish": _publish, "draft": _draft}.get(request.form.get("action", ""))
        for text in request.form.getlist("rowid")[:20] if act else ():
            revision = self.get_one(text.partition(":")[0])
            try:
                done = act(revision)
                db.session.commit()
                flash(done, "success")
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
        return redirect(url_for(".index_view"))


def _publish(revision: Revision) -> str:
    publish(db.session(), current_actor(), clock(), revision.programme.code)
    return _("%(title)s is in force.", title=revision.programme.title)


def _draft(revision: Revision) -> str:
    made = draft(db.session(), current_actor(), clock(), revision.programme.code)
    return _("%(title)s is a draft; its rows may be changed.", title=str(made))
