"""What is wrong with the shares, the allocations and the instalments of a revision."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from models.allocation import PRO_RATA, TIER, WAITS, Allocation
from models.base import N_
from models.programme import Revision
from portal.policy.allocations import cap_fen, cap_places, has_budget, has_places, pool_of
from portal.policy.amounts import worked_out
from portal.policy.check import Path, Problem, is_anchor, terms_of, tier_keys, tried
from portal.policy.shares import AWARDED


def money_problems(revision: Revision) -> Iterator[Problem]:
    """Shares that are neither inside nor on top, pools that cannot be made or have nothing to
    give, and instalments that nothing releases."""
    yield from _allocations(revision)
    yield from _shares(revision)
    yield from _instalments(revision)


def _shares(revision: Revision) -> Iterator[Problem]:
    for place, row in enumerate(revision.shares):
        path: Path = ("shares", place)
        if (row.weight is None) == (row.rule is None):
            message = N_("must have a weight inside the amount, or on_top, not both")
            yield Problem((*path, "weight"), message)
        elif row.weight is not None and row.weight < 1:
            yield Problem((*path, "weight"), N_("must be at least 1"))
        elif row.rule is not None:
            yield from tried((*path, "on_top"), partial(worked_out, row.rule, revision, AWARDED))
        if row.payer in row.others:
            yield Problem((*path, "or"), N_("already pays"))
        yield from terms_of((*path, "when"), row.when, revision)
        yield from tier_keys(path, row, revision)


def _allocations(revision: Revision) -> Iterator[Problem]:
    for place, row in enumerate(revision.allocations):
        path: Path = ("allocations", place)
        yield from _caps(path, row, revision)
        yield from tried((*path, "per"), partial(pool_of, row, revision))
        if row.rest == WAITS and row.within != "window":
            message = N_("is for pools of a window")
            yield Problem((*path, "rest"), message)
        yield from terms_of((*path, "when"), row.when, revision)
        yield from tier_keys(path, row, revision)


def _caps(path: Path, row: Allocation, revision: Revision) -> Iterator[Problem]:
    """A pool has a budget or places, each said once; a table says it alike for a whole pool."""
    twice = N_("is said twice: as a number and by a table")
    if row.budget_fen is not None and row.budget_rule is not None:
        yield Problem((*path, "budget_from"), twice)
    if row.places is not None and row.places_rule is not None:
        yield Problem((*path, "places_from"), twice)
    if not has_budget(row) and (row.method == PRO_RATA or not has_places(row)):
        yield Problem((*path, "budget"), N_("must be given, as a number or by a table"))
    if has_places(row) and row.method == PRO_RATA:
        yield Problem((*path, "places"), N_("do not suit what is given in proportion"))
    for key, rule, make in (
        ("budget_from", row.budget_rule, cap_fen),
        ("places_from", row.places_rule, cap_places),
    ):
        if rule is None:
            continue
        yield from tried((*path, key), partial(make, row, revision))
        if not _is_one_for_all(str(rule.get("by", "")), row.per):
            yield Problem((*path, key, "by"), N_("must be something that a pool is made for each"))


def _is_one_for_all(by: str, per: list[str]) -> bool:
    """Whether all cases of a pool have one value of the fact *by*."""
    return by in per or (by.partition(".")[0] in per and by != TIER)


def _instalments(revision: Revision) -> Iterator[Problem]:
    stages = {row.key for row in revision.stages}
    for place, row in enumerate(revision.instalments):
        path: Path = ("instalments", place)
        if row.weight < 1:
            yield Problem((*path, "weight"), N_("must be at least 1"))
        if row.after and row.after not in stages:
            message = N_("there is no stage called %(key)s")
            yield Problem((*path, "after"), message, {"key": row.after})
        if row.due and not is_anchor(row.due.get("after", ""), revision, stages):
            yield Problem((*path, "due", "after"), N_("must be a date fact or stage. and a stage"))
