"""What the page of a programme is told: its sections read out like a notice, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.theme.shapes import Choice, Tone


@dataclass(frozen=True, slots=True)
class BookRow:
    """A row beside its clause. ``lines`` have a ``label`` and ``said``: trees of words.

    Addresses are empty where this person changes nothing; ``up_url``, ``down_url`` and
    ``delete_url`` take a POST of ``post``.
    """

    anchor: str
    title: str
    clause: str = ""
    clause_says: str = ""
    marks: Sequence[str] = ()
    lines: Sequence[Any] = ()
    reading: str = ""
    faults: Sequence[str] = ()
    edit_url: str = ""
    delete_url: str = ""
    move_url: str = ""
    row_id: int = 0
    is_first: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class BookPart:
    """Rows under a smaller heading; an empty ``title`` has none."""

    title: str
    rows: Sequence[BookRow]


@dataclass(frozen=True, slots=True)
class BookSection:
    """A section of the programme; ``lead`` is said above its rows."""

    key: str
    title: str
    hint: str
    parts: Sequence[BookPart]
    count: int
    lead: str = ""
    add_url: str = ""
    list_url: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps a draft from being published, and where."""

    place: str
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Book:
    """``portal/programme_book.html``. ``publish_url`` takes a POST of ``rowid``."""

    title: str
    subtitle: str
    state: str
    tone: Tone
    sections: Sequence[BookSection]
    facts: Sequence[tuple[str, str]]
    here: str
    revision_id: int
    row_value: str
    edit_url: str = ""
    is_draft: bool = False
    faults: Sequence[Fault] = ()
    reminders: Sequence[Fault] = ()
    """What keeps nothing from being published and should be looked at before."""
    publish_url: str = ""
    draft_url: str = ""
    move_url: str = ""
    file_url: str = ""
    effect_url: str = ""
    effect_choices: Sequence[Choice] = ()
    trial_url: str = ""
    siblings: Sequence[tuple[str, str, bool]] = ()
    """Other revisions: label, address, whether it is this one."""


@dataclass(frozen=True, slots=True)
class Effect:
    """``portal/programme_effect.html``: what a draft would do, or ``refused``: why none is known.

    ``rows`` are (label, before, after) as ready text; ``flips`` (number, address, words, clause).
    """

    rows: Sequence[tuple[str, str, str]] = ()
    tiers: Sequence[tuple[str, str, str]] = ()
    cases: int = 0
    flipped: int = 0
    flips: Sequence[tuple[str, str, str, str]] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a budget reaches, as ready text; ``day`` is empty where it reaches everyone."""

    budget: str
    day: str
    cases: str
    beyond: str


@dataclass(frozen=True, slots=True)
class Trial:
    """``portal/programme_trial.html``: the form of a trial, and what came of it.

    ``districts`` are (name, before, after, flips) as ready text, ``pools`` (allocation, pool,
    cases, places, asked for, budget, what is missing); ``unnamed`` counts the cases that come out
    otherwise and are not in ``effect.flips``, ``unnamed_pools`` the pools that are not listed.
    """

    title: str
    subtitle: str
    revision_id: int
    back_url: str
    programmes: Sequence[tuple[str, str]]
    code: str
    replay: bool
    budget: str
    effect: Effect | None = None
    districts: Sequence[tuple[str, str, str, str]] = ()
    pools: Sequence[tuple[str, ...]] = ()
    unnamed_pools: int = 0
    more: str = ""
    less: str = ""
    reach: Reach | None = None
    unnamed: int = 0
    sheet_url: str = ""
