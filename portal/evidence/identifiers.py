"""Identifiers as people type them: read, checked, normalised, masked.

Full-width characters, spaces and lower-case letters are forgiven; what cannot be is refused with
a reason.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from stdnum import luhn

from models.applicant import FEMALE, MALE
from models.base import N_, Refusal

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_ID_NUMBER = re.compile(r"[1-9]\d{16}[\dX]", re.ASCII)
_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_CARD = re.compile(r"\d{16,19}", re.ASCII)
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_MIDNIGHT = re.compile(r"[T ]00:00:00(\.0+)?$")
EXCEL_EPOCH = date(1899, 12, 30)


class BadIdNumber(Refusal):
    """The text is not an ID number."""

    message = N_("The ID number must have 18 characters, digits with perhaps an X at the end.")


class WrongCheckDigit(Refusal):
    """The last character does not fit the others."""

    message = N_("The ID number's last character does not fit: please check every digit.")


class ImpossibleBirthDate(Refusal):
    """The ID number holds a birth date that does not exist or lies ahead."""

    message = N_("The birth date inside the ID number is impossible.")


class BadMobile(Refusal):
    """The text is not a mobile number of the mainland."""

    message = N_("The mobile number must have 11 digits and start with 13 to 19.")


class BadCard(Refusal):
    """The text is not a card or account number."""

    message = N_("A card number has 16 to 19 digits.")


class BadDate(Refusal):
    """The text is not a day of the calendar."""

    message = N_("“%(text)s” is not a date. Write it as 2026-08-31.")


@dataclass(frozen=True)
class IdNumber:
    """A checked ID number (GB 11643; residents' permits of 81–83 and 9 included)."""

    number: str
    birth_date: date
    sex: str

    @classmethod
    def parse(cls, text: str, today: date) -> IdNumber:
        """Read *text*; raises ``BadIdNumber``, ``ImpossibleBirthDate`` or ``WrongCheckDigit``."""
        number = tidy(text).upper()
        if not _ID_NUMBER.fullmatch(number):
            raise BadIdNumber()
        born = _day(number[6:10], number[10:12], number[12:14])
        if born is None or not date(1900, 1, 1) <= born <= today:
            raise ImpossibleBirthDate()
        if check_digit(number[:17]) != number[17]:
            raise WrongCheckDigit()
        return cls(number, born, MALE if int(number[16]) % 2 else FEMALE)


def check_digit(body: str) -> str:
    """The 18th character for the first 17 digits of an ID number."""
    return _CHECK[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


class BadCertificateNumber(Refusal):
    """The certificate number has no usable characters or far too many."""

    message = N_("must have between 4 and 60 letters and digits")


def tidy(text: str) -> str:
    """*text* in NFKC without any white space or invisible character."""
    return "".join(unicodedata.normalize("NFKC", text).translate(_INVISIBLE).split())


def plain(text: str) -> str:
    """*text* in NFKC, trimmed, inner white space single; for names and free words."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_INVISIBLE).split())


def certificate_key(text: str) -> str:
    """The form under which a certificate number is claimed.

    NFKC and upper case; only letters and digits count, so that no mark, space or 第…号 makes a
    second number of the same certificate.
    """
    folded = unicodedata.normalize("NFKC", text).upper()
    return "".join(sign for sign in folded if sign.isalnum() and sign not in "第号")


def certificate_number(text: str) -> str:
    """A certificate number as typed, tidy; raises ``BadCertificateNumber``.

    Letters are Latin or Chinese: one that only looks like them would be another number.
    """
    number, key = tidy(text), certificate_key(text)
    if not len(key) >= 4 or len(number) > 60 or any(_is_foreign(sign) for sign in key):
        raise BadCertificateNumber()
    return number


def _is_foreign(sign: str) -> bool:
    return not sign.isascii() and not "\u4e00" <= sign <= "\u9fff"


def occupation_term(text: str) -> str:
    """The form under which a code, title or alias is looked up in a catalogue."""
    return tidy(text).casefold()


def mobile(text: str) -> str:
    """An 11-digit mobile number; raises ``BadMobile``."""
    number = tidy(text).removeprefix("+86")
    if not _MOBILE.fullmatch(number):
        raise BadMobile()
    return number


def bank_card(text: str) -> str:
    """The digits of a card or account; raises ``BadCard``."""
    number = tidy(text).replace("-", "")
    if not _CARD.fullmatch(number) or not number.strip("0"):
        raise BadCard()
    return number


def looks_mistyped(card: str) -> bool:
    """Whether *card* fails the Luhn check: a warning, never a refusal."""
    return not luhn.is_valid(card)


def parse_date(value: object) -> date:
    """A day from a cell or a form: a date, an Excel serial number or text; raises ``BadDate``."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = _MIDNIGHT.sub("", unicodedata.normalize("NFKC", str(value)).strip()).replace(" ", "")
    if re.fullmatch(r"[345]\d{4}", text, re.ASCII):
        return EXCEL_EPOCH + timedelta(days=int(text))
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    found = _day(*match.groups()) if match else None
    if found is None:
        raise BadDate(text=plain(str(value))[:30])
    return found


def mask_id(number: str) -> str:
    """First three and last two characters (ui.md)."""
    return _masked(number, 3, 2)


def mask_card(number: str) -> str:
    """Last four digits."""
    return _masked(number, 0, 4)


def mask_phone(number: str) -> str:
    """First three and last four digits."""
    return _masked(number, 3, 4)


def _masked(text: str, head: int, tail: int) -> str:
    hidden = max(len(text) - head - tail, 0)
    return text[:head] + "*" * hidden + text[len(text) - tail :] if hidden else "*" * len(text)


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
