"""Amounts in capital numerals, as a receipt has them."""

from __future__ import annotations

import pytest

from portal.funding.amount_words import in_words


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (50, "伍角整"),
        (1_05, "壹元零伍分"),
        (1_23, "壹元贰角叁分"),
        (800_00, "捌佰元整"),
        (1_050_00, "壹仟零伍拾元整"),
        (10_001_00, "壹万零壹元整"),
        (100_100_00, "壹拾万零壹佰元整"),
        (1_010_000_00, "壹佰零壹万元整"),
        (100_000_000_00, "壹亿元整"),
        (100_000_001_00, "壹亿零壹元整"),
        (123_456_789_01, "壹亿贰仟叁佰肆拾伍万陆仟柒佰捌拾玖元零壹分"),
    ],
)
def test_an_amount_is_written_in_capital_numerals(fen: int, words: str) -> None:
    assert in_words(fen) == words
