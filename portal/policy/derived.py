"""Derived facts: what the rows of a table field or earlier cases add up to.

A row's columns are ``row.<column>`` in its terms, and so is what is known of an earlier case.
Both are counted by correlated statements, so that a derived fact serves one case and a million.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Date, case, cast, exists, func, literal, null, or_, select
from sqlalchemy.orm import aliased

from models.applicant import Applicant
from models.application import APPROVED, PAID, WAITING, Application, ListRow
from models.base import N_
from models.evidence import PastAward
from models.programme import DerivedFact, FormField, Programme, Revision, Stage
from models.project import Project
from portal.policy.facts import CODE, DATE, MONEY, NUMBER, YES_NO, Fact, fact, form_value
from portal.policy.sql_numbers import in_millionths, of_millionths
from portal.policy.terms import facts_in, guard_sql

Sql = ColumnElement[Any]
EARLIER = "earlier"
_KINDS = {"count": NUMBER, "share": NUMBER, "exists": YES_NO}


def derived_fact(row: DerivedFact, revision: Revision) -> Fact:
    """*row* as a fact; its kind follows from what it takes."""
    kind = _KINDS.get(row.take) or _sum_kind(row, revision)
    build = _of_earlier if row.of == EARLIER else _of_rows
    needs = frozenset().union(*(named.needs for named in _of_the_case(row, revision)))
    return Fact(row.key, row.title, kind, lambda revision: build(row, revision), needs)


def row_facts(row: DerivedFact, revision: Revision) -> dict[str, Fact]:
    """The facts that the terms of *row* may name, by key: ``row.<column>``."""
    if row.of == EARLIER:
        return _EARLIER
    return {item.key: item for item in _columns(row, revision)}


def _of_the_case(row: DerivedFact, revision: Revision) -> list[Fact]:
    """The facts of the case itself that *row* reads."""
    named = [item for term in row.self_when or () for item in facts_in(term, revision)]
    keys = (fact(key, revision) for key in row.per)
    return named + [item for item in keys if item is not None]


def _sum_kind(row: DerivedFact, revision: Revision) -> str:
    found = row_facts(row, revision).get(str(row.column)) if row.take == "sum" else None
    return MONEY if found is not None and found.kind == MONEY else NUMBER


def _columns(row: DerivedFact, revision: Revision) -> list[Fact]:
    table = next((item for item in revision.fields if item.key == row.of), None)
    return [_cell(column) for column in (table.columns if table else ())]


def _cell(column: dict[str, Any]) -> Fact:
    shape = FormField(key=column["key"], kind=column["kind"])
    kind, read = form_value(shape, ListRow.cells[column["key"]])
    return Fact(f"row.{column['key']}", column["label"], kind, lambda _revision: read)


def _of_rows(row: DerivedFact, revision: Revision) -> Sql:
    matches = guard_sql(row.when, revision, row_facts(row, revision))
    one: Any = case((matches, 1), else_=0)
    if row.take == "sum":
        summed = row_facts(row, revision)[str(row.column)]
        value = summed.build(revision)
        if summed.kind == MONEY:
            return _over_rows(row, func.sum(case((matches, value), else_=0)))
        parts = _over_rows(row, func.sum(case((matches, in_millionths(value)), else_=0)))
        return of_millionths(parts)
    found, every = _over_rows(row, func.sum(one)), _over_rows(row, func.count())
    if row.self_when is not None:
        found += case((guard_sql(row.self_when, revision), 1), else_=0)
        every += 1
    if row.take == "exists":
        return found > 0
    return found if row.take == "count" else 100.0 * found / func.nullif(every, 0)


def _over_rows(row: DerivedFact, value: Any) -> Sql:
    chosen = (
        select(func.coalesce(value, 0))
        .select_from(ListRow)
        .where(ListRow.application_id == Application.id, ListRow.field == row.of)
        .correlate(Application)
    )
    return chosen.scalar_subquery()


def _of_earlier(row: DerivedFact, revision: Revision) -> Sql:
    """Over awarded cases of the family's other programmes that share the facts ``per``.

    Whoever waits to be accepted was awarded, too.
    """
    taken: Any = func.count()
    if row.take == "sum":
        taken = func.coalesce(func.sum(_EARLIER[str(row.column)].build(revision)), 0)
    # a pack that is only looked at belongs to no programme yet
    name = revision.programme.family if revision.programme else ""
    family = select(Programme.id).where(Programme.family == name)
    counted = (
        select(taken)
        .select_from(_CASE)
        .join(_PROGRAMME, _PROGRAMME.id == _CASE.programme_id)
        .join(_PERSON, _PERSON.id == _CASE.applicant_id)
        .outerjoin(_PROJECT, _PROJECT.id == _CASE.project_id)
        .where(
            _CASE.programme_id.in_(family),
            _CASE.programme_id != Application.programme_id,
            or_(_CASE.state.in_((APPROVED, PAID)), _at_acceptance()),
            *(_SHARED[key] == _case_key(key, revision) for key in row.per),
            guard_sql(row.when, revision, _EARLIER),
        )
        .correlate(Application, Applicant)
        .scalar_subquery()
    )
    every = counted + _of_past(row, revision, name)
    return every > 0 if row.take == "exists" else every


def _of_past(row: DerivedFact, revision: Revision, family: str) -> Sql:
    """The same over payments from before the system; of what they do not keep nothing is known."""
    shared: list[Any] = [_PAST_SHARED.get(key) for key in row.per]
    if any(column is None for column in shared):
        return literal(0)
    taken: Any = func.count()
    if row.take == "sum":
        taken = func.coalesce(func.sum(_PAST_EARLIER[str(row.column)].build(revision)), 0)
    own = PastAward.programme_id
    return (
        select(taken)
        .where(
            PastAward.family == family,
            or_(own.is_(None), own != Application.programme_id),
            *(
                column == _case_key(key, revision)
                for column, key in zip(shared, row.per, strict=True)
            ),
            guard_sql(row.when, revision, _PAST_EARLIER),
        )
        .correlate(Application, Applicant)
        .scalar_subquery()
    )


def _at_acceptance() -> Sql:
    """Whether all that is left of an earlier case is that its results are accepted."""
    return exists().where(
        _CASE.state == WAITING,
        Stage.revision_id == _CASE.revision_id,
        Stage.key == _CASE.stage_key,
        Stage.kind == "acceptance",
    )


def _case_key(key: str, revision: Revision) -> Sql:
    found = fact(key, revision)
    assert found is not None
    return found.build(revision)


_CASE: Any = aliased(Application, name="earlier_case")
_PERSON: Any = aliased(Applicant, name="earlier_person")
_PROJECT: Any = aliased(Project, name="earlier_project")
_PROGRAMME: Any = aliased(Programme, name="earlier_programme")
_SHARED = {
    "person": _PERSON.id_number_index,
    "claim": _CASE.claim_key,
    "studio": _CASE.studio_id,
    "unit": _CASE.organization_id,
    "district": _CASE.district_id,
}
"""The key facts that an earlier case can share."""


def _earlier(key: str, label: str, kind: str, column: Any) -> Fact:
    return Fact(f"row.{key}", label, kind, lambda _revision: column)


_EARLIER = {
    item.key: item
    for item in (
        _earlier("year", N_("Year"), NUMBER, _PROGRAMME.year),
        _earlier("tier", N_("Award tier"), CODE, _CASE.tier_key),
        _earlier("amount", N_("Amount (yuan)"), MONEY, _CASE.amount_fen),
        _earlier("submitted_on", N_("Submitted on"), DATE, _CASE.submitted_on),
        _earlier("accepted_on", N_("Accepted on"), DATE, _PROJECT.accepted_on),
    )
}
"""What the terms of a derived fact of earlier cases may name."""
_PAST_SHARED = {
    "person": PastAward.id_number_index,
    "claim": PastAward.claim_key,
    "unit": PastAward.organization_id,
    "district": PastAward.district_id,
}
_PAST_EARLIER = _EARLIER | {
    item.key: item
    for item in (
        _earlier("year", N_("Year"), NUMBER, PastAward.year),
        _earlier("tier", N_("Award tier"), CODE, PastAward.level),
        _earlier("amount", N_("Amount (yuan)"), MONEY, PastAward.amount_fen),
        _earlier("submitted_on", N_("Submitted on"), DATE, cast(null(), Date)),
        _earlier("accepted_on", N_("Accepted on"), DATE, cast(null(), Date)),
    )
}
"""The same of a payment from before the system: the level stands for the tier."""
SHARED = tuple(_SHARED)
