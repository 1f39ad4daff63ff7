"""The catalogues that come with the product, and their loading."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML
from sqlalchemy.orm import Session

from portal.clock import Clock
from portal.policy.catalogues import load_catalogue

HERE = Path(__file__).parent


def load_all(session: Session, clock: Clock, folder: Path | None = None) -> list[str]:
    """Load every CSV file of *folder* that its ``index.yaml`` describes; gives their keys."""
    place = folder or HERE
    index = YAML(typ="safe").load((place / "index.yaml").read_text(encoding="utf-8"))
    for key, facts in index.items():
        load_catalogue(session, clock, place / f"{key}.csv", facts)
    return list(index)
