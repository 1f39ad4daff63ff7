"""What must hold of adjustments, each violation as a sentence for ``flask verify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session, selectinload

from models.adjustment import (
    APPROVED,
    DONE,
    FIRST_PLACE,
    IN_FORCE,
    OPEN,
    Adjustment,
    AdjustmentReceipt,
    AdjustmentShare,
)
from models.application import Application
from models.funding import LedgerEntry, LedgerPosting, Payment, PaymentShare
from portal.funding.ledger import SPENT
from portal.funding.recovering import key_of, owed_by
from portal.funding.settlement import by_payer, came_in


def violations(session: Session) -> Iterator[str]:
    """Adjustments by one person alone, two open ones of a case, sums that do not add up."""
    yield from _by_one(session)
    yield from _awards_off(session)
    yield from _shares_off(session)
    yield from _top_ups_off(session)
    yield from _receipts_off(session)
    yield from _ledger_off(session)


def _by_one(session: Session) -> Iterator[str]:
    alone = or_(
        Adjustment.decided_by_id.is_(None),
        Adjustment.proposed_by_id.is_(None),
        Adjustment.decided_by_id == Adjustment.proposed_by_id,
    )
    for number in session.scalars(
        select(Application.number)
        .join(Adjustment, Adjustment.application_id == Application.id)
        .where(Adjustment.state.in_(IN_FORCE), alone)
    ):
        yield f"adjustment: application {number} was not adjusted by two people"
    for number in session.scalars(
        select(Application.number)
        .join(Adjustment, Adjustment.application_id == Application.id)
        .where(Adjustment.state.in_(OPEN))
        .group_by(Application.number)
        .having(func.count() > 1)
    ):
        yield f"adjustment: application {number} has more than one that is open"


def _awards_off(session: Session) -> Iterator[str]:
    """What a case's award was changed by is what its adjustments in force say."""
    total = func.coalesce(func.sum(case((Adjustment.state.in_(IN_FORCE), Adjustment.fen))), 0)
    rows = session.execute(
        select(Application.number, Application.adjusted_fen, total)
        .outerjoin(Adjustment, Adjustment.application_id == Application.id)
        .where(or_(Application.adjusted_fen.is_not(None), Adjustment.id.is_not(None)))
        .group_by(Application.id)
        .having(func.coalesce(Application.adjusted_fen, 0) != total)
    )
    for number, said, found in rows:
        yield f"adjustment: application {number} is adjusted by {said} fen, not by {found}"


def _shares_off(session: Session) -> Iterator[str]:
    """What the payers bear inside the amount is what is settled."""
    inside = case((AdjustmentShare.is_on_top, 0), else_=AdjustmentShare.amount_fen)
    rows = _sums_off(session, Adjustment.settle_fen, AdjustmentShare, inside)
    for number, said, found in rows:
        yield f"adjustment: of application {number} {said} fen are settled, its shares are {found}"


def _top_ups_off(session: Session) -> Iterator[str]:
    """A top-up is paid as it was approved, by the payers that it names."""
    own = and_(
        Adjustment.application_id == Payment.application_id, Adjustment.place == Payment.instalment
    )
    rows = session.execute(
        select(Application.number, Payment.id, Payment.amount_fen, Adjustment)
        .join(Application, Application.id == Payment.application_id)
        .outerjoin(Adjustment, own)
        .where(Payment.instalment >= FIRST_PLACE)
    ).all()
    for number, payment_id, fen, adjustment in rows:
        if adjustment is None or fen != adjustment.settle_fen:
            yield f"adjustment: application {number} has a top-up of {fen} fen not approved"
            continue
        said: Counter[tuple[str, int]] = Counter()
        for row in adjustment.shares:
            said[row.share_key, row.payer_id] += row.amount_fen
        parts = session.execute(
            select(PaymentShare.share_key, PaymentShare.payer_id, PaymentShare.amount_fen).where(
                PaymentShare.payment_id == payment_id
            )
        )
        if said != Counter({(key, payer): amount for key, payer, amount in parts}):
            yield f"adjustment: the top-up of application {number} is borne by others"


def _receipts_off(session: Session) -> Iterator[str]:
    """What came in is counted, never more than is owed, and ends a recovery when it is all."""
    rows = _sums_off(
        session, Adjustment.received_fen, AdjustmentReceipt, AdjustmentReceipt.amount_fen
    )
    for number, said, found in rows:
        yield f"adjustment: application {number} gave back {said} fen, its receipts are {found}"
    whole = Adjustment.received_fen == -Adjustment.settle_fen
    wrong = or_(and_(Adjustment.state == DONE, ~whole), and_(Adjustment.state == APPROVED, whole))
    for number in session.scalars(
        select(Application.number)
        .join(Adjustment, Adjustment.application_id == Application.id)
        .where(Adjustment.settle_fen < 0, wrong)
    ):
        yield f"adjustment: the recovery of application {number} is done or not, against its sum"


def _ledger_off(session: Session) -> Iterator[str]:
    """Each payer's budget got back its part of what came in."""
    rows = session.scalars(
        select(Adjustment)
        .where(Adjustment.received_fen > 0)
        .options(selectinload(Adjustment.receipts), selectinload(Adjustment.shares))
    )
    for adjustment in rows:
        given = came_in(owed_by(adjustment), [row.amount_fen for row in adjustment.receipts])
        for receipt, parts in zip(adjustment.receipts, given, strict=True):
            found = session.execute(
                select(LedgerPosting.payer_id, LedgerPosting.amount_fen)
                .join(LedgerEntry, LedgerEntry.id == LedgerPosting.entry_id)
                .where(LedgerEntry.key == key_of(receipt), LedgerPosting.purse.in_(SPENT))
            )
            if by_payer(parts) != Counter(dict(found.all())):
                yield f"ledger: entry {key_of(receipt)} does not give each payer its part"


def _sums_off(
    session: Session, said: Any, entity: type[AdjustmentShare | AdjustmentReceipt], fen: Any
) -> Any:
    """(case, fen that it says, their sum) of each adjustment whose rows of *entity* do not add up
    to what it says."""
    total = func.coalesce(func.sum(fen), 0)
    return session.execute(
        select(Application.number, said, total)
        .join(Application, Application.id == Adjustment.application_id)
        .outerjoin(entity, entity.adjustment_id == Adjustment.id)
        .group_by(Application.number, Adjustment.id)
        .having(said != total)
    )
