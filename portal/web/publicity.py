"""The one page of cases that needs no login: a running notice's masked list, by its own key."""

from __future__ import annotations

from flask import Blueprint, Flask, abort, render_template
from sqlalchemy import select

from models.base import db
from models.publicity import PublicNotice
from portal.exchange.notice_sheet import DAYS
from portal.review.publicity import COLUMNS
from portal.theme.panels import EntryShown, NoticeShown
from portal.translations.words import gettext as _
from portal.web.actor import clock

pages = Blueprint("publicnotice", __name__)


def register(app: Flask) -> None:
    """Add the page."""
    app.register_blueprint(pages)


@pages.get("/notices/<key>", endpoint="shown")
def show(key: str) -> str:
    """The list as it was frozen, from its first to its last day; otherwise there is no page.

    It reads nothing but the notice and its frozen lines, and says nothing of objections.
    """
    today = clock().today()
    notice = db.session.scalar(
        select(PublicNotice).where(
            PublicNotice.row_key == key[:22],
            PublicNotice.is_public,
            PublicNotice.closed_at.is_(None),
            PublicNotice.starts_on <= today,
            PublicNotice.ends_on >= today,
        )
    )
    if notice is None:
        abort(404)
    shown = NoticeShown(
        title=notice.title,
        days=_(DAYS, starts=notice.starts_on, ends=notice.ends_on),
        issuer=notice.revision.programme.notice.issuer,
        headings=[_(word) for word in COLUMNS.values()],
        entries=[
            EntryShown(row.id, row.position, [row.cells.get(name, "") for name in COLUMNS])
            for row in notice.entries
        ],
    )
    return render_template("portal/publicity_print.html", notice=shown)
