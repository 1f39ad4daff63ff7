"""Every invariant that exists, proved over the whole database; each violation is a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.account import Account
from models.applicant import Applicant
from models.application import Application
from models.evidence import PastAward
from models.publicity import Objection
from models.types import Sealed
from portal.access import audit
from portal.funding import adjustment_proof, allocation_proof, ledger_proof, proof
from portal.review import attachment_proof, invariants, panel_proof

Proof = Callable[[Session], Iterator[str]]


def violations(session: Session) -> Iterator[str]:
    """All violations, proof by proof; nothing when the database keeps its promises."""
    for prove in PROOFS:
        yield from prove(session)


def sealed_values(session: Session) -> Iterator[str]:
    """Each personal identifier that no longer opens or does not match its blind index."""
    for entity in (Applicant, Application, Account, PastAward, Objection):
        for name, attribute in vars(entity).items():
            if isinstance(attribute, Sealed):
                yield from _unopened(session, entity, name, attribute)


def _unopened(session: Session, entity: type, name: str, attribute: Sealed) -> Iterator[str]:
    table = entity.__table__  # type: ignore[attr-defined]
    columns = (table.c.id, table.c.row_key, table.c[f"{name}_sealed"], table.c[f"{name}_index"])
    filled = or_(columns[2].is_not(None), columns[3].is_not(None))
    rows = session.execute(select(*columns).where(filled))
    for row_id, row_key, sealed, index in rows.yield_per(10_000):
        try:
            text = attribute.open(row_key, sealed or b"")
        except (InvalidTag, KeyError, ValueError):
            yield f"sealed: {table.name} {row_id} {name} does not open"
            continue
        if attribute.index(text) != index:
            yield f"sealed: {table.name} {row_id} {name} does not match its index"


PROOFS: tuple[Proof, ...] = (
    audit.broken_links,
    invariants.violations,
    ledger_proof.violations,
    proof.violations,
    allocation_proof.violations,
    adjustment_proof.violations,
    attachment_proof.violations,
    panel_proof.violations,
    sealed_values,
)
