"""The files of a case on its page: what is asked, what is there, adding, removing, opening."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import format_datetime
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from models.application import Application, Attachment
from models.base import Refusal, begin_writing, db
from models.programme import MEDIA
from portal.evidence.cleaning import ACCEPTED, KINDS, MEGABYTE, CleanFile, clean
from portal.evidence.vault import vault
from portal.exchange.sheet_writer import content_disposition
from portal.review import attachments as service
from portal.review.attachment_proof import sweep
from portal.theme.files import ShownFile, ShownFiles, ShownRule
from portal.translations.words import gettext as _
from portal.web.actor import clock, config, current_actor
from portal.web.bodies import FILES_AT_ONCE
from portal.web.errors import words_of

PERMISSIONS = {
    "attach": "application:attach",
    "detach": "application:attach",
    "open_file": "application:read",
}


class Attachments:
    """What ``ApplicationView`` does with files."""

    get_one: Any

    @expose("/attach/<int:row_id>/<rule_key>", methods=("POST",))
    def attach(self, row_id: int, rule_key: str) -> Response:
        """Add the files sent for a rule; what is wrong with one does not stop the others."""
        application = self.get_one(row_id)
        if service.may_add(db.session(), current_actor(), application):
            self._add(row_id, rule_key, request.files.getlist("files"))
        else:
            flash(_(service.NotAttachable.message), "error")
        return _back(row_id)

    @expose("/detach/<int:file_id>", methods=("POST",))
    def detach(self, file_id: int) -> Response:
        """Take a file away."""
        attachment = _seen(file_id)
        try:
            service.remove(db.session(), current_actor(), clock(), attachment)
            db.session.commit()
            flash(_("The file was removed."), "success")
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
        return _back(attachment.application_id)

    @expose("/file/<int:file_id>")
    def open_file(self, file_id: int) -> Response:
        """Download a file; each look is audited."""
        _seen(file_id)
        # the look is written down, so it begins anew with the lock of a writer
        db.session.rollback()
        begin_writing()
        session = db.session()
        data = service.open_attachment(session, current_actor(), clock(), file_id)
        attachment = _seen(file_id)
        name = service.download_name(attachment)
        session.commit()
        kind = attachment.media_type
        answer = current_app.response_class(
            data, mimetype=kind if kind in KINDS.values() else "application/octet-stream"
        )
        answer.headers["Content-Disposition"] = content_disposition(name)
        return answer

    def _add(self, row_id: int, rule_key: str, sent: list[FileStorage]) -> None:
        named = [file for file in sent if file.filename]
        if not named:
            flash(_("Please choose a file."), "error")
        # cleaning takes seconds, in which nobody else may have to wait for this request's lock
        db.session.rollback()
        cleaned = [(file.filename or "", found) for file in named if (found := _cleaned(file))]
        added = 0
        for name, file in cleaned:
            try:
                application = self.get_one(row_id)
                service.add(
                    db.session(), current_actor(), clock(), application, rule_key, name, file
                )
                db.session.commit()
                added += 1
            except Refusal as refusal:
                db.session.rollback()
                _flash_file(name, refusal)
        if added:
            flash(_("%(count)s files were added.", count=added), "success")
        if vault.is_due():
            sweep(db.session(), clock())


def shown_files(application: Application) -> ShownFiles | None:
    """The files of *application* as its page shows them; ``None`` where nothing is asked."""
    session, actor = db.session(), current_actor()
    found = service.wanted(session, application)
    if not found:
        return None
    adds = service.may_add(session, actor, application)
    rules = [_shown(application, row, adds) for row in found]
    return ShownFiles(rules, ACCEPTED, _limits() if any(rule.add_url for rule in rules) else "")


def _limits() -> str:
    size = config().attachment_megabytes
    return _(
        "PDF, JPEG or PNG, at most %(size)s MB each, %(files)s at once",
        size=size,
        files=FILES_AT_ONCE,
    )


def _shown(application: Application, row: service.Wanted, adds: bool) -> ShownRule:
    rule = row.rule
    standing, tone, icon = _standing(row)
    url = url_for("application.attach", row_id=application.id, rule_key=row.key)
    return ShownRule(
        key=row.key,
        title=rule.title if rule else _("Of other rules"),
        clause=rule.clause if rule else "",
        standing=standing,
        tone=tone,
        icon=icon,
        needs=_needs(row),
        hint=rule.hint if rule else "",
        files=[_file(application, file) for file in row.files],
        add_url=url if adds and row.room else "",
    )


def _standing(row: service.Wanted) -> tuple[str, Any, str]:
    """What is missing, in a word, with its tone and its mark."""
    if row.rule is None or not row.is_asked:
        return _("no longer asked for"), "plain", "info-circle"
    if row.rule.medium == service.PAPER:
        return _(MEDIA[service.PAPER]), "info", "file-text"
    if row.missing:
        return _("%(count)s missing", count=row.missing), "warn", "alert-triangle"
    if row.files:
        return _("complete"), "good", "circle-check"
    return _("optional"), "plain", "info-circle"


def _needs(row: service.Wanted) -> str:
    """How many files and papers the rule asks for."""
    rule = row.rule
    if rule is None or not row.is_asked:
        return ""
    parts = []
    if rule.medium != service.PAPER:
        parts.append(_count(rule.at_least, rule.at_most))
    if rule.medium != "electronic":
        parts.append(_("%(copies)s copies on paper", copies=rule.copies))
    return " · ".join(parts)


def _count(least: int, most: int) -> str:
    if least == most:
        return _("%(least)s files", least=least)
    if least == 0:
        return _("up to %(most)s files", most=most)
    return _("%(least)s to %(most)s files", least=least, most=most)


def _file(application: Application, file: Attachment) -> ShownFile:
    removable = service.may_remove(db.session(), current_actor(), application, file)
    return ShownFile(
        name=file.file_name,
        size=_size(file.size),
        who=file.account.name if file.account else _("System"),
        when=format_datetime(file.made_at, "yyyy-MM-dd HH:mm"),
        url=url_for("application.open_file", file_id=file.id),
        remove_url=url_for("application.detach", file_id=file.id) if removable else "",
    )


def _size(size: int) -> str:
    return f"{size / MEGABYTE:.1f} MB" if size >= MEGABYTE else f"{max(size // 1024, 1)} KB"


def _cleaned(file: FileStorage) -> CleanFile | None:
    try:
        return clean(file.stream, config().attachment_megabytes)
    except Refusal as refusal:
        _flash_file(file.filename or "", refusal)
        return None


def _flash_file(name: str, refusal: Refusal) -> None:
    """What is wrong with one of several files, by the name its sender knows."""
    flash(f"{name.replace(chr(92), '/').rpartition('/')[2][:60]}：{words_of(refusal)}", "error")


def _seen(file_id: int) -> Attachment:
    try:
        return service.seen(db.session(), current_actor(), file_id)
    except service.NoSuchFile:
        abort(404)


def _back(row_id: int) -> Response:
    return redirect(url_for("application.details_view", id=row_id, _anchor="files"))
