"""Cases of earlier notices for the demonstration: each sheet of ``seed/samples`` as it was sent in.

They come in by the ordinary import, entered late by the city, and wait for review.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.access.actor import Actor
from portal.clock import Clock
from portal.config import ROOT
from portal.exchange.applications_in import apply, read_applications
from portal.policy.judge import in_force
from portal.policy.packs import programme_called

SAMPLES = ROOT / "seed" / "samples"


def enter_samples(session: Session, actor: Actor, clock: Clock) -> dict[str, int]:
    """Enter every sample sheet whose programme is in force; gives the cases of each programme."""
    found = {}
    for path in sorted(SAMPLES.glob("*.csv")):
        programme = programme_called(session, path.stem)
        if in_force(session, programme) is not None:
            reading = read_applications(session, actor, clock, programme, None, path)
            found[path.stem] = len(apply(session, actor, clock, reading))
    return found
