"""The catalogues that come with the product, and their loading."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from portal.access.accounts import system_actor
from portal.clock import Clock
from portal.policy.catalogue_files import load_catalogues

HERE = Path(__file__).parent


def load_all(session: Session, clock: Clock) -> list[str]:
    """Load every catalogue of this folder; gives their keys."""
    return load_catalogues(session, system_actor(session), clock, HERE)
