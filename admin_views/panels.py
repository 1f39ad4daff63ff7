"""评审: the slate of a stage, its experts and their sheets, and choosing under the bounds."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, jsonify, redirect, request, url_for
from flask_admin import BaseView, expose
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from admin_views import panel_words as words
from admin_views.score_forms import show_sheet
from models.application import WAITING, Application
from models.base import Refusal, db
from models.panel import CONFLICTS, Expert, ScoreSheet
from models.programme import PUBLISHED, Programme, Revision, Stage
from portal.access.scope import visible
from portal.review import assigning, panel
from portal.review.slate import limits
from portal.theme.panels import StageLine
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

MOST_CHOSEN = 2_000


class PanelView(BaseView):
    """Stages at which cases are set against each other."""

    permission = "panel"

    @property
    def permissions(self) -> dict[str, str]:
        """Looking at a slate is reading; giving out, typing and joining is the panel's work."""
        reads = dict.fromkeys(("index", "stage", "limits"), "panel:read")
        acts = ("spread", "give", "join", "void", "declare", "sheet")
        return reads | dict.fromkeys(acts, "panel:write") | {"case": "expert:read"}

    @expose("/")
    def index(self) -> Any:
        """Every stage at which cases wait."""
        return self.render("portal/panel_index.html", stages=_lines())

    @expose("/stage")
    def stage(self) -> Any:
        """The slate of a stage."""
        return self.render("portal/slate.html", slate=words.slate(_stage()))

    @expose("/limits", methods=("POST",))
    def limits(self) -> Response:
        """What the bounds say of what is ticked."""
        stage = _stage()
        revision = db.session.get_one(Revision, stage.revision_id)
        chosen = [_number(text.partition(":")[0]) for text in request.form.getlist("rowid")]
        found = limits(db.session(), current_actor(), revision, stage, chosen[:MOST_CHOSEN])
        told = [words.limit(row) for row in found]
        return jsonify(
            limits=[
                {"says": row.says, "clause": row.clause, "words": row.words, "holds": row.holds}
                for row in told
            ]
        )

    @expose("/spread", methods=("POST",))
    def spread(self) -> Response:
        """Give every waiting case to so many experts, evenly."""
        stage = _stage()
        experts = [_number(text) for text in request.form.getlist("expert")]
        each = min(_number(request.form.get("each", "")), 50)
        return _done(stage, lambda: _spread(stage, each, experts))

    @expose("/join", methods=("POST",))
    def join(self) -> Response:
        """Join the sheets of every complete case."""
        stage = _stage()
        return _done(stage, lambda: _join(stage))

    @expose("/case")
    def case(self) -> Any:
        """The sheets of one case."""
        stage = _stage()
        return self.render("portal/panel_case.html", case=words.case_sheets(stage, _case(stage)))

    @expose("/give", methods=("POST",))
    def give(self) -> Response:
        """Give one case to the ticked experts."""
        stage = _stage()
        case = _case(stage)
        experts = [_number(text) for text in request.form.getlist("expert")]
        return _done(stage, lambda: _give(stage, case, experts), case)

    @expose("/declare", methods=("POST",))
    def declare(self) -> Response:
        """Note that an expert is not free towards a case."""
        stage = _stage()
        case = _case(stage)
        expert = db.session.get(Expert, _number(request.form.get("expert", ""))) or abort(404)
        reason = request.form.get("reason", "")
        session, actor = db.session(), current_actor()
        return _done(
            stage, lambda: panel.declare(session, actor, clock(), expert, case, reason), case
        )

    @expose("/void", methods=("POST",))
    def void(self) -> Response:
        """Put a sheet aside."""
        sheet = seen_sheet()
        stage = _stage_of(sheet)
        reason = request.form.get("reason", "")
        session, actor = db.session(), current_actor()
        return _done(
            stage,
            lambda: panel.void(session, actor, clock(), sheet, reason),
            sheet.application,
        )

    @expose("/sheet", methods=("GET", "POST"))
    def sheet(self) -> Any:
        """Type a sheet that came on paper."""
        sheet = seen_sheet()
        stage = _stage_of(sheet)
        back = url_for(".case", id=stage.id, case=sheet.application_id)
        return show_sheet(self, sheet, stage, url_for(".sheet", sheet=sheet.id), back)


def seen_sheet() -> ScoreSheet:
    """The sheet that the address names, if the actor sees its case or it is their own."""
    number = _number(request.args.get("sheet", ""))
    found = db.session.scalar(
        select(ScoreSheet).where(ScoreSheet.id == number, visible(ScoreSheet, current_actor()))
    )
    return found if found is not None else abort(404)


def _lines() -> list[StageLine]:
    """The stages of every published revision at which cases wait, one's own first."""
    actor = current_actor()
    rows = db.session.execute(
        select(Stage, Programme.title, func.count(Application.id))
        .join(Revision, Revision.id == Stage.revision_id)
        .join(Programme, Programme.id == Revision.programme_id)
        .join(
            Application,
            (Application.revision_id == Stage.revision_id)
            & (Application.stage_key == Stage.key)
            & (Application.state == WAITING),
        )
        .where(
            Revision.state == PUBLISHED,
            Revision.id.in_(_competitive()),
            visible(Application, actor),
        )
        .group_by(Stage.id, Programme.title, Programme.id)
        .order_by(Programme.id.desc(), Stage.position)
    ).all()
    found = [words.line(stage, title, count, actor.role) for stage, title, count in rows]
    return sorted(found, key=lambda row: not row.is_mine)


def _competitive() -> Any:
    """The revisions whose cases are set against each other: they have a panel or a notice."""
    sets = Stage.panel.is_not(None) | Stage.lasts.is_not(None)
    return select(Stage.revision_id).where(sets)


def _stage() -> Stage:
    """The stage that the address names, of such a revision."""
    number = _number(request.args.get("id", ""))
    found = db.session.scalar(
        select(Stage).where(Stage.id == number, Stage.revision_id.in_(_competitive()))
    )
    return found if found is not None else abort(404)


def _stage_of(sheet: ScoreSheet) -> Stage:
    stages = sheet.application.revision.stages
    found = next((row for row in stages if row.key == sheet.stage_key), None)
    return found if found is not None else abort(404)


def _case(stage: Stage) -> Application:
    """The case that the address names, of the stage's revision and in scope."""
    found = db.session.scalar(
        select(Application).where(
            Application.id == _number(request.args.get("case", "")),
            Application.revision_id == stage.revision_id,
            visible(Application, current_actor()),
        )
    )
    return found if found is not None else abort(404)


def _number(text: str) -> int:
    """A number that a page gave; 0, which no row has, for anything else."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def _done(stage: Stage, act: Any, case: Application | None = None) -> Response:
    """Do *act* in one transaction, say what came of it, and go back."""
    back = url_for("panel.stage", id=stage.id)
    if case is not None:
        back = url_for("panel.case", id=stage.id, case=case.id)
    try:
        said = act()
        db.session.commit()
        for text, kind in said or [(_("Saved."), "success")]:
            flash(text, kind)
    except Refusal as refusal:
        db.session.rollback()
        flash(words_of(refusal), "error")
    return redirect(back)


def _revision(stage: Stage) -> Revision:
    return db.session.get_one(Revision, stage.revision_id)


def _spread(stage: Stage, each: int, experts: list[int]) -> list[tuple[str, str]]:
    session, actor = db.session(), current_actor()
    done = assigning.spread(session, actor, clock(), _revision(stage), stage, each, experts)
    said = [(_("%(count)s score sheets were given out.", count=done.made), "success")]
    if done.short:
        numbers = "、".join(number for number, _have in done.short[:10])
        words = _("Not enough experts are free for: %(numbers)s", numbers=numbers)
        said.append((words, "warning"))
    return said


def _give(stage: Stage, case: Application, experts: list[int]) -> list[tuple[str, str]]:
    session, actor = db.session(), current_actor()
    if not experts:
        raise assigning.NoExperts()
    done = assigning.assign(session, actor, clock(), _revision(stage), stage, experts, [case.id])
    said = [(_("%(count)s score sheets were given out.", count=done.made), "success")]
    said += [(f"{name}：{_(CONFLICTS[why])}", "warning") for _number, name, why in done.left]
    return said


def _join(stage: Stage) -> list[tuple[str, str]]:
    done = panel.join(db.session(), current_actor(), clock(), _revision(stage), stage)
    said = [(_("%(count)s applications got their score.", count=done.done), "success")]
    for number, why, params in done.left[:10]:
        said.append((f"{number}：{_(why, **params)}", "warning"))
    return said
