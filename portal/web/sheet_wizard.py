"""Sheets of checks and of earlier payments: upload, look over, apply in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from models.base import Refusal, db
from models.exchange import SheetImport
from portal.exchange import uploads
from portal.exchange.applications_in import RefusedRow
from portal.exchange.refused_sheet import reasons, write_refused
from portal.theme.pages import ImportDone, Preview, SheetCell, SheetRow, Tile, Upload
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import config
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of
from portal.web.routes import needs
from portal.web.sheet_files import APPLIED, PREVIEWED, kept, own, path_of, take

SHOWN = 200


class Read(Protocol):
    """A sheet as read: what would be written, and rows that cannot be."""

    heading: list[str]
    accepted: list[Any]
    refused: list[RefusedRow]
    unknown: list[str]

    @property
    def read(self) -> int:
        """How many rows the sheet has."""


class Kind(Protocol):
    """What one kind of sheet does; ``name`` is its blueprint, ``permission`` what it needs."""

    name: str
    url: str
    permission: str
    subject: str

    def upload(self, action_url: str, errors: Sequence[tuple[str, str]]) -> Upload:
        """The page on which a sheet is chosen."""

    def about(self) -> dict[str, Any]:
        """What the form says beside the file, kept with it; raises a ``Refusal``."""

    def read(self, found: SheetImport, path: Path) -> Read:
        """Read the sheet; nothing is written."""

    def apply(self, found: SheetImport, sheet: Any) -> dict[str, Any]:
        """Write what is well-formed; gives what the last page tells."""

    def told(self, found: SheetImport) -> list[Tile]:
        """What was written, in tiles."""

    def masked(self, heading: str, text: str) -> str:
        """A cell as the preview shows it."""

    def list_url(self) -> str:
        """Where the written rows are."""


def wizard(kind: Kind) -> Blueprint:
    """The pages of *kind*, each behind its permission."""
    pages = Blueprint(kind.name, __name__, url_prefix=kind.url)

    @pages.route("/", methods=("GET", "POST"))
    @needs(kind.permission)
    def upload() -> Any:
        return _upload(kind)

    @pages.get("/<key>")
    @needs(kind.permission)
    def preview(key: str) -> Any:
        return _look_over(kind, own(key, SheetImport.subject == kind.subject))

    @pages.post("/<key>")
    @needs(kind.permission)
    def apply_sheet(key: str) -> Any:
        return _apply(kind, own(key, SheetImport.subject == kind.subject))

    @pages.get("/<key>/refused")
    @needs(kind.permission)
    def refused(key: str) -> Response:
        return _refused(kind, own(key, SheetImport.subject == kind.subject))

    return pages


def _upload(kind: Kind) -> Any:
    """Choose a sheet, or keep the one that was sent."""
    if request.method == "GET":
        return _upload_page(kind, [])
    uploads.sweep(config().home)
    try:
        made = _store(kind)
    except Refusal as refusal:
        db.session.rollback()
        return _upload_page(kind, [("file", words_of(refusal))]), 422
    return redirect(url_for(".preview", key=made.row_key))


def _look_over(kind: Kind, found: SheetImport) -> Any:
    """What was read, with the errors beside the cells; what was written, once it was."""
    if found.state == APPLIED:
        return _done_page(kind, found)
    try:
        sheet = kind.read(found, path_of(found))
    except Refusal as refusal:
        return _upload_page(kind, [("file", words_of(refusal))]), 422
    return render_template("portal/import_preview.html", preview=_preview(kind, found, sheet))


def _apply(kind: Kind, found: SheetImport) -> Any:
    """Read the file again and write what is well-formed, all or nothing."""
    key = found.row_key
    try:
        take(found)
        sheet = kind.read(found, path_of(found))
        _note(found, sheet)
        found.report = found.report | kind.apply(found, sheet)
    except Refusal as refusal:
        db.session.rollback()
        return _upload_page(kind, [("file", words_of(refusal))]), 422
    if sheet.refused:
        with uploads.refused(config().home, key).open("wb") as file:
            _write_refused(sheet, file)
    db.session.commit()
    uploads.place(config().home, key).unlink(missing_ok=True)
    return redirect(url_for(".preview", key=key))


def _refused(kind: Kind, found: SheetImport) -> Response:
    """The refused rows as a sheet with the reasons."""
    target = BytesIO()
    there = uploads.refused(config().home, found.row_key)
    if found.state == PREVIEWED:
        _write_refused(kind.read(found, path_of(found)), target)
    elif there.exists():
        target.write(there.read_bytes())
    else:
        abort(404)
    return sheet_answer(target, f"{Path(found.file_name).stem}-{_('Refused rows')}.xlsx")


def _store(kind: Kind) -> SheetImport:
    """Keep the file under a random name and read it once."""
    about = kind.about()
    made = kept(request.files.get("file"), kind.subject, report=about)
    try:
        _note(made, kind.read(made, path_of(made)))
    except Refusal:
        uploads.place(config().home, made.row_key).unlink()
        raise
    db.session.add(made)
    db.session.commit()
    return made


def _note(found: SheetImport, sheet: Read) -> None:
    found.rows_read, found.accepted = sheet.read, len(sheet.accepted)
    found.refused = len(sheet.refused)


def _upload_page(kind: Kind, errors: list[tuple[str, str]]) -> str:
    shown = kind.upload(url_for(".upload"), errors)
    return render_template("portal/import_upload.html", upload=shown)


def _write_refused(sheet: Read, target: IO[bytes]) -> None:
    words = (_("Row"), _("Reason"))
    write_refused(target, _("Refused rows"), sheet.heading, sheet.refused, words, told)


def _preview(kind: Kind, found: SheetImport, sheet: Read) -> Preview:
    return Preview(
        title=_("Check the sheet"),
        file_name=found.file_name,
        token=found.row_key,
        action_url=url_for(".apply_sheet", key=found.row_key),
        cancel_url=url_for(".upload"),
        tiles=[
            Tile(_("Rows read"), str(sheet.read), "list"),
            Tile(_("Well-formed"), str(len(sheet.accepted)), "circle-check", "good"),
            Tile(_("Refused"), str(len(sheet.refused)), "circle-x", "bad"),
            *_unknown(sheet),
        ],
        columns=sheet.heading,
        rows=[_sheet_row(kind, row, sheet.heading) for row in sheet.refused[:SHOWN]],
        apply_label=_("Write %(count)s rows", count=len(sheet.accepted)),
        can_apply=bool(sheet.accepted),
        rest=max(len(sheet.refused) - SHOWN, 0),
        sheet_url=url_for(".refused", key=found.row_key) if sheet.refused else "",
    )


def _unknown(sheet: Read) -> list[Tile]:
    """Columns that nobody reads, by their headings."""
    if not sheet.unknown:
        return []
    named = "、".join(sheet.unknown)[:120]
    return [Tile(_("Columns not read"), str(len(sheet.unknown)), "list", "warn", hint=named)]


def _sheet_row(kind: Kind, row: RefusedRow, heading: list[str]) -> SheetRow:
    errors = {item.label: told(item.message, item.params) for item in row.problems}
    cells = [
        SheetCell(kind.masked(name, text), errors.get(name, ""))
        for name, text in zip(heading, row.cells, strict=False)
    ]
    return SheetRow(row.row, cells, reasons(row, told))


def _done_page(kind: Kind, found: SheetImport) -> str:
    left = uploads.refused(config().home, found.row_key).exists()
    done = ImportDone(
        title=_("The sheet was entered"),
        tiles=[
            *kind.told(found),
            Tile(_("Refused"), str(found.refused), "circle-x", "plain"),
        ],
        list_url=kind.list_url(),
        again_url=url_for(".upload"),
        sheet_url=url_for(".refused", key=found.row_key) if left else "",
    )
    return render_template("portal/import_done.html", done=done)
