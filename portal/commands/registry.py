"""``flask registry``: lists for authorities, their answers, and asking a registry at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import current_app

from models.application import Application
from models.base import db
from models.evidence import CERTIFICATE, CHECKED, RegistryCheck
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.evidence.registry import FiledRegistry
from portal.exchange.refused_sheet import reasons
from portal.exchange.registry_sheets import apply_answers, read_answers, write_list
from portal.policy.packs import programme_called
from portal.review.registry_checks import ask_registry, waiting_unchecked
from portal.translations.words import told

KIND = click.option(
    "--kind", type=click.Choice(list(CHECKED)), default=CERTIFICATE, help="What is checked."
)
PROGRAMME = click.option("--programme", "code", required=True)
AS = click.option("--as", "login", required=True, help="The account that acts.")


@click.group("registry")
def registry() -> None:
    """Checks of certificates, patents and membership against authorities."""


@registry.command("export")
@PROGRAMME
@KIND
@AS
@click.option("--stage", help="Only cases that wait at this stage.")
@click.option("--all", "every", is_flag=True, help="Checked cases, too.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--reason", default="", help="Why identifiers are exported; without it masked.")
@verb
def export_command(
    code: str, kind: str, login: str, stage: str | None, every: bool, out: Path, reason: str
) -> dict[str, Any]:
    """Write the list that an authority fills in."""
    if not out.parent.is_dir():
        raise click.UsageError(f"there is no folder {out.parent}")
    session = db.session()
    actor = actor_named(session, login)
    where = _asked_for(code, stage)
    if not every:
        where.append(Application.id.in_(waiting_unchecked(actor, kind)))
    rows = write_list(session, actor, clock(), kind, where, out, told, reason=reason)
    session.commit()
    return {"rows": rows, "file": str(out)}


@registry.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@KIND
@AS
@click.option("--source", required=True, help="Which authority answered.")
@click.option("--dry-run", is_flag=True, help="Read and check only.")
@verb
def import_command(file: Path, kind: str, login: str, source: str, dry_run: bool) -> dict[str, Any]:
    """Read an authority's answers and record them."""
    session = db.session()
    actor = actor_named(session, login)
    sheet = read_answers(session, actor, kind, file, told)
    made = [] if dry_run else apply_answers(session, actor, clock(), sheet, source)
    session.commit()
    return {
        "read": sheet.read,
        "accepted": len(sheet.accepted),
        "columns_not_read": sheet.unknown,
        "results": _counted(made),
        "refused": [
            {"row": row.row, "column": row.problems[0].label, "reason": reasons(row, told)}
            for row in sheet.refused
        ],
    }


@registry.command("check")
@PROGRAMME
@KIND
@AS
@click.option("--stage", help="Only cases that wait at this stage.")
@click.option("--number", help="Only this application.")
@verb
def check_command(
    code: str, kind: str, login: str, stage: str | None, number: str | None
) -> dict[str, Any]:
    """Ask the registry about the waiting cases that nobody checked yet."""
    session = db.session()
    actor = actor_named(session, login)
    where = _asked_for(code, stage)
    if number:
        where.append(Application.number == number)
    ids = session.scalars(waiting_unchecked(actor, kind).where(*where)).all()
    config = current_app.extensions["portal_config"]
    asked = FiledRegistry(config.registry_folder)
    made = ask_registry(session, actor, clock(), asked, kind, ids)
    session.commit()
    return {"asked": len(made), "results": _counted(made)}


def _asked_for(code: str, stage: str | None) -> list[Any]:
    where: list[Any] = [Application.programme_id == programme_called(db.session(), code).id]
    return [*where, Application.stage_key == stage] if stage else where


def _counted(made: list[RegistryCheck]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in made:
        found[row.result] = found.get(row.result, 0) + 1
    return found


commands = [registry]
