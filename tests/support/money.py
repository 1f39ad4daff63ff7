"""Paying in tests: every paper that a batch's programme wants is given."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.funding import PaymentBatch
from models.sharing import TRANSFER_NOTICE
from portal.access.actor import Actor
from portal.clock import Clock
from portal.funding.papers import give_paper
from portal.funding.routes import wanted


def hand_in(
    session: Session, finance: Actor, centre: Actor, clock: Clock, batch: PaymentBatch
) -> None:
    """Give every paper that *batch*, which was transferred, wants."""
    for kind in wanted(session, batch):
        actor = finance if kind == TRANSFER_NOTICE else centre
        give_paper(session, actor, clock, batch, kind, clock.today())
