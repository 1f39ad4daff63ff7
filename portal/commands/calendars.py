"""``flask calendars``: the days off and the worked weekends of a year."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from models.base import db
from portal.access.accounts import system_actor
from portal.calendar import load_days
from portal.calendar_files import read_days
from portal.cli import clock, verb
from seed.calendars import FOLDER


@click.group("calendars")
def calendars() -> None:
    """The working-day calendar."""


@calendars.command("load")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@verb
def load_command(files: tuple[Path, ...]) -> dict[str, Any]:
    """Load CSV files (day, kind, title), each for whole years; by default the product's own."""
    session, loaded = db.session(), {}
    for path in files or sorted(FOLDER.glob("*.csv")):
        for year, count in load_days(
            session, system_actor(session), clock(), read_days(path)
        ).items():
            loaded[str(year)] = count
    session.commit()
    return {"days": loaded}


commands = [calendars]
