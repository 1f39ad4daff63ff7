"""What adjustments in force do to a case's money, in SQL.

An adjustment changes the award, and every instalment that is not in a batch yet is worked out of
the new award. For those that were, the difference is settled apart: paid as a top-up or owed back.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from models.adjustment import (
    APPROVED,
    DONE,
    FIRST_PLACE,
    IN_FORCE,
    Adjustment,
    AdjustmentShare,
)
from models.application import APPROVED as CASE_APPROVED
from models.application import PAID, WAITING, Application
from models.decision import Decision
from models.funding import UNDONE, Payment, PaymentReversal
from models.programme import Revision
from portal.funding import ledger

Sql = ColumnElement[Any]


def is_regular() -> Sql:
    """Whether a payment is an instalment of the rules, no top-up."""
    return Payment.instalment < FIRST_PLACE


def less_settled(fen: Sql, place: int, key: str, payer: Sql) -> Sql:
    """*fen* of a payer's part of the instalment *place*, less what was settled apart of it."""
    settled = (
        select(func.coalesce(func.sum(AdjustmentShare.amount_fen), 0, type_=BigInteger))
        .join(Adjustment, Adjustment.id == AdjustmentShare.adjustment_id)
        .where(
            Adjustment.application_id == Application.id,
            Adjustment.state.in_(IN_FORCE),
            AdjustmentShare.instalment == place,
            AdjustmentShare.share_key == key,
            AdjustmentShare.payer_id == payer,
        )
        .correlate(Application)
        .scalar_subquery()
    )
    return fen - case((Application.adjusted_fen.is_(None), 0), else_=settled)


def owed_back_fen() -> Sql:
    """What a case owes or owed back by its adjustments in force, in fen, whether it came or not."""
    owed = func.coalesce(func.sum(-Adjustment.settle_fen), 0, type_=BigInteger)
    found = select(owed).where(
        Adjustment.application_id == Application.id,
        Adjustment.state.in_(IN_FORCE),
        Adjustment.settle_fen < 0,
    )
    there = found.correlate(Application).scalar_subquery()
    return case((Application.adjusted_fen.is_(None), 0), else_=there)


def top_ups(revision: Revision, payee: Sql, city: Sql) -> Select[Any]:
    """The top-ups of cases of *revision* that are approved and unpaid, rows as ``dues.queue``
    has them; *payee* and *city* are expressions of the case."""
    fresh = case((_came_back(), 0), else_=_borne(AdjustmentShare.payer_id == city))
    return (
        select(
            Application.id,
            Application.district_id,
            payee.label("payee_id"),
            Adjustment.place.label("instalment"),
            (_attempts() + 1).label("attempt"),
            Adjustment.settle_fen.label("fen"),
            fresh.label("budget_fen"),
            _released().label("released"),
        )
        .select_from(Application)
        .join(Adjustment, Adjustment.application_id == Application.id)
        .where(
            Application.revision_id == revision.id,
            Application.state.in_((WAITING, CASE_APPROVED, PAID)),
            Adjustment.state.in_(IN_FORCE),
            Adjustment.settle_fen > 0,
            ~has_payment(),
        )
    )


def top_ups_borne(among: FromClause, *columns: Any) -> Select[Any]:
    """Who bears what of the top-ups *among*, rows as ``dues.borne`` has them: *columns*,
    ``share_key``, ``payer_id`` and ``fen``, 0 for what the bank returned before."""
    keys = (AdjustmentShare.share_key, AdjustmentShare.payer_id)
    fen = func.sum(AdjustmentShare.amount_fen)
    came_back = func.max(case((_came_back(), 1), else_=0))
    return (
        select(*columns, *keys, case((came_back == 1, 0), else_=fen).label("fen"))
        .select_from(among)
        .join(Adjustment, Adjustment.application_id == among.c.id)
        .join(AdjustmentShare, AdjustmentShare.adjustment_id == Adjustment.id)
        .where(Adjustment.place == among.c.instalment)
        .group_by(*columns, *keys)
    )


def top_up_shares(batch_id: int) -> Select[int, str, int, bool, int]:
    """What each payer bears of the top-ups in a batch: ``payment_id``, ``share_key``,
    ``payer_id``, ``is_on_top`` and ``amount_fen``."""
    keys = (AdjustmentShare.share_key, AdjustmentShare.payer_id, AdjustmentShare.is_on_top)
    fen = func.sum(AdjustmentShare.amount_fen)
    return (
        select(Payment.id, *keys, fen)
        .join(Adjustment, _is_top_up())
        .join(AdjustmentShare, AdjustmentShare.adjustment_id == Adjustment.id)
        .where(Payment.batch_id == batch_id)
        .group_by(Payment.id, *keys)
        .having(fen > 0)
    )


def end_top_ups(session: Session, batch_id: int) -> None:
    """The adjustments whose top-ups the batch has paid are done."""
    found = select(Payment.id).where(_is_top_up(), Payment.batch_id == batch_id)
    session.execute(
        update(Adjustment)
        .where(Adjustment.state == APPROVED, found.correlate(Adjustment).exists())
        .values(state=DONE, version=Adjustment.version + 1)
        .execution_options(synchronize_session=False)
    )


def has_payment() -> Sql:
    """Whether a payment stands for an adjustment's top-up."""
    undone = and_(PaymentReversal.payment_id == Payment.id, PaymentReversal.kind.in_(UNDONE))
    return (
        select(Payment.id)
        .outerjoin(PaymentReversal, undone)
        .where(_is_top_up(), PaymentReversal.id.is_(None))
        .correlate(Adjustment)
        .exists()
    )


def _is_top_up() -> Sql:
    return and_(
        Payment.application_id == Adjustment.application_id, Payment.instalment == Adjustment.place
    )


def _came_back() -> Sql:
    return ledger.is_returned(Adjustment.application_id, Adjustment.place)


def _attempts() -> Sql:
    made = select(func.count(Payment.id)).where(_is_top_up())
    return made.correlate(Adjustment).scalar_subquery()


def _borne(*where: Sql) -> Sql:
    found = select(func.coalesce(func.sum(AdjustmentShare.amount_fen), literal(0))).where(
        AdjustmentShare.adjustment_id == Adjustment.id, *where
    )
    return found.correlate(Adjustment).scalar_subquery()


def _released() -> Sql:
    """The decision that approved the adjustment, by which its top-up has its turn."""
    found = select(func.max(Decision.id)).where(
        Decision.application_id == Adjustment.application_id,
        Decision.batch_id == Adjustment.batch_id,
    )
    return found.correlate(Adjustment).scalar_subquery()
