"""What a changed award makes of instalments that are in batches already, payer by payer.

For each of them the payer's part of the new award is set against what it bore: the difference is
paid extra or owed back. Where single fen of it run against the whole, the whole is split by the
largest remainder instead: a top-up by what the payers bear now, a recovery by what they bore.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, select, union_all, update
from sqlalchemy.orm import Session

from models.adjustment import IN_FORCE, Adjustment, AdjustmentShare
from models.application import Application
from models.funding import UNDONE, Payment, PaymentReversal, PaymentShare
from models.programme import Revision
from portal.funding.adjusted import is_regular
from portal.funding.dues import dues_of, payer_of
from portal.policy.facts import source
from portal.policy.shares import needs_of


@dataclass(frozen=True, order=True)
class Bearing:
    """Whose part of which instalment."""

    instalment: int
    share_key: str
    payer_id: int
    is_on_top: bool


Parts = Mapping[Bearing, int]
"""Fen of each."""


def settlements(session: Session, changes: Mapping[int, int]) -> dict[int, Parts | None]:
    """What changing the awards of cases by so many fen (*changes*, by their ids) settles of each.

    None where a payer's part is not known. It is done and taken back, so the session must be
    writing.
    """
    session.flush()
    taken_back = session.begin_nested()
    try:
        change_awards(session, changes)
        wanted = _wanted(session, list(changes))
    finally:
        taken_back.rollback()
    borne = _borne(session, list(changes))
    return {
        row_id: _settled(wanted.get(row_id, {}), borne.get(row_id, Counter())) for row_id in changes
    }


def change_awards(session: Session, changes: Mapping[int, int]) -> None:
    """Add *changes* (fen by case) to what is adjusted of the awards."""
    table: Any = Application.__table__
    before = func.coalesce(table.c.adjusted_fen, 0)
    statement = (
        update(table).where(table.c.id == bindparam("case")).values(
            adjusted_fen=before + bindparam("change")
        )
    )  # fmt: skip
    rows = [{"case": row_id, "change": fen} for row_id, fen in changes.items()]
    session.connection().execute(statement, rows)


def inside(parts: Parts) -> int:
    """What *parts* come to without those on top."""
    return sum(fen for at, fen in parts.items() if not at.is_on_top)


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """*amount* fen by *weights*, the largest remainder first, of equal ones the first-named."""
    whole = sum(weights)
    found = [amount * weight // whole for weight in weights]
    left = amount - sum(found)
    order = sorted(range(len(weights)), key=lambda n: (-(amount * weights[n] % whole), n))
    for place in order[:left]:
        found[place] += 1
    return found


def by_payer(parts: Parts) -> Counter[int]:
    """Fen by payer."""
    found: Counter[int] = Counter()
    for at, fen in parts.items():
        found[at.payer_id] += fen
    return found


def came_in(owed: Parts, amounts: Iterable[int]) -> list[Counter[Bearing]]:
    """What is given back of the *amounts* that came in one after the other for what is *owed*.

    The last amount leaves nobody anything.
    """
    within = {at: fen for at, fen in sorted(owed.items()) if not at.is_on_top}
    on_top = {at: fen for at, fen in sorted(owed.items()) if at.is_on_top}
    found = []
    for amount in amounts:
        whole = sum(within.values())
        given: Counter[Bearing] = Counter()
        for at, fen in zip(within, split(amount, list(within.values())), strict=True):
            within[at] -= fen
            given[at] = fen
        for at, left in on_top.items():
            fen = left * amount // whole
            on_top[at] -= fen
            given[at] = fen
        found.append(given)
    return found


def _wanted(session: Session, ids: Sequence[int]) -> dict[int, dict[Bearing, int | None]]:
    """What each payer bears of each instalment by the awards as they stand."""
    revisions = select(Application.revision_id).where(Application.id.in_(ids))
    found: dict[int, dict[Bearing, int | None]] = {}
    for revision in session.scalars(select(Revision).where(Revision.id.in_(revisions))):
        parts = [
            (due.place, part, fen)
            for due in dues_of(revision, whole=True)
            for part, fen in due.parts
        ]
        columns: list[ColumnElement[Any]] = []
        for _place, part, fen in parts:
            columns += [payer_of(part.payer), fen]
        rows = session.execute(
            select(Application.id, *columns)
            .select_from(source(needs_of(revision)))
            .where(Application.revision_id == revision.id, Application.id.in_(ids))
        )
        for row_id, *cells in rows:
            found[row_id] = {
                Bearing(place, part.key, cells[2 * n], part.on_top): cells[2 * n + 1]
                for n, (place, part, _fen) in enumerate(parts)
            }
    return found


def _borne(session: Session, ids: Sequence[int]) -> dict[int, Counter[Bearing]]:
    """What each payer bore of each instalment that is in a batch, with what was settled of it."""
    undone = and_(PaymentReversal.payment_id == Payment.id, PaymentReversal.kind.in_(UNDONE))
    paid = (
        select(
            Payment.application_id,
            Payment.instalment,
            PaymentShare.share_key,
            PaymentShare.payer_id,
            PaymentShare.is_on_top,
            PaymentShare.amount_fen,
        )
        .join(Payment, Payment.id == PaymentShare.payment_id)
        .outerjoin(PaymentReversal, undone)
        .where(Payment.application_id.in_(ids), is_regular(), PaymentReversal.id.is_(None))
    )
    settled = (
        select(
            Adjustment.application_id,
            AdjustmentShare.instalment,
            AdjustmentShare.share_key,
            AdjustmentShare.payer_id,
            AdjustmentShare.is_on_top,
            AdjustmentShare.amount_fen,
        )
        .join(Adjustment, Adjustment.id == AdjustmentShare.adjustment_id)
        .where(Adjustment.application_id.in_(ids), Adjustment.state.in_(IN_FORCE))
    )
    found: dict[int, Counter[Bearing]] = {}
    for row_id, place, key, payer_id, is_on_top, fen in session.execute(union_all(paid, settled)):
        at = Bearing(place, key, payer_id, bool(is_on_top))
        found.setdefault(row_id, Counter())[at] += int(fen)
    return found


def _settled(wanted: Mapping[Bearing, int | None], borne: Counter[Bearing]) -> Parts | None:
    """The differences, all of one sign, of the instalments that are out."""
    places = {at.instalment for at in borne}
    now = {at: fen for at, fen in wanted.items() if at.instalment in places}
    if any(fen is None for fen in now.values()):
        return None
    known = {at: int(fen or 0) for at, fen in now.items()}
    each = {at: known.get(at, 0) - borne[at] for at in sorted({*known, *borne})}
    whole = inside(each)
    if whole == 0:
        return {}
    within = {at: fen for at, fen in each.items() if not at.is_on_top and fen}
    if any(fen * whole < 0 for fen in within.values()):
        within = _spread(whole, known if whole > 0 else borne)
    on_top = {at: fen for at, fen in each.items() if at.is_on_top and fen * whole > 0}
    return within | on_top


def _spread(whole: int, by: Parts) -> dict[Bearing, int]:
    """*whole* fen by what each part is of *by*, on the instalment that is the largest of them."""
    places: Counter[int] = Counter()
    weights: Counter[tuple[str, int]] = Counter()
    for at, fen in by.items():
        if not at.is_on_top:
            places[at.instalment] += fen
            weights[at.share_key, at.payer_id] += fen
    (place, _most), *_rest = places.most_common(1)
    named = sorted(weights)
    parts = split(abs(whole), [weights[key] for key in named])
    sign = 1 if whole > 0 else -1
    return {
        Bearing(place, key, payer_id, False): sign * fen
        for (key, payer_id), fen in zip(named, parts, strict=True)
        if fen
    }
