"""The cases that other rules would treat otherwise, as a sheet: one row each, money beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy.orm import Session

from models.application import VERDICTS
from models.base import N_
from models.programme import Programme
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.exchange.programme_sheet import write_audited
from portal.exchange.sheet_writer import SheetColumn, Told
from portal.policy.simulate import Simulation

TEXTS = (
    (N_("Application"), 18),
    (N_("Now"), 12),
    (N_("Then"), 12),
    (N_("Clause"), 12),
    (N_("Reason"), 50),
)
MONEY = (N_("Amount now (yuan)"), N_("Amount then (yuan)"), N_("Difference (yuan)"))


def write_trial(
    session: Session,
    actor: Actor,
    clock: Clock,
    programme: Programme,
    found: Simulation,
    target: IO[bytes],
    told: Told,
) -> int:
    """Write the flips of *found*, tried on the cases of *programme*, audited; gives their number.

    A positive difference is a top-up to be decided, a negative one is to be recovered.
    """
    require(actor, "application:export")
    columns = [SheetColumn(told(text, {}), width) for text, width in TEXTS]
    columns += [SheetColumn(told(text, {}), 18, "fen") for text in MONEY]
    return write_audited(
        session, actor, clock, "application:export", programme, target, columns, _rows(found, told)
    )


def _rows(found: Simulation, told: Told) -> Iterator[tuple[Any, ...]]:
    for flip in found.flips:
        yield (
            flip.number,
            told(VERDICTS[flip.before], {}) if flip.before else "",
            told(VERDICTS[flip.after], {}),
            flip.clause,
            flip.says,
            flip.before_fen,
            flip.after_fen,
            flip.after_fen - flip.before_fen,
        )
