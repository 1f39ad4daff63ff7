"""``flask organizations import``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from models.base import db
from portal.access.accounts import system_actor
from portal.access.organizations import import_tree
from portal.access.tree import read_sheet
from portal.cli import clock, verb


@click.group("organizations")
def organizations() -> None:
    """The union tree."""


@organizations.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@verb
def import_(file: Path) -> dict[str, Any]:
    """Create or change unions from a CSV FILE: code, name, kind, parent_code, nature."""
    done = import_tree(db.session(), system_actor(db.session()), clock(), read_sheet(file))
    db.session.commit()
    return asdict(done)


commands = [organizations]
