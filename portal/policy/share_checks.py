"""What is wrong with the shares and instalments of a revision."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from models.base import N_
from models.programme import Revision
from portal.policy.amounts import worked_out
from portal.policy.check import Path, Problem, is_anchor, terms_of, tier_keys, tried
from portal.policy.shares import AWARDED


def money_problems(revision: Revision) -> Iterator[Problem]:
    """Shares that are neither inside nor on top, and instalments that nothing releases."""
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
