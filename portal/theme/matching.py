"""What the page of the matching calculator shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Weight:
    """A share's weight to try: the name of its input, what stands there, what the rules say."""

    name: str
    title: str
    value: int | None
    usual: int | None


@dataclass(frozen=True, slots=True)
class MatchingPage:
    """``rows`` and ``totals`` say district, payer, on_top, cases, unknown, parts, fen, paid, left
    (all fen); ``kept`` are the filters of the list that the page came from."""

    programmes: Sequence[tuple[str, str]]
    programme: str
    weights: Sequence[Weight]
    kept: Mapping[str, str]
    instalments: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    totals: Sequence[Mapping[str, Any]]
    sheet_url: str
    is_tried: bool
