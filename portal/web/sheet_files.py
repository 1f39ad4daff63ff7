"""Sheets that somebody sent: kept under a random name, found again by their owner, taken once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import abort
from sqlalchemy import select, update
from werkzeug.datastructures import FileStorage

from models.base import N_, Refusal, db
from models.exchange import SheetImport
from models.types import new_row_key
from portal.exchange import uploads
from portal.web.actor import clock, config, current_actor

PREVIEWED, APPLIED = "previewed", "applied"


class AlreadyApplied(Refusal):
    """The sheet was applied before."""

    message = N_("This sheet was already applied.")


class FileChanged(Refusal):
    """The stored file is not the one that was previewed."""

    message = N_("The uploaded file is gone or changed. Please upload it again.")


class NoFile(Refusal):
    """Nothing was uploaded."""

    message = N_("Please choose a file.")


def kept(file: FileStorage | None, subject: str, **about: Any) -> SheetImport:
    """Keep *file* and describe it, not yet in the session; raises ``NoFile``."""
    if file is None or not file.filename:
        raise NoFile()
    key = new_row_key()
    path = uploads.place(config().home, key)
    file.save(path)
    return SheetImport(
        row_key=key,
        account_id=current_actor().account_id,
        subject=subject,
        file_name=Path(file.filename).name[:200],
        digest=uploads.digest(path),
        state=PREVIEWED,
        created_at=clock().now(),
        **about,
    )


def path_of(found: SheetImport) -> Path:
    """Where the sheet lies, unchanged; raises ``FileChanged``."""
    path = uploads.place(config().home, found.row_key)
    if not path.exists() or uploads.digest(path) != found.digest:
        raise FileChanged()
    return path


def take(found: SheetImport) -> None:
    """Mark the import applied, once; raises ``AlreadyApplied``."""
    guarded = (
        update(SheetImport)
        .where(SheetImport.id == found.id, SheetImport.state == PREVIEWED)
        .values(state=APPLIED)
        .returning(SheetImport.id)
        .execution_options(synchronize_session=False)
    )
    if db.session.scalar(guarded) is None:
        raise AlreadyApplied()


def own(key: str, *where: Any) -> SheetImport:
    """The import called *key*, for the person who uploaded it."""
    found = db.session.scalar(
        select(SheetImport).where(
            SheetImport.row_key == key,
            SheetImport.account_id == current_actor().account_id,
            *where,
        )
    )
    return found if found is not None else abort(404)
