"""What a bound says of the cases of one key, tried in every outcome of the open ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, combinations
from typing import Any

HOLDS, MISSED, UNKNOWN = 0, 1, 2
FINE, ASKED, WAITS, REFUSED = 0, 1, 2, 3
MOST_OPEN = 7
"""So many open cases are tried in all their outcomes; of more, only the extreme ones."""


@dataclass
class Standing:
    """Where a case stands between bounds: its worst so far, its tier and what was found."""

    case: Any
    worst: int
    tier: str | None
    fen: int | None
    doubt: bool
    codes: dict[str, int]
    missed: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    falls: bool = False


@dataclass
class Row:
    """A case as one bound sees it. ``guard`` is true, or unknown; ``match`` is of a share."""

    standing: Standing
    key: Any
    guard: bool | None
    weight: Fraction
    value: Any
    match: bool | None


def bound_codes(
    bound: dict[str, Any], rows: Sequence[Row], outside: Fraction, limit: int
) -> list[int]:
    """The code of each of *rows*, which stand in their turn and share their keys."""
    sure = [n for n, row in enumerate(rows) if _is_sure(bound, row)]
    open_ = [n for n, row in enumerate(rows) if n not in sure and _is_open(bound, row)]
    found: list[list[bool]] = []
    for accepted, matching in _outcomes(bound, rows, sure, open_):
        found.append(_missing(bound, rows, accepted, matching, outside, limit))
    if len(open_) > MOST_OPEN and bound.get("take") == "distinct" and "at_most" in bound:
        found += _extremes(rows, sure, open_, limit)
    return [_code(row, [each[n] for each in found]) for n, row in enumerate(rows)]


def _is_sure(bound: dict[str, Any], row: Row) -> bool:
    counts = bound["count"] == "submitted" or row.standing.case.is_placed
    return row.guard is True and (counts or row.standing.worst == FINE)


def _is_open(bound: dict[str, Any], row: Row) -> bool:
    if bound["count"] == "submitted" or row.standing.case.is_placed:
        return row.guard is None
    return row.standing.worst < WAITS


def _outcomes(
    bound: dict[str, Any], rows: Sequence[Row], sure: list[int], open_: list[int]
) -> Iterator[tuple[set[int], set[int]]]:
    """Who is accepted and who matches, in every outcome, or in those that decide."""
    unsure = [n for n, row in enumerate(rows) if row.match is None]
    match = {n for n, row in enumerate(rows) if row.match}
    if len(open_) + len(unsure) <= MOST_OPEN:
        for more in _subsets(open_):
            for also in _subsets(unsure):
                yield {*sure, *more}, {*match, *also}
        return
    wide = match | set(unsure)
    yield set(sure), match
    yield {*sure, *open_}, match
    yield {*sure, *open_}, wide
    yield {*sure, *(n for n in open_ if n in wide)}, wide
    yield {*sure, *(n for n in open_ if n not in match)}, match


def _subsets(items: list[int]) -> Iterable[tuple[int, ...]]:
    return chain.from_iterable(combinations(items, n) for n in range(len(items) + 1))


def _missing(
    bound: dict[str, Any],
    rows: Sequence[Row],
    accepted: set[int],
    matching: set[int],
    outside: Fraction,
    limit: int,
) -> list[bool]:
    """Whether each row misses the bound in one outcome."""
    if bound.get("take") == "share":
        return [_share_misses(bound, rows, accepted, matching, limit)] * len(rows)
    if "at_least" in bound:
        return [outside + _total(bound, [rows[n] for n in sorted(accepted)]) < limit] * len(rows)
    found = []
    for place, row in enumerate(rows):
        ahead = [rows[n] for n in sorted(accepted) if n < place]
        if bound.get("take") == "distinct":
            found.append(_rank(ahead, row) > limit)
        else:
            own = row.weight
            found.append(own != 0 and outside + _total(bound, ahead) + own > limit)
    return found


def _total(bound: dict[str, Any], rows: list[Row]) -> Fraction:
    if bound.get("take") == "distinct":
        return Fraction(len({_named(row) for row in rows}))
    return sum((row.weight for row in rows), Fraction(0))


def _rank(ahead: list[Row], row: Row) -> int:
    """The how-manieth value this one is, counted where it first stands."""
    values: list[Any] = []
    for other in [*ahead, row]:
        if _named(other) not in values:
            values.append(_named(other))
    return values.index(_named(row)) + 1


def _named(row: Row) -> Any:
    return ("" if row.value is None else type(row.value).__name__, str(row.value))


def _share_misses(
    bound: dict[str, Any],
    rows: Sequence[Row],
    accepted: set[int],
    matching: set[int],
    limit: int,
) -> bool:
    every = {_named(rows[n]) for n in accepted}
    found = {_named(rows[n]) for n in accepted & matching}
    if not every:
        return False
    share = Fraction(100 * len(found), len(every))
    return share < limit if "at_least" in bound else share > limit


def _extremes(
    rows: Sequence[Row], sure: list[int], open_: list[int], limit: int
) -> list[list[bool]]:
    """For each row the outcome that favours its value most, and the one that favours it least."""
    best, worst = [], []
    for place, row in enumerate(rows):
        own = {n for n in open_ if _named(rows[n]) == _named(row)}
        for found, more in ((best, own), (worst, set(open_) - own)):
            ahead = [rows[n] for n in sorted({*sure, *more}) if n < place]
            found.append(_rank(ahead, row) > limit)
    return [best, worst]


def _code(row: Row, missed: list[bool]) -> int:
    if row.standing.case.is_placed or not any(missed):
        return HOLDS
    return MISSED if all(missed) and row.guard is True else UNKNOWN
