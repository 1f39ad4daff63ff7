"""``flask applications``: sheets in and out, files of a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import current_app
from sqlalchemy import select

from models.application import Application
from models.base import db
from portal.access.accounts import actor_named
from portal.access.scope import visible
from portal.cli import clock, verb
from portal.commands.judge import NoSuchApplication
from portal.evidence.cleaning import clean
from portal.exchange.applications_in import Reading, apply, read_applications
from portal.exchange.applications_out import export_applications
from portal.exchange.refused_sheet import reasons
from portal.policy.packs import programme_called
from portal.review import attachments
from portal.review.attachment_proof import sweep
from portal.translations.words import told


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
    return _told(reading)


@applications.command("export")
@click.option("--programme", "code", required=True)
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-identifiers", is_flag=True, help="Identifiers in full; needs a reason.")
@click.option("--reason", default="", help="Why identifiers are exported.")
@verb
def export_command(
    code: str, login: str, out: Path, with_identifiers: bool, reason: str
) -> dict[str, Any]:
    """Write the applications that an account sees to a sheet."""
    if not out.parent.is_dir():
        raise click.UsageError(f"there is no folder {out.parent}")
    session = db.session()
    programme = programme_called(session, code)
    rows = export_applications(
        session,
        actor_named(session, login),
        clock(),
        [Application.programme_id == programme.id],
        out,
        told,
        with_identifiers=with_identifiers,
        reason=reason,
    )
    session.commit()
    return {"rows": rows, "file": str(out)}


@applications.command("attach")
@click.argument("number")
@click.argument("rule")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "login", required=True, help="The account that acts.")
@verb
def attach_command(number: str, rule: str, file: Path, login: str) -> dict[str, Any]:
    """Add a PDF, JPEG or PNG to an application as an answer to one of its rules."""
    with file.open("rb") as stream:
        cleaned = clean(stream, current_app.extensions["portal_config"].attachment_megabytes)
    session = db.session()
    actor = actor_named(session, login)
    case = session.scalar(
        select(Application).where(Application.number == number, visible(Application, actor))
    )
    if case is None:
        raise NoSuchApplication(number=number)
    added = attachments.add(session, actor, clock(), case, rule, file.name, cleaned)
    session.commit()
    return {"attachment": added.id, "file": added.file_name, "size": added.size}


@applications.command("sweep")
@verb
def sweep_command() -> dict[str, Any]:
    """Remove files that belong to no application, and those removed a month ago."""
    return {"removed": sweep(db.session(), clock())}


def _told(reading: Reading) -> dict[str, Any]:
    """``{read, accepted, refused: [{row, column, reason}]}``."""
    return {
        "read": reading.read,
        "accepted": len(reading.accepted),
        "refused": [
            {"row": row.row, "column": row.problems[0].label, "reason": reasons(row, told)}
            for row in reading.refused
        ],
    }


commands = [applications]
