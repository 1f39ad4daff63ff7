"""``flask programme``: packs checked, loaded, published, dumped, compared, cloned, followed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from models.base import N_, db
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.cli import clock, verb, wants_json
from portal.commands.trial import document_named, trial_text
from portal.policy.notice_diff import Sentence, grouped, sentences
from portal.policy.pack_diff import differences
from portal.policy.pack_files import Flaw
from portal.policy.packs import (
    BadPack,
    check_pack,
    clone,
    draft,
    dump_pack,
    load_pack,
    publish,
)
from portal.policy.places import TITLES, spot
from portal.policy.reminders import reminders
from portal.review.moving import STAYS, Moved, move, preview_move
from portal.translations.words import gettext, told

FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
_WHOLE = N_("The whole programme")


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
    """What changed from OLD to NEW, in sentences: each a CODE, a CODE@NUMBER or a file."""
    before, after = document_named(old), document_named(new)
    found = sentences(db.session(), before, after, say=gettext)
    if not wants_json():
        return {"text": _read_out(found) or gettext("Nothing changed.")}
    return {"differences": differences(before, after), "sentences": [_sentence(f) for f in found]}


@programme.command("clone")
@click.argument("code")
@click.argument("new_code")
@click.option("--title", required=True, help="What the new programme is called.")
@click.option("--year", required=True, type=int, help="Its year.")
@click.option("--prefix", required=True, help="What its application numbers begin with.")
@click.option("--notice", default=None, help="Key of its notice; else the old one's.")
@verb
def clone_command(
    code: str, new_code: str, title: str, year: int, prefix: str, notice: str | None
) -> dict[str, Any]:
    """Start a new programme from the newest rules of CODE, as a draft."""
    session = db.session()
    actor = system_actor(session)
    made = clone(session, actor, clock(), code, new_code, title, year, prefix, notice, say=gettext)
    session.commit()
    found = [
        f"{spot(made, row.path, gettext).words}: {told(row.message, row.params)}"
        for row in reminders(session, made, clock().today())
    ]
    return _stands(made) | {"reminders": found}


@programme.command("move")
@click.argument("code")
@click.option("--dry-run", is_flag=True, help="Only say who would flip.")
@click.option("--reason", default="", help="Why; needed unless --dry-run.")
@verb
def move_command(code: str, dry_run: bool, reason: str) -> dict[str, Any]:
    """Move undecided applications of older revisions to the rules in force, and judge them."""
    session = db.session()
    actor = system_actor(session)
    if dry_run:
        moved = preview_move(session, actor, clock(), code)
        session.rollback()
    else:
        moved = move(session, actor, clock(), code, reason)
        session.commit()
    return asdict(moved) if wants_json() else {"text": _moved_text(moved)}


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


def _sentence(found: Sentence) -> dict[str, str]:
    return {
        "section": found.section,
        "key": found.key,
        "clause": found.clause,
        "says": told(found.message, found.params),
    }


def _read_out(found: list[Sentence]) -> str:
    """Sentences under the headings of their sections and rows."""
    lines, section = [], None
    for group in grouped(found):
        if group.section != section:
            section = group.section
            lines += ["", told(TITLES.get(section, _WHOLE), {})]
        if group.title:
            lines.append(f"  {group.title}{_cited(group.clause)}")
        for each in group.sentences:
            says = told(each.message, each.params)
            lines.append(f"    - {says}" if group.title else f"  - {says}{_cited(each.clause)}")
    return "\n".join(lines[1:])


def _cited(clause: str) -> str:
    return f" [{clause}]" if clause else ""


def _moved_text(moved: Moved) -> str:
    lines = [
        gettext(
            "%(moved)s applications go to revision %(revision)s, %(drafts)s of them drafts",
            moved=moved.moved,
            revision=moved.revision,
            drafts=moved.drafts,
        )
    ]
    lines += [f"  {told(STAYS[kind], {})}: {count}" for kind, count in moved.staying.items()]
    return "\n".join([*lines, trial_text(moved.effect)])


commands = [programme]
