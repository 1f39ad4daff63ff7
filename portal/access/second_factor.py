"""The second factor: codes of an authenticator app (RFC 6238), each good for one use."""

from __future__ import annotations

import base64
from datetime import datetime

import pyotp
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.account import Account
from models.base import N_, Refusal
from models.types import keyring
from portal.access import audit
from portal.access.permissions import ADMIN, APPROVER, AUDITOR, CENTRE, FINANCE
from portal.access.sessions import SignedIn

ROLES = frozenset({ADMIN, CENTRE, APPROVER, FINANCE, AUDITOR})
"""Who may be made to enrol: everybody who sees the whole city."""

_STEP_SECONDS = 30
_DRIFT = (-1, 0, 1)


class WrongCode(Refusal):
    """The code is not the one of this half minute, or was used before."""

    message = N_("This code is wrong or was used already. Wait for the next one.")


def proposed_secret(who: SignedIn) -> str:
    """The secret offered to a person who enrols: theirs while this browser session lasts.

    It is derived, not stored, so that looking at the page writes nothing.
    """
    text = f"{who.account_id} {who.session_id}"
    return base64.b32encode(keyring.index(text, "second factor")[:20]).decode()


def provisioning_address(who: SignedIn, issuer: str) -> str:
    """The ``otpauth://`` address that the app scans."""
    totp = pyotp.TOTP(proposed_secret(who))
    return totp.provisioning_uri(name=who.login, issuer_name=issuer)


def enrol(session: Session, who: SignedIn, at: datetime, code: str) -> None:
    """Keep the proposed secret once *code* proves that the app has it; raises ``WrongCode``.

    *at* is the real time: the app knows no pinned clock.
    """
    secret = proposed_secret(who)
    step = _step_of(secret, code, at)
    if step is None:
        raise WrongCode()
    account = session.get_one(Account, who.account_id, with_for_update=True)
    account.totp, account.totp_last_step = secret, step
    account.version += 1
    audit.record(session, who.actor, at, "enrol second factor", "account", account.id)


def use_code(session: Session, who: SignedIn, at: datetime, code: str) -> None:
    """Spend *code*; raises ``WrongCode`` unless it is right now and was never used."""
    account = session.get_one(Account, who.account_id)
    step = _step_of(account.totp or "", code, at)
    if step is None:
        raise WrongCode()
    spent = (
        update(Account)
        .where(Account.id == account.id, Account.totp_last_step < step)
        .values(totp_last_step=step)
    )
    if not session.execute(spent).rowcount:  # type: ignore[attr-defined]
        raise WrongCode()


def _step_of(secret: str, code: str, at: datetime) -> int | None:
    plain = "".join(code.split())
    now = int(at.timestamp()) // _STEP_SECONDS
    totp = pyotp.TOTP(secret, interval=_STEP_SECONDS)
    for drift in _DRIFT:
        step = now + drift
        if pyotp.utils.strings_equal(totp.at(step * _STEP_SECONDS), plain):
            return step
    return None
