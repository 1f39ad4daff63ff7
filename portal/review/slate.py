"""A slate: the cases that a stage chooses among, in their order, and what bounds say of a choice.

The order, the places and the marks are those of the policy's own statement and its verdicts; what
a choice would come to is worked out over the same SQL expressions that the bounds are made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import APPROVED, INELIGIBLE, PAID, WAITING, Application
from models.certificate import SkillCertificate
from models.organization import Organization
from models.patent import Patent
from models.programme import Bound, Revision, Stage
from models.project import Project
from models.studio import Studio
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.policy.bounds import bound_columns, bound_needs
from portal.policy.compile import order_value
from portal.policy.facts import AWARD, MONEY, District, fact, source
from portal.policy.terms import facts_in

_SHOWN = frozenset({Applicant, Organization, District, SkillCertificate, Patent, Project, Studio})
MOST_GROUPS = 4
"""Groups of a bound that are all told; of more, only those that break it."""


@dataclass(frozen=True)
class Ranked:
    """A case in its place; ``score`` is what the panel's sheets came to, in points."""

    place: int
    id: int
    version: int
    number: str
    subject: str
    person: str
    unit: str
    district: str
    score: float | None
    tier_key: str | None
    amount_fen: int
    verdict: str | None
    asked: str
    missed: str
    state: str
    stage_key: str | None
    fields: dict[str, Any]

    def holds(self, bound: Bound) -> bool:
        """Whether it has one of the places of *bound*, as it is judged."""
        return self.verdict != INELIGIBLE and f",{bound.key}," not in self.asked + self.missed


@dataclass(frozen=True)
class Pool:
    """The cases that compete for the places of one bound; without one, all the others."""

    bound: Bound | None
    taken: int
    rows: list[Ranked]

    def is_cut_after(self, number: int) -> bool:
        """Whether the cut line runs below row *number*, counted from 0: the last with a place."""
        if self.bound is None or self.taken == len(self.rows):
            return False
        held = [place for place, row in enumerate(self.rows) if row.holds(self.bound)]
        return bool(held) and held[-1] == number


@dataclass(frozen=True)
class Limit:
    """What one bound says of a choice. ``unit`` is cases, values, percent, fen or number."""

    key: str
    says: str
    clause: str
    group: str
    now: float
    limit: float
    is_most: bool
    unit: str
    holds: bool


def ranking(
    session: Session, actor: Actor, revision: Revision, stage: Stage, most: int | None = None
) -> list[Ranked]:
    """The cases that have come to *stage* and were not refused, best first, at most *most*.

    By the panel's score where it has one, then by the programme's orders and the submission.
    """
    needs = _SHOWN.union(*(item.needs for item in _ordered_by(revision)))
    into = str((stage.panel or {}).get("into", "")).removeprefix("field.")
    score: Any = Application.fields[into].as_float() if into else None
    rows = session.execute(
        select(
            Application.id,
            Application.version,
            Application.number,
            func.coalesce(
                SkillCertificate.occupation, Patent.title, Project.title, Studio.name, ""
            ).label("subject"),
            Applicant.name.label("person"),
            Organization.name.label("unit"),
            func.coalesce(District.name, "").label("district"),
            Application.tier_key,
            Application.amount_fen,
            Application.verdict,
            Application.asked,
            Application.missed,
            Application.state,
            Application.stage_key,
            Application.fields,
        )
        .select_from(source(needs))
        .where(_reached(revision, stage), visible(Application, actor))
        .order_by(*_best_first(score, revision))
        .limit(most)
    ).mappings()
    return [
        Ranked(place=place, score=_number(row["fields"].get(into)), **row)
        for place, row in enumerate(rows, 1)
    ]


def pools(revision: Revision, stage: Stage, ranked: Sequence[Ranked]) -> list[Pool]:
    """*ranked* by the places that they compete for, each with how many are taken."""
    left, found = list(ranked), []
    for bound in _cuts(revision, stage):
        rows = [row for row in left if not bound.tiers or row.tier_key in bound.tiers]
        left = [row for row in left if row not in rows]
        if rows:
            found.append(Pool(bound, sum(row.holds(bound) for row in rows), rows))
    return [*found, Pool(None, 0, left)] if left else found


def limits(
    session: Session, actor: Actor, revision: Revision, stage: Stage, chosen: Iterable[int]
) -> list[Limit]:
    """What every bound of *revision* says of *chosen* together with who went past *stage*."""
    ids = list(chosen)
    past = and_(_reached(revision, stage), ~_here(stage))
    columns = list(bound_columns(revision))
    if not columns:
        return []
    rows = session.execute(
        select(
            Application.id,
            Application.number,
            Application.tier_key,
            Application.amount_fen,
            Organization.name.label("unit_name"),
            func.coalesce(District.name, "").label("district_name"),
            *columns,
        )
        .select_from(source(bound_needs(revision) | {Organization, District}))
        .where(
            Application.revision_id == revision.id,
            visible(Application, actor),
            or_(past, and_(Application.id.in_(ids), _here(stage))),
        )
        .order_by(Application.id)
    ).mappings()
    cases = [dict(row) for row in rows]
    return [
        told
        for number, bound in enumerate(revision.bounds)
        for told in _told(bound, number, revision, cases)
    ]


def _reached(revision: Revision, stage: Stage) -> ColumnElement[bool]:
    """Waiting at *stage* or at a later one, or granted by its route."""
    keys = [row.key for row in revision.stages]
    onward = keys[keys.index(stage.key) :]
    walked = Application.route.contains(f",{stage.key},", autoescape=True)
    waits = and_(Application.state == WAITING, Application.stage_key.in_(onward))
    return and_(
        Application.revision_id == revision.id,
        walked,
        or_(waits, Application.state.in_((APPROVED, PAID))),
    )


def _here(stage: Stage) -> ColumnElement[bool]:
    return and_(Application.state == WAITING, Application.stage_key == stage.key)


def _ordered_by(revision: Revision) -> list[Any]:
    named = [fact(row.fact, revision) for row in revision.orders if row.fact]
    terms = [term for row in revision.orders for term in row.when]
    return [item for item in named if item] + [
        item for term in terms for item in facts_in(term, revision)
    ]


def _best_first(score: Any, revision: Revision) -> list[Any]:
    found: list[Any] = []
    if score is not None:
        found += [case((score.is_(None), 1), else_=0), score.desc()]
    for row in revision.orders:
        value: Any = order_value(row, revision)
        down = value.desc() if row.descending else value
        found += [case((value.is_(None), 1), else_=0), down]
    return [*found, Application.sequence, Application.id]


def _cuts(revision: Revision, stage: Stage) -> list[Bound]:
    """The bounds whose places the list is cut by."""
    named = (stage.panel or {}).get("cut")
    return [
        row
        for row in revision.bounds
        if row.take == "cases"
        and row.counts == "awarded"
        and row.at_most is not None
        and (row.key in named if named else not row.per)
    ]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _told(
    bound: Bound, number: int, revision: Revision, cases: list[dict[str, Any]]
) -> list[Limit]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in cases:
        keys = tuple(value for name, value in row.items() if name.startswith(f"k_{number}_"))
        counts = row[f"w_{number}"] and (not bound.tiers or row["tier_key"] in bound.tiers)
        if counts and None not in keys:
            groups[keys].append(row)
    found = [_limit(bound, number, revision, rows) for rows in groups.values()]
    broken = [item for item in found if not item.holds]
    if not bound.per or (len(found) <= MOST_GROUPS and _is_named(bound)):
        return found
    return broken


def _limit(bound: Bound, number: int, revision: Revision, rows: list[dict[str, Any]]) -> Limit:
    most = bound.at_most is not None
    limit = float((bound.at_most if most else bound.at_least) or 0)
    unit, now = _reached_of(bound, number, revision, rows)
    if unit == MONEY:
        limit *= 100
    return Limit(
        key=bound.key,
        says=bound.says,
        clause=bound.clause,
        group=_group(bound, rows[0]),
        now=now,
        limit=limit,
        is_most=most,
        unit=unit,
        holds=now <= limit if most else now >= limit,
    )


def _reached_of(
    bound: Bound, number: int, revision: Revision, rows: list[dict[str, Any]]
) -> tuple[str, float]:
    """What *rows* come to, and in which unit."""
    value, match = f"v_{number}", f"m_{number}"
    if bound.take == "distinct":
        return "values", len({row[value] for row in rows} - {None})
    if bound.take == "share":
        return "percent", _share(rows, value, match)
    if bound.take == "sum":
        known = fact(str(bound.of), revision)
        if bound.of == AWARD:
            return MONEY, sum(row["amount_fen"] for row in rows)
        if known is not None and known.kind == MONEY:
            return MONEY, sum(row[value] or 0 for row in rows)
        return "number", sum(row[value] or 0 for row in rows) / 1_000_000
    return "cases", len(rows)


def _share(rows: list[dict[str, Any]], value: str, match: str) -> float:
    """In percent: of different values where they are told apart, else of the cases."""
    if value in rows[0]:
        every = {row[value] for row in rows}
        return 100 * len({row[value] for row in rows if row[match]}) / len(every)
    return 100 * sum(bool(row[match]) for row in rows) / len(rows)


_NAMED = {"district": "district_name", "unit": "unit_name"}


def _is_named(bound: Bound) -> bool:
    """Whether people know the groups by name, and there are few of them."""
    return bound.per == ["district"]


def _group(bound: Bound, first: dict[str, Any]) -> str:
    """Whose limit it is: the union's name, else the first case of the group."""
    if not bound.per:
        return ""
    return str(first[_NAMED.get(bound.per[0], "number")])
