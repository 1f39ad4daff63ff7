"""The daily digest: each account that has an address is told once a day what waits for it.

The row of account and day is claimed before anything is sent and told its end after: two workers
never send the same one, and what the server did not take is tried again. A worker that dies
between both may send it again, under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.account import EMPTY, SENDING, SENT, WAITS, Account, Digest
from models.base import writing
from models.programme import Revision
from portal.access.actor import Actor
from portal.calendar import Calendar
from portal.clock import Clock
from portal.mailing import is_refusal
from portal.review.todo import Desk, numbers

STALE = timedelta(minutes=30)
"""After this a claim is of a worker that died."""
TRIES = 5
"""How often the server may refuse one account's digest on one day."""


@dataclass(frozen=True)
class Rules:
    """By what the numbers are counted: the calendar and every revision."""

    calendar: Calendar
    revisions: Sequence[Revision]


@dataclass(frozen=True)
class Mailed:
    """One digest: the address, a random name of the account, the day, what is told."""

    to: str
    account_key: str
    day: date
    numbers: dict[str, int]


Deliver = Callable[[Mailed], None]


@dataclass
class Sent:
    """What became of the accounts with an address: how many of each."""

    sent: int = 0
    empty: int = 0
    failed: int = 0
    waiting: int = 0


def planned(session: Session, clock: Clock, rules: Rules) -> list[tuple[str, dict[str, int]]]:
    """Who would be told what today, by login; who was told or has nothing to do is left out."""
    accounts = session.scalars(select(Account).where(Account.id.in_(_open(clock)))).all()
    found = [(row.login, _told(session, clock, rules, row)) for row in accounts]
    return [(login, counts) for login, counts in found if counts]


def send_all(session: Session, clock: Clock, rules: Rules, deliver: Deliver) -> Sent:
    """Tell every account that was not told today; commits account by account.

    *deliver* sends one digest and raises ``OSError``. Where the server goes away the rest waits
    for the next call.
    """
    done = Sent()
    ids = session.scalars(_open(clock)).all()
    session.commit()
    for place, account_id in enumerate(ids):
        if not _claim(session, clock, account_id):
            continue
        digest = _prepared(session, clock, rules, account_id)
        try:
            if digest.numbers:
                deliver(digest)
        except OSError as error:
            refused = is_refusal(error)
            _end(session, clock, account_id, WAITS, digest.numbers, tries=int(refused))
            if refused:
                done.failed += 1
                continue
            done.waiting = len(ids) - place
            break
        _end(session, clock, account_id, SENT if digest.numbers else EMPTY, digest.numbers)
        done.sent += bool(digest.numbers)
        done.empty += not digest.numbers
    return done


def _prepared(session: Session, clock: Clock, rules: Rules, account_id: int) -> Mailed:
    account = session.get_one(Account, account_id)
    told = _told(session, clock, rules, account)
    session.commit()  # nothing is held while the server takes its time
    return Mailed(account.email or "", account.row_key, clock.today(), told)


def _told(session: Session, clock: Clock, rules: Rules, account: Account) -> dict[str, int]:
    """The numbers of *account* that are not zero, within its own scope."""
    desk = Desk(Actor.of(account), rules.calendar, rules.revisions, clock.today())
    return {key: count for key, count in numbers(session, desk).items() if count}


def _open(clock: Clock) -> Select[int]:
    """The accounts in use with an address that are still to be told today."""
    today = and_(Digest.account_id == Account.id, Digest.day == clock.today())
    return (
        select(Account.id)
        .outerjoin(Digest, today)
        .where(
            Account.is_active,
            Account.email_sealed.is_not(None),
            or_(Digest.id.is_(None), _free(clock)),
        )
        .order_by(Account.id)
    )


def _free(clock: Clock) -> ColumnElement[bool]:
    """Digests that may be claimed: refused not too often, or of a worker that died."""
    stale = and_(Digest.state == SENDING, Digest.claimed_at < clock.now() - STALE)
    return or_(and_(Digest.state == WAITS, Digest.tries < TRIES), stale)


def _claim(session: Session, clock: Clock, account_id: int) -> bool:
    """Take the day's digest of an account, unless another worker has it."""
    mine = (Digest.account_id == account_id, Digest.day == clock.today())
    again = (
        update(Digest)
        .where(*mine, _free(clock))
        .values(state=SENDING, claimed_at=clock.now())
        .returning(Digest.id)
    )
    with writing():
        if session.scalar(again) is None:
            if session.scalar(select(Digest.id).where(*mine)) is not None:
                session.rollback()
                return False
            session.add(_new(clock, account_id))
        try:
            session.commit()
        except IntegrityError:
            session.rollback()
            return False
    return True


def _new(clock: Clock, account_id: int) -> Digest:
    return Digest(
        account_id=account_id,
        day=clock.today(),
        state=SENDING,
        numbers={},
        tries=0,
        claimed_at=clock.now(),
    )


def _end(
    session: Session,
    clock: Clock,
    account_id: int,
    state: str,
    told: dict[str, int],
    *,
    tries: int = 0,
) -> None:
    with writing():
        session.execute(
            update(Digest)
            .where(Digest.account_id == account_id, Digest.day == clock.today())
            .values(
                state=state,
                numbers=told,
                tries=Digest.tries + tries,
                sent_at=clock.now() if state == SENT else None,
            )
            .execution_options(synchronize_session=False)
        )
        session.commit()
