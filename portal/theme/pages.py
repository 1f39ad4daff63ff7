"""What the pages beside the grid are told: confirming, outcomes, imports, home, details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from portal.theme.files import ShownFiles
from portal.theme.shapes import Action, Choice, Count, Filter, Tone

Kind = Literal["eligible", "ask", "refuse", "note"]


@dataclass(frozen=True, slots=True)
class Group:
    """Part of a frozen set: ``url`` lists it, ``fen`` is its sum, ``included`` will be done."""

    kind: Literal["eligible", "ask", "duplicate", "changed", "refuse", "skip"]
    label: str
    count: int
    fen: int | None = None
    url: str = ""
    note: str = ""
    included: bool = False


@dataclass(frozen=True, slots=True)
class Exceptional:
    """A row of the frozen set that may be given another outcome or a reason of its own.

    POSTs ``outcome_<key>``, one of ``outcomes`` (value, label), and ``reason_<key>``.
    """

    key: str
    label: str
    url: str = ""
    why: Markup | str = ""
    reason: str = ""
    outcomes: Sequence[Choice] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a frozen set that may be taken out as a whole: ticked it POSTs ``out`` = ``key``."""

    key: str
    label: str
    count: int
    out: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A field that a return may name: ticked it POSTs ``field`` = ``key``, with ``why_<key>``."""

    key: str
    label: str
    ticked: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Confirm:
    """``portal/confirm_action.html``: what is about to happen to a frozen set.

    POSTs ``selection`` (``token``), ``action``, ``reason``, the ticked ``fields``, ``back_to``
    (one of ``tiers``), ``include_ask`` = "1" with ``ask_reason``, the ``parts`` taken out and what
    the exceptional rows say. ``look`` = "1" only shows the page again, with the cases whose
    numbers stand in ``also`` among the exceptional ones.
    """

    title: str
    lead: str
    action_url: str
    token: str
    action: Action
    groups: Sequence[Group]
    back_url: str
    reason_required: bool = False
    reason_label: str = ""
    reason: str = ""
    quick_reasons: Sequence[str] = ()
    may_include_ask: bool = False
    include_ask: bool = False
    ask_reason: str = ""
    fields: Sequence[Named] = ()
    tiers: Sequence[Choice] = ()
    parts: Sequence[Part] = ()
    may_except: bool = False
    exceptional: Sequence[Exceptional] = ()
    errors: Sequence[tuple[str, str]] = ()
    """(field id, words): ids are ``reason``, ``ask_reason``, ``fields``, ``reason_<key>``."""


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One case of a batch: in ``word`` what became of it, in ``reason`` why."""

    label: str
    who: str = ""
    url: str = ""
    word: str = ""
    tone: Tone = "plain"
    icon: str = "point"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``portal/action_outcome.html``. ``undo_url`` and ``go_on_url`` take a POST.

    While ``progress_url`` is set the page follows that job, as ``Exports`` does.
    """

    title: str
    done: int
    done_fen: int | None
    not_done: int
    rows: Sequence[OutcomeRow]
    back_url: str
    sheet_url: str = ""
    undo_url: str = ""
    undo_hint: str = ""
    """How many can still be taken back, and why others no longer can."""
    done_words: str = ""
    """How many of ``done`` were decided which way, where it was not one way for all."""
    undone: int = 0
    waits: int = 0
    rest: int = 0
    """How many rows are not listed here."""
    progress_url: str = ""
    go_on_url: str = ""


@dataclass(frozen=True, slots=True)
class DoneAct:
    """A line of a person's acts; ``state`` is empty at its end."""

    label: str
    when: str
    url: str
    done: int
    not_done: int
    state: str = ""


@dataclass(frozen=True, slots=True)
class Acts:
    """``portal/acts.html``: what a person decided of late, and what still runs."""

    acts: Sequence[DoneAct]
    back_url: str


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A sheet that the worker makes or made. ``file_url`` is empty until it is there."""

    title: str
    when: str
    state: str
    file_url: str = ""


@dataclass(frozen=True, slots=True)
class Exports:
    """``portal/exports.html``. While ``progress_url`` is set the page follows that job.

    It answers ``{"done": n, "total": n, "state": "running"|"done"|"failed", "url": …}``; at
    the end the page goes to ``url``.
    """

    jobs: Sequence[ExportJob]
    back_url: str
    progress_url: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """``portal/import_upload.html``: POSTs ``file`` and the values of ``choices``."""

    title: str
    action_url: str
    back_url: str
    templates: Sequence[tuple[str, str]] = ()
    """(label, address) of the empty sheets."""
    accept: str = ".xlsx,.csv"
    max_megabytes: int = 20
    choices: Sequence[Filter] = ()
    hints: Sequence[str] = ()
    errors: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """A number with its words; ``value`` is ready text, or ``count`` is fetched after."""

    label: str
    value: str = ""
    icon: str = "list"
    tone: Tone = "plain"
    url: str = ""
    hint: str = ""
    count: Count | None = None


@dataclass(frozen=True, slots=True)
class SheetCell:
    """A cell of an uploaded sheet, masked where it must be, with what is wrong with it."""

    text: str
    error: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row of an uploaded sheet: its number there, its cells, what is wrong with the whole."""

    number: int
    cells: Sequence[SheetCell]
    error: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """``portal/import_preview.html``: POSTs ``token`` to apply; ``cancel_url`` throws it away."""

    title: str
    file_name: str
    token: str
    action_url: str
    cancel_url: str
    tiles: Sequence[Tile]
    columns: Sequence[str]
    rows: Sequence[SheetRow]
    apply_label: str
    can_apply: bool = True
    rest: int = 0
    """How many faulty rows are not shown here but in the sheet."""
    sheet_url: str = ""


@dataclass(frozen=True, slots=True)
class ImportDone:
    """``portal/import_done.html``."""

    title: str
    tiles: Sequence[Tile]
    list_url: str
    again_url: str = ""
    sheet_url: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget in fen: the free part is what the others leave of ``total``."""

    label: str
    total: int
    paid: int
    committed: int
    pending: int
    url: str = ""

    @property
    def free(self) -> int:
        """Fen that nobody holds yet."""
        return self.total - self.paid - self.committed - self.pending


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a verdict is what it is: a word, what was found, its clause; overridden ones stay."""

    kind: Kind
    text: str
    clause: str = ""
    overridden: str = ""
    """Who let it pass and why, or empty."""


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a timeline. ``when`` is ready text; ``void`` entries are struck through."""

    what: str
    who: str
    when: str
    note: str = ""
    tone: Tone = "info"
    void: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value of a case; ``value`` may be finished HTML of ``cells``."""

    label: str
    value: Markup | str
    changed: str = ""
    """The value before the last return, when it differs."""
    key: str = ""
    """The form field, where a return may name it."""
    asked: str | None = None
    """What a return asks to correct, perhaps without words; ``None`` where it asks nothing."""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts under a heading; an empty ``title`` has none."""

    title: str
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Detail:
    """A case in the drawer or on its page, as ``detail``.

    Without it the details templates fall back to Flask-Admin's ``details_columns``.
    ``actions`` post ``value`` as ``rowid`` to ``action_url``, like a list of one;
    ``withdraw_url`` takes the same POST once the person has confirmed it.
    """

    title: str
    subtitle: str = ""
    sections: Sequence[Section] = ()
    findings: Sequence[Finding] = ()
    events: Sequence[Event] = ()
    value: str = ""
    actions: Sequence[Action] = ()
    action_url: str = ""
    edit_url: str = ""
    withdraw_url: str = ""
    page_url: str = ""
    print_url: str = ""
    files: ShownFiles | None = None


@dataclass(frozen=True, slots=True)
class Recent:
    """A line of what happened last."""

    label: str
    url: str
    mark: Markup | str = ""
    when: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """``portal/home.html``: what waits for this person, money, what happened last."""

    greeting: str
    lead: str
    tiles: Sequence[Tile]
    budgets: Sequence[Budget] = ()
    waiting: Sequence[Recent] = ()
    waiting_url: str = ""
    recent: Sequence[Recent] = ()
