"""Pairs that look like the same: found in sets, kept, and flagged until a person settles them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from models.application import APPROVED, PAID, RETURNED, WAITING, Application
from models.base import in_parts
from models.evidence import DuplicateDecision, DuplicatePair, PastAward
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.evidence.likeness import (
    LIVE,
    Known,
    candidates,
    faces,
    mark_of,
    past_candidates,
    past_faces,
    signs_of,
)
from portal.policy.judge import OF_BATCH

UNDECIDED = (WAITING, RETURNED)
CLAIMS = ("certificate", "patent", "trade", "near_number")
"""The signs that the same is claimed twice."""
Key = tuple[int, int | None, int | None]
"""The later case, and the earlier one or the payment from before the system."""
Shown = tuple[str, str]
"""The signs and the mark of a pair."""


def find_pairs(session: Session, now: datetime, of_batch: int | None = None) -> int:
    """Find the pairs that the cases which the act *of_batch* moved (all by default) belong to, and
    keep them.

    A settled pair stays settled while both say what they said; a pair that nothing speaks for any
    more stays without signs. Gives how many pairs show a sign.
    """
    found = _pairs(session, of_batch)
    _keep(session, now, found, _kept(session, of_batch))
    return len(found)


def find_past_pairs(session: Session, now: datetime, past: Select[Any]) -> int:
    """The same for payments from before the system, once they are there."""
    found = _past_pairs(session, set(past_candidates(session, None, past)))
    rows = session.scalars(select(DuplicatePair).where(DuplicatePair.past_id.in_(past)))
    _keep(session, now, found, {_key(row): row for row in rows})
    return len(found)


def is_open() -> ColumnElement[bool]:
    """Keeps pairs that show a sign, that nobody settled, and of which both are still live."""
    later, earlier = aliased(Application), aliased(Application)
    return and_(
        DuplicatePair.signs != "",
        DuplicatePair.settled.is_(None),
        exists().where(later.id == DuplicatePair.application_id, later.state.in_(LIVE)),
        or_(
            DuplicatePair.past_id.is_not(None),
            exists().where(earlier.id == DuplicatePair.other_id, earlier.state.in_(LIVE)),
        ),
    )


def looks_duplicate(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Keeps applications that an open pair is to be settled for: the later of the two, or the
    earlier one where the later is decided already. *where* narrows the pairs."""
    later = aliased(Application)
    decided = exists().where(
        later.id == DuplicatePair.application_id, later.state.in_((APPROVED, PAID))
    )
    pairs = (is_open(), *where)
    return or_(
        Application.id.in_(select(DuplicatePair.application_id).where(*pairs)),
        and_(
            Application.state.in_(UNDECIDED),
            Application.id.in_(
                select(DuplicatePair.other_id).where(
                    *pairs, DuplicatePair.other_id.is_not(None), decided
                )
            ),
        ),
    )


def claims_twice() -> ColumnElement[bool]:
    """Keeps the pairs that would be paid for the same twice: those hold a case back, the others
    (a shared card, one name) are only told."""
    return or_(*(DuplicatePair.signs.contains(f",{sign},") for sign in CLAIMS))


def sees_both(actor: Actor) -> ColumnElement[bool]:
    """Keeps the pairs of which *actor* sees both sides."""
    cases = select(Application.id).where(visible(Application, actor)).correlate(None)
    past = select(PastAward.id).where(visible(PastAward, actor)).correlate(None)
    return visible(DuplicatePair, actor) & or_(
        DuplicatePair.other_id.in_(cases), DuplicatePair.past_id.in_(past)
    )


def held_back(actor: Actor) -> ColumnElement[bool]:
    """Keeps applications that *actor* may not pass before a pair is settled that both see."""
    return looks_duplicate(claims_twice(), sees_both(actor))


def _pairs(session: Session, of_batch: int | None) -> dict[Key, Shown]:
    both = set(candidates(session, of_batch))
    known = faces(session, sorted({row for pair in both for row in pair}))
    found: dict[Key, Shown] = {}
    for one, other in both:
        if one in known and other in known:
            found |= _shown((one, other, None), known[one], known[other])
    return found | _past_pairs(session, set(past_candidates(session, of_batch)))


def _past_pairs(session: Session, both: set[tuple[int, int]]) -> dict[Key, Shown]:
    known = faces(session, sorted({one for one, _past in both}))
    past = past_faces(session, sorted({other for _one, other in both}))
    found: dict[Key, Shown] = {}
    for one, other in both:
        if one in known and other in past:
            found |= _shown((one, None, other), known[one], past[other])
    return found


def _shown(key: Key, one: Known, other: Known) -> dict[Key, Shown]:
    signs = signs_of(one, other)
    if not signs:
        return {}
    return {key: (f",{','.join(signs)},", mark_of(one.face, other.face))}


def _kept(session: Session, of_batch: int | None) -> dict[Key, DuplicatePair]:
    rows = select(DuplicatePair)
    if of_batch is not None:
        only = OF_BATCH.params(of_batch=of_batch)
        rows = rows.where(
            or_(DuplicatePair.application_id.in_(only), DuplicatePair.other_id.in_(only))
        )
    return {_key(row): row for row in session.scalars(rows)}


def _key(row: DuplicatePair) -> Key:
    return row.application_id, row.other_id, row.past_id


def _keep(
    session: Session,
    now: datetime,
    found: dict[Key, Shown],
    kept: dict[Key, DuplicatePair],
) -> None:
    fresh = [
        {
            "application_id": key[0],
            "other_id": key[1],
            "past_id": key[2],
            "signs": signs,
            "mark": mark,
            "found_at": now,
        }
        for key, (signs, mark) in sorted(found.items(), key=lambda item: item[0][0])
        if key not in kept
    ]
    if fresh:
        session.execute(insert(DuplicatePair), fresh)
    changed = [
        row for key, row in kept.items() if (row.signs, row.mark) != found.get(key, ("", row.mark))
    ]
    if changed:
        _renew(session, changed, found)


def _renew(session: Session, changed: Sequence[DuplicatePair], found: dict[Key, Shown]) -> None:
    """Write what the pairs show now; what was said of just this before holds again."""
    said = _said(session, [row.id for row in changed])
    values = []
    for row in changed:
        signs, mark = found.get(_key(row), ("", row.mark))
        settled = said.get((row.id, mark))
        values.append({"id": row.id, "signs": signs, "mark": mark, "settled": settled})
    session.execute(update(DuplicatePair), values)
    for row in changed:
        session.expire(row)


def _said(session: Session, ids: Iterable[int]) -> dict[tuple[int, str], str]:
    said: dict[tuple[int, str], str] = {}
    for part in in_parts(list(ids)):
        rows = session.execute(
            select(DuplicateDecision.pair_id, DuplicateDecision.mark, DuplicateDecision.settled)
            .where(DuplicateDecision.pair_id.in_(part))
            .order_by(DuplicateDecision.id)
        )
        said |= {(pair, mark): settled for pair, mark, settled in rows}
    return said
