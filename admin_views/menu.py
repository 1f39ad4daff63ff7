"""The sidebar and what surrounds a page, for the person who is signed in."""

from __future__ import annotations

from flask import request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from models.base import db
from models.organization import Organization
from portal.access.permissions import ROLES, may
from portal.theme.shapes import Count, MenuGroup, MenuItem, Shell
from portal.web.actor import config, maybe_signed_in

Line = tuple[str, str, str, str]
"""Label msgid, endpoint of the view, icon, permission."""


def shell(lines: list[tuple[str, list[Line]]]) -> Shell:
    """The shell of this request; a stranger sees only the brand."""
    who = maybe_signed_in()
    brand = _("Jiangxin grants")
    if who is None:
        return Shell(brand=brand, pinned_day=config().today)
    actor = who.actor
    place = db.session.scalar(
        select(Organization.name).where(Organization.id == actor.organization_id)
    )
    return Shell(
        brand=brand,
        home_url=url_for("admin.index"),
        user=actor.name,
        organization=place or "",
        role=_(ROLES[actor.role]),
        groups=[group for group in _groups(lines) if group.items],
        search_url=url_for("application.search_view") if may(actor, "application:read") else "",
        password_url=url_for("access.change_password"),
        totp_url=url_for("access.second_factor"),
        logout_url=url_for("access.logout"),
        pinned_day=config().today,
    )


def _groups(lines: list[tuple[str, list[Line]]]) -> list[MenuGroup]:
    return [
        MenuGroup(_(label) if label else "", [_item(line) for line in items if _allowed(line)])
        for label, items in lines
    ]


def _allowed(line: Line) -> bool:
    who = maybe_signed_in()
    return who is not None and may(who.actor, line[3])


def _item(line: Line) -> MenuItem:
    label, endpoint, icon, _permission = line
    here = (request.endpoint or "").split(".")[0] == endpoint.split(".")[0]
    count = None
    if endpoint == "application.index_view":
        count = Count("mine", url_for("application.counts"))
    return MenuItem(_(label), url_for(endpoint), icon, here, count)
