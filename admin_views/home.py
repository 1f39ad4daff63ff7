"""The page after login: what waits for this person, the money, what was decided last."""

from __future__ import annotations

from typing import Any

from flask import redirect, url_for
from flask_admin import AdminIndexView, expose
from flask_babel import format_datetime
from sqlalchemy import func, select

from admin_views.act_outcome import newest_acts
from admin_views.application_cells import book
from models.applicant import Applicant
from models.application import Application
from models.base import db
from models.decision import OUTCOMES
from models.exchange import Job
from models.funding import Budget, PaymentBatch
from models.programme import Programme
from portal.access.permissions import may
from portal.access.scope import visible
from portal.funding.dues import queue
from portal.theme import pages
from portal.theme.shapes import Count
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor

TILES = (
    ("mine", "clock", "info"),
    ("held", "alert-triangle", "warn"),
    ("returned", "arrow-back-up", "plain"),
    ("decided", "circle-check", "good"),
)


class HomeView(AdminIndexView):
    """The first page."""

    permission = "home"

    @expose("/")
    def index(self) -> Any:
        """Tiles, budgets and recent acts."""
        actor = current_actor()
        if may(actor, "score:write"):
            return redirect(url_for("score.index"))
        home = pages.Home(
            greeting=_("Hello, %(name)s", name=actor.name),
            lead=clock().today().isoformat(),
            tiles=_tiles() if may(actor, "application:read") else [],
            budgets=_budgets() if may(actor, "budget:read") else [],
            waiting=_waiting(),
            waiting_url=url_for("application.index_view", tab="mine"),
            recent=[*_exports(), *_recent()],
        )
        return self.render("portal/home.html", home=home)


def _tiles() -> list[pages.Tile]:
    url = url_for("application.counts")
    words = {
        "mine": _("Waiting for me"),
        "held": _("To be confirmed"),
        "returned": _("Returned"),
        "decided": _("Decided"),
    }
    return [
        pages.Tile(
            words[key],
            icon=icon,
            tone=tone,  # type: ignore[arg-type]
            url=url_for("application.index_view", tab=key),
            count=Count(key, url),
        )
        for key, icon, tone in TILES
    ]


def _budgets() -> list[pages.Budget]:
    found = []
    for budget in db.session.scalars(select(Budget)):
        paid = _batched(budget.programme_id, ("paid",))
        found.append(
            pages.Budget(
                label=budget.programme.title,
                total=budget.cap_fen,
                paid=paid,
                committed=budget.spent_fen - paid,
                pending=_pending(budget.programme),
            )
        )
    return found


def _batched(programme_id: int, states: tuple[str, ...]) -> int:
    total = select(func.coalesce(func.sum(PaymentBatch.budget_fen), 0)).where(
        PaymentBatch.programme_id == programme_id, PaymentBatch.state.in_(states)
    )
    return int(db.session.execute(total).scalar_one())


def _pending(programme: Programme) -> int:
    """What the budget owes of instalments that are released and not yet in a batch."""
    due = queue(db.session(), programme)
    total = select(func.coalesce(func.sum(due.c.budget_fen), 0))
    return int(db.session.execute(total).scalar_one())


def _waiting() -> list[pages.Recent]:
    """The oldest cases that wait for this person."""
    actor = current_actor()
    stages = book().acting_on(actor.role)
    if not may(actor, "application:decide") or not stages:
        return []
    rows = db.session.execute(
        select(Application.id, Application.number, Applicant.name, Application.submitted_on)
        .join(Applicant, Applicant.id == Application.applicant_id)
        .where(
            visible(Application, actor),
            Application.state == "waiting",
            Application.stage_key.in_(stages),
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
