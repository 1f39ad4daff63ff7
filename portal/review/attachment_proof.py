"""That every file of a case is there and whole, and that none stays which belongs to nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.application import Application, Attachment
from models.base import in_parts
from portal.clock import Clock
from portal.evidence.vault import FileLost, vault

KEPT = timedelta(days=30)
"""How long the bytes of a removed file are kept; its row stays."""


def violations(session: Session) -> Iterator[str]:
    """Each file that is gone, does not open, or is not the one that was added."""
    rows = session.execute(
        select(
            Attachment.id, Attachment.row_key, Attachment.digest, Attachment.size,
            Application.number,
        )
        .join(Application, Application.id == Attachment.application_id)
        .where(Attachment.removed_at.is_(None))
        .order_by(Attachment.id)
    )  # fmt: skip
    for row in rows.yield_per(1_000):
        try:
            data = vault.get(row.row_key)
        except FileLost:
            yield f"attachment: file {row.id} of {row.number} is missing or does not open"
            continue
        if (hashlib.sha256(data).hexdigest(), len(data)) != (row.digest, row.size):
            yield f"attachment: file {row.id} of {row.number} is not the one that was added"


def sweep(session: Session, clock: Clock) -> int:
    """Remove files of no row and of rows removed long ago; gives how many."""
    count = 0
    for part in in_parts(list(vault.old_keys())):
        held = session.scalars(
            select(Attachment.row_key).where(
                Attachment.row_key.in_(part),
                or_(Attachment.removed_at.is_(None), Attachment.removed_at > clock.now() - KEPT),
            )
        )
        gone = set(part) - set(held)
        vault.drop(gone)
        count += len(gone)
    return count
