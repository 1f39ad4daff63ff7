"""What the confirm page is told and what it sends: reasons, fields, exceptions, parts left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from flask import request, url_for
from sqlalchemy import case, func, select

from models.applicant import Applicant
from models.application import Application
from models.base import db
from models.decision import RETURN, ReasonTemplate, Selection, SelectionItem
from models.organization import Organization
from portal.access.scope import CITY_DEPTH, visible
from portal.review.corrections import correctable
from portal.review.decide import LEAVE, Exceptional, Words, wrong_words
from portal.review.route import stages_of
from portal.review.standing import INELIGIBLE, NEEDS_PERSON, REASONS, groups, items_of, standing
from portal.theme import pages
from portal.theme.shapes import Choice
from portal.translations.words import gettext as _
from portal.web.actor import current_actor
from portal.web.errors import words_of

LISTED, PARTS = 40, 60
"""Cases that are offered as exceptions, and unions by which a set is split, on one page."""
_KEY = re.compile(r"(?:outcome|reason)_(\d{1,18})")
_NUMBER = re.compile(r"[A-Za-z0-9-]{4,40}")


def read_words(selection: Selection, override: str) -> Words:
    """What the sent form says."""
    form = request.form
    exceptions = {}
    for row_id in sorted(_sent_ids()):
        outcome = form.get(f"outcome_{row_id}", "") or selection.outcome
        reason = form.get(f"reason_{row_id}", "").strip()
        if outcome != selection.outcome or reason:
            exceptions[row_id] = Exceptional(outcome, reason)
    return Words(
        reason=form.get("reason", ""),
        override_reason=override,
        fields=sent_fields(),
        back_to=form.get("back_to") or None,
        exceptions=exceptions,
    )


def wrong_places(outcome: str, words: Words) -> list[tuple[str, str]]:
    """The fields whose reason is missing or too long, each with what is wrong."""
    fields = {"reason": "reason", "override_reason": "ask_reason"}
    return [
        (f"reason_{place}" if isinstance(place, int) else fields[place], words_of(refusal))
        for place, refusal in wrong_words(outcome, words)
    ]


def sent_fields() -> dict[str, str]:
    """The ticked fields, each with what is wrong."""
    ticked = request.form.getlist("field")[:200]
    return {key: request.form.get(f"why_{key}", "").strip()[:200] for key in ticked}


def sent_parts() -> list[int]:
    """The unions whose cases are taken out."""
    sent = request.form.getlist("out")[:PARTS]
    return [int(text) for text in sent if text.isdecimal() and len(text) < 19]


def cases_of(unions: Sequence[int]) -> Any:
    """The ids of the cases of *unions*, as the split names them."""
    return select(Application.id).where(_part_column().in_(unions))


def named_fields(selection: Selection) -> list[pages.Named]:
    """The fields that a return of the set may name."""
    if selection.outcome != RETURN:
        return []
    found: dict[str, str] = {}
    for revision, _route, _stage in groups(db.session(), items_of(selection)):
        found |= correctable(revision)
    sent = sent_fields()
    return [pages.Named(key, label, key in sent, sent.get(key, "")) for key, label in found.items()]


def tiers(selection: Selection) -> list[Choice]:
    """To whom the set may be returned: whoever fills in the form, or a tier all came through."""
    if selection.outcome != RETURN:
        return []
    common: dict[str, str] | None = None
    for revision, route, stage in groups(db.session(), items_of(selection)):
        walked = stages_of(revision, route)
        before = {row.key: row.title for row in walked[: walked.index(stage)]}
        common = before if common is None else {k: t for k, t in common.items() if k in before}
    if not common:
        return []
    chosen = request.form.get("back_to", "")
    first = Choice("", _("Whoever fills in the form"), not chosen)
    return [first, *(Choice(key, title, key == chosen) for key, title in common.items())]


def quick_reasons(outcome: str) -> list[str]:
    """The words that staff keep for *outcome*."""
    rows = select(ReasonTemplate.says).where(ReasonTemplate.outcome == outcome)
    return list(
        db.session.scalars(rows.order_by(ReasonTemplate.position, ReasonTemplate.id).limit(12))
    )


def parts(selection: Selection) -> list[pages.Part]:
    """The unions of the set, the largest first, where there is more than one."""
    column = _part_column()
    rows = db.session.execute(
        select(Organization.id, Organization.name, func.count())
        .select_from(SelectionItem)
        .join(Application, Application.id == SelectionItem.application_id)
        .join(Organization, Organization.id == column)
        .where(*items_of(selection), visible(Application, current_actor()))
        .group_by(Organization.id, Organization.name)
        .order_by(func.count().desc(), Organization.id)
        .limit(PARTS)
    ).all()
    out = set(sent_parts())
    found = [pages.Part(str(key), name, count, key in out) for key, name, count in rows]
    return found if len(found) > 1 else []


def exceptional(selection: Selection, actions: Iterable[Any]) -> list[pages.Exceptional]:
    """The cases offered as exceptions: those sent, those asked for, those that need a look."""
    actor = current_actor()
    kind = standing(db.session(), actor, items_of(selection), selection.outcome).label("kind")
    wanted = [Application.id.in_(_sent_ids()), Application.number.in_(_sent_numbers())]
    place = case((wanted[0], 0), (wanted[1], 0), (kind == NEEDS_PERSON, 1), (kind == INELIGIBLE, 2))
    rows = db.session.execute(
        select(Application.id, Application.number, Applicant.name, kind)
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .join(Applicant, Applicant.id == Application.applicant_id)
        .where(*items_of(selection), visible(Application, actor))
        .order_by(func.coalesce(place, 3), Application.id)
        .limit(LISTED)
    )
    return [
        pages.Exceptional(
            key=str(row.id),
            label=f"{row.number} {row.name}",
            url=url_for("application.details_view", id=row.id),
            why=_(REASONS[row.kind]),
            reason=request.form.get(f"reason_{row.id}", ""),
            outcomes=_outcomes(row.id, selection.outcome, actions),
        )
        for row in rows
    ]


def _outcomes(row_id: int, outcome: str, actions: Iterable[Any]) -> list[Choice]:
    chosen = request.form.get(f"outcome_{row_id}", "")
    others = [(item.key, item.label) for item in actions if item.key != outcome]
    pairs = [("", _("Like the rest")), *others, (LEAVE, _("Take out of the set"))]
    return [Choice(value, label, value == chosen) for value, label in pairs]


def _sent_ids() -> set[int]:
    found = (_KEY.fullmatch(name) for name, text in request.form.items() if text.strip())
    return {int(hit[1]) for hit in found if hit}


def _sent_numbers() -> list[str]:
    typed = request.form.get("also", "")[:2000]
    return [text.upper() for text in _NUMBER.findall(typed)][:LISTED]


def _part_column() -> Any:
    """Districts for the city, units for everybody else."""
    city = current_actor().depth == CITY_DEPTH
    return Application.district_id if city else Application.organization_id
