"""When a case is due at the stage where it waits, and which cases are due soon.

A due rule counts from a date fact of the case, from the day it came to the stage
(``stage.entered``), or from the day it passed an earlier one (``stage.<key>``). The clock stops
while a case is returned to its applicant: a term of working days grows by the working days that
took, what any other term counts from moves by the days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from models.application import RETURNED, WAITING, Application
from models.base import N_
from models.decision import PASS, UNDO, Decision
from models.programme import Revision, Stage
from portal.calendar import Calendar, Due
from portal.policy.check import ENTERED, STAGE
from portal.policy.facts import fact, source
from portal.policy.sql_days import days_between, shanghai_day
from portal.review.working_days import working_between

SOON = timedelta(days=3)
"""How long before its due day a case is marked."""
OVERDUE, DUE_SOON, IN_TIME, NO_DUE = "overdue", "soon", "later", "none"
LATENESS = {
    OVERDUE: N_("Overdue"),
    DUE_SOON: N_("Due soon"),
    IN_TIME: N_("Within time"),
    NO_DUE: N_("No due day"),
}
"""How a waiting case stands to its due day."""
WORKING = "working_days"
_MOST_STAGES = 1_000
_LONGEST = 5_000
"""Days between anchor and due date that ``due_by`` looks back."""
_NOTHING: frozenset[Any] = frozenset()


def due_of(session: Session, calendar: Calendar, application: Application) -> Due | None:
    """When the stage at which *application* waits should be done; ``None`` without a due date."""
    stage = due_stage(application.revision, application.state, application.stage_key)
    if stage is None:
        return None
    ids = [application.id]
    return days_due(session, calendar, application.revision, stage, ids).get(application.id)


def due_stage(revision: Revision, state: str, stage_key: str | None) -> Stage | None:
    """The stage at which a case of *revision* waits, if that has a due date."""
    if state != WAITING:
        return None
    return next((row for row in revision.stages if row.key == stage_key and row.due), None)


def days_due(
    session: Session, calendar: Calendar, revision: Revision, stage: Stage, ids: Sequence[int]
) -> dict[int, Due]:
    """When each of the cases *ids* of *revision*, which wait at *stage*, is due."""
    anchor, needs = anchor_sql(stage, revision)
    rows = session.execute(
        select(Application.id, anchor, stopped_for(anchor, stage.due or {}))
        .select_from(source(needs))
        .where(Application.id.in_(ids))
    )
    return {
        row_id: due_after(calendar, stage.due or {}, day, stopped)
        for row_id, day, stopped in rows
        if day
    }


def due_after(calendar: Calendar, rule: Mapping[str, Any], day: date, stopped: int) -> Due:
    """When what counts from *day* by *rule* is due, the clock having *stopped* for so long."""
    if WORKING in rule:
        return calendar.due(day, {**rule, WORKING: rule[WORKING] + stopped})
    return calendar.due(day + timedelta(days=stopped), rule)


def due_by(
    calendar: Calendar, revisions: Iterable[Revision], limit: date | None, after: date | None = None
) -> ColumnElement[bool]:
    """The waiting cases of *revisions* that are due on or before the day *limit*, whenever they
    are due without one; with *after* only those due later than that day."""
    parts = []
    for terms in _alike(_terms(revisions)):
        keeps = _early(calendar, terms, limit, _Asked())
        if after is not None:
            keeps = and_(keeps, not_(_early(calendar, terms, after, _Asked())))
        needs = frozenset[Any]().union(*(term.needs for term in terms))
        if needs:
            found = select(Application.id).select_from(source(needs))
            keeps = Application.id.in_(found.where(Application.state == WAITING, keeps))
        parts.append(keeps)
    return and_(Application.state == WAITING, or_(false(), *parts))


def stands(
    calendar: Calendar, revisions: Iterable[Revision], today: date, how: str
) -> ColumnElement[bool]:
    """The waiting cases that stand to their due day as *how*, a key of ``LATENESS``, says."""
    if how == NO_DUE:
        ever = func.coalesce(due_by(calendar, revisions, None), false())
        return and_(Application.state == WAITING, not_(ever))
    return due_by(calendar, revisions, *span_of(how, today))


def span_of(how: str, today: date) -> tuple[date | None, date | None]:
    """The last day on which something is due that stands as *how*, and the day before the first
    one; ``None`` where there is no such bound."""
    late, soon = today - timedelta(days=1), today + SOON
    return {OVERDUE: (late, None), DUE_SOON: (soon, late), IN_TIME: (None, soon)}[how]


def terms_sql(
    revisions: Iterable[Revision],
) -> tuple[ColumnElement[Any], ColumnElement[Any], frozenset[Any]]:
    """The number of the due rule under which a case waits, the day that it counts from, and the
    tables that they are read from; both null where the case has no due day."""
    terms = _terms(revisions)
    number = case(*((term.here, term.number) for term in terms)) if terms else null()
    anchor = case(*((term.here, term.anchor) for term in terms)) if terms else null()
    return number, anchor, frozenset[Any]().union(*(term.needs for term in terms))


def lateness(
    calendar: Calendar, revisions: Iterable[Revision], today: date, rows: Any
) -> ColumnElement[str]:
    """SQL that says how each of *rows* stands to its due day: waiting cases with their ``id`` and,
    as ``terms_sql`` gives them, ``number`` and ``anchor``."""
    steps = [
        (_early(calendar, alike, span_of(how, today)[0], _Asked(rows)), how)
        for how in (OVERDUE, DUE_SOON, IN_TIME)
        for alike in _alike(_terms(revisions))
    ]
    return case(*steps, else_=NO_DUE) if steps else literal(NO_DUE)


@dataclass(frozen=True)
class _Term:
    """When a stage is due: the cases that wait there, the rule, the day that it counts from."""

    number: int
    here: ColumnElement[bool]
    rule: Mapping[str, Any]
    anchor: ColumnElement[Any]
    needs: frozenset[Any]


def _terms(revisions: Iterable[Revision]) -> list[_Term]:
    return [
        _Term(
            revision.id * _MOST_STAGES + place,
            and_(Application.revision_id == revision.id, Application.stage_key == stage.key),
            stage.due,
            *anchor_sql(stage, revision),
        )
        for revision in revisions
        for place, stage in enumerate(revision.stages)
        if stage.due
    ]


def _alike(terms: list[_Term]) -> list[list[_Term]]:
    """The terms that can be asked together: by what they count and whether they read other tables.
    One question for all is a tenth of the SQL."""
    groups: dict[tuple[bool, bool], list[_Term]] = {}
    for term in terms:
        groups.setdefault((WORKING in term.rule, bool(term.needs)), []).append(term)
    return list(groups.values())


@dataclass(frozen=True)
class _Asked:
    """Of which cases it is asked whether they are due: rows worked out before, or applications."""

    rows: Any = None

    @property
    def case_id(self) -> ColumnElement[Any]:
        """The id of the case."""
        return Application.id.expression if self.rows is None else self.rows.c.id

    def by_term(self, terms: list[_Term], values: Iterable[ColumnElement[Any]]) -> Any:
        """The value of the term under which the case waits."""
        pairs = zip(terms, values, strict=True)
        if self.rows is None:
            return case(*((term.here, value) for term, value in pairs))
        return case({term.number: value for term, value in pairs}, value=self.rows.c.number)


def _early(
    calendar: Calendar, terms: list[_Term], limit: date | None, asked: _Asked
) -> ColumnElement[bool]:
    """Whether the case waits at a stage of *terms*, which count alike, and is due by *limit*, or at
    all without one."""
    anchor: ColumnElement[Any] = asked.by_term(terms, (term.anchor for term in terms))
    if asked.rows is not None:
        anchor = asked.rows.c.anchor
    if limit is None:
        return anchor.is_not(None)
    days = (literal(latest_anchor(calendar, term.rule, limit), Date) for term in terms)
    latest, rule = asked.by_term(terms, days), terms[0].rule
    stood = stopped_for(anchor, rule, asked.case_id)
    # the days for which the clock stood only make it later: first what is cheap to know
    in_time = _span(rule)(anchor, latest) >= stood
    if WORKING in rule:  # where counting them costs more than asking whether the clock stood
        in_time = or_(stood == 0, in_time)
    return func.coalesce(and_(anchor <= latest, in_time), false())


def anchor_sql(stage: Stage, revision: Revision) -> tuple[ColumnElement[Any], frozenset[Any]]:
    """The day that the stage's due date counts from, and the tables it is read from."""
    return day_sql((stage.due or {})["after"], revision, stage.key)


def day_sql(
    name: str, revision: Revision, here: str = ""
) -> tuple[ColumnElement[Any], frozenset[Any]]:
    """The day *name* of a due rule, as the stage *here* counts it, and the tables it is read from:
    a date fact, the day a case came to a stage, or passed an earlier one."""
    if name.startswith(STAGE):
        return _passed(here if name == ENTERED else name.removeprefix(STAGE), name), _NOTHING
    known = fact(name, revision)
    return (known.build(revision), known.needs) if known else (false(), _NOTHING)


def _passed(key: str, name: str) -> ColumnElement[Any]:
    """The Shanghai day on which a case came to its stage, or passed an earlier one."""
    here: tuple[ColumnElement[bool], ...] = (
        (
            Decision.to_stage == key,
            Decision.from_stage.is_distinct_from(key),
            Decision.outcome != UNDO,
        )
        if name == ENTERED
        else (Decision.from_stage == key, Decision.outcome == PASS)
    )
    moment = (
        select(func.max(Decision.decided_at))
        .where(Decision.application_id == Application.id, *here)
        .correlate(Application)
        .scalar_subquery()
    )
    return shanghai_day(moment)


def stopped_for(
    anchor: ColumnElement[Any], rule: Mapping[str, Any], case_id: Any = Application.id
) -> ColumnElement[Any]:
    """For how many days since *anchor*, working days where *rule* counts these, the case *case_id*
    was with its applicant, over all its returns."""
    back, after = aliased(Decision), aliased(Decision)
    next_id = (
        select(func.min(after.id))
        .where(after.application_id == back.application_id, after.id > back.id)
        .correlate(back)
        .scalar_subquery()
    )
    ended = aliased(Decision)
    began = case(
        (
            shanghai_day(back.decided_at.expression) > anchor,
            shanghai_day(back.decided_at.expression),
        ),
        else_=anchor,
    )
    days = _span(rule)(began, shanghai_day(ended.decided_at.expression))
    return (
        select(func.coalesce(func.sum(case((days > 0, days), else_=0)), 0))
        .select_from(back)
        .join(ended, ended.id == next_id)
        .where(back.application_id == case_id, back.to_state == RETURNED)
        .correlate_except(back, ended)
        .scalar_subquery()
    )


def _span(rule: Mapping[str, Any]) -> Callable[..., ColumnElement[Any]]:
    """By what the time between two days is counted."""
    return working_between if WORKING in rule else days_between


def latest_anchor(calendar: Calendar, rule: Mapping[str, Any], limit: date) -> date:
    """The last day from which what counts by *rule* is due by *limit*; due dates never fall as
    anchors rise. Where it lies too far back, the first of all days."""
    early, late = limit - timedelta(days=_LONGEST), limit
    if calendar.due(early, rule).day > limit:
        return date.min
    while early < late:
        middle = early + timedelta(days=((late - early).days + 1) // 2)
        if calendar.due(middle, rule).day <= limit:
            early = middle
        else:
            late = middle - timedelta(days=1)
    return early
