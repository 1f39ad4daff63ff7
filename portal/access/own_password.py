"""A person's own new password."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.account import Account
from models.base import N_, Refusal
from portal.access import audit, passwords, sessions
from portal.access.actor import Actor
from portal.clock import Clock


class WrongPassword(Refusal):
    """The old password does not match."""

    message = N_("The old password is wrong.")


class SamePassword(Refusal):
    """The new password is the old one."""

    message = N_("The new password must differ from the old one.")


def change_password(
    session: Session, actor: Actor, clock: Clock, old: str, new: str, kinds: int = 0
) -> Account:
    """The person's own new password; ends every browser session, the caller's too.

    Raises ``WrongPassword``, ``SamePassword`` or a ``WeakPassword``.
    """
    account = session.get_one(Account, actor.account_id, with_for_update=True)
    if not passwords.matches(account.password_hash, old):
        raise WrongPassword()
    if passwords.matches(account.password_hash, new):
        raise SamePassword()
    owner = passwords.Owner(account.login, account.name, account.phone or "")
    passwords.refuse_weak(new, owner, kinds)
    account.password_hash = passwords.hashed(new)
    account.password_changed_at = clock.now()
    account.must_change_password, account.one_use_expires_at = False, None
    account.version += 1
    sessions.revoke_all(session, clock.now(), account.id)
    audit.record(session, actor, clock.now(), "change password", "account", account.id)
    return account
