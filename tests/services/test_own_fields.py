"""Numbers and amounts that a programme adds to its form compare as they were written."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.programme import FormField, Revision
from portal.policy.terms import term_sql
from tests.conftest import City
from tests.support.cases import cells, entered, published


@pytest.mark.parametrize(
    ("kind", "stored", "term", "holds"),
    [
        ("number", 2.5, ["field.own", "more than", 2.4], True),
        ("number", 2.5, ["field.own", "at most", 2], False),
        ("number", 3, ["field.own", "is", 3], True),
        ("money", 800, ["field.own", "is", 800], True),
        ("money", 19.99, ["field.own", "is", 19.99], True),
        ("money", 799.99, ["field.own", "at least", 800], False),
    ],
)
def test_a_stored_answer_compares_as_written(
    session: Session, city: City, kind: str, stored: Any, term: list[Any], holds: bool
) -> None:
    clerk = city.person("clerk", "grass-roots", "D1-1")
    [case_id] = entered(session, clerk, published(session), [cells(city.union("D1-1"), 1)])
    case = session.get_one(Application, case_id)
    case.fields = {"own": stored}
    session.flush()
    own = FormField(position=1, key="field.own", section="s", label="l", kind=kind)
    revision = Revision(number=9, fields=[own])
    with session.no_autoflush:
        found = session.scalar(select(term_sql(term, revision)).where(Application.id == case_id))
    assert bool(found) is holds
