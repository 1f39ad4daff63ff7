"""The sidebar and what surrounds a page, for the person who is signed in."""

from __future__ import annotations

from functools import lru_cache

from flask import request, url_for
from flask_babel import get_locale

from portal.access.permissions import PERMISSIONS, ROLES, may
from portal.theme.shapes import Count, MenuGroup, MenuItem, Shell
from portal.translations.words import gettext as _
from portal.web.actor import config, maybe_signed_in

Line = tuple[str, str, str, str]
"""Label msgid, endpoint of the view, icon, permission."""
Lines = tuple[tuple[str, tuple[Line, ...]], ...]
"""Groups of the sidebar: label msgid and lines."""


def shell(lines: Lines) -> Shell:
    """The shell of this request; a stranger sees only the brand."""
    who = maybe_signed_in()
    brand = _("Jiangxin grants")
    if who is None:
        return Shell(brand=brand, pinned_day=config().today)
    actor = who.actor
    screen = (request.endpoint or "").split(".")[0]
    return Shell(
        brand=brand,
        home_url=url_for("admin.index"),
        user=actor.name,
        organization=who.organization,
        role=_(ROLES[actor.role]),
        groups=_groups(lines, actor.role, screen, str(get_locale()), request.script_root),
        search_url=url_for("application.search_view") if may(actor, "application:read") else "",
        password_url=url_for("access.change_password"),
        totp_url=url_for("access.second_factor"),
        address_url=url_for("ownaddress.edit"),
        logout_url=url_for("access.logout"),
        pinned_day=config().today,
    )


@lru_cache(maxsize=1_000)
def _groups(lines: Lines, role: str, screen: str, _locale: str, _root: str) -> list[MenuGroup]:
    """What *role* sees beside *screen*; the last two are those of the request."""
    groups = [
        MenuGroup(
            _(label) if label else "",
            [_item(line, screen) for line in items if role in PERMISSIONS[line[3]]],
        )
        for label, items in lines
    ]
    return [group for group in groups if group.items]


def _item(line: Line, screen: str) -> MenuItem:
    label, endpoint, icon, _permission = line
    count = None
    if endpoint == "application.index_view":
        count = Count("mine", url_for("application.counts", only="mine"))
    return MenuItem(_(label), url_for(endpoint), icon, screen == endpoint.split(".")[0], count)
