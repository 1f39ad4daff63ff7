"""The keys by which Chinese names sort and are found.

They stand beside the tables because every room that stores a name computes them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from pypinyin import Style, pinyin

KEY_LENGTH = 200
"""The width of every ``name_key`` column."""

_PERSON_LENGTH = 4
_SURNAMES = {
    "单": "shan4",
    "仇": "qiu2",
    "曾": "zeng1",
    "解": "xie4",
    "查": "zha1",
    "盖": "ge3",
    "区": "ou1",
    "朴": "piao2",
    "缪": "miao4",
    "翟": "zhai2",
}
_COMPOUND = "单于"


def name_key(text: str) -> str:
    """A key that sorts names as a Chinese reader expects: syllable with tone, then character.

    ``张伟`` gives ``zhang1 张 wei3 伟``, so that 张 stands apart from 章. A name of up to four
    characters is taken for a person's: its first character reads as a surname.
    """
    return " ".join(_syllables(_plain(text)))[:KEY_LENGTH]


def name_grams(text: str) -> str:
    """Every one- and two-character piece of *text*, each once, space-separated, for the index.

    Spaces and marks such as the dot of a transcribed name fall away.
    """
    plain = _plain(text)
    pairs = (plain[at : at + 2] for at in range(len(plain) - 1))
    return " ".join(dict.fromkeys([*plain, *pairs]))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def _syllables(text: str) -> Iterator[str]:
    # ``errors=list`` keeps digits and letters apart, one reading to each character
    readings = [said[0] for said in pinyin(text, style=Style.TONE3, errors=list)]  # type: ignore[arg-type]
    if len(text) <= _PERSON_LENGTH and not text.startswith(_COMPOUND):
        readings[:1] = [_SURNAMES.get(character, readings[0]) for character in text[:1]]
    for character, reading in zip(text, readings, strict=True):
        yield character if reading == character else f"{reading} {character}"
