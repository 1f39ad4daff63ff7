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
    RETURNED,
    WAITING,
    Application,
)
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.policy.compile import Policy

DECIDED = "decided"
"""Stands for the verdict of a case that was approved, paid or refused."""
_AWARDED = (APPROVED, PAID)
_COMPARED = (WAITING, RETURNED, *_AWARDED, REFUSED)
_GROUPED = ("district_id", "was", "now", "was_tier", "now_tier")


def set_against(policy: Policy, actor: Actor, cases: ColumnElement[bool], most: int) -> Any:
    """One statement over the submitted *cases* that *actor* sees, *policy* worked out once.

    Its rows have ``number, district_id, was, now, was_tier, now_tier, was_fen, now_fen, keys,
    cases, repriced, otherwise``. Those without a number are sums by district, verdicts and tiers,
    after them come the first *most* cases that flip; ``keys`` list what decides them.
    """
    compared = _compared(policy, actor, cases).cte("compared").prefix_with("MATERIALIZED")
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


def _compared(policy: Policy, actor: Actor, cases: ColumnElement[bool]) -> Select[Any]:
    """One row a case. Decided cases stand for themselves on both sides."""
    found = policy.statement.subquery("judged")
    decided = Application.state.in_((*_AWARDED, REFUSED))
    was: Any = case((decided, DECIDED), else_=Application.verdict)
    now: Any = case((decided, DECIDED), else_=found.c.verdict)
    paid = case((Application.state == REFUSED, 0), else_=Application.amount_fen)
    now_fen = case((decided, paid), else_=found.c.amount_fen)
    held = case((Application.state == REFUSED, null()), else_=Application.tier_key)
    differs = found.c.amount_fen != Application.amount_fen
    judged_otherwise = found.c.verdict.is_distinct_from(Application.verdict) | differs
    return (
        select(
            Application.id,
            Application.number,
            Application.district_id,
            was.label("was"),
            now.label("now"),
            case((was == INELIGIBLE, null()), else_=held).label("was_tier"),
            case((decided, held), (now == INELIGIBLE, null()), else_=found.c.tier_key).label(
                "now_tier"
            ),
            paid.label("was_fen"),
            now_fen.label("now_fen"),
            _deciding(now, found).label("keys"),
            _one(and_(~decided, was == now, differs)).label("repriced"),
            _one(and_(Application.state.in_(_AWARDED), judged_otherwise)).label("otherwise"),
        )
        .select_from(Application)
        .outerjoin(found, found.c.id == Application.id)
        .where(cases, Application.state.in_(_COMPARED), visible(Application, actor))
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
