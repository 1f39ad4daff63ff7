"""The filter by what a programme's own form answered; offered once a programme is chosen.

Its value names the programme too, ``12/field.kind=open``, so that a frozen choice keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flask import request
from sqlalchemy import ColumnElement, and_, select, true
from werkzeug.exceptions import BadRequest

from admin_views.application_cells import book
from admin_views.filters import ListFilter
from models.application import Application
from models.base import db
from models.programme import Revision
from portal.policy.facts import CODE, YES_NO, fact, source
from portal.policy.terms import term_sql
from portal.translations.words import gettext as _

_VALUE = re.compile(r"(\d{1,18})/([^=]+)=(.+)", re.ASCII)


@dataclass(frozen=True)
class AnswerFilter(ListFilter):
    """Keeps the cases of a programme whose form gave an answer."""

    def condition(self, value: str) -> ColumnElement[bool]:
        """What *value* keeps; one that no form offers is a bad request."""
        if not value:
            return true()
        match = _VALUE.fullmatch(value)
        revision = _newest(match.group(1)) if match else None
        if match is None or revision is None or value not in dict(_answers(revision)):
            raise BadRequest()
        return _given(revision, match.group(2), match.group(3))


def offered() -> Iterable[tuple[str, str]]:
    """Every choice and yes-or-no answer of the form of the programme that the list shows."""
    revision = _newest(request.args.get("programme", ""))
    return _answers(revision) if revision else ()


def _answers(revision: Revision) -> Iterable[tuple[str, str]]:
    for field in revision.fields:
        known = fact(field.key, revision) if field.purpose != "survey" else None
        words: dict[str, str] = {}
        if known is not None and known.kind == YES_NO:
            words = {"true": _("Yes"), "false": _("No")}
        elif known is not None and known.kind == CODE:
            words = field.choices
        for value, word in words.items():
            yield f"{revision.programme_id}/{field.key}={value}", f"{field.label}：{word}"


def _given(revision: Revision, key: str, value: str) -> ColumnElement[bool]:
    known = fact(key, revision)
    assert known is not None
    term = [key, f"is {value}"] if known.kind == YES_NO else [key, "is", value]
    given, own = term_sql(term, revision), Application.programme_id == revision.programme_id
    if known.needs:
        found = select(Application.id).select_from(source(known.needs)).where(given)
        given = Application.id.in_(found)
    return and_(own, given)


def _newest(programme_id: str) -> Revision | None:
    rows = [row for row in book().revisions() if str(row.programme_id) == programme_id]
    newest = max(rows, key=lambda row: row.number, default=None)
    return db.session.get(Revision, newest.id) if newest else None
