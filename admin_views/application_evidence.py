"""What a case's page says of authorities and of cases that look like it."""

from __future__ import annotations

from flask import url_for
from markupsafe import Markup

from admin_views import evidence_cells as shown
from models.application import Application
from models.base import db
from models.evidence import CHECKED, WAYS, DuplicatePair, RegistryCheck
from portal.access.permissions import may
from portal.review.registry_checks import CHECKABLE, kinds_of, latest, own_cases
from portal.review.settling import decisions_of, may_settle, pairs_of
from portal.theme import cells
from portal.theme.pages import Fact, Section
from portal.translations.words import gettext as _
from portal.web.actor import current_actor


def evidence_sections(application: Application) -> list[Section]:
    """The registry's results and the look-alikes of *application*, where there are any."""
    return [*_registry(application), *_alike(application)]


def _registry(application: Application) -> list[Section]:
    actor = current_actor()
    if not may(actor, "registry:read") or application.state not in CHECKABLE:
        return []
    checks = latest(db.session(), application)
    writes = may(actor, "registry:write") and not own_cases(db.session(), actor, [application.id])
    facts = [
        _checked(application, kind, checks.get(kind), writes)
        for kind in kinds_of(application)
        if writes or kind in checks
    ]
    return [Section(_("Registry result"), facts)] if facts else []


def _checked(
    application: Application, kind: str, check: RegistryCheck | None, writes: bool
) -> Fact:
    label = _(CHECKED[kind])
    link = Markup()
    if writes:
        url = url_for("registrycheck.record", application=application.id, kind=kind)
        link = Markup(" ") + cells.link(url, _("Record a check"), drawer=False)
    if check is None:
        return Fact(label, shown.result("unchecked") + link)
    who = check.account.name if check.account else _("System")
    told = f"{check.source} · {_(WAYS[check.way])} · {check.checked_on.isoformat()} · {who}"
    told = f"{told} · {check.note}" if check.note else told
    value = shown.result(check.result) + link
    value += Markup('<span class="jx-2">{}</span>').format(told)
    if check.attachment is not None and check.attachment.removed_at is None:
        there = url_for("application.open_file", file_id=check.attachment_id)
        value += Markup('<a class="jx-file" href="{}" download>{}</a>').format(
            there, check.attachment.file_name
        )
    return Fact(label, value + shown.comparison(check))


def _alike(application: Application) -> list[Section]:
    if not may(current_actor(), "duplicate:read"):
        return []
    pairs = pairs_of(db.session(), application)
    others = {pair.id: _other(pair, application) for pair in pairs}
    seen = shown.seen_ids(case.id for case in others.values() if case)
    facts = [_pair(pair, others[pair.id], seen) for pair in pairs]
    return [Section(_("Looks duplicate"), facts)] if facts else []


def _other(pair: DuplicatePair, application: Application) -> Application | None:
    return pair.application if pair.other_id == application.id else pair.other


def _pair(pair: DuplicatePair, other: Application | None, seen: set[int]) -> Fact:
    if other is not None:
        value, sees = shown.case_link(other, other.id in seen), other.id in seen
    else:
        sees = shown.seen_past(pair.past)
        value = shown.past_words(pair.past, sees) if pair.past else Markup()
    if other is None or other.id == pair.other_id:
        value += Markup('<span class="jx-2">{}</span>').format(shown.payment(pair, sees))
    value += shown.settled(pair)
    said = decisions_of(db.session(), pair)
    if pair.settled and said and sees:
        who = said[0].account.name if said[0].account else _("System")
        value += Markup('<span class="jx-2">{}：{}</span>').format(who, said[0].reason)
    if may_settle(db.session(), current_actor(), pair):
        there = url_for("duplicate.settle", id=pair.id)
        value += Markup(" ") + cells.link(there, _("Compare and settle"), drawer=False)
    return Fact(shown.signs(pair), value)
