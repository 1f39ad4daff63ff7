"""What the shell and the list page are told: plain, frozen values that views build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from markupsafe import Markup

Tone = Literal["plain", "info", "good", "warn", "bad", "gold", "violet"]
Sort = Literal["", "asc", "desc"]
Phone = Literal["title", "side", "line", "foot", "hide"]


@dataclass(frozen=True, slots=True)
class Count:
    """A number fetched after the page: ``url`` answers ``{"counts": {key: n, …}}``.

    All counts of one page that share a ``url`` cost one request. ``n`` skips the request.
    """

    key: str
    url: str = ""
    n: int | None = None


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the sidebar. ``icon`` names a symbol of the sprite."""

    label: str
    url: str
    icon: str = "list"
    active: bool = False
    count: Count | None = None


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Lines of the sidebar under a heading; an empty ``label`` has none."""

    label: str
    items: Sequence[MenuItem]


@dataclass(frozen=True, slots=True)
class Shell:
    """What surrounds every page. Without ``user`` only brand, flashes and the page are drawn."""

    brand: str
    home_url: str = "/"
    user: str = ""
    organization: str = ""
    role: str = ""
    groups: Sequence[MenuGroup] = ()
    search_url: str = ""
    password_url: str = ""
    totp_url: str = ""
    address_url: str = ""
    logout_url: str = ""
    pinned_day: date | None = None


@dataclass(frozen=True, slots=True)
class Tab:
    """A preset list: all its state is in ``url``."""

    label: str
    url: str
    active: bool = False
    count: Count | None = None


@dataclass(frozen=True, slots=True)
class SavedView:
    """A list the person saved; ``delete_url`` takes a POST."""

    label: str
    url: str
    active: bool = False
    delete_url: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a filter, a page size or a channel."""

    value: str
    label: str
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A field of the filter bar, sent as ``name=value`` by GET."""

    name: str
    label: str
    kind: Literal["select", "text", "date", "number"] = "select"
    choices: Sequence[Choice] = ()
    value: str = ""
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter; ``url`` is the list without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``end`` sets right (amounts), ``phone`` is its place on a phone's card.

    ``sort_url`` empty: not sortable. ``total`` names the key under which the totals answer
    gives the sum of all that match, in fen; ``page_total`` is this page's sum in fen.
    ``labelled`` cells carry the label on a phone, where no heading is.
    """

    key: str
    label: str
    sort_url: str = ""
    sorted: Sort = ""
    end: bool = False
    phone: Phone = "line"
    total: str = ""
    page_total: int | None = None
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """A button that posts the chosen rows; the first one shown is the main one.

    ``tone``: main (blue), refuse (red), return (amber), plain. ``direct`` actions answer at
    once (a print); the others lead to a confirm page.
    """

    key: str
    label: str
    icon: str = ""
    tone: Literal["main", "refuse", "return", "plain"] = "plain"
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A button at the top right: a link, or a POST when ``post``."""

    label: str
    url: str
    icon: str = ""
    main: bool = False
    post: bool = False


@dataclass(frozen=True, slots=True)
class Pager:
    """Links of a keyset list; an empty one is drawn as disabled. ``place``: "1 / 12" or ""."""

    first_url: str = ""
    previous_url: str = ""
    next_url: str = ""
    last_url: str = ""
    place: str = ""
    sizes: Sequence[Choice] = ()
    """``value`` is the address of the list in that size."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Why a list is empty and what to do next."""

    title: str
    hint: str
    url: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Everything ``admin/model/list.html`` draws, as the one variable ``grid``.

    ``rows`` are whole ``<tr>`` elements made by ``cells.row``. ``totals_url`` answers
    ``{"count": n, "capped": false, "sums": {key: fen}}`` for all that match.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Markup]
    pager: Pager
    empty: Empty
    tabs: Sequence[Tab] = ()
    saved: Sequence[SavedView] = ()
    save_url: str = ""
    tools: Sequence[Tool] = ()
    filters: Sequence[Filter] = ()
    filter_url: str = ""
    keep: Mapping[str, str] = field(default_factory=dict)
    """Hidden fields that the filter form sends along (tab, sort, page size)."""
    chips: Sequence[Chip] = ()
    clear_url: str = ""
    search_url: str = ""
    """POST ``q`` (and ``url``, the list as it stands); empty: no search box."""
    search: str = ""
    search_hint: str = ""
    actions: Sequence[Action] = ()
    action_url: str = ""
    """POST ``action``, ``rowid``…, ``all`` ("1": all that match), ``url``."""
    here: str = ""
    """The list's own address with its state, without a host."""
    totals_url: str = ""
    note: Markup | str = ""
    """Drawn above the table: the budget bar of a queue."""
