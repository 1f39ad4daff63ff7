"""Where an account is written to: one's own address, and what an address must look like."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from models.account import Account
from models.base import N_, Refusal
from portal.access import audit
from portal.access.actor import Actor
from portal.clock import Clock

LONGEST = 120
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class BadAddress(Refusal):
    """Not the address of a mailbox."""

    message = N_("This is not a mail address.")


def checked_address(text: str) -> str | None:
    """*text* as an address, ``None`` when it is empty. Raises ``BadAddress``."""
    plain = text.strip()
    if not plain:
        return None
    if len(plain) > LONGEST or not _ADDRESS.fullmatch(plain):
        raise BadAddress()
    return plain


def own_address(session: Session, actor: Actor) -> str:
    """Where the actor is written to; empty when nowhere."""
    return session.get_one(Account, actor.account_id).email or ""


def set_own_address(session: Session, actor: Actor, clock: Clock, text: str) -> None:
    """Write to the actor at *text* from now on, or no more. Raises ``BadAddress``."""
    account = session.get_one(Account, actor.account_id)
    account.email = checked_address(text)
    account.version += 1
    session.flush()
    details = {"changed": ["email"]}
    audit.record(
        session, actor, clock.now(), "edit account", "account", account.id, details=details
    )
