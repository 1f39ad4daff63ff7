"""总览: how much waits where, since when, and what is late; every number leads to its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import abort, request, url_for
from flask_admin import BaseView, expose
from flask_babel import format_time
from sqlalchemy import select

from admin_views.application_cells import book
from admin_views.budget_bars import budgets
from admin_views.choices import programmes
from models.application import WAITING
from models.base import db
from models.funding import BATCH_STATES, MADE, PAID, TRANSFERRED
from models.organization import Organization
from portal.access.permissions import may
from portal.access.scope import CITY_DEPTH, DISTRICT_DEPTH
from portal.calendar import calendar_of
from portal.funding.by_district import batched_fen, came_back_fen
from portal.remembered import Figure, remembered
from portal.review.deadlines import DUE_SOON, IN_TIME, LATENESS, NO_DUE, OVERDUE
from portal.review.flow import AGES, FRESH, OLD, OLDER, Group, flow
from portal.theme import cells
from portal.theme.dashboard import Bar, Chart, Dashboard, Measure, Number
from portal.theme.pages import Tile
from portal.theme.shapes import Choice, Tone
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor

MOST = 20
"""Places that a chart shows: those where most waits."""
AGE_TONES: dict[str, Tone] = {FRESH: "info", OLDER: "gold", OLD: "violet"}
LATE_TONES: dict[str, Tone] = {
    OVERDUE: "bad", DUE_SOON: "gold", IN_TIME: "info", NO_DUE: "plain",
}  # fmt: skip
BATCH_TONES: dict[str, Tone] = {PAID: "good", TRANSFERRED: "info", MADE: "gold"}
_AGED = [("age", key) for key in AGES]
_LATE = [("due", OVERDUE), ("due", DUE_SOON)]
_STANDING = [("due", key) for key in LATENESS]


class DashboardView(BaseView):
    """The overview of whoever sees applications, within what they see."""

    permission = "application"

    @expose("/")
    def index(self) -> Any:
        """Charts and tables of the waiting cases of one programme, or of all."""
        wanted = request.args.get("programme", "")
        offered = programmes()
        if wanted and wanted not in dict(offered):
            abort(400)
        return self.render("portal/dashboard.html", board=_board(wanted, offered))


def _board(wanted: str, offered: Sequence[tuple[str, str]]) -> Dashboard:
    found = _flow(int(wanted) if wanted else None)
    groups = found.value
    choices = [Choice("", _("All programmes"), not wanted)]
    choices += [Choice(value, title, value == wanted) for value, title in offered]
    bars = budgets(int(wanted) if wanted else None) if may(current_actor(), "budget:read") else []
    return Dashboard(
        tiles=_tiles(groups, wanted),
        charts=_charts(groups, wanted),
        programmes=choices,
        budgets=bars,
        counted_at=format_time(found.at, "HH:mm:ss"),
    )


def _flow(programme_id: int | None) -> Figure[list[Group]]:
    session, actor, today = db.session(), current_actor(), clock().today()
    return remembered(
        session,
        ("flow", actor, today, programme_id),
        lambda: flow(
            session, actor, calendar_of(session), list(book().revisions()), today, programme_id
        ),
    )


def _charts(groups: Sequence[Group], wanted: str) -> list[Chart]:
    waiting = [_by_stage(groups, wanted), *_by_place(groups, wanted)] if groups else []
    return [*waiting, *_money(wanted)]


def _tiles(groups: Sequence[Group], wanted: str) -> list[Tile]:
    marks: list[tuple[str, str, Tone, dict[str, str]]] = [
        (_("Waiting"), "clock", "info", {}),
        (_(LATENESS[OVERDUE]), "alert-triangle", "bad", {"due": OVERDUE}),
        (_(LATENESS[DUE_SOON]), "calendar-due", "warn", {"due": DUE_SOON}),
        (_(AGES[OLD]), "hourglass", "violet", {"age": OLD}),
    ]
    return [
        Tile(label, f"{_sum(groups, more):,}", icon, tone, _list(wanted, more))
        for label, icon, tone, more in marks
    ]


def _by_stage(groups: Sequence[Group], wanted: str) -> Chart:
    """How many wait at each stage and how long, in the order of the route."""
    measures = [Measure(_(AGES[key]), AGE_TONES[key]) for _name, key in _AGED]
    measures += [Measure(_(LATENESS[key]), LATE_TONES[key], drawn=False) for _name, key in _LATE]
    titles = dict(programmes())
    bars = []
    for programme_id, key, title in _stages():
        here = [row for row in groups if (row.programme_id, row.stage_key) == (programme_id, key)]
        if here:
            place = {"programme": str(programme_id), "stage": key}
            sub = "" if wanted else titles.get(str(programme_id), "")
            bars.append(_bar(title, here, place, [*_AGED, *_LATE], sub))
    says = _(
        "%(count)s applications wait, %(old)s of them for 15 days and more",
        count=f"{_sum(groups, {}):,}",
        old=f"{_sum(groups, {'age': OLD}):,}",
    )
    return Chart(
        "stages", _("By stage and days waited"), says, _("Stage"), _("Waiting"), measures, bars
    )


def _by_place(groups: Sequence[Group], wanted: str) -> list[Chart]:
    """How many wait in each district, or in each unit of a district, and how they stand."""
    names = {CITY_DEPTH: ("district", _("District")), DISTRICT_DEPTH: ("unit", _("Unit"))}
    if current_actor().depth not in names:
        return []
    name, head = names[current_actor().depth]
    by_place: dict[int | None, list[Group]] = {}
    for row in groups:
        by_place.setdefault(row.place_id, []).append(row)
    most = sorted(by_place.items(), key=lambda pair: -_sum(pair[1], {}))
    titles = _names([place for place, _rows in most[:MOST] if place is not None])
    base = {"programme": wanted} if wanted else {}
    bars = [
        _bar(
            titles.get(place or 0, _("City")),
            rows,
            base | {name: str(place)} if place else None,
            _STANDING,
        )
        for place, rows in most[:MOST]
    ]
    says = _(
        "%(late)s applications are overdue, %(soon)s are due soon",
        late=f"{_sum(groups, {'due': OVERDUE}):,}",
        soon=f"{_sum(groups, {'due': DUE_SOON}):,}",
    )
    measures = [Measure(_(LATENESS[key]), LATE_TONES[key]) for _name, key in _STANDING]
    title = _("By district and due day") if name == "district" else _("By unit and due day")
    rest = max(0, len(most) - MOST)
    return [Chart("places", title, says, head, _("Waiting"), measures, bars, rest)]


def _money(wanted: str) -> list[Chart]:
    """What is in payment batches for each district, and how far it is, for the city."""
    actor, programme_id = current_actor(), int(wanted) if wanted else None
    if actor.depth != CITY_DEPTH or not may(actor, "payment:read"):
        return []
    found = batched_fen(db.session(), actor, programme_id)
    most = sorted(found.items(), key=lambda pair: -sum(pair[1].values()))
    titles = _names([place for place, _fen in most[:MOST]])
    base = {"programme": wanted} if wanted else {}

    def number(fen: int, more: dict[str, str]) -> Number:
        return Number(fen, url_for("payment.index_view", **more) if fen else "", is_fen=True)

    bars = []
    for place, fen in most[:MOST]:
        here = base | {"district": str(place)}
        parts = [number(fen.get(key, 0), here | {"state": key}) for key in BATCH_TONES]
        bars.append(Bar(titles.get(place, _("City")), number(sum(fen.values()), here), parts))
    paid = sum(fen.get(PAID, 0) for fen in found.values())
    total = sum(sum(fen.values()) for fen in found.values())
    says = _(
        "¥%(total)s in payment batches, ¥%(paid)s of it paid",
        total=cells.yuan(total),
        paid=cells.yuan(paid),
    )
    back = came_back_fen(db.session(), actor, programme_id)
    if back:
        says += _("; ") + _("¥%(back)s of it came back", back=cells.yuan(back))
    measures = [Measure(_(BATCH_STATES[key]), tone) for key, tone in BATCH_TONES.items()]
    title, rest = _("Payments by district (yuan)"), max(0, len(most) - MOST)
    head = _("District")
    return [Chart("money", title, says, head, _("Total"), measures, bars, rest)] if bars else []


def _bar(
    label: str,
    rows: Sequence[Group],
    place: dict[str, str] | None,
    parts: Iterable[tuple[str, str]],
    sub: str = "",
) -> Bar:
    """The numbers of *rows*; without a *place* that a list can be asked for they lead nowhere."""

    def number(more: dict[str, str]) -> Number:
        count = _sum(rows, more)
        leads = place is not None and count > 0
        return Number(count, _url((place or {}) | more) if leads else "")

    return Bar(label, number({}), [number({name: key}) for name, key in parts], sub)


def _sum(rows: Iterable[Group], more: dict[str, str]) -> int:
    """How many cases of *rows* the filters *more* of the grid keep."""
    return sum(
        row.count
        for row in rows
        if more.get("age", row.age) == row.age and more.get("due", row.lateness) == row.lateness
    )


def _list(wanted: str, more: dict[str, str]) -> str:
    return _url(({"programme": wanted} if wanted else {}) | more)


def _url(state: dict[str, str]) -> str:
    return url_for("application.index_view", state=WAITING, **state)


def _stages() -> list[tuple[int, str, str]]:
    """Programme, key and title of every stage: the newest programme first, in route order."""
    found: dict[tuple[int, str], str] = {}
    newest = sorted(book().revisions(), key=lambda row: (-row.programme_id, -row.number))
    for revision in newest:
        for stage in revision.stages:
            found.setdefault((revision.programme_id, stage.key), stage.title)
    return [(programme_id, key, title) for (programme_id, key), title in found.items()]


def _names(ids: Sequence[int]) -> dict[int, str]:
    rows = db.session.execute(
        select(Organization.id, Organization.name).where(Organization.id.in_(ids))
    )
    return dict(rows.all())
