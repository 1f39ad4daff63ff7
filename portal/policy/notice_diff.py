"""What changed from one programme's rules to another's, in sentences a clerk reads.

Keys, clause numbers and the places of rows are for ``pack_diff``; here stands what somebody who
knew last year's notice must learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from models.base import N_
from models.programme import CHOOSE, CLAIM_SPANS, Programme, Revision
from portal.policy.pack_rows import SECTIONS, fill
from portal.policy.row_diff import RowDiff, joined, line_words
from portal.policy.row_words import RowReader
from portal.policy.vocabulary import Say, Vocabulary, plainly

NOTICE = ""
"""The section of what is said of the whole programme."""
_ORDERED = ("bounds", "orders", "stages", "allocations", "shares", "instalments", "payments")
_RECALLED = ("windows", "tiers")
"""Sections of whose rows more than the title is told when they are gone."""


@dataclass(frozen=True)
class Sentence:
    """One change. ``section`` is a section of a pack or empty, ``key`` and ``clause`` the row's.

    ``message`` is a msgid; ``params`` fill it, in the language they were said in. ``title`` names
    the row where a sentence does not.
    """

    section: str
    key: str
    clause: str
    message: str
    params: dict[str, Any]
    title: str = ""


@dataclass(frozen=True)
class Group:
    """Sentences of one section that speak of one row, or of none where ``title`` is empty."""

    section: str
    title: str
    clause: str
    sentences: list[Sentence]


def grouped(found: list[Sentence]) -> list[Group]:
    """*found* row by row, in its order."""
    groups: list[Group] = []
    for each in found:
        clause = each.clause if each.title else ""
        last = groups[-1] if groups else None
        if last and (last.section, last.title, last.clause) == (each.section, each.title, clause):
            last.sentences.append(each)
        else:
            groups.append(Group(each.section, each.title, clause, [each]))
    return groups


def sentences(
    session: Session, old: dict[str, Any], new: dict[str, Any], say: Say = plainly
) -> list[Sentence]:
    """What changed from the pack document *old* to *new*, in the order of a pack's sections.

    Clause numbers, hints of the form's order and keys are not told. *say* translates the words
    that fill the places of a sentence.
    """
    before, after = _Side(session, old, say), _Side(session, new, say)
    _say_common_channels(before, after)
    diff = _Diff(before, after, say)
    return [*diff.whole(old, new), *(found for key in SECTIONS for found in diff.section(key))]


class _Side:
    """One of the two revisions, with what reads it out."""

    def __init__(self, session: Session, document: dict[str, Any], say: Say) -> None:
        told = {name: document[name] for name in ("title", "family", "year", "subject")}
        self.revision = Revision(number=0, programme=Programme(code=document["programme"], **told))
        fill(self.revision, document)
        self.reader = RowReader(Vocabulary(session, self.revision, say))

    def rows(self, section: str) -> dict[str, Any]:
        """Key → row."""
        return {row.key: row for row in getattr(self.revision, section)}


def _say_common_channels(old: _Side, new: _Side) -> None:
    """Rows name only channels that both have: those that came or went are told once."""
    common = [key for key in old.rows("channels") if key in new.rows("channels")]
    for side in (old, new):
        rows: list[Any] = [*side.revision.windows, *side.revision.stages, *side.revision.payments]
        for row in rows:
            named = [key for key in common if not row.channels or key in row.channels]
            row.channels = [] if named == common else named


class _Diff:
    """Sets one side against the other."""

    def __init__(self, old: _Side, new: _Side, say: Say) -> None:
        self.old, self.new, self.say = old, new, say
        self.rows = RowDiff(old.reader, new.reader)
        self.names = self.rows.terms.names

    def whole(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Sentence]:
        """What is said of the whole programme."""
        notices = [_named(document["notice"]) for document in (old, new)]
        if notices[0] != notices[1]:
            told = {"old": notices[0], "new": notices[1]}
            yield _whole(N_("It follows the notice %(new)s; before it was %(old)s"), told)
        was, now = self.old.revision, self.new.revision
        for message, words, name in (
            (N_("Which tier pays: %(new)s; before: %(old)s"), CHOOSE, "choose"),
            (N_("Claimed once within: %(new)s; before: %(old)s"), CLAIM_SPANS, "claims_within"),
        ):
            values = [getattr(row, name) or next(iter(words)) for row in (was, now)]
            if values[0] != values[1]:
                said = [self.say(words.get(value, value)) for value in values]
                yield _whole(message, {"old": said[0], "new": said[1]})
        if was.pays_for != now.pays_for:
            labels = [self._paid(side) for side in (self.old, self.new)]
            told = {"old": labels[0], "new": labels[1]}
            yield _whole(N_("One award is for: %(new)s; before: %(old)s"), told)
        for message, name in (
            (N_("The words for closed cases changed"), "closing_words"),
            (N_("The texts of the documents changed"), "texts"),
        ):
            if getattr(was, name) != getattr(now, name):
                yield _whole(message, {})

    def section(self, section: str) -> Iterator[Sentence]:
        """What changed in a section: rows that came, rows that went, their order, then the rest."""
        before, after = self.old.rows(section), self.new.rows(section)
        came = [row for key, row in after.items() if key not in before]
        gone = [row for key, row in before.items() if key not in after]
        if section == "fields":
            yield from self._fields(came, gone)
        else:
            yield from (self._came(section, row) for row in came)
            yield from (self._gone(section, row) for row in gone)
        kept = [key for key in before if key in after]
        if section in _ORDERED and kept != [key for key in after if key in before]:
            titles = [self.new.reader.words(row).title for row in after.values()]
            told = {"rows": self.names(titles)}
            yield Sentence(section, "", "", N_("They stand in this order now: %(rows)s"), told)
        for key in kept:
            yield from self._changed(section, before[key], after[key])

    def _changed(self, section: str, old: Any, new: Any) -> Iterator[Sentence]:
        title = "" if section == "fields" else self.new.reader.words(new).title
        for message, params in self.rows.changes(section, old, new):
            yield Sentence(section, new.key, new.clause or "", message, params, title)

    def _paid(self, side: _Side) -> str:
        return side.reader.vocabulary.label(side.revision.pays_for)

    def _came(self, section: str, row: Any) -> Sentence:
        told = self._told(self.new, section, row)
        message = (
            N_("New: “%(title)s” (%(details)s)") if told["details"] else N_("New: “%(title)s”")
        )
        return Sentence(section, row.key, row.clause or "", message, told)

    def _gone(self, section: str, row: Any) -> Sentence:
        told = self._told(self.old, section, row)
        known = section in _RECALLED and told["details"]
        message = N_("Gone: “%(title)s” (%(details)s)") if known else N_("Gone: “%(title)s”")
        return Sentence(section, row.key, row.clause or "", message, told)

    def _told(self, side: _Side, section: str, row: Any) -> dict[str, Any]:
        """A row's title and, but for a condition, which says it all in its title, its words."""
        words = side.reader.words(row)
        lines = () if section == "conditions" else words.lines
        details = [*words.marks, *(line_words(line, self.say) for line in lines)]
        return {"title": words.title, "details": joined(details, self.say)}

    def _fields(self, came: list[Any], gone: list[Any]) -> Iterator[Sentence]:
        """Fields that came and went are told together; questions of the survey apart."""
        for message, rows in (
            (N_("The form newly asks for: %(names)s"), [r for r in came if not _is_survey(r)]),
            (N_("The form no longer asks for: %(names)s"), [r for r in gone if not _is_survey(r)]),
            (N_("The survey newly asks: %(names)s"), [r for r in came if _is_survey(r)]),
            (N_("The survey no longer asks: %(names)s"), [r for r in gone if _is_survey(r)]),
        ):
            if rows:
                told = {"names": self.names([row.label for row in rows])}
                yield Sentence("fields", "", "", message, told)


def _whole(message: str, params: dict[str, Any]) -> Sentence:
    return Sentence(NOTICE, "", "", message, params)


def _named(notice: dict[str, Any]) -> str:
    number = notice.get("document_number", "")
    return f"《{notice['title']}》" + (f"（{number}）" if number else "")


def _is_survey(row: Any) -> bool:
    return bool(row.purpose == "survey")
