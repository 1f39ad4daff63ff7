"""Money of the cases on the grid: who pays one of them, and who owes what for those chosen."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import expose
from markupsafe import Markup
from sqlalchemy import Select, select
from werkzeug.datastructures import MultiDict

from admin_views.adjustment_words import of_case as adjustments_of
from admin_views.bearers import bearer_facts
from admin_views.choices import programmes
from models.application import APPROVED, Application
from models.base import Refusal, db
from models.funding import REVERSALS
from models.programme import Programme, Revision
from models.sharing import PAYERS, Share
from portal.calendar import calendar_of
from portal.exchange.matching_sheet import write_matching
from portal.funding.case_money import money_of
from portal.funding.matching import Matching, matching
from portal.policy.judge import in_force
from portal.review.instalments import DuePart, parts_due
from portal.theme import cells
from portal.theme.matching import MatchingPage, Weight
from portal.theme.pages import Fact, Section
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

PERMISSIONS = {"calculator": "matching:read", "calculator_sheet": "matching:read"}
CALCULATOR = "calculator"
"""The action of the grid that leads to the calculation."""
_WEIGHT, _MOST_IDS = "w-", 300


class Calculator:
    """What ``ApplicationView`` works out of money."""

    matching: Any
    render: Any

    @expose("/calculator")
    def calculator(self) -> Any:
        """Who owes what for the cases that the list shows, or for those that were ticked."""
        programme = _programme()
        if programme is None:
            flash(_("There is no programme yet."), "error")
            return redirect(url_for(".index_view"))
        found = self._work_out(programme)
        return self.render("portal/matching.html", page=_page(programme, found))

    @expose("/calculator/sheet")
    def calculator_sheet(self) -> Any:
        """The same as a sheet."""
        programme = _programme()
        found = self._work_out(programme) if programme else None
        if programme is None or found is None:
            return redirect(url_for(".index_view"))
        target = BytesIO()
        write_matching(db.session(), current_actor(), clock(), programme, found, target, told)
        db.session.commit()
        return sheet_answer(target, f"{programme.code}.xlsx")

    def _work_out(self, programme: Programme) -> Matching | None:
        try:
            tried = _weights(request.args)
            return matching(db.session(), current_actor(), programme, self._cases(), tried)
        except Refusal as refusal:
            flash(words_of(refusal), "error")
            return None

    def _cases(self) -> Select[Any]:
        ids = [text for text in request.args.get("ids", "").split(",") if text.isdecimal()]
        if ids:
            chosen = [int(text) for text in ids[:_MOST_IDS] if len(text) < 19]
            return select(Application.id).where(Application.id.in_(chosen))
        return select(Application.id).where(*self.matching())


def to_calculator() -> Any:
    """From the ticked rows of the grid to their calculation."""
    ids = [text.partition(":")[0] for text in request.form.getlist("rowid")]
    if request.form.get("all") == "1" or len(ids) > _MOST_IDS:
        query = request.form.get("url", "").partition("?")[2]
        return redirect(f"{url_for('.calculator')}?{query}")
    named = [text for text in ids if text.isdecimal() and len(text) < 19]
    first = db.session.get(Application, int(named[0])) if named else None
    programme = {"programme": first.programme_id} if first else {}
    return redirect(url_for(".calculator", ids=",".join(named), **programme))


def sections(application: Application) -> list[Section]:
    """Who pays the case and in which parts, where that is more than one payer and one payment."""
    portions, parts = money_of(db.session(), application)
    untils = _untils(application)
    found = _granted(application)
    if len(portions) > 1:
        facts = [_portion(row) for row in portions]
        found.append(Section(_("Who pays"), [*facts, *bearer_facts(application)]))
    if len(parts) > 1 or any(part.batch for part in parts):
        found.append(Section(_("Payments"), [_part(row, untils.get(row.title)) for row in parts]))
    return [*found, *adjustments_of(application)]


def _granted(application: Application) -> list[Section]:
    """What an allocation granted, or that one may be awaited."""
    if application.granted_fen is not None:
        shown: Any = cells.amount(application.granted_fen, sign=True)
    elif application.revision.allocations and application.state == APPROVED:
        shown = _("Waits where an allocation applies")
    else:
        return []
    return [Section(_("Allocation"), [Fact(_("Granted"), shown)])]


def _portion(row: Any) -> Fact:
    shown: Any = _("not stated") if row.fen is None else cells.amount(row.fen, sign=True)
    title = row.title or _(PAYERS[row.payer])
    return Fact(f"{title}（{_('on top')}）" if row.on_top else title, shown)


def _untils(application: Application) -> dict[str, Markup]:
    """By title of the instalments that are owed: until when, and what says so."""
    if not any(row.due for row in application.revision.instalments):
        return {}
    session = db.session()
    parts = parts_due(session, calendar_of(session), application)
    return {part.row.title: _until(part) for part in parts}


def _until(part: DuePart) -> Markup:
    late = part.due.day < clock().today()
    words = _("until %(day)s (%(clause)s)", day=part.due.day.isoformat(), clause=part.row.clause)
    sub = _("overdue") if late else ""
    return cells.chip(words, "bad" if late else "plain", "calendar-due", sub)


def _part(row: Any, until: Markup | None) -> Fact:
    amount = _("not stated") if row.fen is None else f"¥{cells.yuan(row.fen)}"
    state = _("Waits to be released")
    if row.reversal:
        state = f"{row.batch} · {_(REVERSALS[row.reversal])}"
    elif row.batch:
        state = f"{row.batch} · {row.paid_on or _('in a batch')}"
    elif row.released:
        state = _("Can be paid")
    told = f"{amount} · {state}"
    shown = Markup("{} {}").format(told, until) if until else told
    return Fact(row.title or _("One payment"), shown)


def _programme() -> Programme | None:
    wanted = request.args.get("programme", "")
    offered = [value for value, _title in programmes()]
    chosen = wanted if wanted in offered else next(iter(offered), "")
    return db.session.get(Programme, int(chosen)) if chosen else None


def _weights(query: MultiDict[str, str]) -> dict[str, int]:
    """Weights to try; one that is no number is told as a bad one."""
    return {
        key.removeprefix(_WEIGHT): int(text) if text.isdecimal() and len(text) < 9 else 0
        for key, text in query.items()
        if key.startswith(_WEIGHT) and text
    }


def _page(programme: Programme, found: Matching | None) -> MatchingPage:
    tried = _weights(request.args)
    revision = in_force(db.session(), programme)
    weights = (
        []
        if revision is None
        else [
            Weight(
                f"{_WEIGHT}{row.key}",
                _named(row, revision),
                tried.get(row.key, row.weight),
                row.weight,
            )
            for row in revision.shares
            if row.weight is not None
        ]
    )
    kept = {
        key: value
        for key, value in request.args.items()
        if not key.startswith(_WEIGHT) and key not in ("programme", "s")
    }
    titles = [title or _("One payment") for title in found.instalments.values()] if found else []
    return MatchingPage(
        programmes=list(programmes()),
        programme=str(programme.id),
        weights=weights,
        kept=kept,
        instalments=titles,
        rows=[] if found is None else [_owed(row, found) for row in found.rows],
        totals=[] if found is None else [_owed(row, found) for row in found.totals()],
        sheet_url=url_for(".calculator_sheet", **request.args.to_dict()),
        is_tried=any(weight.value != weight.usual for weight in weights),
    )


def _named(share: Share, revision: Revision) -> str:
    """The payer, and of which tiers where it is not all."""
    tiers = "、".join(row.title for row in revision.tiers if row.key in share.tiers)
    return f"{share.title}（{tiers}）" if tiers else share.title


def _owed(row: Any, found: Matching) -> dict[str, Any]:
    return {
        "district": row.district,
        "payer": row.title or _(PAYERS[row.payer]),
        "on_top": row.on_top,
        "cases": row.cases,
        "unknown": row.unknown,
        "parts": [row.instalments.get(place, 0) for place in found.instalments],
        "fen": row.fen,
        "paid": row.paid,
        "left": row.fen - row.paid,
    }
