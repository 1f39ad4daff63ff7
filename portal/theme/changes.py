"""What the page that compares two revisions is told: sentences by section and row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.theme.book import Effect
from portal.theme.shapes import Choice


@dataclass(frozen=True, slots=True)
class ChangesPart:
    """Sentences, each with its clause, on one row; an empty ``title`` has no heading."""

    title: str
    clause: str
    sentences: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ChangesSection:
    """A section of a programme in which something changed."""

    title: str
    parts: Sequence[ChangesPart]


@dataclass(frozen=True, slots=True)
class Changes:
    """``portal/programme_diff.html``: ``old`` and ``new`` are ids of ``choices``."""

    old: int | None
    new: int | None
    choices: Sequence[Choice]
    sections: Sequence[ChangesSection]


@dataclass(frozen=True, slots=True)
class Moving:
    """``portal/programme_move.html``: without ``effect`` nothing was looked at yet.

    ``staying`` says why some cases keep their rules, and how many.
    """

    title: str
    code: str
    moved: int = 0
    staying: Sequence[tuple[str, int]] = ()
    effect: Effect | None = None
    refused: str = ""
