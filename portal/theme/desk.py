"""What the review desk is told: the queue, and the case that is open beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from portal.theme.pages import Detail, Section
from portal.theme.shapes import Choice, Tone


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A case of the queue. ``value`` is what a POST sends as ``rowid``."""

    value: str
    url: str
    name: str
    number: str
    unit: str
    left: str
    tone: Tone
    clause: str
    verdict: Markup | str = ""
    active: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """A file beside the form: an image is shown, anything else is opened."""

    title: str
    name: str
    url: str
    is_image: bool


@dataclass(frozen=True, slots=True)
class OpenCase:
    """The case beside the queue: its form to the left, what speaks for and against to the right.

    ``wrong`` maps ticked fields to what is wrong with them; ``quick`` are reasons to pick.
    """

    detail: Detail
    form: Sequence[Section]
    beside: Sequence[Section]
    scans: Sequence[Scan]
    value: str
    decide_url: str
    next_id: str
    tiers: Sequence[Choice]
    quick: Sequence[tuple[str, Sequence[str]]]
    reason: str = ""
    ticked: Sequence[str] = ()
    wrong: tuple[tuple[str, str], ...] = ()
    error: str = ""
    asks_person: bool = False

    def why(self, key: str) -> str:
        """What was typed about the field *key*."""
        return dict(self.wrong).get(key, "")


@dataclass(frozen=True, slots=True)
class Desk:
    """``portal/desk.html``. ``open`` is the case shown; ``chosen`` when the person asked for it."""

    rows: Sequence[QueueRow]
    total: int
    search_url: str
    searched: str
    clear_url: str
    bulk_url: str
    here: str
    open: OpenCase | None
    chosen: bool
    back_url: str
    acts_url: str
