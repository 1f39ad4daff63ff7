"""``flask programme``: packs checked, loaded, published, dumped, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from models.base import db
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.cli import clock, verb
from portal.policy.pack_checks import checked
from portal.policy.pack_diff import differences
from portal.policy.pack_files import Flaw
from portal.policy.pack_rows import completed, document_of
from portal.policy.packs import (
    BadPack,
    check_pack,
    draft,
    dump_pack,
    load_pack,
    publish,
    revision_named,
)
from portal.translations.words import told

FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.group("programme")
def programme() -> None:
    """Programmes as data."""


@programme.command("check")
@FILES
@verb
def check_command(files: tuple[Path, ...]) -> dict[str, Any]:
    """Check packs; every problem with its line and key."""
    session = db.session()
    found = [entry for path in files for entry in _told(path, check_pack(session, path))]
    return {"ok": not found, "files": len(files), "problems": found}


@programme.command("load")
@FILES
@click.option("--publish", "at_once", is_flag=True, help="Publish each one too.")
@verb
def load_command(files: tuple[Path, ...], at_once: bool) -> dict[str, Any]:
    """Load packs as drafts; nothing changes where the programme already says the same."""
    session = db.session()
    actor = system_actor(session)
    loaded = []
    for path in files:
        try:
            revision = load_pack(session, actor, clock(), path)
        except BadPack as refusal:
            return {"ok": False, "loaded": [], "problems": _told(path, refusal.flaws)}
        if at_once:
            publish(session, actor, clock(), revision.programme.code)
        loaded.append(_stands(revision))
    session.commit()
    return {"loaded": loaded}


@programme.command("publish")
@click.argument("code")
@verb
def publish_command(code: str) -> dict[str, Any]:
    """Put the draft of a programme in force."""
    session = db.session()
    revision = publish(session, system_actor(session), clock(), code)
    session.commit()
    return _stands(revision)


@programme.command("draft")
@click.argument("code")
@verb
def draft_command(code: str) -> dict[str, Any]:
    """Start a draft of a programme from the rules in force, to be edited on the screens."""
    session = db.session()
    revision = draft(session, system_actor(session), clock(), code)
    session.commit()
    return _stands(revision)


@programme.command("dump")
@click.argument("code")
@verb
def dump_command(code: str) -> dict[str, Any]:
    """Print the newest revision of a programme, or CODE@NUMBER, as a pack."""
    return {"text": dump_pack(db.session(), code)}


@programme.command("diff")
@click.argument("old")
@click.argument("new")
@verb
def diff_command(old: str, new: str) -> dict[str, Any]:
    """What changed from OLD to NEW: each a CODE, a CODE@NUMBER or a file."""
    return {"differences": differences(_document(old), _document(new))}


def _stands(revision: Revision) -> dict[str, Any]:
    return {
        "programme": revision.programme.code,
        "revision": revision.number,
        "state": revision.state,
    }


def _told(path: Path, flaws: list[Flaw]) -> list[dict[str, Any]]:
    return [
        {
            "file": str(path),
            "line": flaw.line,
            "path": flaw.path,
            "message": told(flaw.message, flaw.params),
        }
        for flaw in flaws
    ]


def _document(name: str) -> dict[str, Any]:
    session = db.session()
    path = Path(name)
    if not path.is_file():
        return document_of(revision_named(session, name))
    pack, flaws = checked(session, path)
    if flaws:
        raise BadPack(path, flaws)
    return completed(pack.document)


commands = [programme]
