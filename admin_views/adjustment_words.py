"""Adjustments in words: the list of the affected, and what one adjustment does to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin_views.choices import programmes, worded
from models.adjustment import ADJUSTMENT_STATES, APPROVED, IN_FORCE, PROPOSED, Adjustment
from models.application import APPROVED as CASE_APPROVED
from models.application import PAID, REFUSED, Application
from models.base import db
from models.programme import Programme
from portal.access.permissions import may
from portal.access.scope import visible
from portal.clock import SHANGHAI
from portal.funding.affected import RULES, Affected, affected
from portal.theme import cells
from portal.theme.adjustments import AffectedPage, AffectedRow, DecidePage
from portal.theme.pages import Fact, Section
from portal.translations.words import gettext as _
from portal.web.actor import current_actor

MOST_ROWS = 200
MARKS = {PROPOSED: "waiting", APPROVED: "passed", "done": "paid", "refused": "refused"}


def page_of(programme: Programme | None, rules: str) -> AffectedPage:
    """The affected cases of *programme*, once one was chosen."""
    about: dict[str, Any] = {
        "programmes": programmes(),
        "rules": worded(RULES),
        "programme": str(programme.id) if programme else "",
        "by": rules,
        "list_url": url_for(".index_view"),
    }
    if programme is None:
        return AffectedPage(looked=False, **about)
    found = affected(db.session(), current_actor(), programme, rules, most=MOST_ROWS)
    proposes = may(current_actor(), "adjustment:propose")
    return AffectedPage(
        looked=True,
        rows=[_row(row, proposes) for row in found.rows],
        cases=found.cases,
        more=cells.yuan(found.more_fen),
        less=cells.yuan(found.less_fen),
        rest=found.cases - len(found.rows),
        propose_url=url_for(".propose") if proposes else "",
        sheet_url=url_for(".affected_sheet") if may(current_actor(), "application:export") else "",
        **about,
    )


def decide_page(rows: Sequence[Adjustment], approve: bool) -> DecidePage:
    """What is approved or refused together."""
    return DecidePage(
        title=_("Approve adjustments") if approve else _("Do not approve adjustments"),
        approve=approve,
        rows=[_proposal(row) for row in rows],
        ids=",".join(str(row.id) for row in rows),
        total=cells.yuan(sum(row.settle_fen for row in rows)),
        action_url=url_for(".decide", act="approve" if approve else "refuse"),
        back_url=url_for(".index_view", tab="proposed"),
    )


def award_after(adjustment: Adjustment) -> int:
    """What the case is awarded with *adjustment*, in fen."""
    counted = adjustment.fen if adjustment.state not in IN_FORCE else 0
    return award_of(adjustment.application) + counted


def award_of(case: Application) -> int:
    """What *case* is awarded with the adjustments in force, in fen."""
    return _approved(case) + (case.adjusted_fen or 0)


def _approved(case: Application) -> int:
    """What was approved of *case*, in fen: what was granted where money was short."""
    return case.amount_fen if case.granted_fen is None else case.granted_fen


def sections(adjustment: Adjustment) -> list[Section]:
    """Whose award changes, why, who bears it, and who said so."""
    case = adjustment.application
    there = cells.link(
        url_for("application.details_view", id=case.id), f"{case.number} {case.applicant.name}"
    )
    what = [
        Fact(_("Application"), there),
        Fact(_("Approved (yuan)"), cells.amount(_approved(case), sign=True)),
        Fact(_("Change of the award (yuan)"), cells.amount(adjustment.fen, sign=True)),
        Fact(_("To pay or to recover (yuan)"), cells.amount(adjustment.settle_fen, sign=True)),
        Fact(_("State"), _(ADJUSTMENT_STATES[adjustment.state])),
    ]
    if adjustment.state in (PROPOSED, *IN_FORCE):
        what.insert(3, Fact(_("Award after (yuan)"), cells.amount(award_after(adjustment),
                                                                  sign=True)))  # fmt: skip
    if adjustment.settle_fen < 0 and adjustment.state in IN_FORCE:
        what.append(Fact(_("Still owed (yuan)"), cells.amount(adjustment.owed_fen, sign=True)))
    why = [
        Fact(_("Finding"), f"{adjustment.clause} {adjustment.finding}".strip() or "–"),
        Fact(_("Reason"), adjustment.reason),
        Fact(_("Proposed by"), _who(adjustment.proposed_by, adjustment.proposed_at)),
    ]
    if adjustment.decided_at:
        why.append(Fact(_("Decided by"), _who(adjustment.decided_by, adjustment.decided_at)))
    if adjustment.answer:
        why.append(Fact(_("Answer"), adjustment.answer))
    found = [Section("", what), Section(_("Why it changes"), why)]
    return [*found, *_payers(adjustment), *_receipts(adjustment)]


def of_case(application: Application) -> list[Section]:
    """The adjustments of *application*, each with the way to it."""
    if not may(current_actor(), "adjustment:read"):
        return []
    rows = db.session.scalars(
        select(Adjustment)
        .where(Adjustment.application_id == application.id, visible(Adjustment, current_actor()))
        .order_by(Adjustment.id)
    )
    facts = [Fact(_(ADJUSTMENT_STATES[row.state]), _short(row)) for row in rows]
    closed = application.state in (CASE_APPROVED, PAID, REFUSED)
    if closed and application.amount_fen and may(current_actor(), "adjustment:propose"):
        there = url_for("adjustment.one", row_id=application.id)
        link = cells.link(there, _("Propose an amount"), drawer=False)
        facts.append(Fact(_("Adjustment"), link))
    return [Section(_("Adjustments"), facts)] if facts else []


def chosen(ids: Sequence[int]) -> list[Adjustment]:
    """Those of *ids* that are proposed and that this person sees."""
    rows = db.session.scalars(
        select(Adjustment)
        .where(
            Adjustment.id.in_(ids),
            Adjustment.state == PROPOSED,
            visible(Adjustment, current_actor()),
        )
        .options(
            joinedload(Adjustment.application).joinedload(Application.applicant),
            joinedload(Adjustment.application).joinedload(Application.district),
        )
        .order_by(Adjustment.id)
    )
    return list(rows)


def _row(row: Affected, proposes: bool) -> AffectedRow:
    mark: Markup | str = ""
    act_url = act_words = ""
    if row.open_id is not None:
        act_url, act_words = url_for(".details_view", id=row.open_id), _("Open adjustment")
    elif row.recovered:
        mark = cells.chip(_("A payment was recovered"), "plain")
    elif row.asks:
        mark = cells.chip(_("Needs a person"), "warn", "alert-triangle")
    elif row.adjusted:
        mark = cells.chip(_("Adjusted before"), "info")
    if proposes and row.asks and row.open_id is None and not row.recovered:
        act_url, act_words = url_for(".one", row_id=row.id), _("Propose an amount")
    return AffectedRow(
        number=row.number,
        url=url_for("application.details_view", id=row.id),
        person=row.person,
        district=row.district,
        award=cells.amount(row.award_fen),
        out=cells.amount(row.out_fen),
        now=cells.amount(row.now_fen),
        difference=_signed(row.difference_fen),
        clause=row.clause,
        says=row.says,
        value=str(row.id) if row.is_ready else "",
        mark=mark,
        act_url=act_url,
        act_words=act_words,
    )


def _proposal(row: Adjustment) -> AffectedRow:
    case = row.application
    return AffectedRow(
        number=case.number,
        url=url_for(".details_view", id=row.id),
        person=case.applicant.name,
        district=case.district.name if case.district else "",
        award=Markup(),
        out=_signed(row.settle_fen),
        now=cells.amount(award_after(row)),
        difference=_signed(row.fen),
        clause=row.clause,
        says=row.finding,
        mark=row.reason,
    )


def _signed(fen: int) -> Markup:
    """More with a plus."""
    plus = Markup("+") if fen > 0 else Markup()
    return plus + cells.amount(fen)


def _who(account: Any, at: Any) -> str:
    name = account.name if account else _("System")
    return f"{name} · {at.astimezone(SHANGHAI):%Y-%m-%d}"


def _payers(adjustment: Adjustment) -> list[Section]:
    fen: Counter[tuple[str, bool]] = Counter()
    for row in adjustment.shares:
        fen[row.payer.name, row.is_on_top] += row.amount_fen
    facts = [
        Fact(f"{name}（{_('on top')}）" if on_top else name, cells.amount(each, sign=True))
        for (name, on_top), each in fen.items()
    ]
    return [Section(_("Who bears or gets back"), facts)] if facts else []


def _receipts(adjustment: Adjustment) -> list[Section]:
    facts = [
        Fact(row.came_on.isoformat(), f"¥{cells.yuan(row.amount_fen)} · {row.reason}")
        for row in adjustment.receipts
    ]
    return [Section(_("Came in"), facts)] if facts else []


def _short(row: Adjustment) -> Markup:
    there = url_for("adjustment.details_view", id=row.id)
    words = f"{'+' if row.fen > 0 else ''}{cells.yuan(row.fen)} {_('yuan')}"
    owed = f" · {_('still owed: %(fen)s yuan', fen=cells.yuan(row.owed_fen))}"
    told = owed if row.state == APPROVED and row.owed_fen else ""
    return cells.link(there, f"{words}{told}", drawer=False)
