"""Terms and groups in words, as staff read them in the notice: no keys, no operators' names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from models.base import N_
from portal.policy.facts import DATE, MONEY
from portal.policy.operators import MANY, OPERATORS, TABLE, TWO
from portal.policy.terms import BadTerm, shape
from portal.policy.vocabulary import Vocabulary, Word

STEPS = {
    "days": N_("%(count)s days after %(day)s"),
    "months": N_("%(count)s months after %(day)s"),
    "years": N_("%(count)s years after %(day)s"),
}
"""How a day moves forward."""
_KINDS = {"all": N_("all of:"), "any": N_("any of:"), "at_least": N_("at least %(count)s of:")}


@dataclass(frozen=True)
class Said:
    """A sentence; what belongs to it stands beneath, in ``items``."""

    words: str
    items: tuple[Said, ...] = ()


class Wording:
    """Says the rules of one revision in the words of its *vocabulary*."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.say = vocabulary, vocabulary.say

    def terms(self, terms: Iterable[Any]) -> tuple[Said, ...]:
        """Every term of a ``when``, which all must hold."""
        return tuple(Said(self.term_words(term)) for term in terms)

    def group_words(self, group: Any) -> Said:
        """A ``require``: how many must hold, and beneath it what."""
        try:
            kind, items = shape(group)
        except BadTerm:
            return Said(str(group))
        lead = self.say(_KINDS[kind], count=group.get("at_least", ""))
        return Said(lead, tuple(self._item(item) for item in items))

    def term_words(self, term: Any) -> str:
        """One term as a sentence; one of a wrong shape as it stands."""
        match term:
            case [str(key), str(name), *values] if name in OPERATORS and len(values) < 2:
                label, operator = self.vocabulary.label(key), OPERATORS[name]
                verb = self.say(operator.label)
                if not values:
                    return self.say(N_("%(fact)s %(verb)s"), fact=label, verb=verb)
                value = self._values(key, operator.takes, values[0])
                return self.say(
                    N_("%(fact)s %(verb)s %(value)s"), fact=label, verb=verb, value=value
                )
        return str(term)

    def value(self, key: str, value: Any) -> str:
        """What the fact *key* is compared with: a word, a day, yuan, another fact, a sum."""
        word = self.vocabulary.facts.get(key)
        if isinstance(value, dict):
            return self._worked_out(key, value)
        other = self.vocabulary.facts.get(value) if isinstance(value, str) else None
        if other is not None and word is not None and self._are_alike(other, word):
            return other.label
        if word is not None and word.kind == MONEY:
            return self.yuan(value)
        if (word is not None and word.kind == DATE) or not isinstance(value, str):
            return str(value)
        return self.quoted(word.choices.get(value, value) if word else value)

    @staticmethod
    def _are_alike(other: Word, word: Word) -> bool:
        """Whether the compiler would take *other* for a fact to compare *word* with."""
        return other.kind == word.kind and not other.is_key

    def quoted(self, text: str) -> str:
        """*text* marked as a word of the programme."""
        return self.say(N_("“%(text)s”"), text=text)

    def yuan(self, value: Any) -> str:
        """An amount as a pack writes it."""
        shown = f"{value:,}" if isinstance(value, int | float) else value
        return self.say(N_("%(amount)s yuan"), amount=shown)

    def joined(self, words: Iterable[str]) -> str:
        """A list of words."""
        return self.say(N_(", ")).join(words)

    def _item(self, item: Any) -> Said:
        return self.group_words(item) if isinstance(item, dict) else Said(self.term_words(item))

    def _values(self, key: str, takes: str, value: Any) -> str:
        if takes == TABLE:
            return self.quoted(self.vocabulary.catalogue(str(value)))
        if takes in (TWO, MANY) and isinstance(value, list):
            words = [self.value(key, item) for item in value]
            if takes == TWO and len(words) == 2:
                return self.say(N_("%(low)s and %(high)s"), low=words[0], high=words[1])
            return self.joined(words)
        return self.value(key, value)

    def _worked_out(self, key: str, value: dict[str, Any]) -> str:
        label = self.vocabulary.label
        match value:
            case {"from": str(day), **steps} if len(steps) == 1 and set(steps) <= set(STEPS):
                ((unit, count),) = steps.items()
                return self.say(STEPS[unit], count=count, day=label(day))
            case {"earliest": list(days)}:
                return self.say(N_("the earliest of %(days)s"), days=self._list(key, days))
            case {"latest": list(days)}:
                return self.say(N_("the latest of %(days)s"), days=self._list(key, days))
            case {"of": str(other), "times": [n, d]}:
                return self.say(N_("%(n)s/%(d)s of %(fact)s"), n=n, d=d, fact=label(other))
            case {"table": str(table), "by": str(by), "cell": cell}:
                return self.cell(table, by, cell)
        return str(value)

    def cell(self, table: str, by: str, cell: Any) -> str:
        """A cell of a catalogue's row, looked up by a fact."""
        return self.say(
            N_("“%(cell)s” in the table “%(table)s” by %(fact)s"),
            cell=cell,
            table=self.vocabulary.catalogue(table),
            fact=self.vocabulary.label(by),
        )

    def _list(self, key: str, values: list[Any]) -> str:
        return self.joined(self.value(key, item) for item in values)
