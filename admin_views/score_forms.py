"""One score sheet as a form: the same for the expert and for the centre that types from paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import flash, redirect, request, url_for

from admin_views.application_forms import stored_cells
from models.application import Application, Attachment
from models.base import Refusal, db
from models.panel import ScoreSheet
from models.programme import FormField, Stage
from portal.policy.stage_checks import most_points
from portal.review import attachments, panel
from portal.review.scoring import shown
from portal.theme import cells
from portal.theme.files import ShownFile, ShownFiles, ShownRule
from portal.theme.pages import Fact, Section
from portal.theme.panels import CriterionInput, ScoreForm
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

PRIVATE = ("payee.", "applicant.phone", "applicant.id_number", "application.")
"""What of a form an expert has no use for."""


def show_sheet(view: Any, sheet: ScoreSheet, stage: Stage, here: str, back: str) -> Any:
    """The form of *sheet*; a POST fills it in and locks it."""
    if request.method == "POST":
        try:
            seen = request.form.get("version", "")
            panel.score(
                db.session(),
                current_actor(),
                clock(),
                sheet,
                {key[2:]: text for key, text in request.form.items() if key.startswith("p_")},
                request.form.get("justification", ""),
                int(seen) if seen.isdecimal() and len(seen) < 10 else 0,
            )
            db.session.commit()
            flash(_("The score sheet was handed in."), "success")
            return redirect(back)
        except Refusal as refusal:
            db.session.rollback()
            told = _form(sheet, stage, here, back, [("", words_of(refusal))])
            return view.render("portal/score_sheet.html", sheet=told), 422
    return view.render("portal/score_sheet.html", sheet=_form(sheet, stage, here, back, []))


def _form(
    sheet: ScoreSheet, stage: Stage, here: str, back: str, errors: list[tuple[str, str]]
) -> ScoreForm:
    rules, case = panel.panel_of(stage), sheet.application
    is_own = panel.is_own(current_actor(), sheet)
    words = _("Your score is read by the centre once you hand the sheet in.")
    if not is_own:
        words = _("You type a sheet that %(name)s filled in on paper.", name=sheet.expert.name)
    return ScoreForm(
        title=str(case.studio if case.project is None else case.project) or case.number,
        subtitle=f"{case.number} · {case.organization.name} · {sheet.expert.name}",
        action_url=here,
        back_url=back,
        version=sheet.version,
        criteria=[
            CriterionInput(item["key"], item["title"], item["most"], _typed(sheet, item["key"]))
            for item in rules["criteria"]
        ],
        most=most_points(rules),
        lead=words,
        justification=request.form.get("justification", sheet.justification),
        is_open=sheet.submitted_at is None and sheet.voided_at is None,
        total=shown(sheet.total) if sheet.total is not None else "",
        sections=list(_sections(case)),
        files=_files(case, is_own),
        declare_url=url_for("score.declare", sheet=sheet.id) if is_own else "",
        errors=errors,
    )


def _typed(sheet: ScoreSheet, key: str) -> str:
    return request.form.get(f"p_{key}", "") or str(sheet.points.get(key, ""))


def _sections(case: Application) -> Iterator[Section]:
    """What the form says of the matter itself: no identifiers, no payment."""
    stored = stored_cells(case, {})
    found: dict[str, list[Fact]] = {}
    for row in case.revision.fields:
        if _is_shown(row) and stored.get(row.key):
            found.setdefault(row.section, []).append(Fact(row.label, _value(row, stored[row.key])))
    for title, facts in found.items():
        yield Section(title, facts)


def _is_shown(row: FormField) -> bool:
    private = row.kind in ("id_number", "phone", "card") or row.key.startswith(PRIVATE)
    return row.purpose != "survey" and row.stage is None and not private


def _value(row: FormField, text: str) -> Any:
    if row.kind == "yes_no":
        return _("Yes") if text == "yes" else _("No")
    if row.kind == "table":
        lines = [line.split(" | ") for line in text.splitlines()]
        return cells.table([column["label"] for column in row.columns], lines)
    return str(row.choices.get(text, text))


def _files(case: Application, is_own: bool) -> ShownFiles | None:
    """The case's files to read: an expert opens them by the sheet, staff by the case."""
    page = "score.file" if is_own else "application.open_file"
    found = [
        ShownRule(
            key=row.key,
            title=row.rule.title if row.rule else _("Of other rules"),
            clause=row.rule.clause if row.rule else "",
            standing="",
            tone="plain",
            icon="file-text",
            needs="",
            hint="",
            files=[_file(file, page) for file in row.files],
        )
        for row in attachments.wanted(db.session(), case)
        if row.files
    ]
    return ShownFiles(found) if found else None


def _file(file: Attachment, page: str) -> ShownFile:
    size = f"{max(file.size // 1024, 1)} KB"
    return ShownFile(file.file_name, size, "", "", url_for(page, file_id=file.id))
