"""The page after login: what waits for this person, the money, what was decided last."""

from __future__ import annotations

from typing import Any

from flask import jsonify, redirect, url_for
from flask_admin import AdminIndexView, expose
from flask_babel import format_datetime
from sqlalchemy import select
from werkzeug.wrappers import Response

from admin_views.act_outcome import newest_acts
from admin_views.application_cells import book
from admin_views.budget_bars import budgets
from models.applicant import Applicant
from models.application import Application
from models.base import db
from models.decision import OUTCOMES
from models.exchange import Job
from portal.access.permissions import may
from portal.access.scope import visible
from portal.calendar import calendar_of
from portal.remembered import remembered
from portal.review.todo import Desk, kinds_of, mine, numbers
from portal.theme import pages
from portal.theme.shapes import Count
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.digest import LINES


class HomeView(AdminIndexView):
    """The first page."""

    permission = "home"

    @property
    def permissions(self) -> dict[str, str]:
        """The numbers are as open as the page."""
        return {"counts": "home:read"}

    @expose("/counts")
    def counts(self) -> Response:
        """How much of each kind of work there is for this person."""
        desk = _desk()
        kinds = kinds_of(desk.actor, desk.revisions)
        return jsonify(counts={key: _number(desk, key) for key in kinds})

    @expose("/")
    def index(self) -> Any:
        """Tiles, budgets and recent acts."""
        actor = current_actor()
        if may(actor, "score:write"):
            return redirect(url_for("score.index"))
        home = pages.Home(
            greeting=_("Hello, %(name)s", name=actor.name),
            lead=clock().today().isoformat(),
            tiles=_tiles(),
            budgets=budgets() if may(actor, "budget:read") else [],
            waiting=_waiting(),
            waiting_url=url_for("application.index_view", tab="mine"),
            recent=[*_exports(), *_recent()],
        )
        return self.render("portal/home.html", home=home)


def _desk() -> Desk:
    session = db.session()
    return Desk(current_actor(), calendar_of(session), list(book().revisions()), clock().today())


def _number(desk: Desk, key: str) -> int:
    session = db.session()

    def count() -> int:
        return numbers(session, desk, [key])[key]

    return remembered(session, ("todo", key, desk.actor, desk.today), count).value


def _tiles() -> list[pages.Tile]:
    """What the daily digest tells, as it stands now."""
    url = url_for(".counts")
    kinds = kinds_of(current_actor(), book().revisions())
    return [
        pages.Tile(
            _(line.label),
            icon=line.icon,
            tone=line.tone,
            url=url_for(line.endpoint, **line.query),
            count=Count(key, url),
        )
        for key, line in LINES.items()
        if key in kinds
    ]


def _waiting() -> list[pages.Recent]:
    """The oldest cases that wait for this person."""
    actor = current_actor()
    if not may(actor, "application:decide"):
        return []
    rows = db.session.execute(
        select(Application.id, Application.number, Applicant.name, Application.submitted_on)
        .join(Applicant, Applicant.id == Application.applicant_id)
        .where(
            visible(Application, actor),
            *mine(actor, list(book().revisions())),
        )
        .order_by(Application.id)
        .limit(6)
    )
    return [
        pages.Recent(
            label=f"{name} · {number}",
            url=url_for("application.details_view", id=row_id),
            when=day.isoformat() if day else "",
        )
        for row_id, number, name, day in rows
    ]


def _exports() -> list[pages.Recent]:
    """The newest sheet that the worker makes or made for this person."""
    newest = db.session.scalar(
        select(Job)
        .where(Job.account_id == current_actor().account_id, Job.kind == "export")
        .order_by(Job.id.desc())
        .limit(1)
    )
    if newest is None or not may(current_actor(), "application:export"):
        return []
    when = format_datetime(newest.created_at, "yyyy-MM-dd HH:mm")
    return [pages.Recent(_("My exports"), url_for("exports.mine"), when=when)]


def _recent() -> list[pages.Recent]:
    return [
        pages.Recent(
            label=f"{_(OUTCOMES[row.outcome])} · {decided:,}",
            url=url_for("application.outcome", token=row.row_key),
            when=format_datetime(row.used_at, "yyyy-MM-dd HH:mm"),
        )
        for row, decided in newest_acts(8)
        if row.used_at is not None
    ]
