"""A slate, its limits and the sheets of a case, in the words of their pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import format_datetime
from sqlalchemy import func, select

from admin_views import application_acts as acts
from models.application import HELD, INELIGIBLE, WAITING, Application
from models.base import db
from models.decision import PASS
from models.panel import Expert, ScoreSheet
from models.programme import STAGE_KINDS, Programme, Revision, Stage
from portal.access.permissions import may
from portal.access.scope import visible
from portal.policy.facts import MONEY
from portal.policy.stage_checks import PANEL, PUBLIC_NOTICE
from portal.policy.stage_words import length_words, stage_words
from portal.review import panel
from portal.review.noticed import is_notice
from portal.review.route import label_of
from portal.review.scoring import shown
from portal.review.slate import Limit, Pool, Ranked, limits, pools, ranking
from portal.theme import cells
from portal.theme.panels import (
    CaseSheets,
    Scoring,
    SheetShown,
    Slate,
    SlateLimit,
    SlatePool,
    SlateRow,
    StageLine,
)
from portal.theme.shapes import Action, Choice
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import current_actor

VISIT = "visit"
MOST_SHOWN = 2_000
"""Cases that a slate shows."""


def line(stage: Stage, programme: str, waiting: int, role: str) -> StageLine:
    """A stage in the list of stages."""
    return StageLine(
        programme=programme,
        stage=stage.title,
        kind=_(STAGE_KINDS[stage.kind]),
        waiting=waiting,
        url=url_for("panel.stage", id=stage.id),
        is_mine=stage.acts == role,
    )


def slate(stage: Stage) -> Slate:
    """The slate of *stage* as this person sees it."""
    session, actor = db.session(), current_actor()
    revision = session.get_one(Revision, stage.revision_id)
    programme = session.get_one(Programme, revision.programme_id)
    ranked = ranking(session, actor, revision, stage, MOST_SHOWN)
    mine = stage.acts == actor.role and may(actor, "application:decide")
    sheets = _sheet_counts(stage, ranked) if stage.kind == PANEL else {}
    here = [row for row in ranked if row.stage_key == stage.key and row.state == WAITING]
    opens = mine and is_notice(stage) and may(actor, "publicity:write") and bool(here)
    return Slate(
        title=f"{programme.title} · {stage.title}",
        lead=_(
            "%(count)s wait here, %(past)s went on.", count=len(here), past=len(ranked) - len(here)
        ),
        pools=[
            _pool(pool, stage, revision, sheets, mine) for pool in pools(revision, stage, ranked)
        ],
        limits=[limit(row) for row in limits(session, actor, revision, stage, ())],
        here=url_for("panel.stage", id=stage.id),
        limits_url=url_for("panel.limits", id=stage.id),
        actions=_actions(stage) if mine and here else (),
        action_url=url_for("application.action_view"),
        scoring=_scoring(stage, mine) if stage.panel else None,
        has_visits=bool(_visit_fields(revision)),
        open_url=url_for("publicity.open", id=stage.id) if opens else "",
        notice_title=f"{programme.title} · {stage.title}" if stage.kind == PUBLIC_NOTICE else "",
        notice_length=length_words(stage.lasts, _say) if stage.lasts else "",
    )


def _actions(stage: Stage) -> list[Action]:
    """The decisions; from a notice cases pass by themselves."""
    found = acts.actions()
    return [row for row in found if row.key != PASS] if is_notice(stage) else found


def limit(row: Limit) -> SlateLimit:
    """ "47 % < 50 %", "23 / 25"."""
    now, most = _amount(row.now, row.unit), _amount(row.limit, row.unit)
    if row.is_most:
        words = f"{now} / {most}"
    else:
        words = f"{now} {'≥' if row.holds else '<'} {most}"
    says = f"{row.group}：{row.says}" if row.group else row.says
    return SlateLimit(says, row.clause, words, row.holds)


def case_sheets(stage: Stage, case: Application) -> CaseSheets:
    """Every sheet of *case* at *stage*, those put aside too."""
    session, actor = db.session(), current_actor()
    rows = session.scalars(
        select(ScoreSheet)
        .where(
            ScoreSheet.application_id == case.id,
            ScoreSheet.stage_key == stage.key,
            visible(ScoreSheet, actor),
        )
        .order_by(ScoreSheet.voided_at.is_not(None), ScoreSheet.id)
    ).all()
    here = case.state == WAITING and case.stage_key == stage.key
    mine = here and stage.acts == actor.role and may(actor, "panel:write")
    into = panel.panel_of(stage)["into"].removeprefix("field.") if stage.panel else ""
    score = case.fields.get(into)
    return CaseSheets(
        title=str(case.project or case.studio or case.applicant.name),
        subtitle=f"{case.number} · {case.organization.name}",
        case_url=url_for("application.details_view", id=case.id),
        back_url=url_for("panel.stage", id=stage.id),
        sheets=[_sheet(row, stage, mine) for row in rows],
        score="" if score is None else _plain(score),
        give_url=url_for("panel.give", id=stage.id, case=case.id) if mine else "",
        declare_url=url_for("panel.declare", id=stage.id, case=case.id) if mine else "",
        experts=_experts() if mine else (),
    )


def _say(text: str, **params: Any) -> str:
    return told(text, params)


def _joined(items: Any) -> str:
    return "；".join(items)


def _scoring(stage: Stage, mine: bool) -> Scoring:
    facts = [(_(label), words) for label, words in stage_words(stage, _say, _joined)]
    works = mine and may(current_actor(), "panel:write")
    return Scoring(
        facts=facts,
        experts=_experts() if works else (),
        each=panel.panel_of(stage)["fewest"],
        spread_url=url_for("panel.spread", id=stage.id) if works else "",
        join_url=url_for("panel.join", id=stage.id) if works else "",
    )


def _experts() -> list[Choice]:
    rows = db.session.scalars(select(Expert).where(Expert.is_active).order_by(Expert.id))
    return [
        Choice(str(row.id), " · ".join(filter(None, (row.name, row.unit, row.speciality))))
        for row in rows
    ]


def _sheet_counts(stage: Stage, ranked: Sequence[Ranked]) -> dict[int, tuple[int, int]]:
    """Of each case: sheets handed in, and given out."""
    rows = db.session.execute(
        select(
            ScoreSheet.application_id,
            func.count(ScoreSheet.submitted_at),
            func.count(),
        )
        .where(
            ScoreSheet.stage_key == stage.key,
            ScoreSheet.voided_at.is_(None),
            ScoreSheet.application_id.in_([row.id for row in ranked]),
        )
        .group_by(ScoreSheet.application_id)
    )
    return {case: (done, given) for case, done, given in rows}


def _pool(
    pool: Pool, stage: Stage, revision: Revision, sheets: dict[int, tuple[int, int]], mine: bool
) -> SlatePool:
    bound = pool.bound
    return SlatePool(
        title=bound.says if bound else _("All cases") if pool.rows else "",
        clause=bound.clause if bound else "",
        taken=f"{pool.taken} / {bound.at_most}" if bound else str(len(pool.rows)),
        rows=[
            _row(row, pool, place, stage, revision, sheets, mine)
            for place, row in enumerate(pool.rows)
        ],
    )


def _row(
    row: Ranked,
    pool: Pool,
    place: int,
    stage: Stage,
    revision: Revision,
    sheets: dict[int, tuple[int, int]],
    mine: bool,
) -> SlateRow:
    here = row.stage_key == stage.key and row.state == WAITING
    done, given = sheets.get(row.id, (0, 0))
    reads = stage.kind == PANEL and may(current_actor(), "expert:read")
    return SlateRow(
        place=row.place,
        number=row.number,
        url=url_for("application.details_view", id=row.id),
        subject=row.subject,
        person=row.person,
        unit=row.unit,
        district=row.district,
        mark=_mark(row, pool, here, revision),
        score="" if row.score is None else _plain(row.score),
        sheets=f"{done} / {given}" if stage.kind == PANEL else "",
        sheets_url=url_for("panel.case", id=stage.id, case=row.id) if reads else "",
        amount=cells.amount(row.amount_fen),
        visited=_visited(row, revision),
        value=f"{row.id}:{row.version}" if here and mine else "",
        is_beyond=pool.bound is not None and not row.holds(pool.bound),
        is_cut=pool.is_cut_after(place),
    )


def _mark(row: Ranked, pool: Pool, here: bool, revision: Revision) -> Any:
    """Why the case is not plainly in: beyond the places, refused, or something is asked."""
    if not here:
        words = label_of(revision, row.state, row.stage_key)
        return cells.chip(_(words) if words else _("Went on"), "info", "arrow-right")
    if row.verdict == INELIGIBLE:
        return cells.chip(_("Not eligible"), "bad", "circle-x")
    if pool.bound is not None and not row.holds(pool.bound):
        return cells.chip(_("Beyond the places"), "plain", "hourglass")
    if row.verdict == HELD:
        return cells.chip(_("Needs a person"), "warn", "alert-triangle")
    return cells.chip(_("Eligible"), "good", "circle-check")


def _visit_fields(revision: Revision) -> list[str]:
    """The days that stages of visits fill in."""
    stages = {stage.key for stage in revision.stages if stage.kind == VISIT}
    return [
        row.key.removeprefix("field.")
        for row in revision.fields
        if row.stage in stages and row.kind == "date"
    ]


def _visited(row: Ranked, revision: Revision) -> str:
    return next((str(row.fields[key]) for key in _visit_fields(revision) if key in row.fields), "")


def _sheet(row: ScoreSheet, stage: Stage, mine: bool) -> SheetShown:
    standing, tone, icon = _standing(row)
    criteria = panel.panel_of(stage)["criteria"] if stage.panel else []
    typist = row.entered_by.name if row.entered_by else _("System")
    origin = ""
    if row.submitted_at is not None:
        when = format_datetime(row.submitted_at, "yyyy-MM-dd HH:mm")
        words = _("Typed from paper by %(name)s") if row.from_paper else _("Handed in by %(name)s")
        origin = f"{words % {'name': typist}} · {when}"
    return SheetShown(
        expert=row.expert.name,
        place=" · ".join(filter(None, (row.expert.unit, row.expert.speciality))),
        standing=standing,
        tone=tone,
        icon=icon,
        total=shown(row.total) if row.total is not None else "",
        points=[
            (item["title"], row.points.get(item["key"], ""), str(item["most"]))
            for item in criteria
            if row.points
        ],
        justification=row.justification or row.voided_for,
        origin=origin,
        fill_url=url_for("panel.sheet", sheet=row.id) if mine and _is_open(row) else "",
        void_url=url_for("panel.void", sheet=row.id) if mine and not row.voided_at else "",
    )


def _is_open(row: ScoreSheet) -> bool:
    return row.submitted_at is None and row.voided_at is None


def _standing(row: ScoreSheet) -> tuple[str, Any, str]:
    if row.voided_at is not None:
        return _("Put aside"), "plain", "ban"
    if row.submitted_at is not None:
        return _("Handed in"), "good", "circle-check"
    return _("Open"), "warn", "pencil"


def _amount(value: float, unit: str) -> str:
    if unit == MONEY:
        return f"{cells.yuan(round(value))} {_('yuan')}"
    return f"{_plain(round(value, 1))} %" if unit == "percent" else _plain(value)


def _plain(value: float) -> str:
    """A number without a needless point."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
