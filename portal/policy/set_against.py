"""What a compiled policy finds, set against what is stored: counts and the first flips at once."""

from __future__ import annotations

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
    func,
    literal,
    null,
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


def set_against(policy: Policy, actor: Actor, most: int) -> Any:
    """One statement over the submitted cases of *policy*'s revision that *actor* sees.

    Its rows have ``number, district_id, was, now, was_tier, now_tier, was_fen, now_fen, keys,
    cases, repriced, otherwise``. Those without a number are sums by district, verdicts and tiers,
    after them come the first *most* cases that flip; ``keys`` list what decides them. The policy
    is worked out once.
    """
    judged, refused = _judged(policy, actor), _refused(policy, actor)
    compared = union_all(judged, refused).cte("compared").prefix_with("MATERIALIZED")
    there = compared.c
    sums = select(
        cast(null(), String).label("number"),
        *(there[name] for name in _GROUPED),
        cast(func.sum(there.was_fen), BigInteger).label("was_fen"),
        cast(func.sum(there.now_fen), BigInteger).label("now_fen"),
        cast(null(), String).label("keys"),
        func.count().label("cases"),
        func.sum(there.repriced).label("repriced"),
        func.sum(there.otherwise).label("otherwise"),
    ).group_by(*(there[name] for name in _GROUPED))
    nothing = [
        cast(literal(0), BigInteger).label(name) for name in ("cases", "repriced", "otherwise")
    ]
    names = ("number", *_GROUPED, "was_fen", "now_fen", "keys")
    flips = (
        select(*(there[name] for name in names), *nothing)
        .where(there.was.is_distinct_from(there.now))
        .order_by(there.id)
        .limit(most)
        .subquery("flips")
    )
    return union_all(sums, select(*flips.c))


def _judged(policy: Policy, actor: Actor) -> Select[Any]:
    """One row a case that is judged. Awarded ones stand for themselves on both sides.

    The judged are joined with what is stored, never the other way: SQLite would look through all
    of them once a case.
    """
    found = policy.statement.subquery("judged")
    decided = Application.state.in_(_AWARDED)
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


def _one(holds: ColumnElement[bool]) -> Any:
    return cast(case((holds, 1), else_=0), Integer)
