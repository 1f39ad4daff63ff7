"""Explaining one case with the same statement that judges a million."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.decision import Override
from models.programme import NOTE, REFUSE, AwardTier, Bound, Condition, Revision
from portal.policy.codes import (
    HOLDS,
    MISSED,
    NO_TIER,
    OVERRIDDEN,
    UNKNOWN,
    code_column,
)
from portal.policy.compile import rules_of
from portal.policy.facts import MONEY, Fact, source
from portal.policy.judge import judged_alone
from portal.policy.pack_rows import to_yuan
from portal.policy.terms import facts_in, terms_in

STATES = {HOLDS: "passed", MISSED: "missed", UNKNOWN: "unknown", OVERRIDDEN: "overridden"}


@dataclass(frozen=True)
class Passed:
    """Who passed a condition that asks, when, and why."""

    name: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class Finding:
    """One condition, bound or the tier on one case.

    ``state`` is passed, missed, unknown or overridden; ``outcome`` what missing it does;
    ``facts`` pairs of a label (msgid or the programme's own word) and the stored value.
    """

    key: str
    clause: str
    says: str
    outcome: str
    state: str
    facts: list[tuple[str, Any]]
    reading: str = ""
    override: Passed | None = None


@dataclass(frozen=True)
class Explanation:
    """Why one case is judged as it is. ``amount_fen`` is 0 when it is not eligible."""

    number: str
    verdict: str
    tier: str | None
    tier_clause: str
    amount_fen: int
    findings: list[Finding]


def explain(session: Session, application: Application) -> Explanation | None:
    """Judge *application* alone and say why; ``None`` before it is submitted or once refused."""
    revision = application.revision
    row = judged_alone(session, application)
    if row is None:
        return None
    tier = next((item for item in revision.tiers if item.key == row["tier_key"]), None)
    return Explanation(
        number=application.number,
        verdict=row["verdict"],
        tier=tier.title if tier else None,
        tier_clause=tier.clause if tier else "",
        amount_fen=int(row["amount_fen"]),
        findings=list(_findings(session, application, revision, row)),
    )


def _findings(
    session: Session, application: Application, revision: Revision, row: dict[str, Any]
) -> Iterator[Finding]:
    passed = _overrides(session, application)
    for condition in rules_of(revision):
        used = _condition_facts(condition, revision)
        yield Finding(
            condition.key,
            condition.clause,
            condition.says,
            condition.otherwise,
            STATES[row[code_column(condition.key)]],
            _values(session, application, revision, used),
            condition.reading,
            passed.get(condition.key),
        )
    if row["tier_key"] is None:
        yield _no_tier(session, application, revision)
    for bound in revision.bounds:
        yield _bound_finding(bound, row)


def _no_tier(session: Session, application: Application, revision: Revision) -> Finding:
    used = _named(revision, [term for tier in revision.tiers for term in tier.when])
    values = _values(session, application, revision, used)
    return Finding(NO_TIER, _clauses(revision.tiers), "", REFUSE, "missed", values)


def _clauses(tiers: list[AwardTier]) -> str:
    return "、".join(dict.fromkeys(tier.clause for tier in tiers if tier.clause))


def _bound_finding(bound: Bound, row: dict[str, Any]) -> Finding:
    state = STATES[row[code_column(bound.key)]]
    outcome = bound.over or NOTE
    return Finding(bound.key, bound.clause, bound.says, outcome, state, [], bound.reading)


def _overrides(session: Session, application: Application) -> dict[str, Passed]:
    rows = session.scalars(
        select(Override).where(
            Override.application_id == application.id, Override.voided_at.is_(None)
        )
    )
    return {
        row.condition_key: Passed(row.account.name if row.account else "", row.made_at, row.reason)
        for row in rows
    }


def _condition_facts(condition: Condition, revision: Revision) -> list[Fact]:
    return _named(revision, [*condition.when, *terms_in(condition.require)])


def _named(revision: Revision, terms: list[Any]) -> list[Fact]:
    used = {named.key: named for term in terms for named in facts_in(term, revision)}
    return list(used.values())


def _values(
    session: Session, application: Application, revision: Revision, facts: list[Fact]
) -> list[tuple[str, Any]]:
    if not facts:
        return []
    needs = frozenset[type]().union(*(item.needs for item in facts))
    statement = (
        select(*(item.build(revision).label(f"f_{n}") for n, item in enumerate(facts)))
        .select_from(source(needs))
        .where(Application.id == application.id)
    )
    row = session.execute(statement).one()
    return [
        (item.label, _shown(item, value, revision)) for item, value in zip(facts, row, strict=True)
    ]


def _shown(item: Fact, value: Any, revision: Revision) -> Any:
    """A stored code as the programme's form words it, money in yuan; anything else as it is."""
    for row in revision.fields:
        if row.key == item.key and value in row.choices:
            return row.choices[value]
    if item.kind == MONEY and value is not None:
        return to_yuan(int(value))
    return value.isoformat() if isinstance(value, date) else value
