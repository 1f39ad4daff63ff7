"""What in a revision can never happen: terms that exclude each other, tiers nobody reaches.

Only what is sure without any case is said: constants against constants, and equal guards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from models.base import N_
from models.programme import Revision
from portal.policy.check import Path, Problem
from portal.policy.terms import BadTerm, shape
from portal.policy.vocabulary import Vocabulary, Word, plainly

_Place = Iterator[tuple[Path, list[Any]]]


def contradictions(session: Session, revision: Revision) -> Iterator[Problem]:
    """Every term, guard and tier of *revision* that can never hold."""
    words = Vocabulary(session, revision, plainly).facts
    found: list[Problem] = []
    for path, terms in _together(revision):
        known = [(place, term) for place, term in enumerate(terms) if _is_term(term, words)]
        for place, term in known:
            found += _alone(_at(path, place), term, words[term[0]])
        found += _excluded(path, known, words)
    for place, problem in enumerate(found):  # a term stands with each group inside its own
        if problem not in found[:place]:
            yield problem
    yield from _unreached(revision)


def _at(path: Path, place: int) -> Path:
    """The place of a term in a plain list; in a group only the group is named."""
    return (*path, place) if path[-1] == "when" else path


def _together(revision: Revision) -> _Place:
    """Every list of terms that must all hold."""
    for place, row in enumerate(revision.conditions):
        yield ("conditions", place, "when"), row.when
        yield from _of_group(("conditions", place, "require"), row.require, [])
    for place, tier in enumerate(revision.tiers):
        yield ("tiers", "rows", place, "when"), tier.when
    for section in ("fields", "attachments", "bounds", "orders", "stages", "allocations", "shares"):
        for place, row in enumerate(getattr(revision, section)):
            yield (section, place, "when"), row.when


def _of_group(path: Path, group: Any, outer: list[Any]) -> _Place:
    """The terms of a group that hold together, each with those of the group around it."""
    try:
        kind, items = shape(group)
    except BadTerm:
        return
    own = [item for item in items if isinstance(item, list)]
    if kind == "all":
        yield path, [*own, *outer]
    else:
        yield from ((path, [item, *outer]) for item in own)
    for item in items:
        if isinstance(item, dict):
            yield from _of_group(path, item, own if kind == "all" else [])


def _is_term(term: Any, words: dict[str, Word]) -> bool:
    return isinstance(term, list) and len(term) in (2, 3) and term[0] in words


def _alone(path: Path, term: list[Any], word: Word) -> Iterator[Problem]:
    """A term that no answer fits."""
    value: Any = term[2] if len(term) == 3 else None
    if term[1] in ("is", "one of") and word.choices:
        named = value if isinstance(value, list) else [value]
        for text in named:
            if isinstance(text, str) and text not in word.choices and "." not in text:
                told = {"value": text, "fact": word.label}
                yield Problem(path, N_("“%(value)s” is no answer to “%(fact)s”"), told)
    if term[1] == "between" and _are_constants(value) and value[0] > value[1]:
        yield Problem(path, N_("no value is between these two"))


def _excluded(
    path: Path, known: list[tuple[int, list[Any]]], words: dict[str, Word]
) -> Iterator[Problem]:
    """Two terms on one fact that never hold together."""
    for number, (place, term) in enumerate(known):
        for _earlier, other in known[:number]:
            if term[0] == other[0] and _never_both(term, other):
                told = {"fact": words[term[0]].label}
                message = N_("contradicts another term on “%(fact)s”")
                yield Problem(_at(path, place), message, told)


def _never_both(one: list[Any], two: list[Any]) -> bool:
    for left, right in ((one, two), (two, one)):
        if left[1] == "is empty" and right[1] != "is empty":
            return True
        if (left[1], right[1]) == ("is true", "is false"):
            return True
    allowed = [_allowed(term) for term in (one, two)]
    if allowed[0] is not None and allowed[1] is not None:
        return not allowed[0] & allowed[1]
    return _apart(_limits(one), _limits(two))


def _allowed(term: list[Any]) -> set[str] | None:
    """The only constants that *term* lets through, where it names them."""
    value: Any = term[2] if len(term) == 3 else None
    if term[1] == "is" and isinstance(value, str | int) and not _names_a_fact(value):
        return {str(value)}
    if term[1] == "one of" and isinstance(value, list) and not any(map(_names_a_fact, value)):
        return set(map(str, value))
    return None


def _names_a_fact(value: Any) -> bool:
    return not isinstance(value, str | int | float) or (isinstance(value, str) and "." in value)


_LOW = {"after": False, "on or after": True, "more than": False, "at least": True}
_HIGH = {"before": False, "on or before": True, "less than": False, "at most": True}


def _limits(term: list[Any]) -> tuple[Any, bool, Any, bool]:
    """Lowest and highest constant of *term* and whether each is included; ``None`` is open."""
    value: Any = term[2] if len(term) == 3 else None
    if term[1] == "between" and _are_constants(value):
        return value[0], True, value[1], True
    if _is_constant(value) and term[1] in _LOW:
        return value, _LOW[term[1]], None, True
    if _is_constant(value) and term[1] in _HIGH:
        return None, True, value, _HIGH[term[1]]
    return None, True, None, True


def _apart(one: tuple[Any, bool, Any, bool], two: tuple[Any, bool, Any, bool]) -> bool:
    """Whether two ranges share nothing."""
    return _above(one, two) or _above(two, one)


def _above(one: tuple[Any, bool, Any, bool], two: tuple[Any, bool, Any, bool]) -> bool:
    """Whether *one* begins where *two* has ended."""
    low, with_low, _high, _ = one
    _low, _, high, with_high = two
    if not _are_constants([low, high]):
        return False
    return bool(low > high or (low == high and not (with_low and with_high)))


def _is_constant(value: Any) -> bool:
    if isinstance(value, str):
        return value[:4].isdecimal() and value[4:5] == "-"
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_constants(value: Any) -> bool:
    """Whether *value* is two constants that can be compared."""
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_constant, value)):
        return False
    return isinstance(value[0], str) == isinstance(value[1], str)


def _unreached(revision: Revision) -> Iterator[Problem]:
    """Under "first", a tier behind one that fits whenever it does."""
    if revision.choose != "first":
        return
    for place, row in enumerate(revision.tiers):
        for earlier in revision.tiers[:place]:
            if all(term in row.when for term in earlier.when):
                message = N_("is never reached: “%(tier)s” stands before it and always fits too")
                yield Problem(("tiers", "rows", place), message, {"tier": earlier.title})
                break
