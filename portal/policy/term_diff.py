"""What changed from one rule's terms to another's, in words: dates and limits, values, tables.

Each change is a msgid and what fills its places, already said in the language of the wordings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import select

from models.base import N_
from models.catalogue import Catalogue
from portal.policy.catalogues import compare
from portal.policy.facts import DATE
from portal.policy.operators import OPERATORS, TABLE
from portal.policy.terms import BadTerm, shape
from portal.policy.wording import Wording

Change = tuple[str, dict[str, Any]]
MOST_NAMES = 40
"""Entries of a table that are named; the rest is counted."""

_LOWER = ("on or after", "at least", "after", "more than")
_UPPER = ("on or before", "at most", "before", "less than")
_VALUES = ("is", "one of")
_MOVED = {
    ("least", True): N_("%(fact)s: no earlier than %(new)s now, before it was %(old)s"),
    ("most", True): N_("%(fact)s: no later than %(new)s now, before it was %(old)s"),
    ("least", False): N_("%(fact)s: at least %(new)s now, before it was %(old)s"),
    ("most", False): N_("%(fact)s: at most %(new)s now, before it was %(old)s"),
}
_SET = {
    ("least", True): N_("%(fact)s: no earlier than %(new)s; there was no such limit"),
    ("most", True): N_("%(fact)s: no later than %(new)s; there was no such limit"),
    ("least", False): N_("%(fact)s: at least %(new)s; there was no such limit"),
    ("most", False): N_("%(fact)s: at most %(new)s; there was no such limit"),
}
_LIFTED = {
    "least": N_("%(fact)s: %(old)s is no longer the least"),
    "most": N_("%(fact)s: %(old)s is no longer the most"),
}


class TermDiff:
    """Sets the terms of two revisions against each other."""

    def __init__(self, old: Wording, new: Wording) -> None:
        self.old, self.new, self.say = old, new, new.say

    def guards(self, old: list[Any], new: list[Any]) -> Iterator[Change]:
        """Changes of a ``when``."""
        if old and not new:
            yield N_("It no longer applies only where %(terms)s"), {"terms": _all(self.old, old)}
        elif new and not old:
            yield N_("It applies only where %(terms)s now"), {"terms": _all(self.new, new)}
        else:
            yield from self._items(old, new)

    def groups(self, old: Any, new: Any) -> Iterator[Change]:
        """Changes of a ``require``; without one a person judges."""
        if old == new:
            return
        if old is None or new is None:
            judged = self.say(N_("a person's judgement"))
            yield _replaced(
                judged if old is None else self._flat(self.old, old),
                judged if new is None else self._flat(self.new, new),
            )
            return
        try:
            (was, old_items), (now, new_items) = shape(old), shape(new)
        except BadTerm:
            was = now = ""
        if was != now or not was:
            yield _replaced(self._flat(self.old, old), self._flat(self.new, new))
        elif was == "all":
            yield from self._items(old_items, new_items)
        else:
            yield from self._counts(old, new)
            yield from self._branches(old_items, new_items)

    def tables(self, fact: str, old: str, new: str) -> Iterator[Change]:
        """One table in the place of another: what *fact* may be now, and no longer."""
        before, after = self._catalogue(old), self._catalogue(new)
        told: dict[str, Any] = {"fact": fact, "old": self.old.vocabulary.catalogue(old)}
        told["new"] = self.new.vocabulary.catalogue(new)
        if before is None or after is None:
            yield N_("%(fact)s: the table “%(new)s” takes the place of “%(old)s”"), told
            return
        found = compare(before, after)
        told |= {"was": _size(before), "now": _size(after)}
        yield (
            N_(
                "%(fact)s: the table “%(new)s” with %(now)s entries takes the place of “%(old)s” "
                "with %(was)s"
            ),
            told,
        )
        came, gone = [row.title for row in found.added], [row.title for row in found.removed]
        for message, names in (
            (N_("%(fact)s: %(count)s that count now: %(names)s"), came),
            (N_("%(fact)s: %(count)s that no longer count: %(names)s"), gone),
        ):
            if names:
                yield message, {"fact": fact, "count": len(names), "names": self.names(names)}

    def names(self, names: list[str]) -> str:
        """A list of names, the end of a long one counted."""
        rest = len(names) - MOST_NAMES
        if rest <= 0:
            return self.new.joined(names)
        return self.say(
            N_("%(names)s and %(count)s more"),
            names=self.new.joined(names[:MOST_NAMES]),
            count=rest,
        )

    def _items(self, old: list[Any], new: list[Any]) -> Iterator[Change]:
        """Changes of terms that must all hold: those of one fact are set against each other."""
        gone, came = [i for i in old if i not in new], [i for i in new if i not in old]
        for item in list(came):
            other = next((was for was in gone if _alike(was, item)), None)
            if other is not None:
                gone.remove(other)
                came.remove(item)
                yield from self._term(other, item)
        for item in came:
            yield N_("Also needed now: %(term)s"), {"term": self._flat(self.new, item)}
        for item in gone:
            yield N_("No longer needed: %(term)s"), {"term": self._flat(self.old, item)}

    def _branches(self, old: list[Any], new: list[Any]) -> Iterator[Change]:
        """Changes of ways of which one is enough: a way that shares most is the same way."""
        gone, came = [i for i in old if i not in new], [i for i in new if i not in old]
        pairs = sorted(
            (
                (_shared(was, now), -a, -b)
                for a, was in enumerate(gone)
                for b, now in enumerate(came)
            ),
            reverse=True,
        )
        met: dict[int, int] = {}
        for score, a, b in pairs:
            if score and -a not in met and -b not in met.values():
                met[-a] = -b
        for a, b in met.items():
            yield from self._way(gone[a], came[b])
        for b, item in enumerate(came):
            if b not in met.values():
                yield N_("Newly accepted: %(way)s"), {"way": self._flat(self.new, item)}
        for a, item in enumerate(gone):
            if a not in met:
                yield N_("No longer accepted: %(way)s"), {"way": self._flat(self.old, item)}

    def _way(self, old: Any, new: Any) -> Iterator[Change]:
        if isinstance(old, dict) and isinstance(new, dict):
            yield from self.groups(old, new)
        else:
            yield from self._term(old, new)

    def _counts(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        was, now = old.get("at_least"), new.get("at_least")
        if was != now:
            yield N_("At least %(new)s of the points must hold now, before %(old)s"), {
                "old": was, "new": now,
            }  # fmt: skip

    def _term(self, old: Any, new: Any) -> Iterator[Change]:
        """Changes from one term to another of the same fact."""
        if isinstance(old, dict) or isinstance(new, dict):
            yield from self.groups(old, new)
            return
        fact, was, now = str(new[0]), str(old[1]), str(new[1])
        label = self.new.vocabulary.label(fact)
        if _limits(old) and _limits(new):
            yield from self._limited(fact, label, old, new)
        elif was in _VALUES and now in _VALUES:
            yield from self._offered(fact, label, old, new)
        elif was == now and OPERATORS[now].takes == TABLE:
            yield from self.tables(label, str(old[2]), str(new[2]))
        else:
            yield _replaced(self.old.term_words(old), self.new.term_words(new))

    def _limited(self, fact: str, label: str, old: Any, new: Any) -> Iterator[Change]:
        word = self.new.vocabulary.facts.get(fact)
        is_day = word is not None and word.kind == DATE
        before, after = _limits(old), _limits(new)
        for end in ("least", "most"):
            told: dict[str, Any] = {"fact": label}
            if end in before:
                told["old"] = self.old.value(fact, before[end])
            if end in after:
                told["new"] = self.new.value(fact, after[end])
            if end in before and end in after:
                if told["old"] != told["new"]:
                    yield _MOVED[end, is_day], told
            elif end in after:
                yield _SET[end, is_day], told
            elif end in before:
                yield _LIFTED[end], told
        if set(before) == set(after) and str(old[1]) != str(new[1]) and before == after:
            yield _replaced(self.old.term_words(old), self.new.term_words(new))

    def _offered(self, fact: str, label: str, old: Any, new: Any) -> Iterator[Change]:
        was, now = (item[2] if isinstance(item[2], list) else [item[2]] for item in (old, new))
        came = [self.new.value(fact, value) for value in now if value not in was]
        gone = [self.old.value(fact, value) for value in was if value not in now]
        if came:
            yield N_("%(fact)s may also be %(values)s now"), {
                "fact": label, "values": self.new.joined(came),
            }  # fmt: skip
        if gone:
            yield N_("%(fact)s may no longer be %(values)s"), {
                "fact": label, "values": self.new.joined(gone),
            }  # fmt: skip

    def _flat(self, wording: Wording, item: Any) -> str:
        """A term, or a group on one line."""
        if not isinstance(item, dict):
            return wording.term_words(item)
        try:
            kind, items = shape(item)
        except BadTerm:
            return str(item)
        words = [self._flat(wording, each) for each in items]
        if kind == "at_least":
            told = {"count": item["at_least"], "points": wording.joined(words)}
            return self.say(N_("at least %(count)s of: %(points)s"), **told)
        return self.say(N_(" and ") if kind == "all" else N_(" or ")).join(words)

    def _catalogue(self, key: str) -> Catalogue | None:
        session = self.new.vocabulary.session
        return session.scalar(select(Catalogue).where(Catalogue.key == key))


def _all(wording: Wording, terms: list[Any]) -> str:
    return wording.say(N_(" and ")).join(wording.term_words(term) for term in terms)


def _replaced(old: str, new: str) -> Change:
    return N_("Before: %(old)s. Now: %(new)s"), {"old": old, "new": new}


def _limits(term: Any) -> dict[str, Any]:
    """The lowest and the highest value that a term allows, where it says."""
    match term:
        case [_, "between", [low, high]]:
            return {"least": low, "most": high}
        case [_, str(operator), value] if operator in _LOWER:
            return {"least": value}
        case [_, str(operator), value] if operator in _UPPER:
            return {"most": value}
    return {}


def _alike(old: Any, new: Any) -> bool:
    """Whether two items may be one that changed: terms of one fact, or groups that share some."""
    if isinstance(old, dict) or isinstance(new, dict):
        return isinstance(old, dict) and isinstance(new, dict) and _shared(old, new) > 0
    return bool(old[:1] == new[:1])


def _shared(old: Any, new: Any) -> int:
    """How much two items have in common: 2 for each same term, 1 for a term of the same fact."""
    was, now = list(_terms(old)), list(_terms(new))
    same = sum(term in now for term in was)
    facts = len({term[0] for term in was} & {term[0] for term in now})
    return 2 * same + facts if same or isinstance(old, list) else 0


def _terms(item: Any) -> Iterable[list[Any]]:
    if not isinstance(item, dict):
        return [item] if isinstance(item, list) and item else []
    try:
        return [term for each in shape(item)[1] for term in _terms(each)]
    except BadTerm:
        return []


def _size(catalogue: Catalogue) -> int:
    return sum(row.retired_on is None for row in catalogue.entries)
