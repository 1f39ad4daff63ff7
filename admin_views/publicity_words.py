"""A public notice, its lines and objections, in the words of their pages."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import format_datetime

from models.publicity import (
    CLEARED,
    DISMISSED,
    ENTRY_STATES,
    HELD,
    LEFT,
    OBJECTION_STATES,
    OPEN,
    PASSED,
    SHOWN,
    UPHELD,
    NoticeEntry,
    Objection,
    PublicNotice,
)
from portal.access.permissions import may
from portal.exchange.notice_sheet import DAYS
from portal.review.publicity import COLUMNS, stage_of_notice
from portal.theme.panels import EntryShown, NoticeLine, NoticeShown, ObjectionShown
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor

MARKS: dict[str, tuple[Any, str]] = {
    SHOWN: ("info", "speakerphone"),
    HELD: ("warn", "alert-triangle"),
    CLEARED: ("warn", "hourglass"),
    PASSED: ("good", "circle-check"),
    UPHELD: ("bad", "circle-x"),
    LEFT: ("plain", "ban"),
    OPEN: ("warn", "search"),
    DISMISSED: ("plain", "circle-check"),
}


def line(notice: PublicNotice, count: int) -> NoticeLine:
    """A notice in the list."""
    standing, tone, icon = _standing(notice)
    return NoticeLine(
        title=notice.title,
        url=url_for("publicity.notice", id=notice.id),
        days=_days(notice),
        count=count,
        standing=standing,
        tone=tone,
        icon=icon,
    )


def shown(notice: PublicNotice, entries: list[NoticeEntry], *, for_staff: bool) -> NoticeShown:
    """*entries* of *notice*; with what became of them, and what may be done, for staff."""
    standing, tone, icon = _standing(notice)
    is_open = for_staff and notice.is_public and _runs(notice)
    return NoticeShown(
        title=notice.title,
        days=_days(notice),
        issuer=notice.revision.programme.notice.issuer,
        headings=[_(word) for word in COLUMNS.values()],
        entries=[_entry(notice, row, for_staff=for_staff) for row in entries],
        standing=standing,
        tone=tone,
        icon=icon,
        print_url=url_for("publicity.printed", id=notice.id) if for_staff else "",
        sheet_url=url_for("publicity.sheet", id=notice.id) if for_staff else "",
        public_url=url_for("publicnotice.shown", key=notice.row_key) if is_open else "",
        today=clock().today().isoformat(),
        first_day=notice.starts_on.isoformat(),
        last_day=notice.ends_on.isoformat(),
    )


def _runs(notice: PublicNotice) -> bool:
    return notice.closed_at is None and clock().today() <= notice.ends_on


def _days(notice: PublicNotice) -> str:
    return _(DAYS, starts=notice.starts_on, ends=notice.ends_on)


def _standing(notice: PublicNotice) -> tuple[str, Any, str]:
    if _runs(notice):
        return _("Running"), "info", "speakerphone"
    return _("Ended"), "plain", "circle-check"


def _entry(notice: PublicNotice, row: NoticeEntry, *, for_staff: bool) -> EntryShown:
    cells = [row.cells.get(key, "") for key in COLUMNS]
    if not for_staff:
        return EntryShown(row.id, row.position, cells)
    tone, icon = MARKS[row.state]
    actor = current_actor()
    takes = may(actor, "publicity:write") and row.state in (SHOWN, HELD) and not notice.closed_at
    reads = may(actor, "objection:read")
    return EntryShown(
        id=row.id,
        position=row.position,
        cells=cells,
        standing=_(ENTRY_STATES[row.state]),
        tone=tone,
        icon=icon,
        number=row.application.number,
        url=url_for("application.details_view", id=row.application_id),
        object_url=url_for("publicity.receive", entry=row.id) if takes else "",
        objections=[_objection(notice, item) for item in row.objections] if reads else (),
    )


def _objection(notice: PublicNotice, row: Objection) -> ObjectionShown:
    tone, icon = MARKS[row.state]
    actor = current_actor()
    writes = may(actor, "publicity:write") and row.state == OPEN
    concludes = writes and stage_of_notice(notice).acts == actor.role
    receiver = row.received_by.name if row.received_by else _("System")
    return ObjectionShown(
        id=row.id,
        said=row.said,
        who=row.objector or _("Anonymous"),
        received=_("%(day)s, received by %(name)s", day=row.raised_on, name=receiver),
        state=_(OBJECTION_STATES[row.state]),
        tone=tone,
        icon=icon,
        investigation=row.investigation,
        reason=row.reason,
        concluded=_concluded(row),
        look_url=url_for("publicity.look", objection=row.id) if writes else "",
        conclude_url=(
            url_for("publicity.conclude", objection=row.id)
            if concludes and row.investigation
            else ""
        ),
    )


def _concluded(row: Objection) -> str:
    if row.concluded_at is None:
        return ""
    name = row.concluded_by.name if row.concluded_by else _("System")
    return f"{name} · {format_datetime(row.concluded_at, 'yyyy-MM-dd HH:mm')}"
