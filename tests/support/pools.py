"""Programmes with pools, and what each method gives in plain Python."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from models.programme import Revision
from portal.access.accounts import system_actor
from portal.policy.packs import load_pack, publish
from tests.support.cases import CLOCK, PACK

METHODS = ("all", "first_come", "ranked", "lottery", "pro_rata")


def with_pools(session: Session, home: Path, *rows: str, more: str = "") -> Revision:
    """The 2026 programme with allocation *rows* and *more* sections, in force as a new revision."""
    lines = "".join(f"  - {row}\n" for row in rows)
    text = PACK.read_text(encoding="utf-8") + f"\nallocations:\n{lines}{more}"
    path = home / PACK.name
    path.write_text(text, encoding="utf-8")
    actor = system_actor(session)
    made = load_pack(session, actor, CLOCK, path)
    return publish(session, actor, CLOCK, made.programme.code)


@dataclass
class Claim:
    """A case as an allocation sees it; ``rank`` is what it is ranked by, best first."""

    id: int
    number: str
    sequence: int
    fen: int
    pool: str
    rank: tuple[Any, ...] = ()
    waited: bool = False


def given(
    claims: list[Claim],
    method: str,
    *,
    fen: int | None = None,
    places: int | None = None,
    seed: str = "",
    first: bool = True,
) -> dict[int, int]:
    """What each of *claims* gets of pools of *fen* and *places*, by id."""
    found: dict[int, int] = {}
    for pool in {claim.pool for claim in claims}:
        rows = [claim for claim in claims if claim.pool == pool]
        rows.sort(key=lambda row: _turn(row, method, seed, first))
        found |= _of_pool(rows, method, fen, places)
    return found


def _turn(row: Claim, method: str, seed: str, first: bool) -> tuple[Any, ...]:
    lot = hashlib.sha256(f"{seed}:{row.number}".encode()).hexdigest() if seed else ""
    own = {"lottery": (lot,), "ranked": row.rank}.get(method, ())
    return (not row.waited if first else True, *own, row.sequence)


def _of_pool(rows: list[Claim], method: str, fen: int | None, places: int | None) -> dict[int, int]:
    whole = sum(row.fen for row in rows)
    if method == "pro_rata":
        assert fen is not None
        enough = whole <= fen
        return {row.id: row.fen if enough else row.fen * max(fen, 0) // whole for row in rows}
    found, taken, closed = {}, 0, False
    for place, row in enumerate(rows, 1):
        reach, count = (whole, len(rows)) if method == "all" else (taken + row.fen, place)
        fits = (fen is None or reach <= fen) and (places is None or count <= places)
        closed = closed or not fits
        found[row.id] = 0 if closed else row.fen
        taken += row.fen
    return found
