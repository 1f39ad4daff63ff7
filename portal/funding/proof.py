"""What must never happen to money: each violation as a sentence for ``flask verify``."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import (
    ColumnElement,
    Subquery,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from models.application import APPROVED, REFUSED, RETURNED, WAITING, Application
from models.application import PAID as PAID_OUT
from models.audit import AuditEntry
from models.funding import (
    CANCELLED,
    PAID,
    UNDONE,
    Payment,
    PaymentBatch,
    PaymentReversal,
    PaymentShare,
)
from models.organization import Organization
from models.programme import Programme
from models.sharing import Instalment, Share
from portal.access.organizations import MOVES
from portal.funding.adjusted import is_regular, owed_back_fen
from portal.funding.dues import city, dues_of, payee_of, payer_of, queue, release_of, standing
from portal.funding.papers import missing_papers
from portal.funding.payout import is_paid_out
from portal.policy.shares import DECIDED, bearer_of


def violations(session: Session) -> Iterator[str]:
    """Cases paid out of turn, in the wrong state, or other sums than were approved."""
    yield from _wrong_cases(session)
    yield from _wrong_sums(session)
    yield from _wrong_shares(session)
    yield from _wrong_bearers(session)
    yield from _paid_again(session)
    yield from _cancelled(session)
    yield from _without_papers(session)
    yield from _skipped(session)


def _wrong_cases(session: Session) -> Iterator[str]:
    """A case may be paid in part while it waits; what fails after that is to be recovered."""
    rows = session.execute(
        select(Application.number, PaymentBatch.number)
        .join(Payment, Payment.application_id == Application.id)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .where(
            PaymentBatch.state != CANCELLED,
            or_(
                Application.state.not_in((WAITING, RETURNED, APPROVED, PAID_OUT, REFUSED)),
                and_(
                    PaymentBatch.district_id.not_in((Application.district_id, city())),
                    ~_was_moved(),
                ),
            ),
        )
    )
    for number, batch in rows:
        yield f"payment: application {number} does not agree with its batch {batch}"
    ends = select(Application.number, Application.state).where(
        Application.amount_fen > 0,
        or_(
            and_(Application.state == PAID_OUT, ~is_paid_out()),
            and_(Application.state == APPROVED, is_paid_out(), DECIDED > 0, _all_out()),
        ),
    )
    for number, state in session.execute(ends):
        yield f"payment: application {number} is {state}, which its payments do not say"


def _all_out() -> ColumnElement[bool]:
    """Whether every instalment of a case is in a batch; until then an instalment of which too much
    is out may come to the whole award."""
    planned = (
        select(func.count(Instalment.id))
        .where(Instalment.revision_id == Application.revision_id)
        .correlate(Application)
        .scalar_subquery()
    )
    out = standing(func.count(func.distinct(Payment.instalment)), is_regular()).scalar_subquery()
    return out >= case((planned > 1, planned), else_=1)


def _wrong_sums(session: Session) -> Iterator[str]:
    """The payments of a case never come to more than it was awarded, without what it owes back."""
    standing = func.sum(Payment.amount_fen)
    rows = session.execute(
        select(Application.number, standing)
        .join(Payment, Payment.application_id == Application.id)
        .where(~exists().where(PaymentReversal.payment_id == Payment.id))
        .group_by(Application.id)
        .having(standing - owed_back_fen() > DECIDED)
    )
    for number, fen in rows:
        yield f"payment: application {number} is paid {fen} fen, more than it was awarded"


def _wrong_shares(session: Session) -> Iterator[str]:
    """What the payers bear inside a payment is the payment, to the fen."""
    inside = (
        select(func.coalesce(func.sum(PaymentShare.amount_fen), 0))
        .where(PaymentShare.payment_id == Payment.id, PaymentShare.is_on_top.is_(False))
        .correlate(Payment)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Application.number, Payment.amount_fen, inside)
        .join(Payment, Payment.application_id == Application.id)
        .where(inside != Payment.amount_fen)
    )
    for number, fen, parts in rows:
        yield f"payment: the shares of application {number} come to {parts} of {fen} fen"


def _wrong_bearers(session: Session) -> Iterator[str]:
    """A share that one of several payers bears is paid by the one that was chosen for the case."""
    for row in session.scalars(select(Share)):
        if not row.others:
            continue
        bearer, payers = bearer_of(row), (row.payer, *row.others)
        chosen = case(*((bearer == payer, payer_of(payer)) for payer in payers))
        rows = session.scalars(
            select(Application.number)
            .join(Payment, Payment.application_id == Application.id)
            .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
            .join(PaymentShare, PaymentShare.payment_id == Payment.id)
            .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
            .where(
                Application.revision_id == row.revision_id,
                PaymentShare.share_key == row.key,
                PaymentReversal.id.is_(None),
                PaymentShare.payer_id != chosen,
                ~_was_moved(),
            )
        )
        for number in rows:
            yield f"payment: {row.key} of application {number} is not borne by who was chosen"


def _was_moved() -> ColumnElement[bool]:
    """Whether the case's union, or one above it, was hung elsewhere since the batch was made; its
    batch names the district that it belonged to then."""
    union, above = aliased(Organization), aliased(Organization)
    return (
        select(AuditEntry.id)
        .join(above, above.id == AuditEntry.entity_id)
        .join(union, union.path.startswith(above.path))
        .where(
            AuditEntry.entity == "organization",
            AuditEntry.action.in_(MOVES),
            AuditEntry.at >= PaymentBatch.made_at,
            union.id == Application.organization_id,
        )
        .correlate(Application, PaymentBatch)
        .exists()
    )


def _paid_again(session: Session) -> Iterator[str]:
    """A second attempt stands only on a first one that was undone."""
    before = aliased(Payment)
    rows = session.scalars(
        select(Application.number)
        .join(Payment, Payment.application_id == Application.id)
        .where(
            Payment.attempt > 1,
            ~exists().where(
                before.application_id == Payment.application_id,
                before.instalment == Payment.instalment,
                before.attempt == Payment.attempt - 1,
                PaymentReversal.payment_id == before.id,
                PaymentReversal.kind.in_(UNDONE),
            ),
        )
    )
    for number in rows:
        yield f"payment: application {number} was paid again though nothing came back"


def _cancelled(session: Session) -> Iterator[str]:
    """With its batch every payment is cancelled, and none without it."""
    undone = and_(PaymentReversal.payment_id == Payment.id, PaymentReversal.kind == CANCELLED)
    rows = session.scalars(
        select(PaymentBatch.number)
        .join(Payment, Payment.batch_id == PaymentBatch.id)
        .outerjoin(PaymentReversal, undone)
        .where((PaymentBatch.state == CANCELLED) != PaymentReversal.id.is_not(None))
        .distinct()
    )
    for number in rows:
        yield f"payment: batch {number} and its payments disagree on being cancelled"


def _without_papers(session: Session) -> Iterator[str]:
    """A batch is paid once the papers are there that its programme wants."""
    paid = select(PaymentBatch).where(PaymentBatch.state == PAID).order_by(PaymentBatch.id)
    for batch in session.scalars(paid):
        for kind in missing_papers(session, batch):
            yield f"payment: batch {batch.number} was paid without its {kind}"


def _skipped(session: Session) -> Iterator[str]:
    """Of one payee, an unpaid instalment released before one that was paid."""
    for programme in session.scalars(select(Programme)):
        if not programme.revisions:
            continue
        due, last = queue(programme), _last_paid(programme)
        same = and_(last.c.payee_id == due.c.payee_id, last.c.instalment == due.c.instalment)
        rows = session.scalars(
            select(Application.number)
            .join(due, due.c.id == Application.id)
            .join(last, same)
            .where(due.c.fen > 0, due.c.attempt == 1, last.c.released > due.c.released)
        )
        for number in rows:
            yield f"payment: application {number} was approved before one that was paid first"


def _last_paid(programme: Programme) -> Subquery:
    """Per payee and instalment the latest release of which something was paid."""
    undone = and_(PaymentReversal.payment_id == Payment.id, PaymentReversal.kind == CANCELLED)
    found = [
        select(
            payee_of(revision).label("payee_id"),
            literal(due.place).label("instalment"),
            release_of(due.row).label("released"),
        )
        .join(Payment, Payment.application_id == Application.id)
        .outerjoin(PaymentReversal, undone)
        .where(
            Application.revision_id == revision.id,
            Payment.instalment == due.place,
            PaymentReversal.id.is_(None),
        )
        for revision in programme.revisions
        for due in dues_of(revision)
    ]
    each = union_all(*found).subquery()
    key = (each.c.payee_id, each.c.instalment)
    latest = select(*key, func.max(each.c.released).label("released")).group_by(*key)
    return latest.subquery("last_paid")
