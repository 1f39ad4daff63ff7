"""Moments: conditions that are looked at again at a stage, or before money is paid (R036)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from models.application import Application
from models.programme import NOTE, Condition, Programme, Revision
from portal.policy.codes import MISSED, UNKNOWN, code_column
from portal.policy.judge import policy_for


def looked_at(revision: Revision, moment: str) -> list[Condition]:
    """The conditions of *revision* that are looked at again at *moment*, notes left out."""
    return [row for row in revision.conditions if moment in row.moments and row.otherwise != NOTE]


def failing(
    session: Session, programme: Programme, moment: str, cases: Select[Any]
) -> Iterator[Select[Any]]:
    """For each revision of *programme* that looks again at *moment*: the ids of those of *cases*
    that no longer pass."""
    for revision in programme.revisions:
        rows = looked_at(revision, moment)
        if not rows:
            continue
        decided = select(Application.id).where(
            Application.revision_id == revision.id, Application.id.in_(cases)
        )
        found = policy_for(session, revision, decided).statement.subquery("again")
        missed = [found.c[code_column(row.key)].in_((MISSED, UNKNOWN)) for row in rows]
        yield select(found.c.id).where(or_(*missed))
