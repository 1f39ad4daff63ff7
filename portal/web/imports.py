"""The import wizard: upload, look at what was read, apply it in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, Any

from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from models.application import ELIGIBLE, HELD, INELIGIBLE, Application
from models.base import Refusal, db, in_parts
from models.exchange import SheetImport
from models.programme import Programme
from portal.access import audit
from portal.evidence.identifiers import mask_card, mask_id, mask_phone
from portal.exchange import uploads
from portal.exchange.applications_in import (
    Reading,
    RefusedRow,
    apply,
    read_applications,
)
from portal.exchange.refused_sheet import reasons, write_refused
from portal.exchange.template_sheet import write_template
from portal.policy.judge import in_force
from portal.policy.packs import programme_called
from portal.theme.pages import ImportDone, Preview, SheetCell, SheetRow, Tile, Upload
from portal.theme.shapes import Choice, Filter
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, config, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of
from portal.web.routes import needs
from portal.web.sheet_files import APPLIED, PREVIEWED, FileChanged, NoFile, kept, own, path_of, take

SHOWN = 200
_BETWEEN = ":"
_MASKS = {"id_number": mask_id, "phone": mask_phone, "card": mask_card}

pages = Blueprint("imports", __name__, url_prefix="/imports")


def register(app: Flask) -> None:
    """Attach the wizard."""
    app.register_blueprint(pages)


@pages.route("/", methods=("GET", "POST"))
@needs("application:import")
def upload() -> Any:
    """Choose a programme and a file."""
    if request.method == "GET":
        return _upload_page([])
    uploads.sweep(config().home)
    try:
        made = _store(request.files.get("file"), request.form.get("programme", ""))
    except Refusal as refusal:
        db.session.rollback()
        return _upload_page([("file", words_of(refusal))]), 422
    return redirect(url_for(".preview", key=made.row_key))


@pages.get("/template/<code>")
@needs("application:import")
def template(code: str) -> Response:
    """The empty sheet of a programme."""
    revision = in_force(db.session(), programme_called(db.session(), code))
    if revision is None:
        abort(404)
    target = BytesIO()
    write_template(db.session(), revision, target, told)
    return sheet_answer(target, f"{revision.programme.title}.xlsx")


@pages.get("/<key>")
@needs("application:import")
def preview(key: str) -> Any:
    """What was read, with the errors beside the cells."""
    found = _own(key)
    if found.state == APPLIED:
        return _done_page(found)
    return render_template("portal/import_preview.html", preview=_preview(found, _read(found)))


@pages.post("/<key>")
@needs("application:import")
def apply_sheet(key: str) -> Any:
    """Read the file again and enter what is well-formed, all or nothing."""
    found = _own(key)
    try:
        take(found)
        reading = _read(found)
        ids = apply(db.session(), current_actor(), clock(), reading)
    except Refusal as refusal:
        db.session.rollback()
        return _upload_page([("file", words_of(refusal))]), 422
    _note(found, reading)
    found.report = _counts(ids)
    audit.record(
        db.session(), current_actor(), clock().now(), "application:import", "sheet_import",
        found.id, details={"accepted": found.accepted, "refused": found.refused},
    )  # fmt: skip
    if reading.refused:
        with uploads.refused(config().home, key).open("wb") as file:
            _write_refused(reading, file)
    db.session.commit()
    uploads.place(config().home, key).unlink(missing_ok=True)
    return redirect(url_for(".preview", key=key))


@pages.get("/<key>/refused")
@needs("application:import")
def refused(key: str) -> Response:
    """The refused rows as a sheet with the reasons."""
    found = _own(key)
    target = BytesIO()
    there = uploads.refused(config().home, key)
    if found.state == PREVIEWED:
        _write_refused(_read(found), target)
    elif there.exists():
        target.write(there.read_bytes())
    else:
        abort(404)
    return sheet_answer(target, f"{Path(found.file_name).stem}-{_('Refused rows')}.xlsx")


def _write_refused(reading: Reading, target: IO[bytes]) -> None:
    words = (_("Row"), _("Reason"))
    write_refused(target, _("Refused rows"), reading.heading, reading.refused, words, told)


def _store(file: FileStorage | None, chosen: str) -> SheetImport:
    """Keep the file under a random name and read it once."""
    code, _between, channel = chosen.partition(_BETWEEN)
    if file is None or not file.filename:
        raise NoFile()
    programme = programme_called(db.session(), code)
    made = kept(file, programme.subject, programme_id=programme.id, channel=channel or None)
    made.programme = programme
    try:
        _note(made, _read(made))
    except Refusal:
        uploads.place(config().home, made.row_key).unlink()
        raise
    db.session.add(made)
    db.session.commit()
    return made


def _read(found: SheetImport) -> Reading:
    if found.programme is None:
        raise FileChanged()
    path = path_of(found)
    return read_applications(
        db.session(), current_actor(), clock(), found.programme, found.channel, path
    )


def _note(found: SheetImport, reading: Reading) -> None:
    found.rows_read, found.accepted = reading.read, len(reading.accepted)
    found.refused = len(reading.refused)
    found.channel = reading.channel


def _own(key: str) -> SheetImport:
    """The import called *key*, for the person who uploaded it."""
    return own(key, SheetImport.programme_id.is_not(None))


def _counts(ids: list[int]) -> dict[str, int]:
    found = dict.fromkeys((ELIGIBLE, HELD, INELIGIBLE), 0)
    for part in in_parts(ids):
        rows = db.session.execute(
            select(Application.verdict, func.count())
            .where(Application.id.in_(part))
            .group_by(Application.verdict)
        )
        for verdict, count in rows:
            found[str(verdict)] += count
    return found


def _upload_page(errors: list[tuple[str, str]]) -> str:
    programmes = [
        row
        for row in db.session.scalars(select(Programme).order_by(Programme.id.desc()))
        if in_force(db.session(), row) is not None
    ]
    choices = [choice for row in programmes for choice in _channels(row)]
    return render_template(
        "portal/import_upload.html",
        upload=Upload(
            title=_("Import applications"),
            action_url=url_for(".upload"),
            back_url=url_for("application.index_view"),
            templates=[(row.title, url_for(".template", code=row.code)) for row in programmes],
            choices=[Filter("programme", _("Programme"), "select", choices)],
            hints=[
                _("Rows that are well-formed are entered; the others come back with the reason."),
                _("Nothing is entered before you have seen the preview."),
            ],
            errors=errors,
        ),
    )


def _channels(programme: Programme) -> list[Choice]:
    """The programme, once for each channel by which the person may enter."""
    revision, role = in_force(db.session(), programme), current_actor().role
    own = [row for row in revision.channels if role in row.roles] if revision else []
    several = len(own) > 1
    return [
        Choice(
            f"{programme.code}{_BETWEEN}{row.key}",
            f"{programme.title} · {row.title}" if several else programme.title,
        )
        for row in own
    ]


def _preview(found: SheetImport, reading: Reading) -> Preview:
    kinds = {row.label: row.kind for row in reading.revision.fields}
    return Preview(
        title=_("Check the sheet"),
        file_name=found.file_name,
        token=found.row_key,
        action_url=url_for(".apply_sheet", key=found.row_key),
        cancel_url=url_for(".upload"),
        tiles=[
            Tile(_("Rows read"), str(reading.read), "list"),
            Tile(_("Well-formed"), str(len(reading.accepted)), "circle-check", "good"),
            Tile(_("Refused"), str(len(reading.refused)), "circle-x", "bad"),
        ],
        columns=reading.heading,
        rows=[
            *(_sheet_row(row, reading.heading, kinds) for row in reading.refused[:SHOWN]),
            *islice(_warned_rows(reading), SHOWN),
        ],
        apply_label=_("Enter %(count)s applications", count=len(reading.accepted)),
        can_apply=bool(reading.accepted),
        rest=max(len(reading.refused) - SHOWN, 0),
        sheet_url=url_for(".refused", key=found.row_key) if reading.refused else "",
    )


def _sheet_row(row: RefusedRow, heading: list[str], kinds: dict[str, str]) -> SheetRow:
    errors = {item.label: told(item.message, item.params) for item in row.problems}
    cells = [
        SheetCell(_MASKS.get(kinds.get(name, ""), str)(text), errors.get(name, ""))
        for name, text in zip(heading, row.cells, strict=False)
    ]
    return SheetRow(row.row, cells, reasons(row, told))


def _warned_rows(reading: Reading) -> Iterator[SheetRow]:
    """Accepted rows that deserve a second look: number, name and why."""
    named = [row.label for row in reading.revision.fields if row.key == "applicant.name"]
    for number, values in reading.accepted:
        if values.warnings:
            name = values.applicant["name"]
            words = [f"{p.label}：{told(p.message, p.params)}" for p in values.warnings]
            cells = [SheetCell(name if label in named else "") for label in reading.heading]
            yield SheetRow(number, cells, warning="；".join(words))


def _done_page(found: SheetImport) -> str:
    report = found.report
    sheet_left = uploads.refused(config().home, found.row_key).exists()
    done = ImportDone(
        title=_("The sheet was entered"),
        tiles=[
            Tile(_("Entered"), str(found.accepted), "circle-check", "good"),
            Tile(_("Eligible"), str(report.get(ELIGIBLE, 0)), "circle-check", "good"),
            Tile(_("Needs a person"), str(report.get(HELD, 0)), "alert-triangle", "warn"),
            Tile(_("Not eligible"), str(report.get(INELIGIBLE, 0)), "circle-x", "bad"),
            Tile(_("Refused"), str(found.refused), "circle-x", "plain"),
        ],
        list_url=url_for("application.index_view"),
        again_url=url_for(".upload"),
        sheet_url=url_for(".refused", key=found.row_key) if sheet_left else "",
    )
    return render_template("portal/import_done.html", done=done)
