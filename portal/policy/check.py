"""What keeps a revision from being loaded or published, each problem with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from models.base import N_, Refusal
from models.programme import CHOOSE, OUTCOMES, REFUSE, SPILL, Bound, DerivedFact, Revision, Stage
from portal.policy.amounts import tier_fen
from portal.policy.derived import EARLIER, SHARED, row_facts
from portal.policy.facts import DATE, MONEY, NUMBER, Fact, fact
from portal.policy.terms import group_sql, term_sql

Path = tuple[str | int, ...]
PAYMENT = "payment"
"""The moment, beside the stages, at which a condition may be looked at again."""
STAGE, ENTERED = "stage.", "stage.entered"
"""Events that a due date may count from: an earlier stage passed, or this one reached."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``path`` leads to it in the pack, as keys and row numbers."""

    path: Path
    message: str
    params: dict[str, Any] = field(default_factory=dict)


def problems(revision: Revision, *, publishing: bool = False) -> list[Problem]:
    """Everything in *revision* that cannot be compiled; with *publishing*, what is still unset."""
    found = [*_fields(revision), *_derived(revision), *_attachments(revision)]
    found += [*_conditions(revision), *_tiers(revision), *_bounds(revision), *_orders(revision)]
    found += [*_stages(revision), *_windows(revision)]
    if publishing:
        found += list(_unset(revision))
    return found


def _fields(revision: Revision) -> Iterator[Problem]:
    stages = {stage.key for stage in revision.stages}
    for place, row in enumerate(revision.fields):
        path: Path = ("fields", place)
        yield from terms_of((*path, "when"), row.when, revision)
        if (row.kind == "table") != bool(row.columns):
            yield Problem((*path, "columns"), N_("belong to a table, and a table has some"))
        if row.stage and row.stage not in stages:
            message = N_("there is no stage called %(key)s")
            yield Problem((*path, "stage"), message, {"key": row.stage})
        if row.pattern:
            yield from _pattern((*path, "pattern"), row.pattern)


def _pattern(path: Path, pattern: str) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except re.error:
        yield Problem(path, N_("is not a pattern that can be read"))


def _derived(revision: Revision) -> Iterator[Problem]:
    tables = {row.key for row in revision.fields if row.kind == "table"}
    for place, row in enumerate(revision.facts):
        path: Path = ("facts", place)
        if row.of != EARLIER and row.of not in tables:
            yield Problem(
                (*path, "of"), N_("there is no table field called %(key)s"), {"key": row.of}
            )
            continue
        yield from _rows_of(path, row, revision)
        for key in row.per:
            if key not in SHARED:
                message = N_("must be one of %(values)s")
                yield Problem((*path, "per"), message, {"values": ", ".join(SHARED)})
        yield from terms_of((*path, "self"), row.self_when or (), revision)


def _rows_of(path: Path, row: DerivedFact, revision: Revision) -> Iterator[Problem]:
    known = row_facts(row, revision)
    for place, term in enumerate(row.when):
        yield from tried((*path, "when", place), partial(term_sql, term, revision, known))
    column = known.get(row.column or "")
    if row.take == "sum" and (column is None or column.kind not in (NUMBER, MONEY)):
        yield Problem((*path, "column"), N_("must name a column that holds numbers"))
    if row.of == EARLIER and (not row.per or row.take == "share"):
        yield Problem((*path, "per"), N_("earlier cases are counted or summed per something"))


def _attachments(revision: Revision) -> Iterator[Problem]:
    for place, row in enumerate(revision.attachments):
        yield from terms_of(("attachments", place, "when"), row.when, revision)
        if row.at_least > row.at_most:
            yield Problem(("attachments", place, "at_most"), N_("must not be below at_least"))


def _conditions(revision: Revision) -> Iterator[Problem]:
    stages = {stage.key for stage in revision.stages}
    for place, row in enumerate(revision.conditions):
        path: Path = ("conditions", place)
        yield from terms_of((*path, "when"), row.when, revision)
        if row.require is not None:
            yield from _group((*path, "require"), row.require, revision)
        elif row.otherwise == REFUSE:
            yield Problem((*path, "require"), N_("must be given where a miss refuses"))
        if row.otherwise not in OUTCOMES:
            yield Problem((*path, "otherwise"), N_("must be refuse, ask or note"))
        yield from _asked_at(path, row.asks, revision)
        for key in row.moments:
            if key not in stages | {PAYMENT}:
                message = N_("there is no stage called %(key)s")
                yield Problem((*path, "moments"), message, {"key": key})


def _asked_at(path: Path, key: str | None, revision: Revision) -> Iterator[Problem]:
    if key and key not in {stage.key for stage in revision.stages}:
        message = N_("there is no stage called %(key)s")
        yield Problem((*path, "asks"), message, {"key": key})


def _tiers(revision: Revision) -> Iterator[Problem]:
    if revision.choose not in CHOOSE:
        yield Problem(("tiers", "choose"), N_("must be first, highest or each"))
    for place, row in enumerate(revision.tiers):
        path: Path = ("tiers", "rows", place)
        uplifts = (row.uplift or {}).get("when", [])
        if "award.amount" in str([row.when, row.rule, row.uplift]):
            yield Problem((*path, "when"), N_("an amount cannot depend on the amount"))
            continue
        yield from terms_of((*path, "when"), row.when, revision)
        yield from terms_of((*path, "uplift", "when"), uplifts, revision)
        if row.rule is not None and row.amount_fen is not None:
            yield Problem((*path, "works_out"), N_("must not stand beside an amount"))
        elif row.rule is not None:
            yield from tried((*path, "works_out"), partial(tier_fen, row, revision))


def _bounds(revision: Revision) -> Iterator[Problem]:
    for place, row in enumerate(revision.bounds):
        path: Path = ("bounds", place)
        yield from _known(path, row, revision)
        yield from _limits(path, row)
        yield from _counted(path, row, revision)
        yield from tier_keys(path, row, revision)
        yield from _spills(path, row, revision)
        yield from _asked_at(path, row.asks, revision)
        yield from terms_of((*path, "when"), row.when, revision)


def _known(path: Path, row: Bound, revision: Revision) -> Iterator[Problem]:
    """Every fact that the bound names exists, and dates are dates."""
    missing = N_("There is no fact called %(key)s")
    for key in row.per:
        if fact(key, revision) is None:
            yield Problem((*path, "per"), missing, {"key": key})
    dated = fact(row.dated, revision) if row.dated else None
    if (row.within == "year") != (dated is not None and dated.kind == DATE):
        yield Problem((*path, "dated"), N_("must name the day whose year counts"))


def _limits(path: Path, row: Bound) -> Iterator[Problem]:
    if (row.at_most is None) == (row.at_least is None):
        yield Problem((*path, "at_most"), N_("must have at_most or at_least, not both"))
    elif (row.at_most or row.at_least or 0) < 0:
        yield Problem((*path, "at_most"), N_("must not be negative"))
    if row.over == SPILL and (row.at_least is not None or row.take == "share"):
        yield Problem((*path, "over"), N_("only what exceeds at_most can fall to another tier"))


def _counted(path: Path, row: Bound, revision: Revision) -> Iterator[Problem]:
    """``of`` fits what is taken: a fact to tell apart or sum, the terms of a share."""
    if row.take in ("distinct", "share") and row.within in ("family", "year"):
        message = N_("different values and shares are counted in a window or the programme")
        yield Problem((*path, "within"), message)
    named = row.of.get("distinct") if isinstance(row.of, dict) else row.of
    found = fact(named, revision) if isinstance(named, str) else None
    if row.take == "cases" and row.of is not None:
        yield Problem((*path, "of"), N_("is for distinct, sum and share"))
    elif row.take == "share":
        terms = row.of.get("where") if isinstance(row.of, dict) else row.of
        if not isinstance(terms, list) or (isinstance(row.of, dict) and found is None):
            yield Problem((*path, "of"), N_("must be the terms that count for the share"))
        else:
            yield from terms_of((*path, "of"), terms, revision)
    elif row.take in ("distinct", "sum") and not _countable(row.take, found):
        yield Problem((*path, "of"), N_("must name the fact that is counted or summed"))


def _countable(take: str, found: Fact | None) -> bool:
    return found is not None and (take == "distinct" or found.kind in (NUMBER, MONEY))


def tier_keys(path: Path, row: Any, revision: Revision) -> Iterator[Problem]:
    """Every tier that *row* names is there."""
    tiers = {tier.key for tier in revision.tiers}
    for key in row.tiers:
        if key not in tiers:
            yield Problem((*path, "tiers"), N_("there is no tier called %(key)s"), {"key": key})


def _spills(path: Path, row: Bound, revision: Revision) -> Iterator[Problem]:
    tiers = {tier.key for tier in revision.tiers}
    if (row.over == SPILL) != (row.spill_to in tiers):
        yield Problem((*path, "spill_to"), N_("must name the tier that a case falls to"))


def _orders(revision: Revision) -> Iterator[Problem]:
    for place, row in enumerate(revision.orders):
        if bool(row.fact) == bool(row.when):
            yield Problem(("orders", place), N_("must have a fact, or when for a preference"))
        elif row.fact and fact(row.fact, revision) is None:
            message = N_("There is no fact called %(key)s")
            yield Problem(("orders", place, "fact"), message, {"key": row.fact})
        yield from terms_of(("orders", place, "when"), row.when, revision)


def _stages(revision: Revision) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, row in enumerate(revision.stages):
        path: Path = ("stages", place)
        seen.add(row.key)
        yield from terms_of((*path, "when"), row.when, revision)
        yield from _due((*path, "due", "after"), row, revision, seen)
        if row.returns_to and row.returns_to not in seen:
            message = N_("must be this stage or an earlier one")
            yield Problem((*path, "returns_to"), message)
        for word in ("waiting", "passed", "failed", "returned"):
            if not row.words.get(word):
                yield Problem((*path, "words", word), N_("must be given"))


def _due(path: Path, row: Stage, revision: Revision, seen: set[str]) -> Iterator[Problem]:
    """A due date counts from a day of the case, from reaching this stage or passing another."""
    after = (row.due or {}).get("after", ENTERED)
    if after != ENTERED and not is_anchor(after, revision, seen - {row.key}):
        yield Problem(path, N_("must be a date fact, stage.entered or stage. and an earlier stage"))


def is_anchor(after: str, revision: Revision, stages: set[str]) -> bool:
    """Whether *after* is a day that something may be counted from: a fact, one of *stages*."""
    if after.startswith(STAGE):
        return after.removeprefix(STAGE) in stages
    known = fact(after, revision)
    return known is not None and known.kind == DATE


def _windows(revision: Revision) -> Iterator[Problem]:
    rows = list(enumerate(revision.windows))
    for place, row in rows:
        if row.paper_on and row.paper_on < row.opens_on:
            yield Problem(("windows", place, "paper"), N_("must not be before it opens"))
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
    for place, asked in enumerate(revision.fields):
        if asked.kind == "choice" and not asked.choices and not asked.catalogue:
            yield Problem(("fields", place, "choices"), N_("must have choices or a catalogue"))
    for place, row in enumerate(revision.tiers):
        if row.amount_fen is None and row.rule is None:
            yield Problem(("tiers", "rows", place, "amount"), N_("must be set before publishing"))


def terms_of(path: Path, terms: Iterable[Any], revision: Revision) -> Iterator[Problem]:
    """What is wrong with each of *terms*."""
    for place, term in enumerate(terms):
        yield from tried((*path, place), partial(term_sql, term, revision))


def _group(path: Path, group: Any, revision: Revision) -> Iterator[Problem]:
    yield from tried(path, partial(group_sql, group, revision))


def tried(path: Path, compile_it: Callable[[], Any]) -> Iterator[Problem]:
    """The refusal of *compile_it*, if any, as a problem at *path*."""
    try:
        compile_it()
    except Refusal as refusal:
        yield Problem(path, refusal.message, refusal.params)
