"""What the page of an allocation run is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A case in its place. ``gap`` counts the cases before it that are not listed; ``is_cut``
    draws the cut line below it."""

    place: int
    number: str
    url: str
    person: str
    district: str
    unit: str
    mark: Markup
    asked: Markup
    reach: Markup
    granted: Markup | str = ""
    lot: str = ""
    waited: bool = False
    gap: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class PoolList:
    """A pool and its cases; ``is_cut_first`` draws the cut line above all of them."""

    title: str
    taken: str
    rows: Sequence[PlacedRow]
    cut_words: str = ""
    is_cut_first: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True)
class AllocationPage:
    """``portal/allocation.html``: the lists below the record; ``others`` are pools by their link
    that are not listed here."""

    pools: Sequence[PoolList]
    others: Sequence[tuple[str, str]] = ()
    has_lots: bool = False
