"""Chinese patent numbers: one spelling, the check digit, and the kind they say.

Own lines because python-stdnum knows none: 8 or 12 digits and a check digit modulo 11, whose
fifth (or third) digit names the kind (ZC 0006-2003).
"""

from __future__ import annotations

import re

from models.base import N_, Refusal
from models.patent import DESIGN, INVENTION, UTILITY
from portal.evidence.identifiers import tidy

_NATIONAL = re.compile(r"(\d{8}|\d{12})([0-9X])", re.ASCII)
_FOREIGN = re.compile(r"[A-Z]{2}[A-Z0-9/]{4,40}", re.ASCII)
_WEIGHTS = {8: range(2, 10), 12: (*range(2, 10), *range(2, 6))}
_KINDS = {"1": INVENTION, "2": UTILITY, "3": DESIGN, "8": INVENTION, "9": UTILITY}


class BadPatentNumber(Refusal):
    """The text is no patent number."""

    message = N_("must be a patent number such as ZL201811564288.X, or begin with its country")


class WrongPatentCheckDigit(Refusal):
    """The last character does not fit the others."""

    message = N_("the check digit after the point does not fit; please compare the certificate")


def patent_key(text: str) -> str:
    """The form under which a patent is claimed: no ZL, spaces, points or hyphens (Q19)."""
    signs = re.sub(r"[^A-Z0-9/]", "", tidy(text).upper())
    return signs.removeprefix("ZL").removeprefix("CN")


def patent_number(text: str) -> str:
    """A patent number as typed, tidy; raises ``BadPatentNumber`` or ``WrongPatentCheckDigit``.

    A foreign number begins with the letters of its office and has no check digit.
    """
    key = patent_key(text)
    national = _NATIONAL.fullmatch(key)
    if national is None:
        if _FOREIGN.fullmatch(key) and any(sign.isdigit() for sign in key):
            return tidy(text).upper()
        raise BadPatentNumber()
    body, check = national.groups()
    if check != check_digit(body):
        raise WrongPatentCheckDigit()
    return tidy(text).upper()


def check_digit(body: str) -> str:
    """The character after the point, for 8 or 12 digits."""
    total = sum(int(d) * w for d, w in zip(body, _WEIGHTS[len(body)], strict=True))
    return "0123456789X"[total % 11]


def patent_kind(text: str) -> str | None:
    """Invention, utility model or design, as a national number says; ``None`` for a foreign one."""
    national = _NATIONAL.fullmatch(patent_key(text))
    if national is None:
        return None
    body = national.group(1)
    return _KINDS.get(body[4] if len(body) == 12 else body[2])
