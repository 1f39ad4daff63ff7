"""What the page of a batch says: its papers, its payers, its people."""

from __future__ import annotations

from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models.base import db
from models.funding import CANCELLED, PAID, REVERSALS, Payment, PaymentBatch, PaymentReversal
from models.organization import Organization
from models.papers import BatchPaper
from models.sharing import CONFIRMATION, PAPERS, TRANSFER_NOTICE
from portal.access.permissions import may
from portal.funding.cancelling import why_cancelled
from portal.funding.papers import may_give, papers_of, payers_of
from portal.funding.routes import wanted
from portal.theme import cells
from portal.theme.pages import Fact, Section
from portal.translations.words import gettext as _
from portal.web.actor import current_actor

SHOWN = 200


def city_id() -> str:
    """The city federation, to which belongs what goes straight to people."""
    city = select(Organization.id).where(Organization.parent_id.is_(None)).order_by(Organization.id)
    return str(db.session.scalar(city.limit(1)) or "")


def is_direct(batch: PaymentBatch) -> bool:
    """Whether the money of *batch* goes straight to people's accounts."""
    return batch.district.parent_id is None


def payee(batch: PaymentBatch) -> str:
    """To whom the money goes first."""
    return _("Straight to people's accounts") if is_direct(batch) else batch.district.name


def sections(batch: PaymentBatch) -> list[Section]:
    """Everything beside the batch's own columns."""
    people = [_person(batch, row, reversal) for row, reversal in _people(batch)]
    return [
        *_cancelled(batch),
        *_papers(batch),
        Section(_("Who pays"), [_payer(*row) for row in payers_of(db.session(), batch)]),
        Section(_("People"), people),
    ]


def _cancelled(batch: PaymentBatch) -> list[Section]:
    if batch.state != CANCELLED:
        return []
    why = why_cancelled(db.session(), batch)
    return [Section(_("Cancelled"), [Fact(_("Reason"), why)])]


def _papers(batch: PaymentBatch) -> list[Section]:
    """Each paper that is wanted or given; a transfer notice is there for every union."""
    if is_direct(batch) or batch.state == CANCELLED:
        return []
    given, asked = papers_of(db.session(), batch), wanted(db.session(), batch)
    kinds = [kind for kind in PAPERS if kind in given or kind in asked or kind == TRANSFER_NOTICE]
    facts = [_paper(batch, kind, given.get(kind), kind in asked) for kind in kinds]
    return [Section(_("Papers"), facts)]


def _paper(batch: PaymentBatch, kind: str, row: BatchPaper | None, is_wanted: bool) -> Fact:
    shown = _standing(row, is_wanted)
    page = url_for(".document", row_id=batch.id, kind=kind)
    shown += Markup(" ") + cells.link(page, _("To print"), drawer=False)
    if may_give(current_actor(), batch, kind):
        there = url_for(".paper", row_id=batch.id, kind=kind)
        word = {TRANSFER_NOTICE: _("Issue"), CONFIRMATION: _("Confirm")}.get(kind, _("Send in"))
        shown += Markup(" · ") + cells.link(there, word, drawer=False)
    return Fact(_(PAPERS[kind]), shown)


def _standing(row: BatchPaper | None, is_wanted: bool) -> Markup:
    if row is None:
        return cells.chip(
            _("Missing") if is_wanted else _("Not issued"), "warn" if is_wanted else "plain"
        )
    who = row.account.name if row.account else _("System")
    people = _("%(count)s people", count=row.people)
    told = f"{row.number} · {row.given_on} · {who} · {people} · ¥{cells.yuan(row.total_fen)}"
    if row.differences:
        return cells.chip(_("With differences"), "warn") + Markup(" {}").format(
            f"{told} · {row.differences}"
        )
    return cells.chip(_("Given"), "good", "circle-check") + Markup(" {}").format(told)


def _payer(name: str, on_top: bool, fen: int) -> Fact:
    title = f"{name}（{_('on top')}）" if on_top else name
    return Fact(title, cells.amount(fen, sign=True))


def _people(batch: PaymentBatch) -> Any:
    """The payments of *batch* in their order, each with what became of it."""
    return db.session.execute(
        select(Payment, PaymentReversal)
        .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(Payment.batch_id == batch.id)
        .options(joinedload(Payment.application))
        .order_by(Payment.position)
        .limit(SHOWN)
    )


def _person(batch: PaymentBatch, row: Payment, reversal: PaymentReversal | None) -> Fact:
    url = url_for("application.details_view", id=row.application_id)
    words = f"{row.application.number} · ¥{cells.yuan(row.amount_fen)}"
    shown = cells.link(url, words, drawer=False)
    if reversal is not None and reversal.kind in REVERSALS:
        came = f"{_(REVERSALS[reversal.kind])} {reversal.came_on} · {reversal.reason}"
        shown += Markup(" ") + cells.chip(came, "warn")
    elif batch.state == PAID and may(current_actor(), "payment:make"):
        there = url_for(".returned", row_id=row.id)
        shown += Markup(" · ") + cells.link(there, _("Came back"), drawer=False)
    return Fact(f"{row.position}. {row.application.applicant.name}", shown)
