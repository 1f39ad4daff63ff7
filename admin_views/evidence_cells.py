"""How checks and pairs are shown: marks, comparisons, nothing of what the person may not see."""

from __future__ import annotations

from collections.abc import Iterable

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select

from models.application import STATES, Application
from models.base import db
from models.evidence import RESULTS, SETTLED, DuplicatePair, PastAward, RegistryCheck
from portal.access.scope import visible
from portal.evidence.comparison import FIELDS
from portal.evidence.comparison import STATES as FIELD_STATES
from portal.evidence.identifiers import mask_id
from portal.evidence.likeness import SIGNS
from portal.review.settling import paid_on
from portal.theme import cells
from portal.theme.pages import Fact, Section
from portal.theme.shapes import Tone
from portal.translations.words import gettext as _
from portal.web.actor import current_actor

RESULT_MARKS: dict[str, tuple[Tone, str]] = {
    "matches": ("good", "circle-check"),
    "differs": ("warn", "alert-triangle"),
    "not_found": ("bad", "circle-x"),
    "unchecked": ("plain", "info-circle"),
}
SETTLED_MARKS: dict[str | None, tuple[Tone, str]] = {
    "same": ("bad", "circle-x"),
    "different": ("good", "circle-check"),
    None: ("warn", "alert-triangle"),
}


def result(code: str) -> Markup:
    """The result of a check as a chip."""
    return cells.chip(_(RESULTS.get(code, code)), *RESULT_MARKS.get(code, ("plain", "")))


def settled(pair: DuplicatePair) -> Markup:
    """What a person said of a pair, or that nobody did."""
    word = _(SETTLED[pair.settled]) if pair.settled else _("To be settled")
    return cells.chip(word, *SETTLED_MARKS[pair.settled])


def signs(pair: DuplicatePair) -> str:
    """Why a pair looks alike, in words."""
    keys = [key for key in pair.signs.split(",") if key]
    return "；".join(_(SIGNS[key]) for key in keys) or _("Nothing any more")


def comparison(check: RegistryCheck) -> Markup:
    """What the form says beside what the authority says."""
    fields = {row.key: row for row in FIELDS[check.kind]}
    lines = []
    for row in check.compared:
        known = fields.get(row["field"])
        words = known.choices if known else {}
        lines.append(
            [
                _(known.label) if known else row["field"],
                _(words[row["ours"]]) if row["ours"] in words else row["ours"],
                _(words[row["theirs"]]) if row["theirs"] in words else row["theirs"],
                _(FIELD_STATES.get(row["state"], row["state"])),
            ]
        )
    heading = [_("Field"), _("The form"), _("The authority"), _("Comparison")]
    return cells.table(heading, lines)


def seen_ids(ids: Iterable[int | None]) -> set[int]:
    """Of the applications *ids*, those in this person's subtree."""
    wanted = [row for row in ids if row is not None]
    rows = select(Application.id).where(
        Application.id.in_(wanted), visible(Application, current_actor())
    )
    return set(db.session.scalars(rows))


def seen_past(past: PastAward | None) -> bool:
    """Whether the payment *past* is in this person's subtree."""
    if past is None:
        return False
    rows = select(PastAward.id).where(PastAward.id == past.id, visible(PastAward, current_actor()))
    return db.session.scalar(rows) is not None


def case_link(application: Application, seen: bool) -> Markup:
    """A case with its state; of one in another union only the programme, its year and state."""
    programme = application.programme
    state = _(STATES[application.state])
    if not seen:
        words = _("An application to another union")
        return cells.pair(words, f"{programme.title} · {state}")
    url = url_for("application.details_view", id=application.id)
    link = cells.link(url, application.number)
    told = f"{application.applicant.name} · {programme.title} · {state}"
    return link + Markup('<span class="jx-2">{}</span>').format(told)


def past_words(past: PastAward, seen: bool) -> Markup:
    """A payment from before the system; of another union only the programme and its year."""
    head = _("Paid before the system")
    if not seen:
        return cells.pair(head, f"{past.title} {past.year}")
    told = " · ".join(
        text for text in (past.name, past.number, past.occupation, past.level) if text
    )
    return cells.pair(f"{head}：{past.title} {past.year}", told)


def payment(pair: DuplicatePair, seen: bool) -> str:
    """What was paid for the earlier one, and when."""
    if not seen:
        paid = pair.past is not None or bool(paid_on(db.session(), pair.other_id or 0)[0])
        return _("was paid") if paid else _("not paid yet")
    if pair.past is None:
        return _paid(pair.other_id or 0)
    told = _("paid %(yuan)s yuan", yuan=cells.yuan(pair.past.amount_fen))
    day = pair.past.paid_on
    return f"{told} · {day.isoformat()}" if day else told


def sides(pair: DuplicatePair, other: Application | PastAward) -> tuple[Section, Section]:
    """Both, the later one first; what agrees is marked at the earlier one."""
    mine, theirs = face(pair.application), face(other)
    is_case = isinstance(other, Application)
    earlier = case_link(other, True) if is_case else past_words(other, True)  # type: ignore[arg-type]
    paid = _("Payment of each")
    return (
        Section(
            _("The later one"),
            [
                Fact(_("Application"), case_link(pair.application, True)),
                Fact(paid, _paid(pair.application_id)),
                *(Fact(label, text or "–") for label, text in mine.items()),
            ],
        ),
        Section(
            _("The earlier one"),
            [
                Fact(_("Application"), earlier),
                Fact(paid, payment(pair, True)),
                *(Fact(label, _marked(text, mine[label])) for label, text in theirs.items()),
            ],
        ),
    )


def _marked(text: str, other: str) -> Markup:
    same = Markup(" ") + cells.chip(_("same"), "warn") if text and text == other else Markup()
    return Markup("{}{}").format(text or "–", same)


def _paid(application_id: int) -> str:
    fen, day = paid_on(db.session(), application_id)
    if not fen:
        return _("not paid yet")
    told = _("paid %(yuan)s yuan", yuan=cells.yuan(fen))
    return f"{told} · {day.isoformat()}" if day else told


def face(case: Application | PastAward) -> dict[str, str]:
    """What is set side by side of a case or an earlier payment, identifiers masked."""
    if isinstance(case, PastAward):
        return {
            _("Name"): case.name,
            _("ID number"): mask_id(case.id_number or ""),
            _("Birth date"): case.birth_date.isoformat() if case.birth_date else "",
            _("Certificate or patent number"): case.number or "",
            _("Occupation"): case.occupation or "",
            _("Level"): case.level or "",
            _("Union"): case.organization.name,
        }
    paper, patent, who = case.certificate, case.patent, case.applicant
    number = paper.number if paper else patent.number if patent else ""
    return {
        _("Name"): who.name,
        _("ID number"): mask_id(who.id_number or ""),
        _("Birth date"): who.birth_date.isoformat() if who.birth_date else "",
        _("Certificate or patent number"): number,
        _("Occupation"): paper.occupation if paper else patent.title if patent else "",
        _("Level"): paper.level if paper else "",
        _("Union"): case.organization.name,
    }
