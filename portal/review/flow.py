"""How many cases wait where, since when, and how they stand to their due day.

One grouped statement over the waiting cases of the actor's part of the tree feeds every chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
)
from sqlalchemy.orm import Session, aliased

from models.application import WAITING, Application
from models.base import N_
from models.decision import FILL, MOVE, UNDO, Decision, DecisionBatch
from models.programme import Revision
from portal.access.actor import Actor
from portal.access.scope import CITY_DEPTH, DISTRICT_DEPTH, visible
from portal.calendar import Calendar
from portal.clock import SHANGHAI
from portal.policy.facts import source
from portal.review.deadlines import lateness, terms_sql

FRESH, OLDER, OLD = "0-7", "8-14", "15"
AGES = {FRESH: N_("0 to 7 days"), OLDER: N_("8 to 14 days"), OLD: N_("15 days and more")}
"""For how long a case has waited where it is."""
_SECOND_WEEK, _THIRD_WEEK = 8, 15
_MOVED_NOTHING = (FILL, MOVE, UNDO)
"""Acts after which a case waits where it waited, or where it had waited before."""


@dataclass(frozen=True)
class Group:
    """*count* cases of one programme, stage, place, age and standing to their due day.

    ``place_id`` is the district for the city, the unit for a district, and ``None`` below.
    """

    programme_id: int
    stage_key: str
    place_id: int | None
    age: str
    lateness: str
    count: int


def flow(
    session: Session,
    actor: Actor,
    calendar: Calendar,
    revisions: Sequence[Revision],
    today: date,
    programme_id: int | None = None,
) -> list[Group]:
    """Every group of waiting cases that *actor* sees, of one programme or of all."""
    number, anchor, needs = terms_sql(revisions)
    moved = aliased(DecisionBatch)
    moved_at = case((moved.outcome.not_in(_MOVED_NOTHING), moved.decided_at))
    waiting = (
        select(
            Application.id,
            Application.programme_id,
            Application.stage_key,
            place_of(actor).label("place_id"),
            _age(moved_at, today).label("age"),
            number.label("number"),
            anchor.label("anchor"),
        )
        .select_from(source(needs).outerjoin(moved, moved.id == Application.batch_id))
        .where(
            Application.state == WAITING,
            Application.stage_key.is_not(None),
            visible(Application, actor),
            Application.programme_id == programme_id if programme_id else true(),
        )
        .cte("waiting")
        .prefix_with("MATERIALIZED")  # else each column is worked out wherever it is named
    )
    late = lateness(calendar, revisions, today, waiting).label("lateness")
    names = ("programme_id", "stage_key", "place_id", "age")
    rows = select(*(waiting.c[name] for name in names), late).subquery()
    counted: Select[Any] = select(*rows.c, func.count()).group_by(*rows.c)
    return [Group(*row) for row in session.execute(counted)]


def place_of(actor: Actor) -> ColumnElement[Any]:
    """By what the cases that *actor* sees are told apart: districts, units, or nothing."""
    columns: dict[int, ColumnElement[Any]] = {
        CITY_DEPTH: Application.district_id.expression,
        DISTRICT_DEPTH: Application.organization_id.expression,
    }
    return columns.get(actor.depth, cast(null(), Integer))


def has_age(today: date, key: str) -> ColumnElement[bool]:
    """The waiting cases that have waited where they are for as long as *key* of ``AGES`` says."""
    moved_at = (
        select(DecisionBatch.decided_at)
        .where(
            DecisionBatch.id == Application.batch_id,
            DecisionBatch.outcome.not_in(_MOVED_NOTHING),
        )
        .correlate(Application)
        .scalar_subquery()
    )
    return and_(Application.state == WAITING, _age(moved_at, today) == key)


def _age(moved_at: ColumnElement[Any], today: date) -> ColumnElement[str]:
    """The age of a waiting case that its last act moved at *moved_at*, or did not move.

    Acts that only filled something in, or took another act back, do not make it younger.
    """
    came = (
        select(func.max(Decision.decided_at))
        .where(
            Decision.application_id == Application.id,
            Decision.to_stage == Application.stage_key,
            Decision.to_state == WAITING,
            Decision.outcome.not_in(_MOVED_NOTHING),
        )
        .correlate(Application)
        .scalar_subquery()
    )
    since = func.coalesce(moved_at, came, Application.created_at)
    return case(
        (since >= _start(today, _SECOND_WEEK - 1), FRESH),
        (since >= _start(today, _THIRD_WEEK - 1), OLDER),
        else_=OLD,
    )


def _start(today: date, days: int) -> ColumnElement[Any]:
    """When the day so many *days* before *today* began in Shanghai."""
    began = datetime.combine(today - timedelta(days=days), time(), SHANGHAI).astimezone(UTC)
    return literal(began, DecisionBatch.decided_at.type)
