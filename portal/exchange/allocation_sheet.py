"""The record of an allocation run as a sheet: its cases in order, then by which rules and what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy.orm import Session

from models.allocation import METHODS, RUN_STATES, AllocationPool, AllocationRun
from models.base import N_
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import SHANGHAI, Clock
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.funding.allocation import row_of
from portal.funding.allocation_list import (
    every_placed,
    missing_of,
    pool_names,
    pools_of,
    remainder_of,
    trials_before,
)

_WIDE = 11


def write_allocation(
    session: Session,
    actor: Actor,
    clock: Clock,
    run: AllocationRun,
    target: IO[bytes],
    told: Told,
) -> int:
    """Write the cases of *run* that *actor* sees, and its record below; gives how many."""
    require(actor, "allocation:export")
    headings = [
        SheetColumn(told(N_("Pool"), {}), 24),
        SheetColumn(told(N_("Place"), {}), 8),
        SheetColumn(told(N_("Application number"), {}), 22),
        SheetColumn(told(N_("Name"), {}), 14),
        SheetColumn(told(N_("District"), {}), 22),
        SheetColumn(told(N_("Unit"), {}), 26),
        SheetColumn(told(N_("Left over before"), {}), 12),
        SheetColumn(told(N_("Lot"), {}), 20),
        SheetColumn(told(N_("Asked for (yuan)"), {}), 16, "fen"),
        SheetColumn(told(N_("Asked for up to here (yuan)"), {}), 18, "fen"),
        SheetColumn(told(N_("Granted (yuan)"), {}), 16, "fen"),
    ]
    count = write_sheet(
        target,
        run.number,
        headings,
        _rows(session, actor, run, told),
        feet=_feet(session, actor, run, told),
    )
    details = {"number": run.number, "rows": count}
    audit.record(
        session, actor, clock.now(), "allocation:export", "allocation_run", run.id, details=details
    )
    return count


def record_of(session: Session, run: AllocationRun, told: Told) -> list[tuple[str, str]]:
    """By which rules, by whom and when *run* was made, as pairs of a label and words."""
    row = row_of(run)
    lines = [
        (N_("Run"), run.number),
        (N_("Programme"), run.programme.title),
        (N_("Allocation"), row.title),
        (N_("Clause"), row.clause),
        (N_("Method"), told(METHODS[run.method], {})),
        (N_("Window"), _window(run)),
        (N_("Seed"), run.seed or ""),
        (N_("Order of the lots"), told(_LOTS, {}) if run.seed else ""),
        (N_("Tried before"), _tried(session, run, told) if run.seed else ""),
        (N_("Reading"), row.reading),
        (N_("State"), told(RUN_STATES[run.state], {})),
        (N_("Made by"), _who(run.made_by, run.made_at)),
        (N_("Settled by"), _who(run.settled_by, run.settled_at)),
    ]
    lines += [(N_("Raised"), _raised(each)) for each in run.raises]
    if run.unclear:
        lines.append((N_("Left out"), told(_UNCLEAR, {"count": run.unclear})))
    return [(told(label, {}), words) for label, words in lines if words]


def pool_words(pool: AllocationPool, told: Told) -> Iterator[str]:
    """What there was in *pool*, what of it was granted and what nobody got."""
    if not pool.is_stated:
        yield told(N_("what there is is not stated"), {})
    if pool.left_fen is not None:
        there = {"fen": _yuan(pool.left_fen), "held": _yuan(pool.held_fen)}
        yield told(N_("%(fen)s yuan to give, %(held)s given before"), there)
    if pool.left_places is not None:
        places = {"count": pool.left_places, "held": pool.held_places}
        yield told(N_("%(count)s places to give, %(held)s given before"), places)
    asked = {"count": pool.cases, "fen": _yuan(pool.asked_fen)}
    yield told(N_("%(count)s cases ask for %(fen)s yuan"), asked)
    granted = {"count": pool.granted, "fen": _yuan(pool.granted_fen)}
    yield told(N_("granted to %(count)s: %(fen)s yuan"), granted)
    missing, left = missing_of(pool), remainder_of(pool)
    if missing:
        yield told(N_("missing for all: %(fen)s yuan"), {"fen": _yuan(missing)})
    if left is not None:
        yield told(N_("left over: %(fen)s yuan"), {"fen": _yuan(left)})


_LOTS = N_("by the SHA-256 of “seed:application number”, smallest first")
_UNCLEAR = N_("%(count)s applications: what decides about them is not stated")


def _yuan(fen: int) -> str:
    whole, rest = divmod(fen, 100)
    return f"{whole:,}.{rest:02d}"


def _tried(session: Session, run: AllocationRun, told: Told) -> str:
    """How often the same lots might have been drawn otherwise."""
    count = trials_before(session, run)
    return told(N_("%(count)s times since the last final run"), {"count": count})


def _window(run: AllocationRun) -> str:
    found = next((row for row in run.revision.windows if row.key == run.window_key), None)
    return (found.title or found.key) if found else ""


def _who(account: Any, at: Any) -> str:
    if at is None:
        return ""
    when = at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return f"{account.name} · {when}" if account else when


def _raised(each: dict[str, Any]) -> str:
    parts = [f"+{_yuan(each['fen'])}"] if each["fen"] else []
    parts += [f"+{each['places']}"] if each["places"] else []
    return " · ".join([*parts, each["reason"], each["by"]])


def _rows(
    session: Session, actor: Actor, run: AllocationRun, told: Told
) -> Iterator[tuple[Any, ...]]:
    names = pool_names(session, run, pools_of(session, actor, run))
    yes, everyone = told(N_("Yes"), {}), told(N_("All cases"), {})
    for pool, row in every_placed(session, actor, run):
        yield (
            names.get(pool) or everyone,
            str(row.place),
            row.number,
            row.person,
            row.district,
            row.unit,
            yes if row.waited else "",
            row.lot,
            row.asked,
            row.reach,
            row.granted,
        )


def _feet(
    session: Session, actor: Actor, run: AllocationRun, told: Told
) -> Iterator[tuple[Any, ...]]:
    """The record, then a line a pool: what there was, was granted, and is left."""
    for label, words in record_of(session, run, told):
        yield _line(label, words)
    pools = pools_of(session, actor, run)
    names = pool_names(session, run, pools)
    for pool in pools:
        label = names[pool.pool] or told(N_("All cases"), {})
        yield _line(label, "; ".join(pool_words(pool, told)))


def _line(label: str, words: str) -> tuple[Any, ...]:
    return (label, "", words, *[""] * (_WIDE - 3))
