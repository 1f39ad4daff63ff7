"""项目对比: what a revision changed against an earlier one or another year's, in sentences."""

from __future__ import annotations

from flask import abort, request
from flask_admin import BaseView, expose
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models.base import db
from models.programme import Programme, Revision
from portal.policy.notice_diff import grouped, sentences
from portal.policy.pack_rows import SECTIONS, document_of
from portal.policy.places import TITLES
from portal.theme.changes import Changes, ChangesPart, ChangesSection
from portal.theme.shapes import Choice
from portal.translations.words import gettext as _
from portal.translations.words import told


class ProgrammeDiffView(BaseView):
    """Two revisions set against each other; any two may be chosen."""

    permission = "programme"

    @expose("/")
    def index(self) -> str:
        """What *new* changed against *old*; without *old*, against the one before it."""
        new = _asked("new")
        old = _asked("old") or (_before(new) if new else None)
        changes = Changes(
            old=old.id if old else None,
            new=new.id if new else None,
            choices=[
                Choice(str(row.id), f"{row.programme.title} · {row.number}") for row in _revisions()
            ],
            sections=_sections(old, new) if old and new else [],
        )
        found: str = self.render("portal/programme_diff.html", changes=changes)
        return found


def _asked(name: str) -> Revision | None:
    text = request.args.get(name, "")
    if not text:
        return None
    found = db.session.get(Revision, int(text)) if text.isdecimal() and len(text) < 19 else None
    return found if found is not None else abort(404)


def _revisions() -> list[Revision]:
    rows = select(Revision).join(Programme).options(joinedload(Revision.programme))
    order = Programme.family, Programme.year.desc(), Programme.id, Revision.number.desc()
    return list(db.session.scalars(rows.order_by(*order)))


def _before(new: Revision) -> Revision | None:
    """The revision that *new* amends, or the newest one of the family's year before."""
    programme = new.programme
    rows = select(Revision).join(Programme).limit(1)
    amended = rows.where(Revision.programme_id == programme.id, Revision.number < new.number)
    found = db.session.scalar(amended.order_by(Revision.number.desc()))
    if found is not None:
        return found
    earlier = rows.where(Programme.family == programme.family, Programme.year < programme.year)
    return db.session.scalar(earlier.order_by(Programme.year.desc(), Revision.number.desc()))


def _sections(old: Revision, new: Revision) -> list[ChangesSection]:
    groups = grouped(sentences(db.session(), document_of(old), document_of(new), say=_))
    return [
        ChangesSection(
            told(TITLES[key], {}) if key in TITLES else _("The whole programme"),
            [
                ChangesPart(
                    group.title,
                    group.clause,
                    [
                        (told(each.message, each.params), "" if group.title else each.clause)
                        for each in group.sentences
                    ],
                )
                for group in groups
                if group.section == key
            ],
        )
        for key in ("", *SECTIONS)
        if any(group.section == key for group in groups)
    ]
