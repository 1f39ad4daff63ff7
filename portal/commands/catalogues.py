"""``flask catalogues``: the lists that rules refer to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from models.base import db
from models.catalogue import Catalogue
from portal.access.accounts import system_actor
from portal.cli import clock, verb
from portal.policy.catalogue_files import load_catalogues
from portal.policy.catalogues import catalogue_called, compare
from seed.catalogues import HERE


@click.group("catalogues")
def catalogues() -> None:
    """Catalogues of trades, levels and choices."""


@catalogues.command("load")
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@verb
def load_command(files: tuple[Path, ...]) -> dict[str, Any]:
    """Load CSV files, or folders of them (index.yaml beside them says what each is).

    Without FILES the catalogues that come with the product.
    """
    session = db.session()
    actor = system_actor(session)
    loaded = [
        key for path in files or (HERE,) for key in load_catalogues(session, actor, clock(), path)
    ]
    session.commit()
    return {"loaded": loaded}


@catalogues.command("list")
@verb
def list_command() -> dict[str, Any]:
    """Every catalogue with the number of its entries in use."""
    rows = db.session.scalars(select(Catalogue).order_by(Catalogue.family, Catalogue.year))
    return {
        "catalogues": [
            {
                "key": row.key,
                "title": row.title,
                "entries": sum(entry.retired_on is None for entry in row.entries),
            }
            for row in rows
        ]
    }


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
