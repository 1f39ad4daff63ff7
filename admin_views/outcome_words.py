"""What became of the cases of an act, in the words of its page and sheet."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import format_datetime

from models.base import N_, db
from models.decision import OUTCOMES, PASS, REJECT, RETURN, Selection
from portal.review.later import acted_since
from portal.review.standing import REASONS, UNDONE
from portal.review.undo import NothingToUndo
from portal.theme.pages import OutcomeRow
from portal.theme.shapes import Tone
from portal.translations.words import gettext as _

_NOT_REACHED, _LEFT = "waits", "left"
WAYS = {PASS: "passed", RETURN: "returned", REJECT: "refused"}
"""Each decision with the name of its count."""
_MARKS: dict[str, tuple[str, Tone, str]] = {
    PASS: (OUTCOMES[PASS], "good", "circle-check"),
    RETURN: (OUTCOMES[RETURN], "warn", "arrow-back-up"),
    REJECT: (OUTCOMES[REJECT], "bad", "circle-x"),
    UNDONE: (N_("Taken back"), "info", "arrow-back-up"),
    _LEFT: (N_("Not done"), "plain", "ban"),
    _NOT_REACHED: (N_("Waits"), "plain", "hourglass"),
}
"""What became of a case: its word, tone and icon."""


def done_words(counts: Any) -> str:
    """How many were decided which way, where it was not one way for all."""
    found = [
        f"{_(OUTCOMES[outcome])} {getattr(counts, name):,}"
        for outcome, name in WAYS.items()
        if getattr(counts, name)
    ]
    return " · ".join(found) if len(found) > 1 else ""


def undo_hint(selection: Selection, found: int) -> str:
    """How many cases can still be taken back, and who keeps the others from it since when."""
    later = acted_since(db.session(), selection)
    words = [_("%(count)s can still be taken back.", count=f"{found:,}")] if found else []
    if later is not None:
        when = format_datetime(later.at, "yyyy-MM-dd HH:mm")
        who = later.who or _("System")
        told = {"count": f"{later.cases:,}", "who": who, "what": _(later.what), "when": when}
        words.append(
            _(
                "%(count)s no longer: %(who)s acted on them since, last on %(when)s (%(what)s).",
                **told,
            )
        )
    elif not found:
        words.append(_(NothingToUndo.message))
    return " ".join(words)


def outcome_row(row: Any) -> OutcomeRow:
    """One case of an act: what became of it, and why."""
    word, tone, icon = _MARKS[_became(row)]
    return OutcomeRow(
        label=row.number,
        who=row.name,
        url=url_for("application.details_view", id=row.id),
        word=_(word),
        tone=tone,
        icon=icon,
        reason=why(row),
    )


def why(row: Any) -> str:
    """Why the case was not decided or not taken back, or what was said when it was decided."""
    if row.skipped and row.skipped != UNDONE:
        return _(REASONS[row.skipped])
    if row.batch_id is None:
        return _("Its turn has not come")
    return "" if row.skipped else str(row.said)


def _became(row: Any) -> str:
    """What became of the case: a key of ``_MARKS``."""
    if row.skipped == UNDONE:
        return UNDONE
    if row.batch_id is not None:
        return str(row.outcome)
    return _LEFT if row.skipped else _NOT_REACHED
