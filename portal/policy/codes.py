"""The codes that the compiled statement gives a condition, a bound and a case."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, exists

from models.application import Application
from models.decision import Override

HOLDS, MISSED, UNKNOWN, OVERRIDDEN = 0, 1, 2, 3
"""Of a condition or bound: it holds or does not apply; missed; not stated; passed by a person."""
FINE, ASKED, WAITS, REFUSED = 0, 1, 2, 3
"""Of a case so far, the worst last. One that waits has no place of a bound, and so takes none of
the bounds after it, as one that is only asked something may."""
NO_TIER = "tier"
"""The pseudo condition that is missed when no tier matches, and asked while one is in doubt."""


def code_column(key: str) -> str:
    """The name of the code column of a condition or bound."""
    return f"c_{key.replace('-', '_').replace('.', '_')}"


def passed_by_person(key: str, revision_id: int) -> ColumnElement[bool]:
    """Whether a person passed the finding *key* and the case is unchanged since."""
    return exists().where(
        Override.application_id == Application.id,
        Override.condition_key == key,
        Override.revision_id == revision_id,
        Override.voided_at.is_(None),
    )


def materialized(statement: Select[Any], name: str) -> CTE:
    """*statement* as a CTE that the database works out once."""
    made: CTE = statement.cte(name).prefix_with("MATERIALIZED")
    return made


def in_doubt(layer: CTE) -> ColumnElement[bool]:
    """In doubt, and no person has settled it; only an amount that is known can be settled."""
    settled = and_(layer.c.tier_passed, layer.c.tier_fen.is_not(None))
    return and_(layer.c.tier_doubt == 1, ~settled)
