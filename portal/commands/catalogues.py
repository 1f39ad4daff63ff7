"""``flask catalogues``: the lists that rules refer to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from models.base import db
from models.catalogue import Catalogue
from portal.cli import clock, verb
from portal.policy.catalogues import catalogue_called, compare
from seed.catalogues import load_all


@click.group("catalogues")
def catalogues() -> None:
    """Catalogues of trades, levels and choices."""


@catalogues.command("load")
@click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@verb
def load_command(folder: Path | None) -> dict[str, Any]:
    """Load every catalogue of a folder (its index.yaml says what each is)."""
    loaded = load_all(db.session(), clock(), folder)
    db.session.commit()
    return {"loaded": loaded}


@catalogues.command("list")
@verb
def list_command() -> dict[str, Any]:
    """Every catalogue with the number of its entries."""
    rows = db.session.scalars(select(Catalogue).order_by(Catalogue.family, Catalogue.year))
    return {"catalogues": [{"key": row.key, "entries": len(row.entries)} for row in rows]}


@catalogues.command("compare")
@click.argument("old")
@click.argument("new")
@verb
def compare_command(old: str, new: str) -> dict[str, Any]:
    """What one edition changed against another."""
    session = db.session()
    found = compare(catalogue_called(session, old), catalogue_called(session, new))
    return {
        "added": [f"{row.code} {row.title}" for row in found.added],
        "removed": [f"{row.code} {row.title}" for row in found.removed],
        "changed": [f"{row.code} {was.title} → {row.title}" for was, row in found.changed],
        "moved": [f"{row.code} {row.title}" for row in found.moved],
    }


commands = [catalogues]
