"""Cases with money out whose award would come out otherwise today; nothing is written.

A discovery after the approval changes what the facts say (a patent is invalidated, R036) or what
the rules say (a revision is amended), or the case was refused. One statement a revision compares
what was approved with what the rules make of the facts as they stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.application import RETURNED, WAITING, Application
from models.base import N_, in_parts
from models.programme import Programme, Revision
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.funding.affected_rows import compared
from portal.funding.settlement import by_payer, settlements
from portal.policy.judge import in_force
from portal.policy.pack_rows import document_of
from portal.policy.simulate import as_if, cited

IN_FORCE, OWN = "in-force", "own"
RULES = {
    IN_FORCE: N_("The rules in force"),
    OWN: N_("The rules it was decided under"),
}
"""By which rules the cases are looked at again."""


@dataclass(frozen=True)
class Affected:
    """One case, in fen: what it was awarded, with the adjustments in force; what of it is in
    batches or paid and was not owed back; what it would be awarded now, and the difference.

    ``asks`` says that a person must look at it first. ``open_id`` names its open adjustment,
    ``adjusted`` tells that it has one in force, ``recovered`` that a payment of it was recovered
    as a whole. ``key``, ``clause`` and ``says`` are what decides it.
    """

    id: int
    number: str
    person: str
    district: str
    state: str
    award_fen: int
    out_fen: int
    now_fen: int
    difference_fen: int
    asks: bool
    recovered: bool
    adjusted: bool
    open_id: int | None
    key: str
    clause: str
    says: str

    @property
    def is_ready(self) -> bool:
        """Whether the difference can be proposed as it stands."""
        settled = self.open_id is None and not self.recovered
        return settled and not self.asks and self.difference_fen != 0

    @property
    def change_fen(self) -> int:
        """By how much its award is adjusted: not at all while it waits to be approved."""
        return 0 if self.state in (WAITING, RETURNED) else self.difference_fen


@dataclass
class Found:
    """The affected cases, the first of them as ``rows``; sums are of all, in fen."""

    rows: list[Affected] = field(default_factory=list)
    cases: int = 0
    more_fen: int = 0
    less_fen: int = 0


def affected(
    session: Session,
    actor: Actor,
    programme: Programme,
    rules: str = IN_FORCE,
    *,
    only: Select[Any] | None = None,
    most: int | None = None,
) -> Found:
    """The cases of *programme* that *actor* sees and whose award would differ by *rules*.

    *only* selects the ids to look at. At most *most* rows are told. Raises ``CannotSimulate``.
    """
    require(actor, "adjustment:read")
    found = Found()
    for base, revision in _judging(session, programme, rules):
        left = None if most is None else most - len(found.rows)
        for row in session.execute(compared(session, actor, base, revision, only, left)):
            if row.number is None:
                found.cases += row.cases
                found.more_fen += int(row.more_fen or 0)
                found.less_fen += int(row.less_fen or 0)
            else:
                found.rows.append(_told(row, revision))
    return found


def settled_by_payer(session: Session, rows: Sequence[Affected]) -> dict[int, Counter[int]]:
    """What each payer pays extra, or below zero gets back, of what is out of *rows*, by their ids.

    It is done and taken back, so the session must be writing.
    """
    found: dict[int, Counter[int]] = {}
    for part in in_parts(rows):
        settled = settlements(session, {row.id: row.change_fen for row in part})
        found |= {row_id: by_payer(parts or {}) for row_id, parts in settled.items()}
    return found


def _judging(
    session: Session, programme: Programme, rules: str
) -> Iterator[tuple[Revision, Revision]]:
    """Each revision with cases, and the rules by which these are judged."""
    named = in_force(session, programme)
    rows = session.scalars(
        select(Revision)
        .where(
            Revision.programme_id == programme.id,
            select(Application.id).where(Application.revision_id == Revision.id).exists(),
        )
        .order_by(Revision.number)
    ).all()
    document = document_of(named) if named and rules == IN_FORCE else None
    for base in rows:
        same = document is None or named is None or named.id == base.id
        yield base, base if same or document is None else as_if(base, document)


def _told(row: Any, revision: Revision) -> Affected:
    key = next((part for part in str(row.keys or "").split(",") if part), "")
    clause, says = cited(revision, key) if key else _of_tier(revision.tiers, row.tier_key)
    return Affected(
        id=row.id,
        number=row.number,
        person=row.person,
        district=row.district,
        state=row.state,
        award_fen=int(row.award_fen),
        out_fen=int(row.out_fen),
        now_fen=int(row.now_fen),
        difference_fen=int(row.difference_fen),
        asks=bool(row.asks),
        recovered=bool(row.recovered),
        adjusted=bool(row.adjusted),
        open_id=row.open_id,
        key=key,
        clause=clause,
        says=says,
    )


def _of_tier(tiers: Iterable[Any], key: str | None) -> tuple[str, str]:
    """The clause and title of the tier that now gives the amount."""
    return next(((row.clause, row.title) for row in tiers if row.key == key), ("", ""))
