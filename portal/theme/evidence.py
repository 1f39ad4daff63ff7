"""What the page that settles a pair is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.theme.pages import Section


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said of the pair before."""

    word: str
    who: str
    when: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alike:
    """``portal/duplicate.html``: POSTs ``settled``, ``reason`` and the ``mark`` that was seen."""

    title: str
    signs: str
    later: Section
    earlier: Section
    said: Sequence[Said]
    choices: Sequence[tuple[str, str]]
    mark: str
    back_url: str
    reason: str = ""
    chosen: str = ""
