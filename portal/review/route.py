"""The route of a case: its stages in order, and the words that name where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal, select, true, update
from sqlalchemy.orm import Session, selectinload

from models.application import APPROVED, DRAFT, REFUSED, RETURNED, STATES, WAITING, Application
from models.programme import Revision, Stage
from portal.policy.facts import source
from portal.policy.subjects import RECORDS
from portal.policy.terms import facts_in, guard_sql

_RECORDS = tuple(f"{record.prefix}." for record in RECORDS)
_WORDS = {WAITING: "waiting", RETURNED: "returned", REFUSED: "failed"}


def stages_of(revision: Revision, route: str) -> list[Stage]:
    """The stages that a case with *route* (``,key,key,``) walks, in order."""
    return [stage for stage in revision.stages if f",{stage.key}," in route]


def settle_routes(session: Session, revision: Revision, cases: Any) -> None:
    """Write the route of each of *cases* (a statement of ids) from its channel and facts.

    A case keeps its stage where the route still has it, and else starts at the first. A stage
    whose terms are unknown is walked: nobody passes because something was not stated.
    """
    walked = [(stage.key, _walks(stage, revision)) for stage in revision.stages]
    route: Any = literal(",")
    for key, walks in walked:
        route = route.op("||")(case((walks, f"{key},"), else_=""))
    needs = frozenset[Any]().union(
        *(f.needs for row in revision.stages for term in row.when for f in facts_in(term, revision))
    )
    found = (
        select(
            Application.id,
            route.label("route"),
            case(*_first(walked), else_=None).label("first"),
        )
        .select_from(source(needs))
        .where(Application.id.in_(cases))
        .subquery("routes")
    )
    here = func.coalesce(literal(",").op("||")(Application.stage_key).op("||")(","), "–")
    kept = case((found.c.route.contains(here), Application.stage_key), else_=found.c.first)
    session.execute(
        update(Application)
        .where(Application.id == found.c.id)
        .values(route=found.c.route, stage_key=kept)
        .execution_options(synchronize_session=False)
    )


def _first(walked: list[tuple[str, ColumnElement[bool]]]) -> list[Any]:
    """When each stage is the first one walked, as steps of a CASE."""
    return [(walks, key) for key, walks in walked] or [(false(), "")]


def _walks(stage: Stage, revision: Revision) -> ColumnElement[bool]:
    through = Application.channel.in_(stage.channels) if stage.channels else true()
    return and_(through, func.coalesce(guard_sql(stage.when, revision), true()))


def label_of(revision: Revision, state: str, stage_key: str | None) -> str:
    """The programme's own word for where a case stands; the plain state where it has none."""
    if state == APPROVED and revision.stages:
        return revision.stages[-1].words.get("passed", "")
    if state in _WORDS:
        stage = next((row for row in revision.stages if row.key == stage_key), None)
        if stage is not None:
            return stage.words.get(_WORDS[state], "")
    return revision.closing_words.get(state) or STATES[state]


def named_stage() -> ColumnElement[str | None]:
    """SQL for the stage whose words name a case: of a returned one, the stage that returned it."""
    returned = and_(Application.state == RETURNED, Application.returned_from.is_not(None))
    return case((returned, Application.returned_from), else_=Application.stage_key)


def standing_word(application: Application) -> str:
    """The programme's own word for where *application* stands (S15 手册·报名管理)."""
    key = application.stage_key
    if application.state == RETURNED:
        key = application.returned_from or key
    return label_of(application.revision, application.state, key)


def editable(application: Application) -> bool:
    """Whether the case may be edited: a draft, returned, or waiting where its stage allows it.

    The stages of S15 that are called unreviewed do (手册·报名管理).
    """
    if application.state in (DRAFT, RETURNED):
        return True
    if application.state != WAITING:
        return False
    route = stages_of(application.revision, application.route)
    return any(stage.is_editable and stage.key == application.stage_key for stage in route)


class StageBook:
    """Labels of every revision, read once: lists ask it per row without a query."""

    def __init__(self, session: Session) -> None:
        loaded = session.scalars(
            select(Revision).options(
                selectinload(Revision.programme),
                selectinload(Revision.stages),
                selectinload(Revision.windows),
                selectinload(Revision.tiers),
                selectinload(Revision.conditions),
                selectinload(Revision.bounds),
                selectinload(Revision.fields),
                selectinload(Revision.instalments),
                selectinload(Revision.allocations),
                selectinload(Revision.channels),
                selectinload(Revision.payments),
            )
        )
        self._revisions: Mapping[int, Revision] = {row.id: row for row in loaded}
        self._labels: dict[tuple[int, str, str | None], str] = {}
        self._choices: dict[int, dict[str, str]] = {}

    def revision(self, revision_id: int) -> Revision:
        """The revision with *revision_id*, its stages, tiers, conditions and bounds loaded."""
        return self._revisions[revision_id]

    def revisions(self) -> Iterable[Revision]:
        """Every revision."""
        return self._revisions.values()

    def label(self, revision_id: int, state: str, stage_key: str | None) -> str:
        """``label_of`` from memory."""
        key = (revision_id, state, stage_key)
        if key not in self._labels:
            self._labels[key] = label_of(self._revisions[revision_id], state, stage_key)
        return self._labels[key]

    def choice(self, revision_id: int, value: str) -> str:
        """The form's word for a level or class; the value itself where the form has none."""
        if revision_id not in self._choices:
            fields = self._revisions[revision_id].fields
            words = [row.choices for row in fields if row.key.startswith(_RECORDS)]
            self._choices[revision_id] = {k: v for found in words for k, v in found.items()}
        return self._choices[revision_id].get(value, value)

    def tier_title(self, revision_id: int, tier_key: str | None) -> str:
        """The title of an award tier; empty without one."""
        tiers = self._revisions[revision_id].tiers if tier_key else []
        return next((row.title for row in tiers if row.key == tier_key), "")

    def programme_code(self, programme_id: str) -> str:
        """The code of the programme with that id, or of the newest one when none has it."""
        codes = {str(row.programme_id): row.programme.code for row in self._revisions.values()}
        return codes.get(programme_id) or next(reversed(codes.values()), "")

    def title(self, stage_key: str) -> str:
        """The title of a stage, of the newest revision that has it."""
        for revision in reversed(list(self._revisions.values())):
            for stage in revision.stages:
                if stage.key == stage_key:
                    return stage.title
        return stage_key

    def stage_titles(self) -> dict[str, str]:
        """Every stage's key and title, in route order, of all programmes."""
        found: dict[str, str] = {}
        for revision in self._revisions.values():
            for stage in revision.stages:
                found[stage.key] = stage.title
        return found

    def tiers(self) -> list[tuple[str, str]]:
        """Every award tier's key and title, in the order of the programmes."""
        rows = (tier for revision in self._revisions.values() for tier in revision.tiers)
        return list({tier.key: tier.title or tier.key for tier in rows}.items())

    def acting_on(self, role: str) -> list[str]:
        """The keys of the stages at which *role* decides."""
        found = [
            stage.key
            for revision in self._revisions.values()
            for stage in revision.stages
            if stage.acts == role
        ]
        return list(dict.fromkeys(found))
