"""Exports: small ones at once, large ones by the worker, each for its owner alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

from flask import (
    Blueprint,
    Flask,
    abort,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import force_locale, format_datetime
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from models.application import Application
from models.base import Refusal, db, in_parts
from models.exchange import Job
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.clock import Clock
from portal.exchange import uploads
from portal.exchange.applications_out import (
    ExportNeedsReason,
    export_applications,
    note_export,
    write_applications,
)
from portal.exchange.sheet_writer import MIME, content_disposition
from portal.exchange.summary_sheet import write_summary
from portal.jobs import DONE, FAILED, job, start_job
from portal.jobs import STATES as JOB_STATES
from portal.policy.packs import programme_called
from portal.theme.pages import ExportJob, Exports
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, config, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of
from portal.web.routes import needs

AT_ONCE = 2_000
"""Rows up to which the sheet is the answer itself."""
PART = 5_000

pages = Blueprint("exports", __name__, url_prefix="/exports")


def register(app: Flask) -> None:
    """Attach the downloads."""
    app.register_blueprint(pages)


def start_export(where: Sequence[ColumnElement[bool]], back: str) -> Any:
    """Answer with the sheet of the cases that *where* keeps, or start a job that makes it.

    The form's ``with_identifiers`` and ``reason`` ask for identifiers in full.
    """
    in_full = request.form.get("with_identifiers") == "1"
    reason = request.form.get("reason", "").strip()[:200]
    session, actor = db.session(), current_actor()
    ids = session.scalars(
        select(Application.id).where(visible(Application, actor), *where).order_by(Application.id)
    ).all()
    try:
        if len(ids) > AT_ONCE:
            return _start(ids, in_full, reason)
        target = BytesIO()
        chosen = [Application.id.in_(ids)]
        export_applications(
            session, actor, clock(), chosen, target, told, with_identifiers=in_full, reason=reason
        )
    except Refusal as refusal:
        session.rollback()
        flash(words_of(refusal), "error")
        return redirect(back)
    session.commit()
    return sheet_answer(target, f"{_('Applications')}-{clock().today()}.xlsx")


def _start(ids: Sequence[int], in_full: bool, reason: str) -> Response:
    uploads.sweep(config().home)
    session, actor = db.session(), current_actor()
    if in_full:
        require(actor, "applicant:reveal")
        if len(reason) < 2:
            raise ExportNeedsReason()
    params = {"ids": list(ids), "in_full": in_full}
    row = start_job(session, actor, clock(), "export", _("Export"), params)
    note_export(session, actor, clock(), len(ids), in_full=in_full, reason=reason)
    session.commit()
    return redirect(url_for("exports.wait", key=row.row_key))


@job("export")
def export_job(
    session: Session, actor: Actor, now: Clock, row: Job, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Write the chosen cases to a file of the owner's, part by part."""
    ids: list[int] = row.params["ids"]
    parts = [[Application.id.in_(part)] for part in in_parts(ids, PART)]
    path = uploads.export(config().home, row.row_key)
    with force_locale(config().locale):
        count = write_applications(
            session, actor, parts, path, told, in_full=row.params["in_full"], progress=progress
        )
    return {"rows": count}


@pages.get("/<key>")
@needs("application:export")
def wait(key: str) -> Any:
    """The page that follows a job; it survives leaving and coming back."""
    running = _own(key).state not in (DONE, FAILED)
    return _page(url_for(".progress", key=key) if running else "")


@pages.get("/")
@needs("application:export")
def mine() -> str:
    """The sheets that were made for this person and still lie here."""
    return _page("")


def _page(progress_url: str) -> str:
    rows = db.session.scalars(
        select(Job)
        .where(
            Job.account_id == current_actor().account_id,
            Job.kind == "export",
            Job.created_at > clock().now() - uploads.KEPT,
        )
        .order_by(Job.id.desc())
    )
    shown = Exports([_told(row) for row in rows], url_for("application.index_view"), progress_url)
    return render_template("portal/exports.html", exports=shown)


def _told(row: Job) -> ExportJob:
    there = row.state == DONE and uploads.export(config().home, row.row_key).exists()
    return ExportJob(
        title=f"{row.title} · {row.total:,}",
        when=format_datetime(row.created_at, "yyyy-MM-dd HH:mm"),
        state=_(JOB_STATES[row.state]),
        file_url=url_for(".file", key=row.row_key) if there else "",
    )


@pages.get("/<key>/progress")
@needs("application:export")
def progress(key: str) -> Response:
    """How far a job is."""
    row = _own(key)
    state = row.state if row.state in (DONE, FAILED) else "running"
    return jsonify(done=row.done, total=row.total, state=state, url=url_for(".wait", key=key))


@pages.get("/<key>/file")
@needs("application:export")
def file(key: str) -> Response:
    """The finished sheet."""
    row = _own(key)
    path = uploads.export(config().home, row.row_key)
    if row.state != DONE or not path.exists():
        abort(404)
    answer = send_file(path, mimetype=MIME)
    name = f"{_('Applications')}-{clock().today()}.xlsx"
    answer.headers["Content-Disposition"] = content_disposition(name)
    return answer


@pages.get("/summary/<code>")
@needs("application:export")
def summary(code: str) -> Response:
    """The 汇总表 of a programme for the person's subtree."""
    programme = programme_called(db.session(), code)
    target = BytesIO()
    write_summary(db.session(), current_actor(), programme, target, told)
    return sheet_answer(target, f"{programme.title}-{_('Summary')}.xlsx")


def _own(key: str) -> Job:
    row = db.session.scalar(
        select(Job).where(Job.row_key == key, Job.account_id == current_actor().account_id)
    )
    return row if row is not None else abort(404)
