"""Logged-in browsers: opened, found, kept awake, revoked.

The browser holds a random id; the database holds its SHA-256 only. Every reading request makes
one indexed query here.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, insert, inspect, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from models.account import Account, LoginSession
from models.organization import Organization
from portal.access.actor import Actor

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn:
    """The person behind a browser, with the name of their union.

    ``lacks_code``: a second factor exists and was not shown.
    """

    session_id: int
    login: str
    actor: Actor
    organization: str
    must_change_password: bool
    has_second_factor: bool
    second_factor: bool
    seen_at: datetime

    @property
    def lacks_code(self) -> bool:
        """Whether the code of the second factor is still to be given."""
        return self.has_second_factor and not self.second_factor

    @property
    def account_id(self) -> int:
        """The account; a signed-in actor always has one."""
        assert self.actor.account_id is not None
        return self.actor.account_id

    def is_due(self, now: datetime) -> bool:
        """Whether ``seen_at`` is old enough to be written again."""
        return now - self.seen_at >= SEEN_EVERY


def open_session(
    session: Session,
    now: datetime,
    account_id: int,
    address: str = "",
    second_factor: bool = False,
) -> str:
    """A new browser session of the account; gives the random id for the cookie."""
    token = secrets.token_urlsafe(32)
    session.execute(
        insert(LoginSession).values(
            token_hash=_hash(token),
            account_id=account_id,
            created_at=now,
            seen_at=now,
            address=address,
            second_factor=second_factor,
        )
    )
    return token


def find(session: Session, now: datetime, token: str, address: str = "") -> SignedIn | None:
    """Who the cookie's id belongs to; ``None`` when revoked, idle, too old or disabled."""
    row = session.execute(_FIND, {"hash": _hash(token)}).one_or_none()
    if row is None or now - row.seen_at > IDLE or now - row.created_at > ABSOLUTE:
        return None
    actor = Actor(
        account_id=row.account_id,
        name=row.name,
        role=row.role,
        organization_id=row.organization_id,
        path=row.path,
        depth=row.depth,
        address=address,
    )
    return SignedIn(
        session_id=row.id,
        login=row.login,
        actor=actor,
        organization=row.organization,
        must_change_password=row.must_change_password,
        has_second_factor=row.has_second_factor,
        second_factor=row.second_factor,
        seen_at=row.seen_at,
    )


def touch(connection: Connection, now: datetime, session_id: int) -> None:
    """Write that the browser was just seen."""
    row = update(LoginSession).where(LoginSession.id == session_id)
    connection.execute(row.values(seen_at=now))


def revoke(session: Session, now: datetime, session_id: int) -> None:
    """End one browser session."""
    _end(session, now, LoginSession.id == session_id)


def revoke_all(session: Session, now: datetime, account_id: int) -> None:
    """End every browser session of the account."""
    _end(session, now, LoginSession.account_id == account_id)


def _end(session: Session, now: datetime, which: object) -> None:
    rows = update(LoginSession).where(which, LoginSession.revoked_at.is_(None))  # type: ignore[arg-type]
    session.execute(rows.values(revoked_at=now))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


# Core tables, not classes: the ORM would add a third to every request's query
_browser = inspect(LoginSession).local_table
_account = inspect(Account).local_table
_place = inspect(Organization).local_table
_FIND = (
    select(
        _browser.c.id,
        _browser.c.account_id,
        _browser.c.created_at,
        _browser.c.seen_at,
        _browser.c.second_factor,
        _account.c.login,
        _account.c.name,
        _account.c.role,
        _account.c.must_change_password,
        _account.c.totp_sealed.is_not(None).label("has_second_factor"),
        _account.c.organization_id,
        _place.c.name.label("organization"),
        _place.c.path,
        _place.c.depth,
    )
    .join_from(_browser, _account, _account.c.id == _browser.c.account_id)
    .join(_place, _place.c.id == _account.c.organization_id)
    .where(
        _browser.c.token_hash == bindparam("hash"),
        _browser.c.revoked_at.is_(None),
        _account.c.is_active,
    )
)
