"""What a run came to, for those who look at it: its pools by name, its cases in their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from models.allocation import (
    FINAL,
    PRO_RATA,
    TIER,
    AllocationItem,
    AllocationPool,
    AllocationRun,
)
from models.applicant import Applicant
from models.application import Application
from models.functions import draw_of
from models.organization import Organization
from models.programme import Revision
from models.studio import Studio
from portal.access.actor import Actor
from portal.access.scope import CITY_DEPTH, visible
from portal.funding.allocation import row_of
from portal.policy.allocations import BETWEEN
from portal.policy.facts import District

BEFORE_CUT, AFTER_CUT, FIRST_ROWS = 20, 20, 10
"""How many cases are shown around the cut line of a long list, and at its beginning."""


@dataclass(frozen=True)
class Placed:
    """A case in its place; all sums in fen. ``lot`` is what a lottery drew for it."""

    place: int
    id: int
    number: str
    person: str
    unit: str
    district: str
    waited: bool
    lot: str
    asked: int
    reach: int
    granted: int
    is_freed: bool


def pools_of(session: Session, actor: Actor, run: AllocationRun) -> list[AllocationPool]:
    """The pools of *run* in which *actor* sees a case."""
    found = select(AllocationPool).where(AllocationPool.run_id == run.id)
    if actor.depth != CITY_DEPTH:
        own = select(AllocationItem.pool).where(
            AllocationItem.run_id == run.id, visible(AllocationItem, actor)
        )
        found = found.where(AllocationPool.pool.in_(own))
    return list(session.scalars(found.order_by(AllocationPool.pool)))


def placed(
    session: Session, actor: Actor, run: AllocationRun, pool: AllocationPool, *, whole: bool = False
) -> list[Placed]:
    """The cases of *pool* that *actor* sees, in order: all of them, or the first ones and those
    around the cut line."""
    rows = _rows(run, actor).where(AllocationItem.pool == pool.pool)
    if not whole:
        cut = cut_of(run, pool) or pool.granted
        near = AllocationItem.place.between(cut - BEFORE_CUT + 1, cut + AFTER_CUT)
        rows = rows.where(or_(AllocationItem.place <= FIRST_ROWS, near))
    return [_placed(run, row) for row in session.execute(rows).mappings()]


def every_placed(
    session: Session, actor: Actor, run: AllocationRun
) -> Iterator[tuple[str, Placed]]:
    """Every case of *run* that *actor* sees with its pool, pool by pool."""
    rows = session.execute(_rows(run, actor)).mappings()
    for row in rows.yield_per(10_000):
        yield row["pool"], _placed(run, row)


def cut_of(run: AllocationRun, pool: AllocationPool) -> int | None:
    """The place after which the money or the places of *pool* end; none where nobody is cut off."""
    if run.method == PRO_RATA or pool.granted == pool.cases:
        return None
    return pool.granted


def remainder_of(pool: AllocationPool) -> int | None:
    """What of the budget of *pool* nobody got, in fen."""
    return None if pool.left_fen is None else pool.left_fen - pool.granted_fen


def missing_of(pool: AllocationPool) -> int:
    """What is missing for all cases of *pool* to get what they ask for, in fen."""
    return 0 if pool.left_fen is None else max(0, pool.asked_fen - pool.left_fen)


def trials_before(session: Session, run: AllocationRun) -> int:
    """How many trials of the row were made before *run* and after the last final run."""
    same = (
        AllocationRun.programme_id == run.programme_id,
        AllocationRun.row_key == run.row_key,
        AllocationRun.window_key == run.window_key,
        AllocationRun.earlier == run.earlier,
        AllocationRun.id < run.id,
        AllocationRun.state != FINAL,
    )
    return session.execute(select(func.count()).where(*same)).scalar_one()


def pool_names(
    session: Session, run: AllocationRun, pools: Iterable[AllocationPool]
) -> dict[str, str]:
    """What each pool is called: unions, studios and tiers by their names."""
    return names_of(session, run.revision, row_of(run).per, [pool.pool for pool in pools])


def names_of(
    session: Session, revision: Revision, per: Sequence[str], keys: Collection[str]
) -> dict[str, str]:
    """The same of the pools *keys*, whose parts are *per* by the rules of *revision*."""
    parts = {key: key.split(BETWEEN, len(per) - 1) if per else [] for key in keys}
    named = [
        _names(session, revision, fact, {each[place] for each in parts.values()})
        for place, fact in enumerate(per)
    ]
    return {
        key: " · ".join(names.get(value, value) for names, value in zip(named, values, strict=True))
        for key, values in parts.items()
    }


def _names(session: Session, revision: Revision, fact: str, values: set[str]) -> dict[str, str]:
    if fact == TIER:
        return {row.key: row.title for row in revision.tiers}
    entity = _NAMED.get(fact)
    if entity is None:
        return {}
    ids = [int(value) for value in values if value.isdecimal()]
    rows = session.execute(select(entity.id, entity.name).where(entity.id.in_(ids)))
    return {str(row_id): name for row_id, name in rows}


_NAMED: dict[str, Any] = {"district": Organization, "unit": Organization, "studio": Studio}
"""Identities by whose number a pool goes, and what says their names."""


def _rows(run: AllocationRun, actor: Actor) -> Select[Any]:
    columns: list[Any] = [
        AllocationItem.pool,
        AllocationItem.place,
        Application.id,
        Application.number,
        Applicant.name.label("person"),
        Organization.name.label("unit"),
        func.coalesce(District.name, "").label("district"),
        AllocationItem.waited,
        AllocationItem.asked_fen.label("asked"),
        AllocationItem.reach_fen.label("reach"),
        AllocationItem.granted_fen.label("granted"),
        AllocationItem.freed_by_id.is_not(None).label("is_freed"),
    ]
    return (
        select(*columns)
        .join(Application, Application.id == AllocationItem.application_id)
        .join(Applicant, Applicant.id == Application.applicant_id)
        .join(Organization, Organization.id == Application.organization_id)
        .outerjoin(District, District.id == Application.district_id)
        .where(AllocationItem.run_id == run.id, visible(AllocationItem, actor))
        .order_by(AllocationItem.pool, AllocationItem.place)
    )


def _placed(run: AllocationRun, row: Any) -> Placed:
    values = {key: value for key, value in row.items() if key != "pool"}
    lot = draw_of(f"{run.seed}:{row['number']}") if run.seed else ""
    return Placed(**values, lot=lot)
