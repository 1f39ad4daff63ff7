"""Filters of the grid by what a number of the overview counts: due day, age, unit, instalment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, true
from werkzeug.exceptions import BadRequest

from admin_views.application_cells import book
from admin_views.choices import Pairs, worded
from admin_views.filters import ListFilter
from models.application import Application
from models.base import db
from models.organization import Organization
from portal.access.permissions import may
from portal.access.scope import visible
from portal.calendar import calendar_of
from portal.review import deadlines, flow, todo
from portal.review.instalments import instalments_due
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor

_DATED = (deadlines.OVERDUE, deadlines.DUE_SOON, deadlines.IN_TIME)


@dataclass(frozen=True)
class UnitFilter(ListFilter):
    """Keeps one unit's cases. It is chosen by following a number, not from a list of thousands."""

    def condition(self, value: str) -> ColumnElement[bool]:
        """The cases of the unit with the id *value*; the list's own scope bounds them."""
        if not value:
            return true()
        if not value.isdecimal() or len(value) > 18:
            raise BadRequest()
        return Application.organization_id == int(value)

    def word(self, value: str) -> str:
        """The unit's name, if this person sees it."""
        named = select(Organization.name).where(
            Organization.id == int(value), visible(Organization, current_actor())
        )
        return db.session.scalar(named) or value


def mine() -> Sequence[Any]:
    """The cases that this person decides where they wait."""
    return todo.mine(current_actor(), list(book().revisions()))


def stands(how: str) -> ColumnElement[bool]:
    """The waiting cases that stand to their due day as *how* says."""
    return deadlines.stands(calendar_of(db.session()), book().revisions(), clock().today(), how)


def _instalments(how: str) -> ColumnElement[bool]:
    return instalments_due(calendar_of(db.session()), book().revisions(), clock().today(), how)


def _instalment_choices() -> Pairs:
    if not may(current_actor(), "payment:read"):
        return []
    return [(key, _(deadlines.LATENESS[key])) for key in _DATED]


WORK_FILTERS = (
    ListFilter("due", _l("Time left"), stands, lambda: worded(deadlines.LATENESS), offered=False),
    ListFilter("age", _l("Waits for"), lambda key: flow.has_age(clock().today(), key),
               lambda: worded(flow.AGES), offered=False),
    ListFilter("instalment", _l("Instalment to pay"), _instalments, _instalment_choices,
               offered=False),
    UnitFilter("unit", _l("Unit"), lambda _value: true(), offered=False),
)  # fmt: skip
