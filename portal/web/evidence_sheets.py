"""The two sheets of evidence: an authority's answers, and payments of earlier years."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask, request, url_for
from werkzeug.wrappers import Response

from models.base import db
from models.evidence import CERTIFICATE, CHECKED, RESULTS
from models.exchange import SheetImport
from portal.evidence.comparison import FIELDS
from portal.evidence.identifiers import mask_card, mask_id, tidy
from portal.exchange.history_in import (
    COLUMNS,
    HistorySheet,
    apply_history,
    read_history,
    write_history_template,
)
from portal.exchange.registry_sheets import ANSWERED, AnswerSheet, apply_answers, read_answers
from portal.review.registry_checks import SOURCE_LENGTH, NoSource, NotCheckable
from portal.theme import cells
from portal.theme.pages import Tile, Upload
from portal.theme.shapes import Choice, Filter
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.routes import needs
from portal.web.sheet_wizard import wizard

_RESULT_TILES: dict[str, tuple[str, Any]] = {
    "matches": ("circle-check", "good"),
    "differs": ("alert-triangle", "warn"),
    "not_found": ("circle-x", "bad"),
    "unchecked": ("list", "plain"),
}


def register(app: Flask) -> None:
    """Attach both wizards."""
    app.register_blueprint(wizard(Answers()))
    history = wizard(History())

    @history.get("/template")
    @needs(History.permission)
    def template() -> Response:
        target = BytesIO()
        write_history_template(target, told)
        return sheet_answer(target, f"{_('Earlier payments')}.xlsx")

    app.register_blueprint(history)


class Answers:
    """An authority's answered list."""

    name, url = "answers", "/registry-answers"
    permission, subject = "registry:write", "registry_check"

    def upload(self, action_url: str, errors: Sequence[tuple[str, str]]) -> Upload:
        """Choose what was checked and by whom it was answered."""
        kind = request.values.get("kind", CERTIFICATE)
        kinds = [Choice(key, _(word), key == kind) for key, word in CHECKED.items()]
        source = request.form.get("source", "")
        return Upload(
            title=_("Import an authority's answers"),
            action_url=action_url,
            back_url=url_for("registrycheck.index_view"),
            choices=[
                Filter("kind", _("What is checked"), "select", kinds),
                Filter("source", _("Authority"), "text", value=source),
            ],
            hints=[
                _("Take the list that was exported here, with the answers filled in."),
                _("Every field that the authority states is compared; the result follows."),
            ],
            errors=errors,
        )

    def about(self) -> dict[str, Any]:
        """What was checked, and who answered."""
        kind, source = request.form.get("kind", ""), request.form.get("source", "").strip()
        if kind not in CHECKED:
            raise NotCheckable()
        if len(source) < 2:
            raise NoSource()
        return {"kind": kind, "source": source[:SOURCE_LENGTH]}

    def read(self, found: SheetImport, path: Path) -> AnswerSheet:
        """The answers, row by row."""
        return read_answers(db.session(), current_actor(), found.report["kind"], path, told)

    def apply(self, found: SheetImport, sheet: AnswerSheet) -> dict[str, Any]:
        """Record them; gives how many came out how."""
        source = found.report["source"]
        made = apply_answers(db.session(), current_actor(), clock(), sheet, source)
        results = [row.result for row in made]
        return {"results": {result: results.count(result) for result in RESULTS}}

    def told(self, found: SheetImport) -> list[Tile]:
        """Each result with its count."""
        counts = found.report.get("results", {})
        return [
            Tile(_(word), str(counts.get(result, 0)), *_RESULT_TILES[result])
            for result, word in RESULTS.items()
        ]

    def masked(self, heading: str, text: str) -> str:
        """ID and card numbers masked, whoever typed them."""
        for key, mask in (("id_number", mask_id), ("card", mask_card)):
            labels = {_(row.label) for rows in FIELDS.values() for row in rows if row.key == key}
            words = labels | {_(ANSWERED, field=label) for label in labels}
            if tidy(heading) in {tidy(word) for word in words}:
                return mask(text)
        return text

    def list_url(self) -> str:
        """The checks that want a look."""
        return url_for("registrycheck.index_view")


class History:
    """Payments of the years before the system."""

    name, url = "history", "/history-import"
    permission, subject = "history:import", "past_award"

    def upload(self, action_url: str, errors: Sequence[tuple[str, str]]) -> Upload:
        """Choose the sheet."""
        return Upload(
            title=_("Import earlier payments"),
            action_url=action_url,
            back_url=url_for("pastaward.index_view"),
            templates=[(_("Earlier payments"), url_for("history.template"))],
            hints=[
                _("Earlier payments count as awarded: what was paid is not paid again."),
                _("Rows that are well-formed are entered; the others come back with the reason."),
            ],
            errors=errors,
        )

    def about(self) -> dict[str, Any]:
        """Nothing beside the file."""
        return {}

    def read(self, found: SheetImport, path: Path) -> HistorySheet:
        """The payments, row by row."""
        return read_history(db.session(), current_actor(), clock(), path, found.file_name, told)

    def apply(self, found: SheetImport, sheet: HistorySheet) -> dict[str, Any]:
        """Write them; gives what they add up to."""
        apply_history(db.session(), current_actor(), clock(), sheet)
        return {"total_fen": sheet.total_fen}

    def told(self, found: SheetImport) -> list[Tile]:
        """How many, and what they add up to."""
        total = cells.yuan(found.report.get("total_fen", 0))
        return [
            Tile(_("Entered"), str(found.accepted), "circle-check", "good"),
            Tile(_("Total (yuan)"), total, "coin-yuan"),
        ]

    def masked(self, heading: str, text: str) -> str:
        """The ID number masked."""
        return mask_id(text) if tidy(heading) == tidy(_(COLUMNS["id_number"][0])) else text

    def list_url(self) -> str:
        """The payments."""
        return url_for("pastaward.index_view")
