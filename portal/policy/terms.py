"""Terms and groups of terms, from JSON to SQL in three-valued logic.

A term is ``[fact, operator, value]``; a group ``{"all": […]}``, ``{"any": […]}`` or
``{"at_least": k, "of": […]}``, nested once. Unknown facts stay unknown (SQL NULL).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, null, or_, true

from models.base import N_, Refusal
from models.programme import Revision
from portal.policy import operators
from portal.policy.facts import TEXT, YES_NO, Fact, fact

Sql = ColumnElement[Any]


class UnknownFact(Refusal):
    """A term names a fact that does not exist."""

    message = N_("There is no fact called %(key)s")


class UnknownOperator(Refusal):
    """A term names an operator that does not exist or does not suit its fact."""

    message = N_("The operator %(operator)s does not suit the fact %(fact)s")


class BadTerm(Refusal):
    """A term or group is not of the right shape."""

    message = N_("A term reads [fact, operator, value]; this one does not: %(term)s")


def guard_sql(terms: list[Any], revision: Revision) -> Sql:
    """The SQL of a ``when``: all its terms hold. An empty one always holds."""
    return and_(true(), *(term_sql(term, revision) for term in terms))


def group_sql(group: dict[str, Any], revision: Revision) -> Sql:
    """The SQL of a ``require``."""
    kind, items = shape(group)
    parts = [_item_sql(item, revision) for item in items]
    if kind == "all":
        return and_(true(), *parts)
    if kind == "any":
        return or_(*parts)
    return _at_least(group["at_least"], parts)


def term_sql(term: Any, revision: Revision) -> Sql:
    """The SQL of one term.

    Raises ``BadTerm``, ``UnknownFact``, ``UnknownOperator`` or ``BadValue``.
    """
    if not isinstance(term, list) or len(term) not in (2, 3):
        raise BadTerm(term=term)
    known = _known(term[0], revision)
    operator = operators.OPERATORS.get(term[1]) if isinstance(term[1], str) else None
    if operator is None or known.kind not in operator.kinds:
        raise UnknownOperator(operator=term[1], fact=term[0])
    if (operator.takes == operators.NONE) != (len(term) == 2):
        raise BadTerm(term=term)
    value = None if len(term) == 2 else _value(term[2], operator, known, revision)
    return operator.build(known.build(revision), value)


def shape(group: Any) -> tuple[str, list[Any]]:
    """The kind of a group (``all``, ``any``, ``at_least``) and its items; raises ``BadTerm``."""
    if isinstance(group, dict):
        if set(group) == {"at_least", "of"} and _reachable(group["at_least"], group["of"]):
            return "at_least", group["of"]
        for kind in ("all", "any"):
            if set(group) == {kind} and isinstance(group[kind], list) and group[kind]:
                return kind, group[kind]
    raise BadTerm(term=group)


def terms_in(group: dict[str, Any] | None) -> Iterator[list[Any]]:
    """Every term of a group, nested ones included, in order."""
    if group is None:
        return
    for item in shape(group)[1]:
        if isinstance(item, dict):
            yield from terms_in(item)
        else:
            yield item


def facts_in(term: list[Any], revision: Revision) -> Iterator[Fact]:
    """The facts that *term* reads: its own, and any that its value names."""
    yield _known(term[0], revision)
    values = term[2] if len(term) == 3 else ()
    for value in values if isinstance(values, list) else (values,):
        named = fact(value, revision) if isinstance(value, str) else None
        if named is not None:
            yield named


def _reachable(count: Any, items: Any) -> bool:
    """Whether *count* of *items* can hold, and need not always; a bool is no count."""
    return type(count) is int and isinstance(items, list) and 1 <= count <= len(items)


def _item_sql(item: Any, revision: Revision) -> Sql:
    return group_sql(item, revision) if isinstance(item, dict) else term_sql(item, revision)


def _at_least(count: int, parts: list[Sql]) -> Sql:
    held = sum((case((part, 1), else_=0) for part in parts), start=literal(0))
    open_ = sum((case((part.is_(None), 1), else_=0) for part in parts), start=literal(0))
    return case((held >= count, true()), (held + open_ >= count, null()), else_=~true())


def _known(key: Any, revision: Revision) -> Fact:
    known = fact(key, revision) if isinstance(key, str) else None
    if known is None or known.is_key:
        raise UnknownFact(key=key)
    return known


def _value(value: Any, operator: operators.Operator, known: Fact, revision: Revision) -> Any:
    if operator.takes == operators.TABLE:
        return operators.constant(value, TEXT)
    if operator.takes == operators.ONE:
        return _single(value, known, revision)
    if not isinstance(value, list) or (operator.takes == operators.TWO and len(value) != 2):
        raise operators.BadValue(value=value, kind=known.kind)
    return [_single(item, known, revision) for item in value]


def _single(value: Any, known: Fact, revision: Revision) -> Any:
    other = fact(value, revision) if isinstance(value, str) else None
    if other is not None and other.kind == known.kind and not other.is_key:
        return other.build(revision)
    if known.kind == YES_NO:
        raise operators.BadValue(value=value, kind=known.kind)
    return operators.constant(value, known.kind)
