"""What the rules of a revision may be said in: its facts with their choices, and catalogues.

The words are those of the programme's own form where it asks for a fact, so that a rule reads
like the paper. ``say`` translates a msgid; services know no language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import PAYEE_KINDS
from models.base import N_
from models.catalogue import Catalogue, CatalogueEntry
from models.evidence import CHECKED, RESULTS, UNCHECKED
from models.organization import KINDS as ORGANIZATION_KINDS
from models.programme import FormField, Revision
from portal.policy.facts import CODE, DATE, MONEY, NUMBER, TEXT, YES_NO, Fact, facts_of
from portal.policy.subjects import RECORDS

Say = Callable[..., str]

ROW = "row."
"""Prefix of the columns of a table field, which derived facts count by."""
REGISTRY_RESULTS = {code: word for code, word in RESULTS.items() if code != UNCHECKED}
"""What a registry fact can be; one that nobody could check is empty."""
MOST_CHOICES = 200
"""Longer catalogues are typed, not chosen from."""

GROUPS = {
    "application": N_("Application"),
    "window": N_("Window"),
    "applicant": N_("Applicant"),
    "certificate": N_("Certificate"),
    "patent": N_("Patent"),
    "studio": N_("Studio"),
    "project": N_("Project"),
    "unit": N_("Unit"),
    "organization": N_("Unit"),
    "district": N_("District or bureau union"),
    "payee": N_("Payment"),
    "registry": N_("Registry check"),
    "duplicates": N_("Looks duplicate"),
    "notice": N_("Public notice"),
    "field": N_("The programme's own fields"),
    "list": N_("Derived facts"),
    "attachment": N_("Attachments"),
    "award": N_("Award"),
}
_KINDS = {"number": NUMBER, "money": MONEY, "yes_no": YES_NO, "date": DATE, "choice": CODE}


@dataclass(frozen=True)
class Word:
    """One fact as staff read it. ``choices`` maps stored values to words, empty when typed."""

    key: str
    label: str
    kind: str
    group: str
    choices: dict[str, str] = field(default_factory=dict)
    is_key: bool = False

    @property
    def row(self) -> bool:
        """Whether it is a column of a table field, which only derived facts read."""
        return self.key.startswith(ROW)


def plainly(message: str, /, **params: Any) -> str:
    """*message* as it is, *params* put in: a ``Say`` where nobody chose a language."""
    return message % params if params else message


class Vocabulary:
    """The facts of one revision by key, and the titles of all catalogues."""

    def __init__(self, session: Session, revision: Revision, say: Say) -> None:
        self.session, self.revision, self.say = session, revision, say
        self._fields = {row.key: row for row in revision.fields}
        self.catalogues = _catalogues(session)
        self._ranked = _ranked(session)
        self.facts = {word.key: word for word in (*self._facts(), *self._columns())}

    def label(self, key: str) -> str:
        """What the fact *key* is called; its key where nobody gave it a name."""
        word = self.facts.get(key)
        return word.label if word else key

    def stage(self, key: str) -> str:
        """The title of the stage *key*."""
        return self._title(self.revision.stages, key)

    def channel(self, key: str) -> str:
        """The title of the channel *key*."""
        return self._title(self.revision.channels, key)

    def tier(self, key: str) -> str:
        """The title of the tier *key*."""
        return self._title(self.revision.tiers, key)

    def catalogue(self, key: str) -> str:
        """The title of the catalogue *key*."""
        return self.catalogues.get(key, key)

    @staticmethod
    def _title(rows: list[Any], key: str) -> str:
        return next((row.title or key for row in rows if row.key == key), key)

    def _facts(self) -> Iterator[Word]:
        for item in facts_of(self.revision).values():
            word = self._word(item)
            yield word
            yield from self._read_of(word)

    def _read_of(self, word: Word) -> Iterator[Word]:
        """What may be read of *word* besides itself: its rank in a table, the length of a text."""
        row = self._fields.get(word.key)
        if row is not None and row.kind in ("text", "long_text") and word.kind == TEXT:
            said = self.say(N_("%(fact)s, its length"), fact=word.label)
            yield Word(f"{word.key}.length", said, NUMBER, word.group)
        for table, titles in self._ranked.items() if word.kind == CODE else ():
            if titles & set(word.choices):
                told = {"fact": word.label, "table": self.catalogue(table)}
                said = self.say(N_("%(fact)s, its rank in “%(table)s”"), **told)
                yield Word(f"{word.key}@{table}", said, NUMBER, word.group)

    def _word(self, item: Fact) -> Word:
        row = self._fields.get(item.key)
        label = row.label if row else self.say(item.label)
        prefix = item.key.partition(".")[0]
        group = self.say(GROUPS.get(prefix, N_("Other")))
        return Word(item.key, label, item.kind, group, self._choices(item.key), item.is_key)

    def _choices(self, key: str) -> dict[str, str]:
        if key == "application.channel":
            return {row.key: row.title for row in self.revision.channels}
        row = self._fields.get(_ASKED_AS.get(key, key))
        if row is None:
            return {k: self.say(v) for k, v in _built_in(key).items()}
        return dict(row.choices) or self._entries(row.catalogue)

    def _entries(self, key: str | None) -> dict[str, str]:
        """The titles of a catalogue's entries, which is what cases store."""
        if not key:
            return {}
        titles = self.session.scalars(
            select(CatalogueEntry.title)
            .join(Catalogue)
            .where(Catalogue.key == key, CatalogueEntry.retired_on.is_(None))
            .order_by(CatalogueEntry.position)
            .limit(MOST_CHOICES + 1)
        ).all()
        return {title: title for title in titles} if len(titles) <= MOST_CHOICES else {}

    def _columns(self) -> Iterator[Word]:
        """The columns of every table field; those of one name are one word."""
        for row in self._fields.values():
            for column in row.columns or ():
                yield self._column(row, column)

    @staticmethod
    def _column(row: FormField, column: dict[str, Any]) -> Word:
        kind = _KINDS.get(str(column.get("kind")), TEXT)
        label = str(column.get("label") or column.get("key"))
        return Word(f"{ROW}{column.get('key')}", label, kind, row.label, column.get("choices", {}))


def _built_in(key: str) -> dict[str, str]:
    """The words of a fact's codes where the tables themselves have some."""
    prefix, _dot, name = key.partition(".")
    for record in RECORDS:
        if record.prefix == prefix and name in record.columns:
            info = getattr(record.entity, record.columns[name]).info
            return dict(info.get("choices", {}))
    return _BUILT_IN.get(key, {})


_ASKED_AS = {"unit.nature": "organization.nature", "unit.industry": "organization.industry"}
"""Facts whose field in the form has another key."""
_BUILT_IN: dict[str, dict[str, str]] = {
    "district.kind": ORGANIZATION_KINDS,
    "applicant.sex": {"female": N_("Female"), "male": N_("Male")},
    "payee.kind": PAYEE_KINDS,
    **dict.fromkeys((f"registry.{kind}" for kind in CHECKED), REGISTRY_RESULTS),
}


def _catalogues(session: Session) -> dict[str, str]:
    rows = session.execute(select(Catalogue.key, Catalogue.title).order_by(Catalogue.title))
    return {str(key): str(title) for key, title in rows}


def _ranked(session: Session) -> dict[str, set[str]]:
    """Catalogues whose entries have ranks, with the codes and titles of those entries."""
    rows = session.execute(
        select(Catalogue.key, CatalogueEntry.code, CatalogueEntry.title)
        .join(CatalogueEntry)
        .where(CatalogueEntry.rank.is_not(None), CatalogueEntry.retired_on.is_(None))
    )
    found: dict[str, set[str]] = {}
    for key, code, title in rows:
        found.setdefault(key, set()).update((code, title))
    return found
