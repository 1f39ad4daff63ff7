"""The page of a revision: the whole programme as the notice reads, where an editor works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from flask import abort, flash, jsonify, redirect, request, url_for
from flask_admin import expose
from werkzeug.wrappers import Response

from admin_views.programme_effect import cases_of, effect_of
from admin_views.rule_words import told_to_script
from models.application import STATES
from models.base import N_, Refusal, db
from models.programme import (
    CHOOSE,
    CLAIM_SPANS,
    DRAFT,
    PUBLISHED,
    REVISION_STATES,
    FormField,
    Revision,
)
from portal.access.permissions import may
from portal.policy.check import Problem
from portal.policy.drafting import move_row
from portal.policy.pack_checks import problems_of
from portal.policy.pack_rows import SECTIONS
from portal.policy.places import TITLES, Spot, spot
from portal.policy.reminders import reminders
from portal.policy.row_words import RowReader, rows_of
from portal.policy.vocabulary import Vocabulary
from portal.theme.book import Book, BookPart, BookRow, BookSection, Fault
from portal.theme.shapes import Choice, Tone
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

SCREENS = {
    "windows": "window",
    "channels": "channel",
    "fields": "formfield",
    "facts": "derivedfact",
    "attachments": "attachmentrule",
    "conditions": "condition",
    "tiers": "awardtier",
    "bounds": "bound",
    "orders": "orderkey",
    "stages": "stage",
    "allocations": "allocationrule",
    "shares": "share",
    "instalments": "instalment",
    "payments": "paymentrule",
}
"""The screen of each section's rows."""
HINTS = {
    "windows": N_("When applications are received."),
    "channels": N_("By which way they come in, and who enters them."),
    "fields": N_("What the form asks, in the order of the paper."),
    "facts": N_("Counts, shares and sums that rules may use like a field."),
    "attachments": N_("Papers and files that belong to an application."),
    "conditions": N_("What must hold, and what happens where it does not."),
    "tiers": N_("How much is paid, and for whom."),
    "bounds": N_("How many may be awarded, per person, unit or district."),
    "orders": N_("Who comes first where places or money run short."),
    "stages": N_("Who looks at a case, one after the other."),
    "allocations": N_("To whom what is short goes: the pools, and who comes first in them."),
    "shares": N_("Who pays which part of an award, and what is added on top of it."),
    "instalments": N_("In which parts it is paid, and what releases each."),
    "payments": N_("By which way the money goes, with which papers, until when."),
}
TONES: dict[str, Tone] = {DRAFT: "warn", PUBLISHED: "good"}


class BookPages:
    """What the screen of revisions adds: the page, moving rows, the words of rules, effects."""

    @expose("/book")
    def book(self) -> Any:
        """The programme as it reads."""
        revision = self.get_one(request.args.get("id", ""))  # type: ignore[attr-defined]
        return self.render("portal/programme_book.html", book=BookMaker(revision).book())  # type: ignore[attr-defined]

    @expose("/move", methods=("POST",))
    def move(self) -> Response:
        """Move one row of a draft up or down."""
        revision = self.get_one(request.form.get("id", ""))  # type: ignore[attr-defined]
        section, step = request.form.get("section", ""), request.form.get("step", "")
        row = _row(revision, section, request.form.get("row", ""))
        if row is None or step not in ("-1", "1"):
            abort(400)
        try:
            move_row(db.session(), current_actor(), clock(), revision, section, row, int(step))
            db.session.commit()
        except Refusal as refusal:
            db.session.rollback()
            flash(words_of(refusal), "error")
        return redirect(f"{url_for('.book', id=revision.id)}#{_anchor(row)}")  # type: ignore[return-value]

    @expose("/vocabulary")
    def vocabulary(self) -> Response:
        """The facts, operators and words with which the forms make rules."""
        revision = self.get_one(request.args.get("id", ""))  # type: ignore[attr-defined]
        return jsonify(told_to_script(Vocabulary(db.session(), revision, _)))

    @expose("/effect")
    def effect(self) -> Any:
        """What the revision would do to the cases of a programme, as a part of the page."""
        revision = self.get_one(request.args.get("id", ""))  # type: ignore[attr-defined]
        found = effect_of(revision, request.args.get("code", "")[:40])
        return self.render("portal/programme_effect.html", effect=found)  # type: ignore[attr-defined]


class BookMaker:
    """Makes the page of one revision for the person who looks at it."""

    def __init__(self, revision: Revision) -> None:
        self.revision = revision
        self.is_draft = revision.state == DRAFT
        self.may_change = self.is_draft and may(current_actor(), "programme:write")
        self.may_publish = self.is_draft and may(current_actor(), "programme:publish")
        self.here = url_for("revision.book", id=revision.id)
        self.reader = RowReader(Vocabulary(db.session(), revision, _))
        self.clauses = {row.key: row.says for row in revision.programme.notice.clauses}
        self.faults: list[tuple[Spot, str]] = []
        self.reminders: list[tuple[Spot, str]] = []
        if self.is_draft:
            session = db.session()
            self.faults = self._placed(problems_of(session, revision, publishing=True))
            self.reminders = self._placed(reminders(session, revision, clock().today()))

    def book(self) -> Book:
        """The page."""
        revision, programme = self.revision, self.revision.programme
        number = _("Revision %(number)s", number=revision.number)
        write = may(current_actor(), "programme:write")
        return Book(
            title=programme.title,
            subtitle=number,
            state=_(REVISION_STATES[revision.state]),
            tone=TONES.get(revision.state, "plain"),
            sections=[self._notice(), *(self._section(key) for key in SECTIONS)],
            facts=self._facts(),
            here=self.here,
            revision_id=revision.id,
            row_value=f"{revision.id}:{revision.version}",
            edit_url=self._edit_url("revision", revision.id) if self.may_change else "",
            is_draft=self.is_draft,
            faults=self._told(self.faults),
            reminders=self._told(self.reminders),
            publish_url=url_for("revision.action_view") if self.may_publish else "",
            draft_url=url_for("revision.action_view") if write and not self.is_draft else "",
            move_url=_move_url(revision),
            file_url=url_for("programme.dump_file", code=programme.code),
            effect_url=url_for("revision.effect") if self.may_change else "",
            effect_choices=self._effect_choices() if self.may_change else (),
            trial_url=self._trial_url(),
            siblings=self._siblings(),
        )

    def _facts(self) -> list[tuple[str, str]]:
        """What is said of the whole programme."""
        revision, programme = self.revision, self.revision.programme
        closing = [f"{_(STATES[k])}：{v}" for k, v in revision.closing_words.items() if k in STATES]
        return [
            (_("Code"), programme.code),
            (_("Year"), str(programme.year)),
            (_("Pays for"), _(PAYS_FOR.get(revision.pays_for, revision.pays_for))),
            (_("Claimed once within"), _(CLAIM_SPANS[revision.claims_within])),
            (_("Tier that pays"), _(CHOOSE.get(revision.choose, revision.choose))),
            (_("Closing words"), self.reader.wording.joined(closing)),
        ]

    def _notice(self) -> BookSection:
        notice = self.revision.programme.notice
        write = may(current_actor(), "programme:write")
        rows = [self._clause(row, write) for row in notice.clauses]
        details = [notice.issuer, notice.document_number, str(notice.issued_on)]
        return BookSection(
            key="notice",
            title=_("Notice"),
            hint=_("Its clauses in our own words; every row below cites one."),
            parts=[BookPart("", rows)],
            count=len(rows),
            lead=" · ".join([notice.title, *(item for item in details if item)]),
            add_url=self._add_url("clause", notice=notice.id) if write else "",
        )

    def _clause(self, row: Any, write: bool) -> BookRow:
        edit = self._edit_url("clause", row.id) if write else ""
        return BookRow(f"clause-{row.id}", row.says, clause=row.key, edit_url=edit)

    def _section(self, key: str) -> BookSection:
        rows = rows_of(self.revision, key)
        made = [self._row(key, row, _movable(row, rows)) for row in rows]
        return BookSection(
            key=key,
            title=_(TITLES[key]),
            hint=_(HINTS[key]),
            parts=list(_parts(key, rows, made)),
            count=len(rows),
            add_url=self._add_url(SCREENS[key]) if self.may_change else "",
            list_url=url_for(f"{SCREENS[key]}.index_view", revision=self.revision.id),
        )

    def _row(self, section: str, row: Any, rows: list[Any]) -> BookRow:
        words = self.reader.words(row)
        screen, change = SCREENS[section], self.may_change
        return BookRow(
            anchor=_anchor(row),
            title=words.title,
            clause=row.clause,
            clause_says=self.clauses.get(row.clause, ""),
            marks=words.marks,
            lines=words.lines,
            reading=getattr(row, "reading", ""),
            faults=[text for place, text in self.faults if place.row is row],
            edit_url=self._edit_url(screen, row.id) if change else "",
            delete_url=url_for(f"{screen}.delete_view") if change else "",
            move_url=url_for("revision.move") if change else "",
            row_id=row.id,
            is_first=row is rows[0],
            is_last=row is rows[-1],
        )

    def _placed(self, problems: Iterable[Problem]) -> list[tuple[Spot, str]]:
        """Each problem once, with where it lies."""
        found: dict[tuple[str, str], tuple[Spot, str]] = {}
        for problem in problems:
            place = spot(self.revision, problem.path, _)
            found.setdefault((place.words, _reason(problem)), (place, _reason(problem)))
        return list(found.values())

    def _told(self, placed: list[tuple[Spot, str]]) -> list[Fault]:
        return [Fault(place.words, words, self._url(place)) for place, words in placed]

    def _url(self, place: Spot) -> str:
        if place.row is not None and self.may_change:
            return self._edit_url(SCREENS[place.section], place.row.id)
        if place.section in SCREENS:
            return f"#{place.section}"
        return self._edit_url("revision", self.revision.id) if self.may_change else ""

    def _edit_url(self, screen: str, row_id: int) -> str:
        return url_for(f"{screen}.edit_view", id=row_id, url=self.here)

    def _add_url(self, screen: str, **values: Any) -> str:
        return url_for(f"{screen}.create_view", url=self.here, **values)

    def _siblings(self) -> list[tuple[str, str, bool]]:
        return [
            (
                f"{row.number} · {_(REVISION_STATES[row.state])}",
                url_for("revision.book", id=row.id),
                row is self.revision,
            )
            for row in self.revision.programme.revisions
        ]

    def _trial_url(self) -> str:
        judges = may(current_actor(), "programme:judge")
        return url_for("revision.trial", id=self.revision.id) if judges else ""

    def _effect_choices(self) -> list[Choice]:
        """Programmes to try the draft on."""
        rows = cases_of(self.revision.programme)
        return [Choice(row.code, row.title, place == 0) for place, row in enumerate(rows)]


PAYS_FOR = {
    "certificate": N_("Certificate"),
    "patent": N_("Patent"),
    "studio": N_("Studio"),
    "project": N_("Project"),
    "person": N_("Person"),
}
"""What one award may be for, besides a field of the programme's own."""


def _move_url(revision: Revision) -> str:
    """Where undecided cases of earlier rules go to these, for who may send them."""
    moves = may(current_actor(), "programme:publish")
    if revision.state != PUBLISHED or revision.number == 1 or not moves:
        return ""
    return url_for("programmemove.index", code=revision.programme.code)


def _parts(key: str, rows: list[Any], made: list[BookRow]) -> Iterator[BookPart]:
    """Form fields stand under the sections of the form, anything else in one list."""
    if key != "fields":
        yield BookPart("", made)
        return
    for title in dict.fromkeys(row.section for row in rows):
        inside = [shown for row, shown in zip(rows, made, strict=True) if row.section == title]
        yield BookPart(title, inside)


def _movable(row: Any, rows: list[Any]) -> list[Any]:
    """The rows among which *row* moves: a form field stays in its section of the form."""
    if not isinstance(row, FormField):
        return rows
    return [each for each in rows if each.section == row.section]


def _row(revision: Revision, section: str, row_id: str) -> Any:
    rows = rows_of(revision, section) if section in SECTIONS else []
    return next((row for row in rows if str(row.id) == row_id), None)


def _anchor(row: Any) -> str:
    return f"{type(row).__tablename__}-{row.id}"


def _reason(problem: Problem) -> str:
    return told(problem.message, problem.params)
