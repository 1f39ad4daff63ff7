"""Cases with money out whose award would come out otherwise today; nothing is written.

A discovery after the approval changes what the facts say (a patent is invalidated, R036) or what
the rules say (a revision is amended), or the case was refused. One statement a revision compares
what was approved with what the rules make of the facts as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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
from models.base import N_
from models.functions import part_of
from models.funding import RECOVERED, Payment, PaymentReversal
from models.organization import Organization
from models.programme import Programme, Revision
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.funding.adjusted import is_regular, owed_back_fen
from portal.funding.dues import agreed_fen, dues_of, has_money, paid_fen
from portal.policy.allocations import is_payable
from portal.policy.facts import source
from portal.policy.judge import in_force, policy_for
from portal.policy.pack_rows import document_of
from portal.policy.shares import DECIDED, needs_of
from portal.policy.simulate import as_if, cited

Sql = ColumnElement[Any]
IN_FORCE, OWN = "in-force", "own"
RULES = {
    IN_FORCE: N_("The rules in force"),
    OWN: N_("The rules it was decided under"),
}
"""By which rules the cases are looked at again."""
_CLOSED, _GONE, _OPEN_CASES = (APPROVED, PAID), (REFUSED, WITHDRAWN), (WAITING, RETURNED)


@dataclass(frozen=True)
class Affected:
    """One case, in fen: what it was awarded, with the adjustments in force; what of it is in
    batches or paid and was not owed back; what it would be awarded now, and the difference.

    ``asks`` says that a person must look at it first. ``open_id`` names its open adjustment,
    ``adjusted`` tells that it has one in force, ``recovered`` that a payment of it was recovered
    as a whole. ``key``, ``clause`` and ``says`` are what decides it.
    """

    id: int
    number: str
    person: str
    district: str
    state: str
    award_fen: int
    out_fen: int
    now_fen: int
    difference_fen: int
    asks: bool
    recovered: bool
    adjusted: bool
    open_id: int | None
    key: str
    clause: str
    says: str

    @property
    def is_ready(self) -> bool:
        """Whether the difference can be proposed as it stands."""
        settled = self.open_id is None and not self.recovered
        return settled and not self.asks and self.difference_fen != 0


@dataclass
class Found:
    """The affected cases, the first of them as ``rows``; sums are of all, in fen."""

    rows: list[Affected] = field(default_factory=list)
    cases: int = 0
    more_fen: int = 0
    less_fen: int = 0


def affected(
    session: Session,
    actor: Actor,
    programme: Programme,
    rules: str = IN_FORCE,
    *,
    only: Select[Any] | None = None,
    most: int | None = None,
) -> Found:
    """The cases of *programme* that *actor* sees and whose award would differ by *rules*.

    *only* selects the ids to look at. At most *most* rows are told. Raises ``CannotSimulate``.
    """
    require(actor, "adjustment:read")
    found = Found()
    for base, revision in _judging(session, programme, rules):
        left = None if most is None else most - len(found.rows)
        for row in session.execute(_compared(session, actor, base, revision, only, left)):
            if row.number is None:
                found.cases += row.cases
                found.more_fen += int(row.more_fen or 0)
                found.less_fen += int(row.less_fen or 0)
            else:
                found.rows.append(_told(row, revision))
    return found


def _judging(
    session: Session, programme: Programme, rules: str
) -> Iterator[tuple[Revision, Revision]]:
    """Each revision with cases, and the rules by which these are judged."""
    named = in_force(session, programme)
    rows = session.scalars(
        select(Revision)
        .where(
            Revision.programme_id == programme.id,
            select(Application.id).where(Application.revision_id == Revision.id).exists(),
        )
        .order_by(Revision.number)
    ).all()
    document = document_of(named) if named and rules == IN_FORCE else None
    for base in rows:
        same = document is None or named is None or named.id == base.id
        yield base, base if same or document is None else as_if(base, document)


def _compared(
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
        or_(difference != 0, asks),
        out,
    )


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


def _told(row: Any, revision: Revision) -> Affected:
    key = next((part for part in str(row.keys or "").split(",") if part), "")
    clause, says = cited(revision, key) if key else _of_tier(revision.tiers, row.tier_key)
    return Affected(
        id=row.id,
        number=row.number,
        person=row.person,
        district=row.district,
        state=row.state,
        award_fen=int(row.award_fen),
        out_fen=int(row.out_fen),
        now_fen=int(row.now_fen),
        difference_fen=int(row.difference_fen),
        asks=bool(row.asks),
        recovered=bool(row.recovered),
        adjusted=bool(row.adjusted),
        open_id=row.open_id,
        key=key,
        clause=clause,
        says=says,
    )


def _of_tier(tiers: Iterable[Any], key: str | None) -> tuple[str, str]:
    """The clause and title of the tier that now gives the amount."""
    return next(((row.clause, row.title) for row in tiers if row.key == key), ("", ""))


_DISTRICT = aliased(Organization)
