"""What of each case is due now: its released instalments, who bears them, what is still unpaid.

One SELECT a revision. An instalment is released once the case has passed its stage, which it may
have done while it still waits at a later one (B22 二（四）4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from models.application import APPROVED, WAITING, Application
from models.application import PAID as PAID_OUT
from models.decision import PASS, Decision
from models.funding import (
    MADE,
    TRANSFERRED,
    UNDONE,
    Payment,
    PaymentBatch,
    PaymentReversal,
)
from models.organization import Organization
from models.programme import Programme, Revision
from models.sharing import CITY, DIRECT, DISTRICT, Instalment, PaymentRule
from portal.funding import ledger
from portal.funding.adjusted import is_regular, less_settled, top_ups, top_ups_borne
from portal.policy.allocations import guards_of, may_be_paid
from portal.policy.codes import materialized
from portal.policy.facts import source
from portal.policy.shares import (
    DECIDED,
    NO_WEIGHTS,
    Part,
    instalment_fen,
    needs_of,
    parts_of,
)

Sql = ColumnElement[Any]


@dataclass(frozen=True)
class Due:
    """One instalment of a revision: its place from 1, and what each part of it comes to."""

    place: int
    row: Instalment | None
    parts: tuple[tuple[Part, Sql], ...]

    @property
    def fen(self) -> Sql:
        """What the person gets; unknown where somebody's share is."""
        return _added(fen for part, fen in self.parts if not part.on_top)

    @property
    def budget_fen(self) -> Sql:
        """What the city federation bears of it, and on top of it."""
        return _added(fen for part, fen in self.parts if part.payer == CITY)


def dues_of(
    revision: Revision, instead: Mapping[str, int] = NO_WEIGHTS, *, whole: bool = False
) -> list[Due]:
    """The instalments of *revision*, at least one; *instead* tries other weights of shares.

    What an adjustment settled apart is left out, unless they are wanted *whole*.
    """
    rows: list[Instalment | None] = [*revision.instalments] or [None]
    weights = [row.weight if row else 1 for row in rows]
    parts = parts_of(revision, instead)
    found = []
    for place, row in enumerate(rows):
        each = [(part, instalment_fen(part.fen, weights, place)) for part in parts]
        if not whole:
            each = [
                (part, less_settled(fen, place + 1, part.key, payer_of(part.payer)))
                for part, fen in each
            ]
        found.append(Due(place + 1, row, tuple(each)))
    return found


def queue(programme: Programme) -> Subquery:
    """Every released and unpaid instalment of *programme*, one row each, and every top-up.

    Columns: ``id``, ``district_id``, ``payee_id`` (the union to which the money is transferred),
    ``instalment``, ``attempt``, ``fen``, ``budget_fen`` (0 for one that the budget bore before the
    bank returned it) and ``released``, the decision that released it, by which they are served.
    Amounts are unknown where a share is.
    """
    return union_all(*_queued(programme)).subquery("queue")


def pending_fen(session: Session, programme: Programme, payer: Organization) -> int:
    """What *payer* owes of all that is in the queue of *programme*."""
    if payer.parent_id is None:
        parts = [
            rows.with_only_columns(rows.selected_columns["budget_fen"])
            for rows in _queued(programme)
        ]
        owed = union_all(*parts).subquery()
        total = select(func.coalesce(func.sum(owed.c.budget_fen), 0))
    else:
        # worked out once: pasted into each part of the union it takes minutes to plan
        shares = borne(programme, materialized(select(queue(programme)), "queued"))
        total = select(func.coalesce(func.sum(shares.c.fen), 0)).where(
            shares.c.payer_id == payer.id
        )
    return int(session.execute(total).scalar_one())


def borne(programme: Programme, among: FromClause) -> Subquery:
    """Who bears what of the instalments *among*, rows as ``queue`` has them; one row a part.

    Columns: ``id``, ``instalment``, ``payee_id``, ``released``, ``share_key``, ``payer_id`` and
    ``fen``, 0 for what the payer bore before the bank returned it.
    """
    keys = (among.c.id, among.c.instalment, among.c.payee_id, among.c.released)
    found = [
        select(
            *keys,
            literal(part.key).label("share_key"),
            payer_of(part.payer).label("payer_id"),
            case((_came_back(due.place), 0), else_=fen).label("fen"),
        )
        .select_from(source(needs_of(revision)))
        .join(among, among.c.id == Application.id)
        .where(Application.revision_id == revision.id, among.c.instalment == due.place)
        for revision in programme.revisions
        for due in dues_of(revision)
        for part, fen in due.parts
    ]
    return union_all(*found, top_ups_borne(among, *keys)).subquery("borne")


def is_unpaid(place: int) -> Sql:
    """Whether the instalment *place* has no payment, or only ones that were undone."""
    return ~standing(Payment.id, Payment.instalment == place).exists()


def paid_fen(*where: Sql) -> Sql:
    """What the payments of a case come to for which *where* holds, but those that were undone."""
    total = func.coalesce(func.sum(Payment.amount_fen), 0)
    return standing(total, *where).scalar_subquery()


def standing(what: Any, *where: Sql) -> Select[Any]:
    """*what* of the payments of a case for which *where* holds and that were not undone: returned
    by the bank, or cancelled with their batch."""
    undone = and_(PaymentReversal.payment_id == Payment.id, PaymentReversal.kind.in_(UNDONE))
    return (
        select(what)
        .select_from(Payment)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .outerjoin(PaymentReversal, undone)
        .where(Payment.application_id == Application.id, PaymentReversal.id.is_(None), *where)
        .correlate(Application)
    )


def has_money(*, on_its_way: bool = False) -> Sql:
    """Whether a case has a payment that did not come back; with *on_its_way* one whose batch has
    not reached its people yet."""
    moving = [PaymentBatch.state.in_((MADE, TRANSFERRED))] if on_its_way else []
    return (
        select(Payment.id)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(Payment.application_id == Application.id, PaymentReversal.id.is_(None), *moving)
        .correlate(Application)
        .exists()
    )


def agreed_fen(dues: list[Due]) -> Sql:
    """What its award makes now of the instalments of a case that are in batches, in fen.

    Where that is not what was paid, because a correction changed the award after a payment,
    nothing more is paid by itself.
    """
    return _added(case((is_unpaid(due.place), 0), else_=due.fen) for due in dues)


def payer_of(payer: str) -> Sql:
    """The organization that *payer* is for a case."""
    if payer == DISTRICT:
        return Application.district_id.expression
    if payer == CITY:
        return city()
    return Application.organization_id.expression


def is_party(payer: str) -> Sql:
    """Whether an organization may be *payer* for some case."""
    if payer == DISTRICT:
        return Organization.depth == 1
    if payer == CITY:
        return Organization.parent_id.is_(None)
    return Organization.parent_id.is_not(None)


def payee_of(revision: Revision) -> Sql:
    """The union to which the money of a case of *revision* is transferred; for one that is paid
    straight to the person the city federation, which keeps it."""
    named = [
        (_in_channels(row), city() if row.route == DIRECT else Application.district_id)
        for row in revision.payments
    ]
    own = Application.district_id.expression
    return case(*named, else_=own) if named else own


def _in_channels(row: PaymentRule) -> Sql:
    return Application.channel.in_(row.channels) if row.channels else true()


def city() -> Sql:
    """The city federation."""
    root = aliased(Organization)
    return select(func.min(root.id)).where(root.parent_id.is_(None)).scalar_subquery()


def is_released(revision: Revision, row: Instalment | None) -> Sql:
    """Whether a case has passed the stage that releases the instalment *row*."""
    closed = Application.state.in_((APPROVED, PAID_OUT))
    if row is None or row.after is None:
        return closed
    keys = [stage.key for stage in revision.stages]
    later = keys[keys.index(row.after) + 1 :] if row.after in keys else []
    beyond = Application.stage_key.in_(later) if later else false()
    return or_(closed, and_(Application.state == WAITING, beyond))


def release_of(row: Instalment | None) -> Sql:
    """The last decision that released the instalment *row* of a case."""
    passed: tuple[Sql, ...] = (Decision.to_state == APPROVED, Decision.outcome == PASS)
    if row is not None and row.after is not None:
        passed = (Decision.from_stage == row.after, Decision.outcome == PASS)
    found = select(func.max(Decision.id)).where(Decision.application_id == Application.id, *passed)
    return found.correlate(Application).scalar_subquery()


def _queued(programme: Programme) -> list[Select[Any]]:
    found = [
        _released(revision, due, dues)
        for revision in programme.revisions
        for dues in [dues_of(revision)]
        for due in dues
    ]
    return found + [
        top_ups(revision, payee_of(revision), city()) for revision in programme.revisions
    ]


def _released(revision: Revision, due: Due, dues: list[Due]) -> Select[Any]:
    return (
        select(
            Application.id,
            Application.district_id,
            payee_of(revision).label("payee_id"),
            literal(due.place).label("instalment"),
            (_attempts(due.place) + 1).label("attempt"),
            due.fen.label("fen"),
            case((_came_back(due.place), 0), else_=due.budget_fen).label("budget_fen"),
            release_of(due.row).label("released"),
        )
        .select_from(source(needs_of(revision) | guards_of(revision)))
        .where(
            Application.revision_id == revision.id,
            DECIDED > 0,
            *([may_be_paid(revision)] if revision.allocations else []),
            is_released(revision, due.row),
            is_unpaid(due.place),
            *([paid_fen(is_regular()) == agreed_fen(dues)] if len(dues) > 1 else []),
        )
    )


def _came_back(place: int) -> Sql:
    """Whether the payers bore the instalment *place* before the bank returned it."""
    return ledger.is_returned(Application.id, literal(place))


def _attempts(place: int) -> Sql:
    made = select(func.count(Payment.id)).where(
        Payment.application_id == Application.id, Payment.instalment == place
    )
    return made.correlate(Application).scalar_subquery()


def _added(fen: Iterator[Sql]) -> Sql:
    return sum(fen, start=literal(0))
