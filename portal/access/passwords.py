"""Passwords: hashing, what is refused, and the one-use secret of a new account."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from models.base import N_, Refusal

SHORTEST, LONGEST = 10, 64
_WEAKEST_SCORE = 3
_PHONE_TAIL = 6
_TELLING_BYTES = 3
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""The first parameters that OWASP's password cheat sheet names for argon2id."""


class WeakPassword(Refusal):
    """The chosen password is refused; subclasses say why."""

    message = N_("This password is too easy to guess. Use several unrelated words or characters.")


class PasswordLength(WeakPassword):
    """Too short or too long."""

    message = N_("A password has %(shortest)s to %(longest)s characters.")


class PasswordNamesItsOwner(WeakPassword):
    """It holds the login, the name or the end of the phone number (等保 2.0)."""

    message = N_("A password must not contain your account, your name or your phone number.")


class PasswordKinds(WeakPassword):
    """Fewer kinds of characters than the setting asks."""

    message = N_(
        "A password mixes at least %(kinds)s kinds: small letters, capitals, digits, other signs."
    )


@dataclass(frozen=True)
class Owner:
    """Whose password it is: what it must not contain."""

    login: str
    name: str
    phone: str = ""


def hashed(password: str) -> str:
    """The argon2id hash of *password*, about 20 ms of work."""
    return _hasher.hash(_normal(password))


def matches(password_hash: str, password: str) -> bool:
    """Whether *password* is the one hashed; anything malformed is simply no match."""
    try:
        return _hasher.verify(password_hash, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def one_use_password() -> str:
    """A random secret of 79 bits in groups of four, without look-alike characters."""
    letters = [secrets.choice(_ALPHABET) for _ in range(16)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, 16, 4))


def refuse_weak(password: str, owner: Owner, kinds: int = 0) -> None:
    """Raise a ``WeakPassword`` for a password that is short, personal, common or too uniform."""
    plain = _normal(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise PasswordLength(shortest=SHORTEST, longest=LONGEST)
    if any(part in plain.casefold() for part in _personal(owner)):
        raise PasswordNamesItsOwner()
    if _kinds(plain) < kinds:
        raise PasswordKinds(kinds=kinds)
    if zxcvbn(plain)["score"] < _WEAKEST_SCORE:
        raise WeakPassword()


def _normal(password: str) -> str:
    # an input method in full-width mode types the same password (NIST SP 800-63B 3.1.1.2)
    return unicodedata.normalize("NFKC", password)


def _personal(owner: Owner) -> Iterator[str]:
    for text in (owner.login, owner.name):
        plain = _normal(text).strip().casefold()
        if len(plain.encode()) >= _TELLING_BYTES:
            yield plain
    if len(owner.phone) >= _PHONE_TAIL:
        yield owner.phone[-_PHONE_TAIL:]


def _kinds(plain: str) -> int:
    tests = (
        any(character.islower() for character in plain),
        any(character.isupper() for character in plain),
        any(character.isdecimal() for character in plain),
        any(not character.isalnum() for character in plain),
    )
    return sum(tests)
