"""我的评分: what an expert sees of the portal: their own sheets and the cases they are about."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, flash, redirect, url_for
from flask import request as asked
from flask_admin import BaseView, expose
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from admin_views.panels import seen_sheet
from admin_views.score_forms import show_sheet
from models.application import WAITING, Application
from models.base import Refusal, begin_writing, db
from models.panel import ScoreSheet
from models.programme import Stage
from portal.access.scope import visible
from portal.evidence.cleaning import KINDS
from portal.exchange.sheet_writer import content_disposition
from portal.review import attachments, panel
from portal.review.scoring import shown
from portal.theme.panels import OwnSheet
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of


class ScoreView(BaseView):
    """The only screen of the role expert."""

    permission = "score"

    @property
    def permissions(self) -> dict[str, str]:
        """One right, and every row is looked up among the actor's own sheets."""
        return dict.fromkeys(("index", "sheet", "declare", "file"), "score:write")

    @expose("/")
    def index(self) -> Any:
        """The sheets that wait for this expert, then those handed in."""
        rows = db.session.scalars(
            select(ScoreSheet)
            .where(visible(ScoreSheet, current_actor()))
            .options(joinedload(ScoreSheet.application).joinedload(Application.revision))
            .order_by(ScoreSheet.submitted_at.is_not(None), ScoreSheet.id)
        ).all()
        return self.render("portal/score_index.html", sheets=[_line(row) for row in rows])

    @expose("/sheet", methods=("GET", "POST"))
    def sheet(self) -> Any:
        """Fill in one sheet."""
        sheet = seen_sheet()
        stage = _stage_of(sheet)
        return show_sheet(self, sheet, stage, url_for(".sheet", sheet=sheet.id), url_for(".index"))

    @expose("/declare", methods=("POST",))
    def declare(self) -> Response:
        """Say that one is not free towards a case; its sheet is put aside."""
        sheet = seen_sheet()
        reason = asked.form.get("reason", "")
        try:
            session, actor = db.session(), current_actor()
            panel.declare(session, actor, clock(), sheet.expert, sheet.application, reason)
            db.session.commit()
            flash(_("You will not score this application."), "success")
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
        return redirect(url_for(".index"))

    @expose("/file/<int:file_id>")
    def file(self, file_id: int) -> Response:
        """Download a file of a case that was given to this expert; each look is audited."""
        db.session.rollback()
        begin_writing()
        try:
            session, actor = db.session(), current_actor()
            found, data = attachments.open_to_score(session, actor, clock(), file_id)
        except attachments.NoSuchFile:
            abort(404)
        name = attachments.download_name(found)
        kind = found.media_type
        db.session.commit()
        answer = current_app.response_class(
            data, mimetype=kind if kind in KINDS.values() else "application/octet-stream"
        )
        answer.headers["Content-Disposition"] = content_disposition(name)
        return answer


def _stage_of(sheet: ScoreSheet) -> Stage:
    stages = sheet.application.revision.stages
    found = next((row for row in stages if row.key == sheet.stage_key), None)
    return found if found is not None else abort(404)


def _line(row: ScoreSheet) -> OwnSheet:
    case = row.application
    here = case.state == WAITING and case.stage_key == row.stage_key
    return OwnSheet(
        number=case.number,
        subject=str(case.project or case.studio or ""),
        stage=f"{case.revision.programme.title} · {_stage_of(row).title}",
        url=url_for("score.sheet", sheet=row.id),
        total=shown(row.total) if row.total is not None else "",
        is_open=row.submitted_at is None and here,
    )
