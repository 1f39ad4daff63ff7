"""What the page of a case says of its panel and its public notice: where to look."""

from __future__ import annotations

from flask import url_for
from sqlalchemy import select

from models.application import Application
from models.base import db
from models.publicity import ENTRY_STATES, NoticeEntry
from portal.access.permissions import may
from portal.access.scope import visible
from portal.review.route import stages_of
from portal.theme import cells
from portal.theme.pages import Fact
from portal.translations.words import gettext as _
from portal.web.actor import current_actor


def panel_facts(application: Application) -> list[Fact]:
    """Links to the score sheets of its panels and to the notices that show it."""
    return [*_sheets(application), *_notices(application)]


def _sheets(application: Application) -> list[Fact]:
    if not may(current_actor(), "expert:read"):
        return []
    return [
        Fact(
            _("Score sheets"),
            cells.link(
                url_for("panel.case", id=stage.id, case=application.id), stage.title, drawer=False
            ),
        )
        for stage in stages_of(application.revision, application.route)
        if stage.panel
    ]


def _notices(application: Application) -> list[Fact]:
    if not may(current_actor(), "publicity:read"):
        return []
    rows = db.session.scalars(
        select(NoticeEntry)
        .where(NoticeEntry.application_id == application.id, visible(NoticeEntry, current_actor()))
        .order_by(NoticeEntry.id)
    )
    return [
        Fact(
            _("Public notice"),
            cells.link(
                url_for("publicity.notice", id=row.notice_id, _anchor=f"entry-{row.id}"),
                f"{_(ENTRY_STATES[row.state])} · {row.notice.ends_on}",
                drawer=False,
            ),
        )
        for row in rows
    ]
