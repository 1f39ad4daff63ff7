"""Accounts: made with a one-use password, moved, disabled and reset, each act recorded.

Districts keep the accounts of the grass-roots unions below them; the system administrator keeps
all (S15 七).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from models.account import Account, Digest, LoginSession, SavedView
from models.base import N_, Refusal
from models.organization import GROUP, Organization
from models.types import new_row_key
from portal.access import audit, passwords, sessions
from portal.access.actor import Actor
from portal.access.addresses import checked_address
from portal.access.login import login_key, unlock
from portal.access.permissions import (
    ADMIN,
    DISTRICT,
    GRASS_ROOTS,
    ROLE_PLACES,
    ROLES,
    require,
)
from portal.access.scope import visible
from portal.clock import Clock

ONE_USE_LASTS = timedelta(days=7)
_LOGIN_LENGTHS = range(2, 61)
_SYSTEM = "system"


class BadLogin(Refusal):
    """The login holds spaces or control characters, or has an impossible length."""

    message = N_("An account name has 2 to 60 characters without spaces.")


class BadName(Refusal):
    """The name is empty or too long."""

    message = N_("A name has 1 to 60 characters.")


class LoginTaken(Refusal):
    """Another account has this login, perhaps in other case or width."""

    message = N_("There is already an account %(login)s.")


class UnknownAccount(Refusal):
    """No such account in the actor's subtree."""

    message = N_("There is no account %(login)s that you may manage.")


class UnknownRole(Refusal):
    """The role does not exist."""

    message = N_("There is no role %(role)s.")


class RoleMisplaced(Refusal):
    """The role does not belong at this kind of union."""

    message = N_("This role cannot sit at %(organization)s.")


class OutsideSubtree(Refusal):
    """The union is not below the actor, or they may not give this role there."""

    message = N_("You may not give this role at %(organization)s.")


class NotYourself(Refusal):
    """Nobody disables, moves or resets their own account."""

    message = N_("Somebody else must do this to your own account.")


@dataclass(frozen=True)
class Removal:
    """What became of an account that was to be deleted."""

    deleted: bool


def system_actor(session: Session) -> Actor:
    """The city itself, for commands. Before the tree exists its ``organization_id`` is 0."""
    root = session.scalar(select(Organization).where(Organization.parent_id.is_(None)))
    if root is None:
        return Actor(None, _SYSTEM, ADMIN, organization_id=0, path="/", depth=0)
    return Actor(None, _SYSTEM, ADMIN, root.id, root.path, root.depth)


def actor_named(session: Session, login: str) -> Actor:
    """The actor of an account in use, for ``--as LOGIN``; raises ``UnknownAccount``."""
    account = session.scalar(
        select(Account)
        .where(Account.login_key == login_key(login), Account.is_active)
        .options(joinedload(Account.organization))
    )
    if account is None:
        raise UnknownAccount(login=login)
    return Actor.of(account)


def managed_account(session: Session, actor: Actor, account_id: int) -> Account:
    """The account, if *actor* may manage it; raises ``UnknownAccount`` or ``NotAllowed``."""
    require(actor, "account:write")
    account = session.scalar(
        select(Account)
        .where(Account.id == account_id, visible(Account, actor))
        .options(joinedload(Account.organization))
    )
    if account is None or not _may_place(actor, account.role, account.organization):
        raise UnknownAccount(login=str(account_id))
    if account.id == actor.account_id:
        raise NotYourself()
    return account


def create_account(
    session: Session,
    actor: Actor,
    clock: Clock,
    login: str,
    name: str,
    role: str,
    organization: Organization,
    phone: str = "",
) -> tuple[Account, str]:
    """A new account and the one-use password it starts with, good for 7 days (S15 七)."""
    require(actor, "account:write")
    _refuse_placing(actor, role, organization)
    account = Account(
        login=_checked_login(session, login),
        login_key=login_key(login),
        name=_checked_name(name),
        role=role,
        organization=organization,
        totp_last_step=0,
        is_active=True,
        created_at=clock.now(),
        row_key=new_row_key(),
    )
    account.phone = phone or None
    password = _give_one_use(account, clock.now())
    _insert(session, account)
    _record(session, actor, clock.now(), "create account", account, {"role": role})
    return account, password


def edit_account(
    session: Session,
    actor: Actor,
    clock: Clock,
    account_id: int,
    *,
    name: str,
    phone: str | None,
    email: str | None = None,
) -> Account:
    """Change the name and, unless ``None``, phone number and address; an empty one clears it."""
    account = managed_account(session, actor, account_id)
    account.name = _checked_name(name)
    changed = ["name"]
    if phone is not None:
        account.phone = phone or None
        changed.append("phone")
    if email is not None:
        account.email = checked_address(email)
        changed.append("email")
    account.version += 1
    _record(session, actor, clock.now(), "edit account", account, {"changed": changed})
    return account


def move_account(
    session: Session,
    actor: Actor,
    clock: Clock,
    account_id: int,
    organization: Organization,
    role: str | None = None,
) -> Account:
    """Move a person to another union, perhaps in another role; ends their browser sessions."""
    account = managed_account(session, actor, account_id)
    _refuse_placing(actor, role or account.role, organization)
    details = {"from": account.organization_id, "to": organization.id, "role": role or ""}
    account.organization, account.role = organization, role or account.role
    account.version += 1
    sessions.revoke_all(session, clock.now(), account.id)
    _record(session, actor, clock.now(), "move account", account, details)
    return account


def disable_account(session: Session, actor: Actor, clock: Clock, account_id: int) -> Account:
    """Refuse the person from now on, in browsers already open too."""
    return _switch(session, actor, clock, account_id, is_active=False)


def enable_account(session: Session, actor: Actor, clock: Clock, account_id: int) -> Account:
    """Let a disabled person in again."""
    return _switch(session, actor, clock, account_id, is_active=True)


def reset_password(
    session: Session, actor: Actor, clock: Clock, account_id: int, *, second_factor: bool = False
) -> tuple[Account, str]:
    """A new one-use password; *second_factor* forgets the person's lost authenticator too."""
    account = managed_account(session, actor, account_id)
    password = _give_one_use(account, clock.now())
    unlock(session, account.login)
    if second_factor:
        account.totp, account.totp_last_step = None, 0
    account.version += 1
    sessions.revoke_all(session, clock.now(), account.id)
    _record(
        session, actor, clock.now(), "reset password", account, {"second_factor": second_factor}
    )
    return account, password


def delete_account(session: Session, actor: Actor, clock: Clock, account_id: int) -> Removal:
    """Delete an account that never did anything; one with a history is disabled (S15 七)."""
    account = managed_account(session, actor, account_id)
    if _has_history(session, account.id):
        disable_account(session, actor, clock, account.id)
        return Removal(deleted=False)
    for table in (LoginSession, SavedView, Digest):
        session.execute(delete_rows(table).where(table.account_id == account.id))
    _record(session, actor, clock.now(), "delete account", account, {"login": account.login})
    session.delete(account)
    session.flush()
    return Removal(deleted=True)


def _refuse_placing(actor: Actor, role: str, organization: Organization) -> None:
    if role not in ROLES:
        raise UnknownRole(role=role)
    if organization.kind not in ROLE_PLACES[role]:
        raise RoleMisplaced(organization=organization.name)
    if not _may_place(actor, role, organization):
        raise OutsideSubtree(organization=organization.name)


def _may_place(actor: Actor, role: str, organization: Organization) -> bool:
    if actor.role == ADMIN:
        return True
    if not organization.path.startswith(actor.path) or organization.id == actor.organization_id:
        return False
    return role == GRASS_ROOTS or (role == DISTRICT and organization.kind == GROUP)


def _checked_login(session: Session, login: str) -> str:
    plain = unicodedata.normalize("NFKC", login).strip()
    sound = len(login_key(plain)) in _LOGIN_LENGTHS and len(plain) in _LOGIN_LENGTHS
    if not sound or not plain.isprintable() or " " in plain:
        raise BadLogin()
    if session.scalar(select(exists().where(Account.login_key == login_key(plain)))):
        raise LoginTaken(login=plain)
    return plain


def _checked_name(name: str) -> str:
    plain = name.strip()
    if not 0 < len(plain) <= 60 or not plain.isprintable():
        raise BadName()
    return plain


def _give_one_use(account: Account, now: datetime) -> str:
    password = passwords.one_use_password()
    account.password_hash = passwords.hashed(password)
    account.password_changed_at = None
    account.must_change_password = True
    account.one_use_expires_at = now + ONE_USE_LASTS
    return password


def _insert(session: Session, account: Account) -> None:
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        # two people chose the same login at the same moment
        raise LoginTaken(login=account.login) from None


def _switch(
    session: Session, actor: Actor, clock: Clock, account_id: int, *, is_active: bool
) -> Account:
    account = managed_account(session, actor, account_id)
    account.is_active = is_active
    account.version += 1
    if not is_active:
        sessions.revoke_all(session, clock.now(), account.id)
    action = "enable account" if is_active else "disable account"
    _record(session, actor, clock.now(), action, account, {})
    return account


def _has_history(session: Session, account_id: int) -> bool:
    identity = Account.__table__.c.id
    forgettable = {table.__tablename__ for table in (LoginSession, SavedView, Digest)}
    columns = [
        key.parent
        for table in Account.metadata.tables.values()
        for key in table.foreign_keys
        if key.column is identity and table.name not in forgettable
    ]
    return any(session.scalar(select(exists().where(column == account_id))) for column in columns)


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    account: Account,
    details: dict[str, Any],
) -> None:
    session.flush()
    audit.record(
        session,
        actor,
        now,
        action,
        "account",
        account.id,
        details=details,
        organization_id=account.organization_id,
    )
