"""Award tiers in SQL: which one pays a case, and whether that is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    true,
)

from models.programme import AwardTier, Revision
from portal.policy.amounts import is_open, most_fen, tier_fen
from portal.policy.sql_numbers import greatest
from portal.policy.terms import guard_sql

Sql = ColumnElement[Any]


@dataclass(frozen=True)
class Offer:
    """One tier for one case: whether it fits, what it pays, may come to, and if that is open."""

    key: str
    guard: Sql
    fen: Sql
    most: Sql
    open: Sql

    @property
    def known(self) -> Sql:
        """What it surely pays, -1 where nothing is sure."""
        return case((self.guard, func.coalesce(self.fen, -1)), else_=-1)


def offer_columns(revision: Revision) -> list[Sql]:
    """What a layer below ``tier_columns`` must hold; empty where tiers need not be compared case
    by case."""
    if not _is_compared(revision):
        return []
    return [
        value.label(f"{name}_{place}")
        for place, offer in enumerate(_offers(revision))
        for name, value in (
            ("guard", offer.guard), ("fen", offer.fen), ("most", offer.most), ("open", offer.open),
        )
    ]  # fmt: skip


def tier_columns(revision: Revision, layer: CTE | None = None) -> list[Sql]:
    """``tier_key``, ``tier_fen`` and ``tier_doubt`` of a case; *layer* has its ``offer_columns``.

    In doubt is a case for which an unknown tier could outrank the one that matches, or whose
    amount is not known, an uplift that may be due included.
    """
    offers = _offers(revision) if layer is None else _read(revision, layer)
    key, fen = _key(offers, revision), _amount(offers, revision)
    unsure = _doubt(offers, revision)
    return [key.label("tier_key"), fen.label("tier_fen"), unsure.label("tier_doubt")]


def amount_sql(revision: Revision) -> Sql:
    """What the tier that matches pays, in fen: the fact ``award.amount``."""
    return _amount(_offers(revision), revision)


def in_choice_order(revision: Revision) -> list[AwardTier]:
    """The tiers in the order in which they are tried."""
    tiers = list(revision.tiers)
    if revision.choose == "highest" and not _is_compared(revision):
        tiers.sort(key=lambda row: -(row.amount_fen or 0))
    return tiers


def _is_compared(revision: Revision) -> bool:
    """Whether the highest tier may be another for every case, amounts being worked out."""
    worked = any(row.rule or row.uplift or row.rounding for row in revision.tiers)
    return revision.choose == "highest" and worked


def _offers(revision: Revision) -> list[Offer]:
    return [
        Offer(
            row.key,
            guard_sql(row.when, revision),
            tier_fen(row, revision),
            most_fen(row, revision),
            is_open(row, revision),
        )
        for row in in_choice_order(revision)
    ]


def _read(revision: Revision, layer: CTE) -> list[Offer]:
    names = ("guard", "fen", "most", "open")
    return [
        Offer(row.key, *(layer.c[f"{name}_{place}"] for name in names))
        for place, row in enumerate(in_choice_order(revision))
    ]


def _key(offers: Sequence[Offer], revision: Revision) -> Sql:
    """The tier that pays: the first that fits, of the highest the first of equals."""
    if not offers:
        return cast(null(), AwardTier.key.type)
    steps = [(offer.guard, offer.key) for offer in offers]
    if _is_compared(revision):
        steps = [(best, offer.key) for best, offer in _best(offers)] + steps
    return case(*steps, else_=None)


def _amount(offers: Sequence[Offer], revision: Revision) -> Sql:
    """What the tier that pays comes to; with ``each`` all of them together."""
    if not offers:
        return cast(null(), BigInteger)
    if _is_compared(revision):
        return func.nullif(greatest([offer.known for offer in offers]), -1)
    if revision.choose != "each":
        return case(*((offer.guard, offer.fen) for offer in offers), else_=None)
    parts = (case((offer.guard, offer.fen), else_=0) for offer in offers)
    total = sum(parts, start=literal(0, BigInteger))
    return case((or_(*(offer.guard for offer in offers)), total), else_=None)


def _best(offers: Sequence[Offer]) -> list[tuple[Sql, Offer]]:
    most = greatest([offer.known for offer in offers])
    return [(and_(offer.guard, offer.fen == most), offer) for offer in offers]


def _doubt(offers: Sequence[Offer], revision: Revision) -> Sql:
    """A match settles it, but for what is open of itself and of what could outrank it."""
    if not offers:
        return literal(0)
    if _is_compared(revision):
        return _rivalled(offers)
    if revision.choose == "each":
        found = [or_(offer.guard.is_(None), and_(offer.guard, offer.open)) for offer in offers]
        return case((or_(*found), 1), else_=0)
    steps: list[Any] = []
    for offer in offers:
        own = case((offer.open, 1), else_=0)
        steps += [(offer.guard, own), (offer.guard.is_(None), 1)]
    return case(*steps, else_=0)


def _rivalled(offers: Sequence[Offer]) -> Sql:
    """Of the highest: whether one whose guard or amount is open could come to more."""
    best = _best(offers)
    steps = [*best, *((offer.guard, offer) for offer in offers)]
    chosen = case(*((guard, offers.index(offer)) for guard, offer in steps), else_=len(offers))
    fen = greatest([offer.known for offer in offers])
    could: list[Sql] = []
    for place, offer in enumerate(offers):
        more = or_(
            offer.most.is_(None),
            offer.most > fen,
            and_(offer.most == fen, chosen > place),
        )
        rival = and_(
            func.coalesce(offer.guard, true()), or_(offer.guard.is_(None), offer.open), more
        )
        could.append(case((chosen == place, offer.open), else_=rival))
    return case((or_(false(), *could), 1), else_=0)
