"""Writing the audit trail and proving that it is whole.

Entries of one act are sealed by one link: the SHA-256 of the ordered rows, chained by HMAC to
the link before. The chain's head row is locked last, just before the commit.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from models.audit import AuditEntry, AuditHead, AuditSeal
from models.types import keyring
from portal.access.actor import Actor

_COLUMNS = (
    AuditEntry.id,
    AuditEntry.at,
    AuditEntry.account_id,
    AuditEntry.action,
    AuditEntry.entity,
    AuditEntry.entity_id,
    AuditEntry.organization_id,
    AuditEntry.outcome,
    AuditEntry.reason,
    AuditEntry.address,
    AuditEntry.details,
)


def record(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    entity: str,
    entity_id: int | None,
    *,
    outcome: str = "done",
    reason: str = "",
    details: dict[str, Any] | None = None,
    organization_id: int | None = None,
) -> None:
    """Add one entry, sealed by itself, in the caller's transaction."""
    entry = {
        "at": now,
        "account_id": actor.account_id,
        "action": action,
        "entity": entity,
        "entity_id": entity_id,
        "organization_id": organization_id or actor.organization_id or None,  # 0: no tree yet
        "outcome": outcome,
        "reason": reason,
        "address": actor.address,
        "details": details or {},
    }

    def write(seal_id: int) -> None:
        session.execute(insert(AuditEntry).values(seal_id=seal_id, **entry))

    seal(session, now, write)


def seal(session: Session, now: datetime, write: Callable[[int], None]) -> int:
    """Lock the chain, let *write(seal_id)* insert entries, seal them; gives the seal's id."""
    head = update(AuditHead).where(AuditHead.id == 1).values(seal_id=AuditHead.seal_id + 1)
    seal_id, previous = session.execute(head.returning(AuditHead.seal_id, AuditHead.mac)).one()
    session.execute(
        insert(AuditSeal).values(id=seal_id, entries=0, digest=b"", mac=b"", sealed_at=now)
    )
    write(seal_id)
    rows = session.execute(_entries_of(seal_id)).all()
    digest = _digest(rows)
    mac = _mac(previous, seal_id, digest)
    session.execute(
        update(AuditSeal)
        .where(AuditSeal.id == seal_id)
        .values(entries=len(rows), digest=digest, mac=mac)
    )
    session.execute(update(AuditHead).where(AuditHead.id == 1).values(mac=mac))
    return int(seal_id)


def broken_links(session: Session) -> Iterator[str]:
    """Each violation of the chain, as a sentence naming the seal; nothing when it is whole."""
    previous, expected = GENESIS, 0
    for link in session.scalars(select(AuditSeal).order_by(AuditSeal.id)):
        expected += 1
        if link.id != expected:
            yield f"audit: seal {expected} is missing"
            expected = link.id
        rows = session.execute(_entries_of(link.id)).all()
        if len(rows) != link.entries or _digest(rows) != link.digest:
            yield f"audit: the entries of seal {link.id} were changed"
        if _mac(previous, link.id, link.digest) != link.mac:
            yield f"audit: seal {link.id} does not follow the link before it"
        previous = link.mac
    head = session.get_one(AuditHead, 1)
    if (head.seal_id, head.mac) != (expected, previous):
        yield f"audit: the chain ends at seal {expected}, its head says {head.seal_id}"
    unsealed = session.scalar(
        select(func.count(AuditEntry.id)).where(AuditEntry.seal_id.not_in(select(AuditSeal.id)))
    )
    if unsealed:
        yield f"audit: {unsealed} entries belong to no seal"


GENESIS = bytes(32)
"""What the first link follows; the migration puts it in the head row."""


def _entries_of(seal_id: int) -> Any:
    return select(*_COLUMNS).where(AuditEntry.seal_id == seal_id).order_by(AuditEntry.id)


def _digest(rows: Sequence[Any]) -> bytes:
    text = json.dumps([tuple(row) for row in rows], default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def _mac(previous: bytes, seal_id: int, digest: bytes) -> bytes:
    key = keyring.index("audit chain", "audit")
    return hmac.digest(key, previous + str(seal_id).encode() + digest, "sha256")
