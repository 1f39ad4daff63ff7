"""What is wrong with the ways of payment of a revision."""

from __future__ import annotations

from collections.abc import Iterator

from models.base import N_
from models.programme import Revision
from models.sharing import DIRECT
from portal.policy.check import Path, Problem
from portal.policy.payment_words import BATCH_DAYS


def payment_problems(revision: Revision) -> Iterator[Problem]:
    """Rows that cannot be followed: papers that nobody gives, days that a batch has not, rows that
    one before them hides."""
    for place, row in enumerate(revision.payments):
        path: Path = ("payments", place)
        if row.route == DIRECT and row.papers:
            yield Problem((*path, "papers"), N_("are for money that goes through a union"))
        if row.due and row.due.get("after") not in BATCH_DAYS:
            values = {"values": ", ".join(BATCH_DAYS)}
            yield Problem((*path, "due", "after"), N_("must be one of %(values)s"), values)
        if any(not other.channels for other in revision.payments[:place]):
            yield Problem(path, N_("is never reached: a row before it is for every channel"))
