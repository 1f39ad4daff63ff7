"""What the page that compares two revisions is told: sentences by section and row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
