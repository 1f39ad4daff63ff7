"""What the pages of panels and public notices are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from portal.theme.files import ShownFiles
from portal.theme.pages import Section
from portal.theme.shapes import Action, Choice, Tone


@dataclass(frozen=True, slots=True)
class StageLine:
    """A stage that somebody works at, with how many cases wait there."""

    programme: str
    stage: str
    kind: str
    waiting: int
    url: str
    is_mine: bool = False


@dataclass(frozen=True, slots=True)
class SlateRow:
    """A case in its place; without ``value`` it cannot be chosen here any more."""

    place: int
    number: str
    url: str
    subject: str
    person: str
    unit: str
    district: str
    mark: Markup
    score: str = ""
    sheets: str = ""
    sheets_url: str = ""
    amount: Markup | str = ""
    visited: str = ""
    value: str = ""
    is_beyond: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class SlatePool:
    """Cases that compete for the places of one bound; ``taken`` is ready text, "23 / 25"."""

    title: str
    clause: str
    taken: str
    rows: Sequence[SlateRow]


@dataclass(frozen=True, slots=True)
class SlateLimit:
    """What a bound says of a choice: ``words`` such as "47 % < 50 %"."""

    says: str
    clause: str
    words: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a panel scores, and what its staff may do: addresses are empty where they may not."""

    facts: Sequence[tuple[str, str]]
    experts: Sequence[Choice] = ()
    each: int = 0
    spread_url: str = ""
    join_url: str = ""


@dataclass(frozen=True, slots=True)
class Slate:
    """``portal/slate.html``. ``limits_url`` takes a POST of ``rowid``… and answers with limits."""

    title: str
    lead: str
    pools: Sequence[SlatePool]
    limits: Sequence[SlateLimit]
    here: str
    limits_url: str
    actions: Sequence[Action] = ()
    action_url: str = ""
    scoring: Scoring | None = None
    has_visits: bool = False
    open_url: str = ""
    """Opens a public notice with a POST of ``title`` and ``is_public``."""
    notice_title: str = ""
    notice_length: str = ""


@dataclass(frozen=True, slots=True)
class SheetShown:
    """One expert's sheet of a case; ``points`` are (criterion, points, most)."""

    expert: str
    place: str
    standing: str
    tone: Tone
    icon: str
    total: str = ""
    points: Sequence[tuple[str, str, str]] = ()
    justification: str = ""
    origin: str = ""
    fill_url: str = ""
    void_url: str = ""


@dataclass(frozen=True, slots=True)
class CaseSheets:
    """``portal/panel_case.html``: all sheets of one case."""

    title: str
    subtitle: str
    case_url: str
    back_url: str
    sheets: Sequence[SheetShown]
    score: str = ""
    give_url: str = ""
    declare_url: str = ""
    experts: Sequence[Choice] = ()


@dataclass(frozen=True, slots=True)
class CriterionInput:
    """A criterion to score: its points so far and the most it takes."""

    key: str
    title: str
    most: int
    value: str = ""
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class ScoreForm:
    """``portal/score_sheet.html``: one sheet to fill in, beside what the case says."""

    title: str
    subtitle: str
    action_url: str
    back_url: str
    version: int
    criteria: Sequence[CriterionInput]
    most: int
    lead: str = ""
    justification: str = ""
    is_open: bool = True
    total: str = ""
    sections: Sequence[Section] = ()
    files: ShownFiles | None = None
    declare_url: str = ""
    errors: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class OwnSheet:
    """A line of an expert's own list."""

    number: str
    subject: str
    stage: str
    url: str
    total: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A notice in the list."""

    title: str
    url: str
    days: str
    count: int
    standing: str
    tone: Tone
    icon: str


@dataclass(frozen=True, slots=True)
class ObjectionShown:
    """An objection with its addresses; empty where this person may not act."""

    id: int
    said: str
    who: str
    received: str
    state: str
    tone: Tone
    icon: str
    investigation: str = ""
    reason: str = ""
    concluded: str = ""
    look_url: str = ""
    conclude_url: str = ""


@dataclass(frozen=True, slots=True)
class EntryShown:
    """A line of a notice as it was frozen; ``url`` is its case, for staff."""

    id: int
    position: int
    cells: Sequence[str]
    standing: str = ""
    tone: Tone = "plain"
    icon: str = ""
    number: str = ""
    url: str = ""
    object_url: str = ""
    objections: Sequence[ObjectionShown] = ()


@dataclass(frozen=True, slots=True)
class NoticeShown:
    """A notice as a page, as paper and for the public: all draw the same frozen lines."""

    title: str
    days: str
    issuer: str
    headings: Sequence[str]
    entries: Sequence[EntryShown]
    standing: str = ""
    tone: Tone = "plain"
    icon: str = ""
    print_url: str = ""
    sheet_url: str = ""
    public_url: str = ""
    today: str = ""
    first_day: str = ""
    last_day: str = ""
