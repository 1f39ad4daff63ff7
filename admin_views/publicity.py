"""公示: notices, their entries, and the objections against them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import BaseView, expose
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from admin_views import publicity_words as words
from models.base import N_, Refusal, begin_writing, db
from models.programme import Revision, Stage
from models.publicity import NoticeEntry, Objection, PublicNotice
from portal.access.permissions import may
from portal.access.scope import visible
from portal.exchange.notice_sheet import write_notice
from portal.review import objections
from portal.review.publicity import close_over, is_over, open_notice
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

OUTCOMES = ("reject", "return")
MOST_NOTICES = 200


class PublicityView(BaseView):
    """Public notices."""

    permission = "publicity"

    @property
    def permissions(self) -> dict[str, str]:
        """Whoever sees a case sees its line; objections are for those who handle them."""
        reads = dict.fromkeys(("index", "notice", "printed", "sheet"), "publicity:read")
        acts = ("open", "receive", "look", "conclude")
        return reads | dict.fromkeys(acts, "publicity:write")

    @expose("/")
    def index(self) -> Any:
        """Every notice that shows a case of theirs; one whose time is up ends now."""
        _close_what_is_over()
        rows = db.session.execute(
            select(PublicNotice, func.count(NoticeEntry.id))
            .join(NoticeEntry, NoticeEntry.notice_id == PublicNotice.id)
            .where(visible(NoticeEntry, current_actor()))
            .group_by(PublicNotice.id)
            .order_by(PublicNotice.id.desc())
            .limit(MOST_NOTICES)
        ).all()
        lines = [words.line(notice, count) for notice, count in rows]
        return self.render("portal/publicity_index.html", notices=lines)

    @expose("/notice")
    def notice(self) -> Any:
        """One notice with its entries and objections."""
        _close_what_is_over()
        notice = _notice()
        shown = words.shown(notice, _entries(notice), for_staff=True)
        return self.render("portal/publicity_notice.html", notice=shown)

    @expose("/print")
    def printed(self) -> Any:
        """The frozen list to print: what was shown, and nothing else."""
        notice = _notice()
        shown = words.shown(notice, _entries(notice), for_staff=False)
        return self.render("portal/publicity_print.html", notice=shown)

    @expose("/sheet")
    def sheet(self) -> Response:
        """The frozen list as a sheet."""
        notice, target = _notice(), BytesIO()
        write_notice(notice, _entries(notice), target, told)
        return sheet_answer(target, f"{notice.title}.xlsx")

    @expose("/open", methods=("POST",))
    def open(self) -> Response:
        """Put what waits at a stage on notice."""
        stage = db.session.get(Stage, _number(request.args.get("id", ""))) or abort(404)
        revision = db.session.get_one(Revision, stage.revision_id)
        try:
            made = open_notice(
                db.session(),
                current_actor(),
                clock(),
                revision,
                stage,
                title=request.form.get("title", ""),
                is_public=request.form.get("is_public") == "1",
            )
            db.session.commit()
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
            return redirect(url_for("panel.stage", id=stage.id))
        flash(_("%(count)s applications are on notice.", count=len(made.entries)), "success")
        return redirect(url_for(".notice", id=made.id))

    @expose("/receive", methods=("POST",))
    def receive(self) -> Response:
        """Note an objection."""
        entry = _entry()
        session, actor, form = db.session(), current_actor(), request.form
        raised = _day(form.get("raised_on", ""))
        return _done(
            entry,
            lambda: objections.receive(
                session,
                actor,
                clock(),
                entry,
                form.get("said", ""),
                form.get("objector", ""),
                raised,
            ),
            N_("The objection was noted; the application is held."),
        )

    @expose("/look", methods=("POST",))
    def look(self) -> Response:
        """Write down what was found."""
        found = _objection()
        session, actor = db.session(), current_actor()
        text = request.form.get("found", "")
        return _done(
            found.entry,
            lambda: objections.look_into(session, actor, clock(), found, text),
            N_("What was found was written down."),
        )

    @expose("/conclude", methods=("POST",))
    def conclude(self) -> Response:
        """Uphold or dismiss."""
        found = _objection()
        session, actor = db.session(), current_actor()
        reason, outcome = request.form.get("reason", ""), request.form.get("outcome", "")
        if outcome in OUTCOMES:
            return _done(
                found.entry,
                lambda: objections.uphold(session, actor, clock(), found, outcome, reason),
                N_("The objection was upheld."),
            )
        return _done(
            found.entry,
            lambda: objections.dismiss(session, actor, clock(), found, reason),
            N_("The objection was dismissed."),
        )


def _close_what_is_over() -> None:
    """A reader who finds that time is up lets the rest pass first, in a transaction of its own."""
    if not is_over(db.session(), clock().today()):
        return
    db.session.rollback()
    begin_writing()
    try:
        close_over(db.session(), clock())
        db.session.commit()
    finally:
        db.session.rollback()
        begin_writing(False)


def _notice() -> PublicNotice:
    """The notice that the address names, if it shows a case of theirs."""
    found = db.session.scalar(
        select(PublicNotice).where(
            PublicNotice.id == _number(request.args.get("id", "")),
            visible(PublicNotice, current_actor()),
        )
    )
    return found if found is not None else abort(404)


def _entries(notice: PublicNotice) -> list[NoticeEntry]:
    """Its lines as far as they see them."""
    return list(
        db.session.scalars(
            select(NoticeEntry)
            .where(NoticeEntry.notice_id == notice.id, visible(NoticeEntry, current_actor()))
            .order_by(NoticeEntry.position)
        )
    )


def _entry() -> NoticeEntry:
    found = db.session.scalar(
        select(NoticeEntry).where(
            NoticeEntry.id == _number(request.args.get("entry", "")),
            visible(NoticeEntry, current_actor()),
        )
    )
    return found if found is not None else abort(404)


def _objection() -> Objection:
    found = db.session.scalar(
        select(Objection).where(
            Objection.id == _number(request.args.get("objection", "")),
            visible(Objection, current_actor()),
        )
    )
    if found is None or not may(current_actor(), "objection:read"):
        abort(404)
    return found


def _done(entry: NoticeEntry, act: Callable[[], Any], said: str) -> Response:
    back = url_for("publicity.notice", id=entry.notice_id, _anchor=f"entry-{entry.id}")
    try:
        act()
        db.session.commit()
        flash(_(said), "success")
    except Refusal as refusal:
        db.session.rollback()
        flash(words_of(refusal), "error")
    return redirect(back)


def _number(text: str) -> int:
    """A number that a page gave; 0, which no row has, for anything else."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
