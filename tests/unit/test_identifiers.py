"""Identifiers as people type them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.base import Refusal
from portal.evidence import identifiers as ids

TODAY = date(2026, 8, 3)
GOOD = "11010519491231002X"


@pytest.mark.parametrize(
    "typed", [GOOD, " 110105 19491231 002x ", "１１０１０５１９４９１２３１００２ｘ"]
)
def test_an_id_number_is_read_however_it_is_typed(typed: str) -> None:
    found = ids.IdNumber.parse(typed, TODAY)
    assert (found.number, found.birth_date, found.sex) == (GOOD, date(1949, 12, 31), "female")


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("110105194912310021", ids.WrongCheckDigit),
        ("110105194902300024", ids.ImpossibleBirthDate),
        ("110105209912310027", ids.ImpossibleBirthDate),
        ("11010519491231002", ids.BadIdNumber),
        ("1.10105E+17", ids.BadIdNumber),
        ("", ids.BadIdNumber),
    ],
)
def test_a_wrong_id_number_says_why(typed: str, why: type[Refusal]) -> None:
    with pytest.raises(why):
        ids.IdNumber.parse(typed, TODAY)


@pytest.mark.parametrize("area", ["810000", "820000", "830000", "911124"])
def test_permits_of_residents_are_id_numbers(area: str) -> None:
    body = f"{area}19900101001"
    assert ids.IdNumber.parse(body + ids.check_digit(body), TODAY).sex == "male"


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader(text: str) -> None:
    for read in (ids.mobile, ids.bank_card, ids.parse_date):
        with suppress(Refusal):
            read(text)
    with suppress(Refusal):
        ids.IdNumber.parse(text, TODAY)


@pytest.mark.parametrize(
    "typed",
    ["2025-03-01", "2025/3/1", "2025.3.1", "20250301", "2025年3月1日", "２０２５-３-１"],
)
def test_a_day_is_read_however_it_is_written(typed: str) -> None:
    assert ids.parse_date(typed) == date(2025, 3, 1)


@pytest.mark.parametrize("typed", ["2025-02-30", "2025年13月1日", "昨天", "2025", "99999999999"])
def test_an_impossible_day_is_refused(typed: str) -> None:
    with pytest.raises(ids.BadDate):
        ids.parse_date(typed)


def test_one_certificate_has_one_key() -> None:
    typed = (
        "s12-34",
        " Ｓ１２３４ ",
        "S 12 34",
        "S1234.",
        "(S1234)",
        "S1234*",
        "第S1234号",
        "S1\u202e234",
        "S1234\u0301",
    )
    assert {ids.certificate_key(text) for text in typed} == {"S1234"}


@pytest.mark.parametrize("typed", ["12345", "23812345678", "1381234567", "1381234567a"])
def test_a_bad_mobile_is_refused(typed: str) -> None:
    with pytest.raises(ids.BadMobile):
        ids.mobile(typed)


def test_cards_and_masks() -> None:
    assert ids.bank_card("6222 0212 3456 7890 128") == "6222021234567890128"
    with pytest.raises(ids.BadCard):
        ids.bank_card("0" * 16)
    assert not ids.looks_mistyped("4111111111111111")
    assert ids.looks_mistyped("4111111111111112")
    assert ids.mask_id(GOOD) == "110*************2X"
    assert ids.mask_phone("13812345678") == "138****5678"
    assert ids.mask_card("6222021234567890128").endswith("*0128")


@pytest.mark.parametrize("typed", ["...", "A1", "\u0405000123456", "S" * 61])
def test_a_number_that_only_looks_like_one_is_refused(typed: str) -> None:
    with pytest.raises(ids.BadCertificateNumber):
        ids.certificate_number(typed)
