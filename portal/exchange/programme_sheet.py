"""A sheet about a programme, and the row of the audit trail that says who took it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO, Any

from sqlalchemy.orm import Session

from models.programme import Programme
from portal.access import audit
from portal.access.actor import Actor
from portal.clock import Clock
from portal.exchange.sheet_writer import SheetColumn, write_sheet


def write_audited(
    session: Session,
    actor: Actor,
    clock: Clock,
    action: str,
    programme: Programme,
    target: IO[bytes],
    columns: Sequence[SheetColumn],
    rows: Iterable[Sequence[Any]],
) -> int:
    """Write *rows* about *programme* to *target*, recorded as *action*; gives their number."""
    count = write_sheet(target, programme.code, columns, rows)
    details = {"programme": programme.code, "rows": count}
    audit.record(session, actor, clock.now(), action, "programme", programme.id, details=details)
    return count
