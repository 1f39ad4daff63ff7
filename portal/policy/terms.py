"""Terms and groups of terms, from JSON to SQL in three-valued logic.

A term is ``[fact, operator, value]``; a group ``{"all": […]}``, ``{"any": […]}`` or
``{"at_least": k, "of": […]}``, nested once. Unknown facts stay unknown (SQL NULL).
A value is a constant, another fact, or an object: a day moved forward ``{"from": fact,
"years": 2}``, ``{"earliest": […]}`` or ``{"latest": […]}`` of days, a fact times a ratio
``{"of": fact, "times": [1, 2]}``, a cell of a table ``{"table": key, "by": fact, "cell": column}``.

Inside a derived fact terms name ``row.<column>``: *rows* are those facts, by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, case, literal, null, or_, true

from models.base import N_, Refusal
from models.catalogue import CatalogueEntry
from models.programme import Revision
from portal.policy import operators
from portal.policy.facts import DATE, MONEY, NUMBER, TEXT, YES_NO, Fact, entry_of, fact
from portal.policy.sql_days import PERIODS, shifted
from portal.policy.sql_numbers import in_millionths, nearest, of_millionths

Sql = ColumnElement[Any]
Rows = Mapping[str, Fact]
NO_ROWS: Rows = {}


class UnknownFact(Refusal):
    """A term names a fact that does not exist."""

    message = N_("There is no fact called %(key)s")


class UnknownOperator(Refusal):
    """A term names an operator that does not exist or does not suit its fact."""

    message = N_("The operator %(operator)s does not suit the fact %(fact)s")


class BadTerm(Refusal):
    """A term or group is not of the right shape."""

    message = N_("A term reads [fact, operator, value]; this one does not: %(term)s")


def guard_sql(terms: list[Any], revision: Revision, rows: Rows = NO_ROWS) -> Sql:
    """The SQL of a ``when``: all its terms hold. An empty one always holds."""
    return and_(true(), *(term_sql(term, revision, rows) for term in terms))


def group_sql(group: dict[str, Any], revision: Revision) -> Sql:
    """The SQL of a ``require``."""
    kind, items = shape(group)
    parts = [_item_sql(item, revision) for item in items]
    if kind == "all":
        return and_(true(), *parts)
    if kind == "any":
        return or_(*parts)
    return _at_least(group["at_least"], parts)


def term_sql(term: Any, revision: Revision, rows: Rows = NO_ROWS) -> Sql:
    """The SQL of one term.

    Raises ``BadTerm``, ``UnknownFact``, ``UnknownOperator`` or ``BadValue``.
    """
    if not isinstance(term, list) or len(term) not in (2, 3):
        raise BadTerm(term=term)
    known = _known(term[0], revision, rows)
    operator = operators.OPERATORS.get(term[1]) if isinstance(term[1], str) else None
    if operator is None or known.kind not in operator.kinds:
        raise UnknownOperator(operator=term[1], fact=term[0])
    if (operator.takes == operators.NONE) != (len(term) == 2):
        raise BadTerm(term=term)
    value = None if len(term) == 2 else _value(term[2], operator, known, revision, rows)
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
    yield _known(term[0], revision, NO_ROWS)
    for key in named_in(term[2] if len(term) == 3 else None):
        named = fact(key, revision)
        if named is not None:
            yield named


def named_in(value: Any) -> Iterator[str]:
    """Every text in a term's value that may name a fact."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from named_in(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("from", "of", "by", "earliest", "latest"):
                yield from named_in(item)


def _reachable(count: Any, items: Any) -> bool:
    """Whether *count* of *items* can hold, and need not always; a bool is no count."""
    return type(count) is int and isinstance(items, list) and 1 <= count <= len(items)


def _item_sql(item: Any, revision: Revision) -> Sql:
    return group_sql(item, revision) if isinstance(item, dict) else term_sql(item, revision)


def _at_least(count: int, parts: list[Sql]) -> Sql:
    held = sum((case((part, 1), else_=0) for part in parts), start=literal(0))
    open_ = sum((case((part.is_(None), 1), else_=0) for part in parts), start=literal(0))
    return case((held >= count, true()), (held + open_ >= count, null()), else_=~true())


def _known(key: Any, revision: Revision, rows: Rows) -> Fact:
    known = (rows.get(key) or fact(key, revision)) if isinstance(key, str) else None
    if known is None or known.is_key:
        raise UnknownFact(key=key)
    return known


def _value(
    value: Any, operator: operators.Operator, known: Fact, revision: Revision, rows: Rows
) -> Any:
    if operator.takes == operators.TABLE:
        return operators.constant(value, TEXT)
    if operator.takes == operators.ONE:
        return value_sql(value, known.kind, revision, rows)
    if not isinstance(value, list) or (operator.takes == operators.TWO and len(value) != 2):
        raise operators.BadValue(value=value, kind=known.kind)
    return [value_sql(item, known.kind, revision, rows) for item in value]


def value_sql(value: Any, kind: str, revision: Revision, rows: Rows = NO_ROWS) -> Any:
    """*value* as SQL or a Python constant that a fact of *kind* compares with."""
    if isinstance(value, dict):
        return _object(value, kind, revision)
    other = (rows.get(value) or fact(value, revision)) if isinstance(value, str) else None
    if other is not None and other.kind == kind and not other.is_key:
        return other.build(revision)
    if kind == YES_NO:
        raise operators.BadValue(value=value, kind=kind)
    return operators.constant(value, kind)


def _object(value: dict[str, Any], kind: str, revision: Revision) -> Sql:
    for keys, make in _OBJECTS:
        if set(value) in keys:
            made: Sql = make(value, kind, revision)
            return made
    raise operators.BadValue(value=value, kind=kind)


def _moved(value: dict[str, Any], kind: str, revision: Revision) -> Sql:
    """A day moved forward: an earlier day plus so much, never a later one less so much."""
    (period,) = (key for key in value if key != "from")
    if kind != DATE or type(value[period]) is not int or not 0 <= value[period] <= _LONGEST:
        raise operators.BadValue(value=value, kind=kind)
    return shifted(_day(value["from"], revision), {period: value[period]})


def _extreme(value: dict[str, Any], kind: str, revision: Revision) -> Sql:
    """The earliest or latest of days; unknown while one of them is."""
    ((which, items),) = value.items()
    if kind != DATE or not isinstance(items, list) or not items:
        raise operators.BadValue(value=value, kind=kind)
    found, *others = [_day(item, revision) for item in items]
    for other in others:
        first = found <= other if which == "earliest" else found >= other
        found = case((first, found), (~first, other), else_=null())
    return found


def _day(value: Any, revision: Revision) -> Sql:
    made = value_sql(value, DATE, revision)
    return made if isinstance(made, ColumnElement) else literal(made, Date())


def _scaled(value: dict[str, Any], kind: str, revision: Revision) -> Sql:
    """A number or money fact times a ratio of whole numbers."""
    known, ratio = _known(value["of"], revision, NO_ROWS), value["times"]
    whole = isinstance(ratio, list) and [type(part) for part in ratio] == [int, int]
    if kind not in (NUMBER, MONEY) or known.kind != kind or not whole or ratio[1] <= 0:
        raise operators.BadValue(value=value, kind=kind)
    found = known.build(revision)
    if kind == NUMBER:
        return of_millionths(in_millionths(found) * ratio[0], ratio[1])
    times: Sql = found * ratio[0] / float(ratio[1])
    return times


def _cell(value: dict[str, Any], kind: str, revision: Revision) -> Sql:
    """A cell of a table's row that a fact names; yuan where it is compared with money."""
    if kind not in (NUMBER, MONEY) or not all(isinstance(item, str) for item in value.values()):
        raise operators.BadValue(value=value, kind=kind)
    known = _known(value["by"], revision, NO_ROWS)
    cell = CatalogueEntry.cells[value["cell"]].as_float()
    found = entry_of(value["table"], known.build(revision), cell)
    return nearest(found * 100) if kind == MONEY else found


_LONGEST = 40_000
_OBJECTS: tuple[tuple[tuple[set[str], ...], Any], ...] = (
    (tuple({"from", period} for period in PERIODS), _moved),
    (({"earliest"}, {"latest"}), _extreme),
    (({"of", "times"},), _scaled),
    (({"table", "by", "cell"},), _cell),
)
"""The shapes of values that are objects, and what makes SQL of each."""
