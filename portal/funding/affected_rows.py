"""Approved and paid cases set against what the rules make of them now: one statement a revision."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from models.adjustment import OPEN, Adjustment
from models.applicant import Applicant
from models.application import (
    APPROVED,
    HELD,
    INELIGIBLE,
    PAID,
    REFUSED,
    RETURNED,
    WAITING,
    WITHDRAWN,
    Application,
)
from models.functions import part_of
from models.funding import RECOVERED, Payment, PaymentReversal
from models.organization import Organization
from models.programme import Revision
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.funding.adjusted import is_regular, owed_back_fen
from portal.funding.dues import agreed_fen, dues_of, has_money, paid_fen
from portal.policy.allocations import is_payable
from portal.policy.facts import source
from portal.policy.judge import policy_for
from portal.policy.shares import DECIDED, needs_of

Sql = ColumnElement[Any]
_CLOSED, _GONE, _OPEN_CASES = (APPROVED, PAID), (REFUSED, WITHDRAWN), (WAITING, RETURNED)
_DISTRICT = aliased(Organization)


def compared(
    session: Session,
    actor: Actor,
    base: Revision,
    revision: Revision,
    only: Select[Any] | None,
    most: int | None,
) -> Any:
    """One row with the sums (its number is null), then the affected in the order of their ids."""
    rows = (
        union_all(
            _judged(session, actor, base, revision, only),
            _gone(actor, base, only),
            _under_way(actor, base, only),
        )
        .cte("affected")
        .prefix_with("MATERIALIZED")
    )
    there = rows.c
    difference = there.difference_fen
    sums = select(
        null().label("id"),
        null().label("number"),
        *(null().label(name) for name in _NAMES[2:]),
        func.count().label("cases"),
        _sum(case((and_(there.asks == 0, difference > 0), difference), else_=0)).label("more_fen"),
        _sum(case((and_(there.asks == 0, difference < 0), -difference), else_=0)).label("less_fen"),
    )
    shown = (
        select(*(there[name] for name in _NAMES), literal(0), literal(0), literal(0))
        .order_by(there.id)
        .limit(most)
        .subquery()
    )
    return union_all(sums, select(*shown.c))


_NAMES = (
    "id", "number", "person", "district", "state", "award_fen", "out_fen", "now_fen",
    "difference_fen", "asks", "recovered", "adjusted", "open_id", "keys", "tier_key",
)  # fmt: skip


def _judged(
    session: Session, actor: Actor, base: Revision, revision: Revision, only: Select[Any] | None
) -> Select[Any]:
    """Approved and paid cases, judged as if nobody had decided them."""
    found = policy_for(session, revision, only).statement.subquery("judged")
    now = _granted(found.c.amount_fen)
    difference = _difference(now)
    asks = and_(found.c.verdict == HELD, Application.verdict != HELD)
    keys = case((found.c.verdict == INELIGIBLE, found.c.missed), else_=found.c.asked)
    columns = _columns(now, difference, asks, keys, found.c.tier_key)
    out = or_(has_money(), is_payable(base))
    return _joined(
        select(*columns).select_from(found).join(Application, Application.id == found.c.id)
    ).where(
        visible(Application, actor),
        Application.state.in_(_CLOSED),
        or_(difference != 0, asks, *_uneven(base)),
        out,
    )


def _uneven(base: Revision) -> list[Sql]:
    """Whether instalments that are out would come to something else, though the award is paid."""
    dues = dues_of(base)
    if len(dues) == 1:
        return []
    return [and_(has_money(), agreed_fen(dues) != paid_fen(is_regular()))]


def _gone(actor: Actor, base: Revision, only: Select[Any] | None) -> Select[Any]:
    """Cases that were refused after money went out: nobody judges them, nothing is due to them."""
    now: Sql = literal(0, BigInteger)
    difference = _difference(now)
    columns = _columns(now, difference, literal(1) == 0, Application.missed, null())
    return _joined(select(*columns).select_from(Application)).where(
        visible(Application, actor),
        Application.revision_id == base.id,
        Application.state.in_(_GONE),
        has_money(),
        difference != 0,
        *_narrowed(only),
    )


def _under_way(actor: Actor, base: Revision, only: Select[Any] | None) -> Select[Any]:
    """Cases still waiting of which instalments are out: their award is judged as they stand, so
    what counts is what those instalments would come to now."""
    difference = agreed_fen(dues_of(base)) - paid_fen(is_regular())
    columns = _columns(
        DECIDED, difference, literal(1) == 0, Application.missed, Application.tier_key
    )
    tables = source(needs_of(base))
    return _joined(select(*columns).select_from(tables)).where(
        visible(Application, actor),
        Application.revision_id == base.id,
        Application.state.in_(_OPEN_CASES),
        has_money(),
        difference != 0,
        *_narrowed(only),
    )


def _joined(rows: Select[Any]) -> Select[Any]:
    return (
        rows.join(Applicant, Applicant.id == Application.applicant_id)
        .outerjoin(_DISTRICT, _DISTRICT.id == Application.district_id)
        .outerjoin(
            Adjustment,
            and_(Adjustment.application_id == Application.id, Adjustment.state.in_(OPEN)),
        )
    )


def _columns(now: Sql, difference: Sql, asks: Sql, keys: Any, tier: Any) -> list[Any]:
    return [
        Application.id.label("id"),
        Application.number.label("number"),
        Applicant.name.label("person"),
        func.coalesce(_DISTRICT.name, "").label("district"),
        Application.state.label("state"),
        DECIDED.label("award_fen"),
        _out().label("out_fen"),
        now.label("now_fen"),
        difference.label("difference_fen"),
        case((asks, 1), else_=0).label("asks"),
        case((_recovered_fen() > 0, 1), else_=0).label("recovered"),
        case((Application.adjusted_fen.is_not(None), 1), else_=0).label("adjusted"),
        Adjustment.id.label("open_id"),
        keys.label("keys"),
        tier.label("tier_key"),
    ]


def _granted(fen: Sql) -> Sql:
    """What of *fen*, which the rules give, an allocation leaves: its part of the award stays."""
    granted = and_(Application.granted_fen.is_not(None), Application.amount_fen > 0)
    part = part_of(Application.granted_fen, fen, func.nullif(Application.amount_fen, 0))
    return case((granted, part), else_=fen)


def _difference(now: Sql) -> Sql:
    """What a case would get more than it was awarded, or below zero less.

    What was recovered of it as a whole payment is not recovered again, and not topped up.
    """
    back = _recovered_fen()
    less = now - DECIDED + back
    return case((now >= DECIDED, now - DECIDED), (less < 0, less), else_=0)


def _out() -> Sql:
    """What is in batches or paid and neither came back nor is owed back."""
    return paid_fen() - _recovered_fen() - owed_back_fen()


def _recovered_fen() -> Sql:
    """What was recovered of a case, payment by payment."""
    total = func.coalesce(func.sum(Payment.amount_fen), 0, type_=BigInteger)
    found = (
        select(total)
        .join(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(Payment.application_id == Application.id, PaymentReversal.kind == RECOVERED)
    )
    return found.correlate(Application).scalar_subquery()


def _narrowed(only: Select[Any] | None) -> list[Sql]:
    return [] if only is None else [Application.id.in_(only)]


def _sum(fen: Sql) -> Sql:
    return func.coalesce(func.sum(fen), 0, type_=BigInteger)
