"""What a compiled policy finds, set against what is stored: counts and the first flips at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from models.application import (
    APPROVED,
    HELD,
    INELIGIBLE,
    PAID,
    REFUSED,
    Application,
)
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.policy.compile import Policy

DECIDED = "decided"
"""Stands for the verdict of a case that was approved, paid or refused."""
_AWARDED = (APPROVED, PAID)
_GROUPED = ("district_id", "was", "now", "was_tier", "now_tier")


def set_against(policy: Policy, actor: Actor, most: int, *, replay: bool = False) -> Any:
    """One statement over the submitted cases of *policy*'s revision that *actor* sees.

    Its rows have ``number, district_id, was, now, was_tier, now_tier, was_fen, now_fen, keys,
    cases, repriced, otherwise, more_fen, less_fen``. Those without a number are sums by district,
    verdicts and tiers, after them come the first *most* cases that flip; ``keys`` list what
    decides them. With *replay* the approved and paid ones are set against it like all others, and
    those flip too whose amount alone differs. The policy is worked out once.
    """
    decided = false() if replay else Application.state.in_(_AWARDED)
    judged, refused = _judged(policy, actor, decided), _refused(policy, actor)
    compared = union_all(judged, refused).cte("compared").prefix_with("MATERIALIZED")
    there = compared.c
    flipped = there.was.is_distinct_from(there.now)
    if replay:
        flipped = or_(flipped, there.repriced == 1)
    sums = select(
        cast(null(), String).label("number"),
        *(there[name] for name in _GROUPED),
        cast(func.sum(there.was_fen), BigInteger).label("was_fen"),
        cast(func.sum(there.now_fen), BigInteger).label("now_fen"),
        cast(null(), String).label("keys"),
        func.count().label("cases"),
        func.sum(there.repriced).label("repriced"),
        func.sum(there.otherwise).label("otherwise"),
        _difference(there.now_fen - there.was_fen).label("more_fen"),
        _difference(there.was_fen - there.now_fen).label("less_fen"),
    ).group_by(*(there[name] for name in _GROUPED))
    counted = ("cases", "repriced", "otherwise", "more_fen", "less_fen")
    nothing = [cast(literal(0), BigInteger).label(name) for name in counted]
    names = ("number", *_GROUPED, "was_fen", "now_fen", "keys")
    flips = (
        select(*(there[name] for name in names), *nothing)
        .where(flipped)
        .order_by(there.id)
        .limit(most)
        .subquery("flips")
    )
    return union_all(sums, select(*flips.c))


def _judged(policy: Policy, actor: Actor, decided: ColumnElement[bool]) -> Select[Any]:
    """One row a case that is judged; the *decided* stand for themselves on both sides.

    The judged are joined with what is stored, never the other way: SQLite would look through all
    of them once a case.
    """
    found = policy.statement.subquery("judged")
    was: Any = case((decided, DECIDED), else_=Application.verdict)
    now: Any = case((decided, DECIDED), else_=found.c.verdict)
    stored, fen = Application.tier_key, Application.amount_fen
    found_tier = case((found.c.verdict == INELIGIBLE, null()), else_=found.c.tier_key)
    differs = found.c.amount_fen != fen
    judged_otherwise = found.c.verdict.is_distinct_from(Application.verdict) | differs
    return (
        select(
            Application.id,
            Application.number,
            Application.district_id,
            was.label("was"),
            now.label("now"),
            case((was == INELIGIBLE, null()), else_=stored).label("was_tier"),
            case((decided, stored), else_=found_tier).label("now_tier"),
            fen.label("was_fen"),
            case((decided, fen), else_=found.c.amount_fen).label("now_fen"),
            _deciding(now, found).label("keys"),
            _one(and_(~decided, was == now, differs)).label("repriced"),
            _one(and_(decided, judged_otherwise)).label("otherwise"),
        )
        .select_from(found)
        .join(Application, Application.id == found.c.id)
        .where(visible(Application, actor))
    )


def _refused(policy: Policy, actor: Actor) -> Select[Any]:
    """One row a case that was refused: nobody judges it, and it gets nothing."""
    none, zero = cast(null(), String), literal(0)
    columns: list[Any] = [
        *(Application.id, Application.number, Application.district_id),
        *(literal(DECIDED), literal(DECIDED), none, none, zero, zero, literal(""), zero, zero),
    ]
    return select(*columns).where(
        Application.revision_id == policy.revision.id,
        Application.state == REFUSED,
        visible(Application, actor),
    )


def _deciding(now: Any, found: Any) -> Any:
    """Keys of what a flip comes from: the new findings, or the old ones that no longer hold."""
    return case(
        (now == INELIGIBLE, found.c.missed),
        (now == HELD, found.c.asked),
        (Application.verdict == INELIGIBLE, Application.missed),
        else_=Application.asked,
    )


def exhaustion(judged: Sequence[Policy], actor: Actor, budget_fen: int) -> Any:
    """When *budget_fen*, given in the order of submission, would not reach any further.

    One row ``day, cases, fen``: the day on which the first case came in that it does not reach,
    and how many cases and fen lie beyond it.
    """
    rows = [_getting(policy, actor) for policy in judged]
    all_rows = union_all(*rows).subquery("getting")
    turn = (all_rows.c.sequence, all_rows.c.id)
    reach = func.sum(all_rows.c.fen).over(order_by=turn).label("reach")
    served = select(all_rows, reach).subquery("served")
    return select(
        func.min(served.c.submitted_on).label("day"),
        func.count().label("cases"),
        cast(func.coalesce(func.sum(served.c.fen), 0), BigInteger).label("fen"),
    ).where(served.c.reach > budget_fen)


def _getting(policy: Policy, actor: Actor) -> Select[Any]:
    """The cases that get something by *policy*, or might."""
    found = policy.statement.subquery()
    return (
        select(
            Application.id,
            Application.sequence,
            Application.submitted_on,
            found.c.amount_fen.label("fen"),
        )
        .select_from(found)
        .join(Application, Application.id == found.c.id)
        .where(visible(Application, actor), found.c.verdict != INELIGIBLE)
    )


def _difference(fen: Any) -> Any:
    return cast(func.sum(case((fen > 0, fen), else_=0)), BigInteger)


def _one(holds: ColumnElement[bool]) -> Any:
    return cast(case((holds, 1), else_=0), Integer)
