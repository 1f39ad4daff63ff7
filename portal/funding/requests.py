"""What a union asks for (申请单, S15 二（三）): its cases of a window by tier and by what a field
of the form says, with the two amounts; every breakdown adds up to the total or says where not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from models.application import APPROVED, PAID, WAITING, Application
from models.base import N_, Because, Refusal
from models.organization import Organization
from models.programme import FormField, Programme, Revision, Window
from models.sharing import DISTRICT
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.policy.facts import fact, source
from portal.policy.shares import needs_of, parts_of

COUNTED = (WAITING, APPROVED, PAID)


class DoesNotAddUp(Refusal):
    """A breakdown leaves cases out, or the union's own part of some is not stated."""

    message = N_("%(count)s cases have no answer to “%(label)s”; the request does not add up.")


@dataclass
class Row:
    """So many cases, what the award comes to and what the union adds, in fen."""

    title: str
    cases: int = 0
    fen: int = 0
    on_top_fen: int = 0

    def add(self, cases: int, fen: int, on_top: int) -> None:
        """Count in more cases."""
        self.cases += cases
        self.fen += fen
        self.on_top_fen += on_top


@dataclass
class Breakdown:
    """The cases by one thing, the award's tier where ``label`` is empty; ``missing`` of them do
    not say it and are in no row."""

    label: str
    rows: dict[str, Row]
    missing: int = 0

    @property
    def cases(self) -> int:
        """What its rows come to."""
        return sum(row.cases for row in self.rows.values())


@dataclass
class Request:
    """``total`` of a union's cases of a window, and its breakdowns; ``unknown`` cases of which it
    is not stated what the union adds."""

    union: str
    total: Row
    breakdowns: list[Breakdown] = field(default_factory=list)
    unknown: int = 0

    def faults(self) -> Iterator[tuple[str, int]]:
        """Each breakdown that does not add up, with how many cases it lacks."""
        for each in self.breakdowns:
            if each.cases != self.total.cases:
                yield each.label, self.total.cases - each.cases


def request_of(
    session: Session,
    actor: Actor,
    programme: Programme,
    district: Organization,
    window_key: str = "",
    by: str = "",
) -> Request:
    """Count the cases of *district* that *actor* sees, of the window *window_key* if one is named,
    by tier and by the choice field *by*."""
    require(actor, "application:export")
    found = Request(district.name, Row(""))
    tiers = Breakdown("", {})
    answers = Breakdown("", {})
    for revision in programme.revisions:
        asked = next((row for row in choices_of(revision) if row.key == by), None)
        _prepare(revision, asked, tiers, answers)
        for tier, answer, cases, fen, on_top, unknown in _rows(
            session, actor, revision, district, window_key, asked
        ):
            counted = (int(cases), int(fen), int(on_top))
            found.total.add(*counted)
            found.unknown += int(unknown)
            _count(tiers, tier, counted)
            if asked is not None:
                _count(answers, answer, counted)
    found.breakdowns = [tiers, *([answers] if answers.label else [])]
    return found


def choices_of(revision: Revision) -> list[FormField]:
    """The fields of the form by which cases may be counted."""
    fields = (row for row in revision.fields if row.kind == "choice" and row.choices)
    return [row for row in fields if fact(row.key, revision) is not None]


def refuse_faults(found: Request) -> None:
    """Raise ``DoesNotAddUp`` for the first breakdown that does not."""
    for label, count in found.faults():
        raise DoesNotAddUp(label=label or Because(N_("Award tier")), count=count)


def _prepare(
    revision: Revision, asked: FormField | None, tiers: Breakdown, answers: Breakdown
) -> None:
    for row in revision.tiers:
        tiers.rows.setdefault(row.key, Row(row.title))
    if asked is not None:
        answers.label = asked.label
        for value, word in asked.choices.items():
            answers.rows.setdefault(value, Row(word))


def _count(breakdown: Breakdown, key: Any, counted: tuple[int, int, int]) -> None:
    row = breakdown.rows.get(str(key)) if key is not None else None
    if row is None:
        breakdown.missing += counted[0]
    else:
        row.add(*counted)


def _rows(
    session: Session,
    actor: Actor,
    revision: Revision,
    district: Organization,
    window_key: str,
    asked: FormField | None,
) -> Any:
    known = fact(asked.key, revision) if asked else None
    answer = known.build(revision) if known else literal(None)
    added = [part.fen for part in parts_of(revision) if part.on_top and part.payer == DISTRICT]
    on_top = sum(added, start=literal(0))
    needs = needs_of(revision) | (known.needs if known else frozenset())
    where = [
        Application.revision_id == revision.id,
        Application.district_id == district.id,
        Application.state.in_(COUNTED),
        visible(Application, actor),
    ]
    if window_key:
        windows = select(Window.id).where(Window.key == window_key)
        where.append(Application.window_id.in_(windows))
    cases = (
        select(
            Application.tier_key.label("tier"),
            answer.label("answer"),
            Application.amount_fen.label("fen"),
            on_top.label("on_top"),
        )
        .select_from(source(needs))
        .where(*where)
        .subquery()
    )
    key = (cases.c.tier, cases.c.answer)
    unknown = func.count() - func.count(cases.c.on_top)
    sums = [func.coalesce(func.sum(cases.c[name]), 0) for name in ("fen", "on_top")]
    return session.execute(select(*key, func.count(), *sums, unknown).group_by(*key))
