"""The review desk: the queue by days left, the form beside the scan, the decision under both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import BaseView, expose
from markupsafe import Markup
from sqlalchemy import ColumnElement, func, or_, select

from admin_views import act_words
from admin_views.application_acts import actions
from admin_views.application_cells import VERDICT_MARKS, book
from admin_views.application_detail import detail
from admin_views.searching import application_search, is_known, on_applications, recalled, remember
from admin_views.searching import shown as searched
from models.application import HELD, WAITING, Application
from models.base import Refusal, db
from models.decision import PASS, REJECT, RETURN, SelectionItem
from models.programme import Stage
from portal.access.scope import visible
from portal.calendar import calendar_of
from portal.review.attachments import wanted
from portal.review.deadlines import SOON
from portal.review.decide import Words, decide
from portal.review.past import earlier_cases
from portal.review.queue import Waiting, waiting_for
from portal.review.route import stages_of
from portal.review.selections import freeze_seen
from portal.review.standing import REASONS, not_own
from portal.theme import cells
from portal.theme.desk import Desk, OpenCase, QueueRow, Scan
from portal.theme.pages import Detail, Fact, Section
from portal.theme.shapes import Choice
from portal.translations.words import gettext as _
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of

LENGTH = 60
"""Cases of the queue on one page; those behind move up as cases are decided."""
DECIDES = "application:decide"


class DeskView(BaseView):
    """One reviewer at work."""

    permission = "application"

    @property
    def permissions(self) -> dict[str, str]:
        """The desk belongs to whoever decides."""
        return dict.fromkeys(("index", "search", "decide"), DECIDES)

    @expose("/")
    def index(self) -> Any:
        """The queue and one case of it."""
        return self._page(_asked_id(), None)

    @expose("/search", methods=("POST",))
    def search(self) -> Any:
        """Look for a case in the queue; what was typed stays out of the address."""
        typed = request.form.get("q", "").strip()[:120]
        token = remember(application_search(typed)) if typed else None
        return redirect(url_for(".index", s=token))

    @expose("/decide", methods=("POST",))
    def decide(self) -> Any:
        """Decide the open case and open the next one."""
        row_id, version = _seen()
        outcome = request.form.get("action", "")
        if outcome not in (PASS, RETURN, REJECT):
            abort(400)
        error = _decide(row_id, version, outcome)
        if error:
            return self._page(row_id, error)
        following = request.form.get("next", "")
        return redirect(url_for(".index", case=following or None, s=_token()))

    def _page(self, row_id: int | None, error: str | None) -> Any:
        queue = _queue()
        ids = [row.application_id for row in queue]
        asked = _case(row_id) if row_id else None
        shown = asked or (_case(ids[0]) if ids else None)
        desk = Desk(
            rows=_rows(queue, shown.id if shown else 0),
            total=_total(),
            search_url=url_for(".search"),
            searched=searched(_token() or ""),
            clear_url=url_for(".index"),
            bulk_url=url_for("application.action_view"),
            here=url_for(".index", s=_token()),
            open=_open(shown, _following(ids, shown.id), error) if shown else None,
            chosen=asked is not None,
            back_url=url_for(".index", s=_token()),
            acts_url=url_for("application.acts"),
        )
        return self.render("portal/desk.html", desk=desk)


def _earlier(application: Application) -> list[Section]:
    """Earlier cases and payments of the same person or thing."""
    facts = []
    for row in earlier_cases(db.session(), current_actor(), application):
        url = url_for("application.details_view", id=row.application_id)
        head: Any = cells.link(url, row.number, drawer=False) if row.number else _("Another union")
        if not row.word:
            head = _("Before this system")
        why = "、".join(_(word) for word in row.because)
        paid = cells.amount(row.amount_fen, sign=True)
        told = Markup('{} {} {}<span class="jx-2">{}</span>').format(head, row.word, paid, why)
        facts.append(Fact(f"{row.year} {row.title}", told))
    if not facts:
        facts = [Fact(_("Found"), _("nothing earlier of the same person, certificate or patent"))]
    return [Section(_("Earlier applications and payments"), facts)]


SECTIONS: list[Callable[[Application], Sequence[Section]]] = [_earlier]
"""What stands beside the form after the findings; other rooms add theirs here. The sections of
the case's own page (registry, look-alikes, money) come by themselves."""


def _queue() -> list[Waiting]:
    return waiting_for(
        db.session(),
        current_actor(),
        calendar_of(db.session()),
        book().revisions(),
        _where(),
        LENGTH,
    )


def _where() -> list[ColumnElement[bool]]:
    token = _token()
    return [on_applications(*recalled(token))] if token else []


def _token() -> str | None:
    """The search of the address, if this session made it."""
    token = request.args.get("s", "") or request.form.get("s", "")
    return token if token and is_known(token) else None


def _total() -> int:
    stages = book().acting_on(current_actor().role)
    counted = select(func.count(Application.id)).where(
        Application.state == WAITING,
        Application.stage_key.in_(stages),
        visible(Application, current_actor()),
        not_own(current_actor()),
        *_where(),
    )
    return db.session.execute(counted).scalar_one()


def _asked_id() -> int | None:
    text = request.args.get("case", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _seen() -> tuple[int, int]:
    row, _colon, version = request.form.get("rowid", "").partition(":")
    if not row.isdecimal() or not version.isdecimal() or max(len(row), len(version)) > 18:
        abort(400)
    return int(row), int(version)


def _case(row_id: int) -> Application:
    found = db.session.scalar(
        select(Application).where(Application.id == row_id, visible(Application, current_actor()))
    )
    return found if found is not None else abort(404)


def _following(ids: list[int], row_id: int) -> str:
    """The case after this one, or the first of the others."""
    if row_id in ids:
        place = ids.index(row_id)
        ids = [*ids[place + 1 :], *ids[:place]]
    return str(ids[0]) if ids else ""


def _rows(queue: list[Waiting], shown: int) -> list[QueueRow]:
    cases = {
        row.id: row
        for row in db.session.scalars(
            select(Application).where(
                Application.id.in_([waiting.application_id for waiting in queue])
            )
        )
    }
    return [
        _row(waiting, cases[waiting.application_id], shown)
        for waiting in queue
        if waiting.application_id in cases
    ]


def _row(waiting: Waiting, case: Application, shown: int) -> QueueRow:
    left = waiting.days_left(clock().today())
    tone: Any = "plain" if left is None or left > SOON.days else "bad" if left < 0 else "warn"
    return QueueRow(
        value=f"{case.id}:{case.version}",
        url=url_for(".index", case=case.id, s=_token()),
        name=case.applicant.name,
        number=case.number,
        unit=case.organization.name,
        left=_left(left),
        tone=tone,
        clause=_clause(waiting),
        verdict=cells.verdict(VERDICT_MARKS.get(case.verdict, "refuse")),
        active=case.id == shown,
    )


def _left(days: int | None) -> str:
    if days is None:
        return ""
    if days < 0:
        return _("%(days)s days overdue", days=-days)
    return _("due today") if days == 0 else _("%(days)s days left", days=days)


def _clause(waiting: Waiting) -> str:
    """Why it is due then, as the tooltip says it."""
    day = waiting.due.day.isoformat() if waiting.due else _("no due date")
    provisional = f"（{_('provisional')}）" if waiting.due and waiting.due.provisional else ""
    return f"{waiting.stage.title} {waiting.stage.clause} · {day}{provisional}"


def _open(application: Application, following: str, error: str | None) -> OpenCase:
    acting = _acting(application)
    shown = detail(application, actions() if acting else [])
    sections = [*shown.sections, *(part for made in SECTIONS for part in made(application))]
    form = [section for section in sections if any(fact.key for fact in section.facts)]
    ticked = act_words.sent_fields() if error else {}
    return OpenCase(
        detail=shown,
        form=form,
        beside=[section for section in sections if section not in form],
        scans=_scans(application),
        value=shown.value,
        decide_url=url_for(".decide"),
        next_id=following,
        tiers=_tiers(application),
        quick=_quick(shown),
        reason=request.form.get("reason", "") if error else "",
        ticked=list(ticked),
        wrong=tuple(ticked.items()),
        error=error or "",
        asks_person=application.verdict == HELD,
    )


def _acting(application: Application) -> bool:
    """Whether this person decides the case where it waits."""
    mine = select(Application.id).where(
        Application.id == application.id,
        Application.state == WAITING,
        or_(*(_stage_is(stage, application) for stage in application.revision.stages)),
        not_own(current_actor()),
    )
    return db.session.scalar(mine) is not None


def _stage_is(stage: Stage, application: Application) -> bool:
    return stage.acts == current_actor().role and stage.key == application.stage_key


def _scans(application: Application) -> list[Scan]:
    return [
        Scan(
            title=row.rule.title if row.rule else "",
            name=file.file_name,
            url=url_for("application.open_file", file_id=file.id),
            is_image=file.media_type.startswith("image/"),
        )
        for row in wanted(db.session(), application)
        for file in row.files
    ]


def _tiers(application: Application) -> list[Choice]:
    route = stages_of(application.revision, application.route)
    keys = [row.key for row in route]
    if application.stage_key not in keys:
        return []
    before = route[: keys.index(application.stage_key)]
    sent = request.form.get("back_to", "")
    first = Choice("", _("Whoever fills in the form"), not sent)
    return [first, *(Choice(row.key, row.title, row.key == sent) for row in before)]


def _quick(shown: Detail) -> list[tuple[str, list[str]]]:
    """The words that staff keep, by what they are for."""
    if not shown.actions:
        return []
    labels = {action.key: action.label for action in shown.actions}
    found = [(labels[key], act_words.quick_reasons(key)) for key in (RETURN, REJECT)]
    return [(label, words) for label, words in found if words]


def _decide(row_id: int, version: int, outcome: str) -> str:
    """Decide one case as it was seen; gives why not, or nothing."""
    session, actor, form = db.session(), current_actor(), request.form
    reason = form.get("reason", "").strip()
    try:
        application = _case(row_id)
        override = reason if outcome == PASS and application.verdict == HELD else ""
        words = Words(
            reason=_whole_reason(reason, outcome),
            override_reason=override,
            fields=act_words.sent_fields() if outcome == RETURN else {},
            back_to=form.get("back_to") or None,
        )
        selection = freeze_seen(session, actor, clock(), outcome, {row_id: version})
        done = decide(session, actor, clock(), selection, outcome, words=words)
    except Refusal as refusal:
        session.rollback()
        return words_of(refusal)
    if not done.decided:
        why = session.scalar(
            select(SelectionItem.skipped).where(SelectionItem.selection_id == selection.id)
        )
        session.rollback()
        return _(REASONS.get(why or "", ""))
    session.commit()
    told = {PASS: _("Passed"), RETURN: _("Returned"), REJECT: _("Not funded")}[outcome]
    flash(f"{application.number} {application.applicant.name}：{told}", "success")
    return ""


def _whole_reason(reason: str, outcome: str) -> str:
    """The reason; a return that only says what is wrong with fields has that for a reason."""
    if reason or outcome != RETURN:
        return reason
    return "；".join(why for why in act_words.sent_fields().values() if why)[:500]
