"""``flask applications``: sheets in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from models.base import db
from portal.access.accounts import actor_named
from portal.cli import clock, told, verb
from portal.exchange.applications_in import apply, read_applications, summary
from portal.policy.packs import programme_called


@click.group("applications")
def applications() -> None:
    """Applications by the sheet."""


@applications.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--programme", "code", required=True)
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--channel", help="The channel; the only one by default.")
@click.option("--dry-run", is_flag=True, help="Read and check only.")
@verb
def import_command(
    file: Path, code: str, login: str, channel: str | None, dry_run: bool
) -> dict[str, Any]:
    """Read a sheet, enter what is well-formed, say why the rest is not."""
    session = db.session()
    actor = actor_named(session, login)
    reading = read_applications(
        session, actor, clock(), programme_called(session, code), channel, file
    )
    if not dry_run:
        apply(session, actor, clock(), reading)
        session.commit()
    return summary(reading, told)


commands = [applications]
