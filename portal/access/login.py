"""Logging in: tries are counted before the password is looked at, so that no race buys more.

A login is three short steps, and the caller commits after each that writes: ``knock`` counts the
try, ``password_opens`` does the slow hashing outside any transaction, ``admit`` opens the door.
An unknown name, a wrong password and a disabled account get one answer after the same work.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from models.account import Account, LoginFailure
from models.base import N_, Refusal
from models.types import keyring
from portal.access import audit, passwords, sessions
from portal.access.actor import Actor

LOCK = timedelta(minutes=30)
TRIES_PER_ACCOUNT = 5
TRIES_PER_ADDRESS = 30
_NOBODY = passwords.hashed(passwords.one_use_password())


class LoginRefused(Refusal):
    """Unknown name, wrong password, disabled account: one answer for all."""

    message = N_("The account or the password is wrong.")


class LockedOut(LoginRefused):
    """Too many failures for this name, known or not, or from this address."""

    message = N_("Too many failed tries. Wait %(minutes)s minutes and try again.")


class OneUsePasswordSpent(Refusal):
    """The right one-use password, but used before or too old."""

    message = N_(
        "This one-use password has expired or was used already. Ask whoever made the account for"
        " a new one."
    )


@dataclass(frozen=True)
class Door:
    """A counted try: whose account it may open, and whether it is locked."""

    account_id: int | None
    password_hash: str
    login_bucket: str
    address: str
    locked: bool


def login_key(login: str) -> str:
    """The name under which case and width variants of *login* are one."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def knock(session: Session, now: datetime, login: str, address: str) -> Door:
    """Count one try for the name and for the address; the caller commits before going on."""
    account = session.execute(
        select(Account.id, Account.password_hash).where(
            Account.login_key == login_key(login), Account.is_active
        )
    ).one_or_none()
    login_bucket = _login_bucket(login)
    is_open = _count(session, now, _address_bucket(address), TRIES_PER_ADDRESS) and _count(
        session, now, login_bucket, TRIES_PER_ACCOUNT
    )
    return Door(
        account_id=account.id if account else None,
        password_hash=account.password_hash if account else _NOBODY,
        login_bucket=login_bucket,
        address=address,
        locked=not is_open,
    )


def password_opens(door: Door, password: str) -> bool:
    """Whether *password* opens *door*; as slow for a name that does not exist."""
    if door.locked:
        return False
    return passwords.matches(door.password_hash, password) and door.account_id is not None


def refusal_of(session: Session, now: datetime, door: Door, nobody: Actor) -> LoginRefused:
    """Record the failed try in the audit trail; gives what the person is told.

    *nobody* stands for whoever tried, with their address.
    """
    tried = None if door.account_id is None else session.get(Account, door.account_id)
    place = tried.organization_id if tried else nobody.organization_id
    audit.record(
        session,
        replace(nobody, account_id=None, organization_id=place, address=door.address),
        now,
        "log in",
        "account",
        door.account_id,
        outcome="locked" if door.locked else "refused",
    )
    if door.locked:
        return LockedOut(minutes=LOCK // timedelta(minutes=1))
    return LoginRefused()


def admit(session: Session, now: datetime, door: Door, password: str, days: int = 0) -> str:
    """Open a browser session after the right password; gives the id for its cookie.

    Forgets the failures, unless a second factor is still to be shown. *days* is how long a
    password lasts, 0 for ever. Raises ``OneUsePasswordSpent``.
    """
    account = session.get_one(Account, door.account_id, with_for_update=True)
    _spend_one_use(account, now)
    if passwords.is_outdated(account.password_hash):
        account.password_hash = passwords.hashed(password)
    _expire_password(account, now, days)
    if account.totp_sealed is None:
        forgive(session, now, door.login_bucket, door.address)
    token = sessions.open_session(session, now, account.id, door.address)
    audit.record(session, Actor.of(account, door.address), now, "log in", "account", account.id)
    return token


def forgive(session: Session, now: datetime, login_bucket: str, address: str) -> None:
    """After a success: forget the name's failures, and take this try back from the address."""
    name = _bucket(session, now, login_bucket)
    name.failures, name.locked_until = 0, None
    place = _bucket(session, now, _address_bucket(address))
    place.failures, place.locked_until = max(place.failures - 1, 0), None


def _spend_one_use(account: Account, now: datetime) -> None:
    if account.one_use_expires_at is None:
        return
    if account.one_use_expires_at <= now:
        raise OneUsePasswordSpent()
    account.one_use_expires_at = now


def _expire_password(account: Account, now: datetime, days: int) -> None:
    changed = account.password_changed_at
    if days and changed is not None and now - changed > timedelta(days=days):
        account.must_change_password = True


def _count(session: Session, now: datetime, bucket: str, tries: int) -> bool:
    """Count one try in *bucket*; whether it may go on. The last one allowed sets the lock."""
    row = _bucket(session, now, bucket)
    if row.locked_until is not None and row.locked_until > now:
        return False
    if row.locked_until is not None or now - row.last_at > LOCK:
        row.failures, row.locked_until = 0, None
    row.failures += 1
    row.last_at = now
    if row.failures >= tries:
        row.locked_until = now + LOCK
    session.flush()
    return True


def _bucket(session: Session, now: datetime, bucket: str) -> LoginFailure:
    insert = postgresql.insert if _is_postgresql(session) else sqlite.insert
    new = insert(LoginFailure).values(bucket=bucket, failures=0, last_at=now)
    session.execute(new.on_conflict_do_nothing())
    return session.get_one(LoginFailure, bucket, with_for_update=True, populate_existing=True)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def unlock(session: Session, login: str) -> None:
    """Forget the failures of *login*, so that a new password opens at once."""
    session.execute(delete(LoginFailure).where(LoginFailure.bucket == _login_bucket(login)))


def _login_bucket(login: str) -> str:
    return "login:" + keyring.index(login_key(login), "login").hex()


def _address_bucket(address: str) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "address:"
    if known.version == 6:
        # one subscriber holds a whole /64
        return f"address:{ipaddress.ip_network((known, 64), strict=False)}"
    return f"address:{known}"
