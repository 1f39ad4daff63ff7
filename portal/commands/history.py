"""``flask history``: payments from before the system. ``flask duplicates``: what looks the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import func, select

from models.base import db
from models.evidence import DuplicatePair
from portal.access.accounts import actor_named
from portal.access.permissions import require
from portal.cli import clock, verb
from portal.evidence.duplicates import find_pairs, is_open
from portal.exchange.history_in import apply_history, read_history
from portal.exchange.refused_sheet import reasons
from portal.translations.words import told

AS = click.option("--as", "login", required=True, help="The account that acts.")


@click.group("history")
def history() -> None:
    """Payments of the years before the system."""


@history.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@AS
@click.option("--dry-run", is_flag=True, help="Read and check only.")
@verb
def import_command(file: Path, login: str, dry_run: bool) -> dict[str, Any]:
    """Read a sheet of earlier payments; they count as earlier awarded cases."""
    session = db.session()
    actor = actor_named(session, login)
    sheet = read_history(session, actor, clock(), file, file.name, told)
    if not dry_run:
        apply_history(session, actor, clock(), sheet)
        session.commit()
    return {
        "read": sheet.read,
        "accepted": len(sheet.accepted),
        "columns_not_read": sheet.unknown,
        "total_fen": sheet.total_fen,
        "refused": [
            {"row": row.row, "column": row.problems[0].label, "reason": reasons(row, told)}
            for row in sheet.refused
        ],
    }


@click.group("duplicates")
def duplicates() -> None:
    """Cases that look like the same."""


@duplicates.command("find")
@AS
@verb
def find_command(login: str) -> dict[str, Any]:
    """Look through all cases anew; what was settled stays so while neither side changed."""
    session = db.session()
    require(actor_named(session, login), "duplicate:decide")
    found = find_pairs(session, clock().now())
    waiting = session.scalar(select(func.count()).select_from(DuplicatePair).where(is_open()))
    session.commit()
    return {"pairs": found, "open": waiting}


commands = [history, duplicates]
