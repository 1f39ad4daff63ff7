"""The papers of a batch in the words of their printed forms."""

from __future__ import annotations

from flask import url_for

from models.base import N_, db
from models.funding import CANCELLED, PaymentBatch
from models.organization import Organization
from models.papers import BatchPaper
from models.sharing import CONFIRMATION, PAPERS, RECEIPT, TRANSFER_NOTICE
from portal.funding.amount_words import in_words
from portal.funding.papers import papers_of, payees_of, payers_of, stated_fen
from portal.funding.routes import wanted
from portal.theme import cells
from portal.theme.papers import Document
from portal.translations.words import gettext as _

PAID_OUT = N_(
    "Of the money of transfer notice %(number)s for %(programme)s, %(people)s people were paid "
    "%(yuan)s yuan, each in one sum."
)
ON_ITS_WAY = N_(
    "For %(programme)s, %(yuan)s yuan for %(people)s people are transferred to you. Please pay "
    "each of them in one sum."
)


def document_of(batch: PaymentBatch, kind: str) -> Document:
    """The paper *kind* of *batch*; what was recorded stands in it, else what the batch says."""
    given = papers_of(db.session(), batch)
    row = given.get(kind)
    city = _city(batch)
    to, sender = (
        (batch.district.name, city) if kind == TRANSFER_NOTICE else (city, batch.district.name)
    )
    total = row.total_fen if row else stated_fen(db.session(), batch, kind)
    payees = payees_of(db.session(), batch)
    people = row.people if row else payees
    return Document(
        title=_(PAPERS[kind]),
        number=row.number if row else "",
        day=row.given_on.isoformat() if row else "",
        to=to,
        sender=sender,
        lead=_lead(batch, kind, people, total, given.get(TRANSFER_NOTICE)),
        payers=_payers(batch, kind),
        payees=payees,
        people=people,
        total_fen=total,
        words=in_words(total) if kind == RECEIPT else "",
        differences=row.differences if row else "",
        signs=_signs(kind),
        back_url=url_for(".details_view", id=batch.id),
        is_void=batch.state == CANCELLED,
    )


def _lead(
    batch: PaymentBatch, kind: str, people: int, total: int, notice: BatchPaper | None
) -> list[str]:
    told = {
        "programme": batch.programme.title,
        "people": people,
        "yuan": cells.yuan(total),
        "number": notice.number if notice else batch.number,
    }
    if kind == CONFIRMATION:
        return [_(PAID_OUT, **told)]
    if kind == RECEIPT:
        return [_("Received by transfer notice %(number)s for %(programme)s.", **told)]
    said = [_(ON_ITS_WAY, **told)]
    if batch.due_on:
        said.append(_("Please pay them until %(day)s.", day=batch.due_on))
    asked = [_(PAPERS[each]) for each in wanted(db.session(), batch) if each != TRANSFER_NOTICE]
    if asked:
        said.append(_("Please hand in then: %(papers)s.", papers="、".join(asked)))
    return said


def _payers(batch: PaymentBatch, kind: str) -> list[tuple[str, int]]:
    """Who bears what; a receipt names only those from whom something came."""
    return [
        (f"{name}（{_('on top')}）" if on_top else name, fen)
        for name, on_top, fen in payers_of(db.session(), batch)
        if kind != RECEIPT or name != batch.district.name
    ]


def _signs(kind: str) -> list[str]:
    if kind == TRANSFER_NOTICE:
        return [_("Seal of the city federation"), _("Handled by")]
    return [_("Seal of the union"), _("Leader in charge"), _("Handled by")]


def _city(batch: PaymentBatch) -> str:
    parent = batch.district
    while parent.parent_id is not None:
        parent = db.session.get_one(Organization, parent.parent_id)
    return parent.name
