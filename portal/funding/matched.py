"""What of the parts that payers owe is in batches or with its people, less what came in again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select, text
from sqlalchemy.orm import Session

from models.adjustment import Adjustment, AdjustmentReceipt, AdjustmentShare
from models.application import Application
from models.funding import Payment, PaymentReversal, PaymentShare
from models.organization import Organization
from models.programme import Revision
from models.sharing import CITY
from portal.funding.settlement import Bearing, came_in
from portal.policy.shares import bearer_of

Part = tuple[str, tuple[str, str]]
"""A district by its name, the key of a share, and the payer where several may bear it."""
Where = Sequence[ColumnElement[bool]]


def with_people(session: Session, revision: Revision, chosen: Where) -> Iterator[tuple[Part, int]]:
    """The parts and fen of the *chosen* cases of *revision*; what came in again is below zero."""
    rows = session.execute(
        select(
            Organization.name,
            PaymentShare.share_key,
            _bearer(revision, PaymentShare.share_key),
            func.sum(PaymentShare.amount_fen),
        )
        .select_from(PaymentShare)
        .join(Payment, Payment.id == PaymentShare.payment_id)
        .join(Application, Application.id == Payment.application_id)
        .join(Organization, Organization.id == Application.district_id)
        .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(PaymentReversal.id.is_(None), *chosen)
        .group_by(Organization.name, PaymentShare.share_key, text("bearer"))
    )
    yield from (((name, (key, bearer)), int(fen)) for name, key, bearer, fen in rows)
    yield from _given_back(session, revision, chosen)


def _given_back(session: Session, revision: Revision, chosen: Where) -> Iterator[tuple[Part, int]]:
    """What came in for recoveries: they are few, and single fen are split one by one."""
    rows = session.execute(
        select(
            Adjustment.id,
            Organization.name,
            _bearer(revision, AdjustmentShare.share_key),
            AdjustmentShare,
        )
        .select_from(AdjustmentShare)
        .join(Adjustment, Adjustment.id == AdjustmentShare.adjustment_id)
        .join(Application, Application.id == Adjustment.application_id)
        .join(Organization, Organization.id == Application.district_id)
        .where(Adjustment.received_fen > 0, *chosen)
    )
    owed: dict[int, Counter[Bearing]] = {}
    parts: dict[tuple[int, Bearing], Part] = {}
    for number, name, bearer, row in rows:
        at = Bearing(row.instalment, row.share_key, row.payer_id, row.is_on_top)
        owed.setdefault(number, Counter())[at] = -row.amount_fen
        parts[number, at] = (name, (row.share_key, bearer))
    for number, each in owed.items():
        for given in came_in(each, _amounts(session, number)):
            yield from ((parts[number, at], -fen) for at, fen in given.items())


def _amounts(session: Session, number: int) -> Sequence[int]:
    return session.scalars(
        select(AdjustmentReceipt.amount_fen)
        .where(AdjustmentReceipt.adjustment_id == number)
        .order_by(AdjustmentReceipt.id)
    ).all()


def _bearer(revision: Revision, share_key: Any) -> ColumnElement[Any]:
    """Who bears a part, where several payers may; as ``Owed.part`` says it."""
    chosen = [(share_key == row.key, bearer_of(row)) for row in revision.shares if row.others]
    nobody: list[Any] = [(share_key == "", literal(CITY))]
    return case(*chosen, *nobody, else_="").label("bearer")
