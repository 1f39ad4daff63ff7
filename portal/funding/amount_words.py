"""An amount of money in the capital numerals of a receipt (大写金额)."""

from __future__ import annotations

DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def in_words(fen: int) -> str:
    """*fen* in capital numerals: 1,050 yuan is 壹仟零伍拾元整."""
    yuan, rest = divmod(fen, 100)
    jiao, cents = divmod(rest, 10)
    text = f"{_whole(yuan)}元" if yuan or not rest else ""
    if not rest:
        return f"{text}整"
    if jiao:
        text += f"{DIGITS[jiao]}角"
    elif text:
        text += DIGITS[0]
    return f"{text}{DIGITS[cents]}分" if cents else f"{text}整"


def _whole(yuan: int) -> str:
    if not yuan:
        return DIGITS[0]
    text, skipped, said = "", False, False
    for place, digit in zip(range(len(str(yuan)) - 1, -1, -1), map(int, str(yuan)), strict=True):
        if digit:
            text += (DIGITS[0] if skipped else "") + DIGITS[digit] + _PLACES[place % 4]
            skipped, said = False, True
        else:
            skipped = bool(text)
        if place % 4 == 0:
            text += _GROUPS[place // 4] if said else ""
            said = False
    return text
