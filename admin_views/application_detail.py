"""One case as its drawer shows it: the form, the findings with their clauses, what was done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for
from flask_babel import format_datetime
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin_views.adjustment_words import award_of
from admin_views.application_cells import MARKS, VERDICT_MARKS, book, due_mark
from admin_views.application_evidence import evidence_sections
from admin_views.application_files import shown_files
from admin_views.application_forms import mask_of, stored_cells
from admin_views.application_money import sections as money_sections
from admin_views.panel_facts import panel_facts
from admin_views.payees import sections as payee_sections
from models.application import RETURNED, WAITING, Application
from models.base import db
from models.decision import (
    OUTCOMES,
    PASS,
    PAY,
    REJECT,
    RETURN,
    SUBMIT,
    UNDO,
    Decision,
    FieldChange,
    Override,
)
from models.programme import ASK, NOTE
from portal.access.permissions import may
from portal.calendar import calendar_of
from portal.policy import explain as policy
from portal.review.corrections import (
    asked_of,
    changed_since_return,
    changes_of,
    correctable,
    void_decisions,
)
from portal.review.deadlines import due_of, due_stage
from portal.review.route import editable, standing_word
from portal.review.stage_answers import fields_of, stage_of
from portal.theme import cells
from portal.theme.pages import Detail, Event, Fact, Finding, Section
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.web.actor import current_actor

TONES = {PASS: "good", PAY: "good", RETURN: "warn", REJECT: "bad", SUBMIT: "info", UNDO: "warn"}


def detail(application: Application, actions: list[Action]) -> Detail:
    """What the drawer and the page of *application* show; survey answers are not among it."""
    why = policy.explain(db.session(), application)
    writes = may(current_actor(), "application:write") and editable(application)
    return Detail(
        title=application.applicant.name,
        subtitle=application.number,
        sections=[
            _standing(application),
            *evidence_sections(application),
            *_form(application),
            *money_sections(application),
            *payee_sections(application),
        ],
        findings=_findings(why) if why else [],
        events=_events(application),
        value=f"{application.id}:{application.version}",
        actions=actions,
        action_url=url_for("application.action_view"),
        edit_url=url_for("application.edit_view", id=application.id) if writes else "",
        withdraw_url=url_for("application.withdraw") if writes and _is_out(application) else "",
        page_url=url_for("application.details_view", id=application.id),
        files=shown_files(application),
    )


def _is_out(application: Application) -> bool:
    """Submitted and not decided for good."""
    return application.state in (WAITING, RETURNED)


def _standing(application: Application) -> Section:
    word = _(standing_word(application))
    verdict = VERDICT_MARKS.get(application.verdict, "refuse")
    return Section(
        "",
        [
            Fact(_("Status"), cells.status(word, MARKS.get(application.state, "closed"))),
            Fact(_("Verdict"), cells.verdict(verdict)),
            Fact(_("Amount"), cells.amount(application.amount_fen, sign=True)),
            *_adjusted(application),
            Fact(_("Programme"), application.programme.title),
            Fact(_("Submitted on"), cells.day(application.submitted_on)),
            *_due(application),
            *_to_fill_in(application),
            *panel_facts(application),
        ],
    )


def _adjusted(application: Application) -> list[Fact]:
    if not application.adjusted_fen:
        return []
    return [Fact(_("Award with adjustments"), cells.amount(award_of(application), sign=True))]


def _due(application: Application) -> list[Fact]:
    """When this stage should be done; a year without a published calendar is provisional."""
    found = due_of(db.session(), calendar_of(db.session()), application)
    stage = due_stage(application.revision, application.state, application.stage_key)
    if found is None or stage is None:
        return []
    return [Fact(_("Due"), due_mark(found, stage))]


def _to_fill_in(application: Application) -> list[Fact]:
    """Where the stage at which the case waits fills in what only it knows."""
    stage = stage_of(application, current_actor())
    if stage is None or not fields_of(application, stage):
        return []
    there = url_for("application.stage_view", id=application.id)
    return [Fact(_("To fill in here"), cells.link(there, stage.title, drawer=False))]


def _form(application: Application) -> list[Section]:
    stored = stored_cells(application, {})
    changed = changed_since_return(db.session(), application)
    asked = asked_of(db.session(), application)
    wrong = asked.fields if asked else {}
    named = correctable(application.revision)
    found: dict[str, list[Fact]] = {}
    for row in application.revision.fields:
        text = stored.get(row.key, "")
        told = text or row.key in changed or row.key in wrong
        if row.purpose == "survey" or not told or row.key == "application.received_on":
            continue
        fact = Fact(
            label=row.label,
            value=_value(application, row, text) if text else _("not stated"),
            changed=_yes_no(row, changed.get(row.key, "")),
            key=row.key if row.key in named else "",
            asked=wrong.get(row.key),
        )
        found.setdefault(row.section, []).append(fact)
    return [Section(title, facts) for title, facts in found.items()]


def _value(application: Application, row: Any, text: str) -> Markup | str:
    masked = mask_of(row.kind, text)
    if masked != text or row.kind in ("id_number", "phone", "card"):
        what = {"id_number": "id_number", "phone": "phone", "card": "account"}[row.kind]
        allowed = may(current_actor(), "applicant:reveal")
        url = url_for("application.reveal", row_id=application.id, what=what) if allowed else ""
        return cells.masked(masked, url)
    if row.kind == "yes_no":
        return _("Yes") if text == "yes" else _("No")
    if row.kind == "table":
        lines = [line.split(" | ") for line in text.splitlines()]
        return cells.table([column["label"] for column in row.columns], lines)
    return str(row.choices.get(text, text))


def _yes_no(row: Any, text: str) -> str:
    """A kept answer as people read it."""
    return {"yes": _("Yes"), "no": _("No")}.get(text, text) if row.kind == "yes_no" else text


def _findings(why: policy.Explanation) -> list[Finding]:
    return [_finding(item) for item in why.findings]


def _finding(item: policy.Finding) -> Finding:
    facts = "；".join(f"{_(label)}：{_shown(value)}" for label, value in item.facts)
    words = item.says or _("No award tier fits")
    if item.state != "passed" and facts:
        words = f"{words}（{facts}）"
    if item.state == "unknown":
        words = f"{words} · {_('not stated')}"
    if item.reading and item.state != "passed":
        words = f"{words} · {_('Reading')}：{item.reading}"
    passed = ""
    if item.override is not None:
        passed = f"{item.override.name}：{item.override.reason}"
    return Finding(_kind(item), words, item.clause, passed)


def _kind(item: policy.Finding) -> Any:
    if item.state in ("passed", "overridden"):
        return "eligible"
    if item.outcome == NOTE:
        return "note"
    return "ask" if item.outcome == ASK or item.state == "unknown" else "refuse"


def _shown(value: Any) -> str:
    if value is None:
        return _("not stated")
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(value)


def _events(application: Application) -> list[Event]:
    rows = db.session.scalars(
        select(Decision)
        .where(Decision.application_id == application.id)
        .options(joinedload(Decision.account))
        .order_by(Decision.id.desc())
    )
    found = list(rows)
    void = void_decisions(found, application.route)
    changes = changes_of(db.session(), application)
    labels = correctable(application.revision)
    return [
        *_void(application),
        *(
            _event(row, row.id in void, _changed(changes.get(row.batch_id, ()), labels))
            for row in found
        ),
    ]


def _changed(changes: Iterable[FieldChange], labels: dict[str, str]) -> str:
    return "；".join(
        f"{labels.get(row.field, row.field)}：{row.was or '–'} → {row.becomes or '–'}"
        for row in changes
    )


def _event(row: Decision, void: bool, changed: str) -> Event:
    stage = f"{book().title(row.from_stage)} · " if row.from_stage and row.outcome != SUBMIT else ""
    return Event(
        what=f"{stage}{_(OUTCOMES.get(row.outcome, row.outcome))}",
        who=row.account.name if row.account else _("System"),
        when=format_datetime(row.decided_at, "yyyy-MM-dd HH:mm"),
        note="；".join(part for part in (row.reason, changed) if part),
        tone=TONES.get(row.outcome, "info"),  # type: ignore[arg-type]
        void=void,
    )


def _void(application: Application) -> list[Event]:
    """Confirmations that an edit made void: still shown, struck through."""
    rows = db.session.scalars(
        select(Override)
        .where(Override.application_id == application.id, Override.voided_at.is_not(None))
        .options(joinedload(Override.account))
    )
    return [
        Event(
            what=_("Confirmed by a person, void after a change"),
            who=row.account.name if row.account else _("System"),
            when=format_datetime(row.made_at, "yyyy-MM-dd HH:mm"),
            note=row.reason,
            void=True,
        )
        for row in rows
    ]
