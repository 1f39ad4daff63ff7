"""改用新规则: undecided cases go to the rules in force, after it was shown who flips."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import BaseView, expose
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import StringField

from admin_views.programme_effect import MOST, told_effect
from models.base import Refusal, db
from models.programme import Programme, Revision
from portal.policy.judge import in_force
from portal.review.moving import STAYS, Moved, move, preview_move
from portal.theme.changes import Moving
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of


class MoveForm(FlaskForm):
    """Why the cases move."""

    reason = StringField(_l("Reason"))


class ProgrammeMoveView(BaseView):
    """What moving would do, then the act with its reason."""

    permission = "programme"

    @property
    def permissions(self) -> dict[str, str]:
        """Looking is the act itself, taken back, so it needs the same right."""
        return {"index": "programme:publish"}

    @expose("/", methods=("GET", "POST"))
    def index(self) -> Any:
        """Before anything is written it is done and taken back: what is shown is what happens."""
        programme = _asked()
        form = MoveForm()
        revision = in_force(db.session(), programme)
        if request.method == "POST" and "move" in request.form and _moved(programme, form):
            return redirect(url_for("programme.details_view", id=programme.id))
        shown = Moving(title=programme.title, code=programme.code)
        if request.method == "POST" and revision is not None:
            shown = _previewed(programme, revision)
        return self.render("portal/programme_move.html", moving=shown, form=form)


def _asked() -> Programme:
    code = request.args.get("code", "")[:40]
    found = db.session.scalar(select(Programme).where(Programme.code == code))
    return found if found is not None else abort(404)


def _previewed(programme: Programme, revision: Revision) -> Moving:
    session = db.session()
    try:
        found = preview_move(session, current_actor(), clock(), programme.code)
        return _told(programme, revision, found)
    except Refusal as refusal:
        return Moving(title=programme.title, code=programme.code, refused=words_of(refusal))
    finally:
        session.rollback()


def _told(programme: Programme, revision: Revision, found: Moved) -> Moving:
    found.effect.flips = found.effect.flips[:MOST]
    return Moving(
        title=programme.title,
        code=programme.code,
        moved=found.moved,
        staying=[(_(STAYS[kind]), count) for kind, count in found.staying.items()],
        effect=told_effect(revision, found.effect),
    )


def _moved(programme: Programme, form: MoveForm) -> bool:
    session = db.session()
    try:
        found = move(session, current_actor(), clock(), programme.code, form.reason.data or "")
        session.commit()
    except Refusal as refusal:
        session.rollback()
        flash(words_of(refusal), "error")
        return False
    flash(_("%(count)s applications stand under the rules in force.", count=found.moved), "success")
    return True
