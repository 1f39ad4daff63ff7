"""What a draft would do to the cases there are: counts and yuan before and after, in words."""

from __future__ import annotations

from flask import url_for
from sqlalchemy import exists, select

from models.application import ELIGIBLE, HELD, INELIGIBLE, VERDICTS, Application
from models.base import Refusal, db
from models.programme import Programme, Revision
from portal.access.permissions import may
from portal.access.scope import visible
from portal.policy.pack_rows import document_of
from portal.policy.simulate import Flip, Simulation, simulate
from portal.theme import cells
from portal.theme.book import Effect
from portal.translations.words import gettext as _
from portal.web.actor import current_actor
from portal.web.errors import words_of

MOST = 10
"""Flips that the panel names."""


def effect_of(revision: Revision, code: str) -> Effect:
    """The rules of *revision* tried on the cases of the programme *code*; nothing is written."""
    try:
        found = simulate(db.session(), current_actor(), document_of(revision), code, most=MOST)
    except Refusal as refusal:
        return Effect(refused=words_of(refusal))
    finally:
        db.session.rollback()
    return told_effect(revision, found)


def cases_of(own: Programme) -> list[Programme]:
    """Programmes with cases to try rules on: *own* and those of its family first."""
    has_cases = exists().where(Application.programme_id == Programme.id)
    rows = db.session.scalars(select(Programme).where(has_cases)).all()
    return sorted(rows, key=lambda row: (row is not own, row.family != own.family, -row.year))


def told_effect(revision: Revision, found: Simulation) -> Effect:
    """*found*, which *revision* would make, in words."""
    return Effect(
        rows=[*_verdicts(found), (_("Money (yuan)"), *_yuan(found.before, found.after))],
        tiers=_tiers(revision, found),
        cases=found.cases,
        flipped=found.flipped,
        flips=_flips(found.flips) if may(current_actor(), "application:read") else (),
    )


def _verdicts(found: Simulation) -> list[tuple[str, str, str]]:
    return [
        (_(VERDICTS[kind]), f"{found.before[kind]:,}", f"{found.after[kind]:,}")
        for kind in (ELIGIBLE, HELD, INELIGIBLE)
    ]


def _yuan(before: dict[str, int], after: dict[str, int]) -> tuple[str, str]:
    return cells.yuan(before["fen"]), cells.yuan(after["fen"])


def _tiers(revision: Revision, found: Simulation) -> list[tuple[str, str, str]]:
    titles = {row.key: row.title for row in revision.tiers}
    return [
        (titles.get(key, key), f"{sums['before']:,}", f"{sums['count']:,}")
        for key, sums in found.tiers.items()
    ]


def _verdict(kind: str | None) -> str:
    return _(VERDICTS.get(kind or "", "Not judged"))


def _change(flip: Flip) -> str:
    """What changes: the verdict, or the amount alone."""
    if flip.before == flip.after:
        return f"¥{cells.yuan(flip.before_fen)} → ¥{cells.yuan(flip.after_fen)}"
    return f"{_verdict(flip.before)} → {_verdict(flip.after)}"


def _flips(flips: list[Flip]) -> list[tuple[str, str, str, str]]:
    numbers = [flip.number for flip in flips]
    own = visible(Application, current_actor())
    ids = dict(
        db.session.execute(
            select(Application.number, Application.id).where(Application.number.in_(numbers), own)
        ).all()
    )
    return [
        (
            flip.number,
            url_for("application.details_view", id=ids[flip.number]) if flip.number in ids else "",
            _change(flip),
            flip.clause,
        )
        for flip in flips
    ]
