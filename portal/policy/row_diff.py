"""What changed in one row of a programme's rules, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from models.base import N_
from portal.policy.row_words import Line, RowReader, RowWords
from portal.policy.term_diff import Change, TermDiff
from portal.policy.vocabulary import Say
from portal.policy.wording import Said

_APART = (
    N_("When"),
    N_("Asked when"),
    N_("Counted when"),
    N_("Only when"),
    N_("Requires"),
    N_("Choices"),
    N_("Catalogue"),
)
"""Lines of a row that are compared by what they hold, not by how they read."""


class RowDiff:
    """Sets a row of one revision against the one with its key in another."""

    def __init__(self, old: RowReader, new: RowReader) -> None:
        self.old, self.new, self.say = old, new, new.say
        self.terms = TermDiff(old.wording, new.wording)

    def changes(self, section: str, old: Any, new: Any) -> Iterator[Change]:
        """Every change from *old* to *new*, rows of *section*."""
        was, now = self.old.words(old), self.new.words(new)
        if was.title != now.title:
            yield N_("“%(old)s” reads “%(new)s” now"), {"old": was.title, "new": now.title}
        if section == "fields":
            yield from self._offers(old, new)
        yield from self._rules(old, new)
        yield from self._lines(now.title, was, now)
        if section == "tiers":
            yield from self._amount(was, now)
        else:
            yield from self._marks(now.title, was, now)
        if (reading := getattr(new, "reading", "")) and reading != getattr(old, "reading", ""):
            yield N_("“%(title)s” is read so: %(reading)s"), {
                "title": now.title, "reading": reading,
            }  # fmt: skip

    def _rules(self, old: Any, new: Any) -> Iterator[Change]:
        """Changes of what must hold, and of where the row applies."""
        if hasattr(new, "when"):
            yield from self.terms.guards(old.when or [], new.when or [])
        if hasattr(new, "require"):
            yield from self.terms.groups(old.require, new.require)

    def _lines(self, title: str, was: RowWords, now: RowWords) -> Iterator[Change]:
        """Changes of what a row reads under each heading."""
        apart = {self.say(label) for label in _APART}
        before = {line.label: line for line in was.lines if line.label not in apart}
        after = {line.label: line for line in now.lines if line.label not in apart}
        for label in dict.fromkeys([*before, *after]):
            words = [
                _said(found[label], self.say) if label in found else "" for found in (before, after)
            ]
            if words[0] != words[1]:
                told = {"title": title, "label": label, "old": words[0], "new": words[1]}
                yield _LINES[bool(label), bool(words[0]), bool(words[1])], told

    def _marks(self, title: str, was: RowWords, now: RowWords) -> Iterator[Change]:
        gone = [mark for mark in was.marks if mark not in now.marks]
        came = [mark for mark in now.marks if mark not in was.marks]
        told = {"title": title, "old": joined(gone, self.say), "new": joined(came, self.say)}
        if gone or came:
            yield _LINES[False, bool(gone), bool(came)], told

    def _amount(self, was: RowWords, now: RowWords) -> Iterator[Change]:
        if was.marks != now.marks:
            told = {"old": joined(was.marks, self.say), "new": joined(now.marks, self.say)}
            yield N_("“%(title)s” pays %(new)s, before %(old)s"), told | {"title": now.title}

    def _offers(self, old: Any, new: Any) -> Iterator[Change]:
        """Changes of what a field offers."""
        came = [word for value, word in new.choices.items() if value not in old.choices]
        gone = [word for value, word in old.choices.items() if value not in new.choices]
        told: dict[str, Any] = {"title": new.label}
        if came:
            yield (
                N_("“%(title)s” offers newly: %(names)s"),
                told | {"names": self.terms.names(came)},
            )
        if gone:
            yield (
                N_("“%(title)s” no longer offers: %(names)s"),
                told | {"names": self.terms.names(gone)},
            )
        for value, word in new.choices.items():
            if value in old.choices and old.choices[value] != word:
                renamed = {"old": old.choices[value], "new": word}
                yield N_("“%(title)s”: the choice “%(old)s” reads “%(new)s” now"), told | renamed
        if old.catalogue and new.catalogue and old.catalogue != new.catalogue:
            yield from self.terms.tables(new.label, old.catalogue, new.catalogue)


_LINES = {
    (True, True, True): N_("“%(title)s”, %(label)s: %(new)s; before: %(old)s"),
    (True, False, True): N_("“%(title)s”, %(label)s: %(new)s; before: nothing"),
    (True, True, False): N_("“%(title)s”, %(label)s: nothing; before: %(old)s"),
    (False, True, True): N_("“%(title)s”: %(new)s; before: %(old)s"),
    (False, False, True): N_("“%(title)s”, newly: %(new)s"),
    (False, True, False): N_("“%(title)s”, no longer: %(old)s"),
}
"""By whether a heading is there, and something before and after."""


def line_words(line: Line, say: Say) -> str:
    """A line of a row: its heading and what stands under it."""
    words = _said(line, say)
    return say(N_("%(label)s: %(value)s"), label=line.label, value=words) if line.label else words


def _said(line: Line, say: Say) -> str:
    return joined([_flat(item, say) for item in line.said], say)


def _flat(said: Said, say: Say) -> str:
    if not said.items:
        return said.words
    return said.words + joined([_flat(item, say) for item in said.items], say)


def joined(words: Iterable[str], say: Say) -> str:
    """*words* one after the other."""
    return say(N_("; ")).join(words)
