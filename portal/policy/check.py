"""What keeps a revision from being loaded or published, each problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from models.base import N_, Refusal
from models.programme import OUTCOMES, Revision
from portal.policy.facts import facts_of
from portal.policy.terms import group_sql, term_sql

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``path`` leads to it in the pack, as keys and row numbers."""

    path: Path
    message: str
    params: dict[str, Any] = field(default_factory=dict)


def problems(revision: Revision, *, publishing: bool = False) -> list[Problem]:
    """Everything in *revision* that cannot be compiled; with *publishing*, what is still unset."""
    found = [*_conditions(revision), *_tiers(revision), *_bounds(revision), *_orders(revision)]
    found += [*_stages(revision), *_windows(revision)]
    if publishing:
        found += list(_unset(revision))
    return found


def _conditions(revision: Revision) -> Iterator[Problem]:
    stages = {stage.key for stage in revision.stages}
    for place, row in enumerate(revision.conditions):
        path: Path = ("conditions", place)
        yield from _terms((*path, "when"), row.when, revision)
        if row.require is not None:
            yield from _group((*path, "require"), row.require, revision)
        if row.otherwise not in OUTCOMES:
            yield Problem((*path, "otherwise"), N_("must be refuse, ask or note"))
        if row.asks and row.asks not in stages:
            yield Problem(
                (*path, "asks"), N_("there is no stage called %(key)s"), {"key": row.asks}
            )


def _tiers(revision: Revision) -> Iterator[Problem]:
    if revision.choose not in ("first", "highest"):
        yield Problem(("tiers", "choose"), N_("must be first or highest"))
    for place, row in enumerate(revision.tiers):
        yield from _terms(("tiers", "rows", place, "when"), row.when, revision)


def _bounds(revision: Revision) -> Iterator[Problem]:
    known = facts_of(revision)
    for place, row in enumerate(revision.bounds):
        path: Path = ("bounds", place)
        for key in row.per:
            if key not in known:
                yield Problem((*path, "per"), N_("There is no fact called %(key)s"), {"key": key})
        if not row.per:
            yield Problem((*path, "per"), N_("must name at least one fact"))
        if row.at_most < 0:
            yield Problem((*path, "at_most"), N_("must not be negative"))
        yield from _terms((*path, "when"), row.when, revision)


def _orders(revision: Revision) -> Iterator[Problem]:
    known = facts_of(revision)
    for place, row in enumerate(revision.orders):
        if row.fact not in known:
            message = N_("There is no fact called %(key)s")
            yield Problem(("orders", place, "fact"), message, {"key": row.fact})


def _stages(revision: Revision) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, row in enumerate(revision.stages):
        path: Path = ("stages", place)
        seen.add(row.key)
        if row.returns_to and row.returns_to not in seen:
            message = N_("must be this stage or an earlier one")
            yield Problem((*path, "returns_to"), message)
        for word in ("waiting", "passed", "failed", "returned"):
            if not row.words.get(word):
                yield Problem((*path, "words", word), N_("must be given"))


def _windows(revision: Revision) -> Iterator[Problem]:
    rows = list(enumerate(revision.windows))
    for place, row in rows:
        if row.opens_on > row.closes_on:
            yield Problem(("windows", place, "closes"), N_("must not be before it opens"))
        for _other_place, other in rows[:place]:
            if _overlap(row, other):
                message = N_("overlaps the window %(key)s")
                yield Problem(("windows", place), message, {"key": other.key})


def _overlap(row: Any, other: Any) -> bool:
    shared = not row.channels or not other.channels or set(row.channels) & set(other.channels)
    return bool(shared and row.opens_on <= other.closes_on and other.opens_on <= row.closes_on)


def _unset(revision: Revision) -> Iterator[Problem]:
    for name in ("windows", "channels", "fields", "tiers", "stages"):
        if not getattr(revision, name):
            yield Problem((name,), N_("must have at least one row"))
    for place, row in enumerate(revision.tiers):
        if row.amount_fen is None:
            yield Problem(("tiers", "rows", place, "amount"), N_("must be set before publishing"))


def _terms(path: Path, terms: Iterable[Any], revision: Revision) -> Iterator[Problem]:
    for place, term in enumerate(terms):
        yield from _tried((*path, place), partial(term_sql, term, revision))


def _group(path: Path, group: Any, revision: Revision) -> Iterator[Problem]:
    yield from _tried(path, partial(group_sql, group, revision))


def _tried(path: Path, compile_it: Callable[[], Any]) -> Iterator[Problem]:
    try:
        compile_it()
    except Refusal as refusal:
        yield Problem(path, refusal.message, refusal.params)
