"""Who pays what of an award, in SQL and whole fen.

Shares inside the amount are split by weight with the largest remainder, the first-named payer
first (B22 二（三）); shares on top are worked out of it as an award tier is (S20 三, S15 四).
Instalments divide each share by cumulative rounding, so that its parts add up to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, func, literal, select, true

from models.application import Application
from models.funding import ShareBearer
from models.programme import Revision
from models.sharing import CITY, Share
from portal.policy.amounts import worked_out
from portal.policy.facts import AWARD, FACTS, Fact, fact
from portal.policy.terms import facts_in, guard_sql

Sql = ColumnElement[Any]
DECIDED: Sql = func.coalesce(
    Application.granted_fen, Application.amount_fen, type_=BigInteger
) + func.coalesce(Application.adjusted_fen, 0, type_=BigInteger)
"""What a case is paid, in fen: what was decided, or what of it an allocation granted, with what was
adjusted since."""
AWARDED: Mapping[str, Fact] = {
    AWARD: replace(FACTS[AWARD], build=lambda _revision: DECIDED, needs=frozenset())
}
"""The amount that was decided goes before what the tiers would pay."""
NO_WEIGHTS: Mapping[str, int] = {}


@dataclass(frozen=True)
class Part:
    """What one payer pays of a case, ``fen`` of it: nothing where its terms do not hold, unknown
    where they are. ``key`` is the share's, empty for what nobody else bears. A share that one of
    several payers bears has a part for each of them, without ``title``: the payer tells them
    apart."""

    key: str
    title: str
    payer: str
    on_top: bool
    fen: Sql


def parts_of(revision: Revision, instead: Mapping[str, int] = NO_WEIGHTS) -> list[Part]:
    """The parts of a case of *revision*; those inside add up to its amount.

    Where no share with a weight applies, the city federation bears all of it. *instead* tries
    other weights, by the share's key.
    """
    inside = [row for row in revision.shares if row.weight is not None]
    weights = [_weight(row, instead.get(row.key, row.weight), revision) for row in inside]
    split = largest_remainder(DECIDED, weights)
    found: list[Part] = []
    for row, fen in zip(inside, split, strict=True):
        found += _borne(row, False, fen)
    for row in revision.shares:
        if row.rule is not None:
            found += _borne(row, True, _on_top(row, row.rule, revision))
    nobody = sum(weights, start=literal(0)) == 0
    rest = case((nobody, DECIDED), (~nobody, 0), else_=None) if weights else DECIDED
    return [*found, Part("", "", CITY, False, rest)]


def bearer_of(row: Share) -> Sql:
    """The party that bears the share *row* of a case: the one that was chosen, else its payer."""
    if not row.others:
        return literal(row.payer)
    chosen = (
        select(ShareBearer.payer)
        .where(
            ShareBearer.application_id == Application.id,
            ShareBearer.share_key == row.key,
            ShareBearer.payer.in_(row.others),
        )
        .correlate(Application)
        .scalar_subquery()
    )
    return func.coalesce(chosen, row.payer)


def needs_of(revision: Revision) -> frozenset[Any]:
    """The tables that the shares of *revision* are read from."""
    named = {
        known for row in revision.shares for term in row.when for known in facts_in(term, revision)
    }
    for row in revision.shares:
        named |= {known for key in _names(row.rule) if (known := _known(key, revision))}
    return frozenset[Any]().union(*(known.needs for known in named))


def largest_remainder(amount: Sql, weights: Sequence[Sql]) -> list[Sql]:
    """*amount* fen by *weights* (0 takes no part); what is left goes to the largest remainders,
    of equal ones to the first."""
    if not weights:
        return []
    whole = sum(weights[1:], start=weights[0])
    safe = func.nullif(whole, 0, type_=BigInteger)
    base = [amount * weight // safe for weight in weights]
    rest = [amount * weight % safe for weight in weights]
    left = amount - sum(base[1:], start=base[0])
    found: list[Sql] = []
    for place, own in enumerate(rest):
        ahead = [_one(other >= own) for other in rest[:place]]
        ahead += [_one(other > own) for other in rest[place + 1 :]]
        rank = sum(ahead, start=literal(0))
        extra = case((rank < left, 1), else_=0)
        found.append(case((whole > 0, base[place] + extra), (whole == 0, 0), else_=None))
    return found


def instalment_fen(share: Sql, weights: Sequence[int], place: int) -> Sql:
    """The part of *share* that instalment *place* (from 0) of those with *weights* pays."""
    whole = sum(weights)
    until, before = sum(weights[: place + 1]), sum(weights[:place])
    return _half_up(share * until, whole) - _half_up(share * before, whole)


def _half_up(numerator: Sql, denominator: int) -> Sql:
    return (numerator * 2 + denominator) // (2 * denominator)


def _borne(row: Share, on_top: bool, fen: Sql) -> list[Part]:
    """The share *row* in a part for each payer that may bear it; all but one come to nothing."""
    if not row.others:
        return [Part(row.key, row.title, row.payer, on_top, fen)]
    bearer = bearer_of(row)
    return [
        Part(row.key, "", payer, on_top, case((bearer == payer, fen), else_=0))
        for payer in (row.payer, *row.others)
    ]


def _weight(row: Share, weight: int | None, revision: Revision) -> Sql:
    return case((_applies(row, revision), weight), (~_applies(row, revision), 0), else_=None)


def _on_top(row: Share, rule: dict[str, Any], revision: Revision) -> Sql:
    applies = _applies(row, revision)
    fen = worked_out(rule, revision, AWARDED)
    return case((applies, fen), (~applies, 0), else_=None)


def _applies(row: Share, revision: Revision) -> Sql:
    tier = Application.tier_key.in_(row.tiers) if row.tiers else true()
    return and_(tier, guard_sql(row.when, revision, AWARDED))


def _one(holds: Sql) -> Sql:
    return case((holds, 1), else_=0)


def _known(key: str, revision: Revision) -> Fact | None:
    return AWARDED.get(key) or fact(key, revision)


def _names(rule: dict[str, Any] | None) -> list[str]:
    return [rule[key] for key in ("of", "by", "less", "times") if key in rule] if rule else []
