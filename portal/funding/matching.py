"""Who owes what: the calculator of shares and matches, over chosen cases, writing nothing.

It counts what would be paid of every live case that may be funded, whether approved yet or not
(S15 四（二）, S20 三, B22 二（三）), with the programme's weights or with others to see what if.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from models.application import APPROVED, ELIGIBLE, PAID, WAITING, Application
from models.base import N_, Refusal
from models.organization import Organization
from models.programme import Programme, Revision
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.funding.dues import Due, dues_of
from portal.funding.matched import with_people
from portal.policy.facts import source
from portal.policy.shares import NO_WEIGHTS, Part, needs_of

MOST_WEIGHT = 1_000


class BadWeight(Refusal):
    """A weight to try is not one."""

    message = N_("A weight is a whole number from 1 to %(most)s; that of “%(share)s” is none.")


class NoSuchShare(Refusal):
    """No share of the programme has the key."""

    message = N_("This programme has no share “%(key)s”.")


@dataclass
class Owed:
    """What one payer owes for the cases of one district: per instalment, and what of it is in
    batches or paid and was not given back.

    ``unknown`` counts cases whose share is not stated; they are in no sum. All in fen.
    """

    district: str
    key: str
    title: str
    payer: str
    on_top: bool
    instalments: dict[int, int] = field(default_factory=dict)
    paid: int = 0
    cases: int = 0
    unknown: int = 0

    @property
    def part(self) -> tuple[str, str]:
        """What tells it from the other parts: the share, and of one that several payers may bear,
        which has no title of its own, the payer."""
        return self.key, "" if self.title else self.payer

    @property
    def fen(self) -> int:
        """Over all instalments."""
        return sum(self.instalments.values())


Found = dict[tuple[str, tuple[str, str]], Owed]
"""By district and part."""


@dataclass(frozen=True)
class Matching:
    """The calculation: the titles of the instalments by place, and who owes what, by district."""

    instalments: dict[int, str]
    rows: list[Owed]

    def totals(self) -> list[Owed]:
        """Per payer, over all districts."""
        found: dict[tuple[str, str], Owed] = {}
        for row in self.rows:
            empty = Owed("", row.key, row.title, row.payer, row.on_top)
            total = found.setdefault(row.part, empty)
            for place, fen in row.instalments.items():
                total.instalments[place] = total.instalments.get(place, 0) + fen
            total.paid += row.paid
            total.cases += row.cases
            total.unknown += row.unknown
        return list(found.values())


def matching(
    session: Session,
    actor: Actor,
    programme: Programme,
    cases: Select[Any] | None = None,
    instead: Mapping[str, int] = NO_WEIGHTS,
) -> Matching:
    """Work out who owes what for the live cases of *programme* that *actor* sees.

    *cases* (a statement of ids) narrows them; *instead* tries other weights, by share; those of
    shares that it has not change nothing. Raises ``BadWeight``.
    """
    require(actor, "matching:read")
    _check_weights(programme, instead)
    found: Found = {}
    titles: dict[int, str] = {}
    for revision in programme.revisions:
        dues = dues_of(revision, instead, whole=True)
        titles |= {due.place: due.row.title if due.row else "" for due in dues}
        _add(session, actor, revision, dues, cases, found)
        for at, fen in with_people(session, revision, _chosen(actor, revision, cases)):
            if at in found:
                found[at].paid += fen
    return Matching(titles, [row for row in found.values() if row.cases])


def check_shares(programme: Programme, keys: Iterable[str]) -> None:
    """Raise ``NoSuchShare`` for the first of *keys* that no share of *programme* has."""
    titles = _titles(programme)
    for key in keys:
        if key not in titles:
            raise NoSuchShare(key=key)


def _check_weights(programme: Programme, instead: Mapping[str, int]) -> None:
    for key, weight in instead.items():
        if not 1 <= weight <= MOST_WEIGHT:
            raise BadWeight(most=MOST_WEIGHT, share=_titles(programme).get(key) or key)


def _titles(programme: Programme) -> dict[str, str]:
    return {row.key: row.title for revision in programme.revisions for row in revision.shares}


def is_live() -> ColumnElement[bool]:
    """Cases that are or may be funded as they stand."""
    judged = and_(Application.state == WAITING, Application.verdict == ELIGIBLE)
    live = or_(judged, Application.state.in_((APPROVED, PAID)))
    return and_(live, Application.amount_fen > 0)


def _add(
    session: Session,
    actor: Actor,
    revision: Revision,
    dues: list[Due],
    cases: Select[Any] | None,
    found: Found,
) -> None:
    parts = [part for part, _fen in dues[0].parts]
    columns: list[Any] = []
    for place, part in enumerate(parts):
        columns.append(_count(part.fen > 0))
        columns.append(_count(part.fen.is_(None)))
        columns += [func.coalesce(func.sum(due.parts[place][1]), 0) for due in dues]
    wide = 2 + len(dues)
    rows = session.execute(
        select(Application.district_id, *columns)
        .select_from(source(needs_of(revision)))
        .where(*_chosen(actor, revision, cases))
        .group_by(Application.district_id)
        .order_by(Application.district_id)
    ).all()
    names = _names(session, [row[0] for row in rows])
    for district_id, *cells in rows:
        for place, part in enumerate(parts):
            known, unknown, *fen = (int(cell) for cell in cells[place * wide : (place + 1) * wide])
            row = _row(found, names[district_id], part)
            row.cases += known + unknown
            row.unknown += unknown
            for due, each in zip(dues, fen, strict=True):
                row.instalments[due.place] = row.instalments.get(due.place, 0) + each


def _chosen(
    actor: Actor, revision: Revision, cases: Select[Any] | None
) -> list[ColumnElement[bool]]:
    narrowed = [Application.id.in_(cases)] if cases is not None else []
    own = Application.revision_id == revision.id
    return [own, is_live(), visible(Application, actor), *narrowed]


def _row(found: Found, district: str, part: Part) -> Owed:
    empty = Owed(district, part.key, part.title, part.payer, part.on_top)
    return found.setdefault((district, empty.part), empty)


def _names(session: Session, ids: list[int | None]) -> dict[int | None, str]:
    rows = session.execute(
        select(Organization.id, Organization.name).where(Organization.id.in_(ids))
    )
    return {None: "", **{row.id: row.name for row in rows}}


def _count(holds: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((holds, 1), else_=0)), 0)
