"""Rules tried on the cases of a programme, decided ones too: cost, reach of a budget, who flips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import select

from admin_views.programme_effect import cases_of, told_effect
from admin_views.rule_fields import fen_typed
from models.base import Refusal, db
from models.programme import Programme, Revision
from portal.access.permissions import may
from portal.exchange.trial_sheet import write_trial
from portal.funding.allocation_list import names_of
from portal.policy.pack_rows import document_of
from portal.policy.pool_demand import PoolDemand
from portal.policy.simulate import Exhaustion, Simulation, simulate
from portal.theme import cells
from portal.theme.book import Reach, Trial
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

SHOWN, IN_SHEET = 200, 20_000
"""Flips that the page and the sheet name; all are counted."""
SHOWN_POOLS = 60
"""Pools that the page names, those first that lack most."""


class TrialPages:
    """What the screen of revisions adds for trying rules on all cases."""

    render: Any
    get_one: Any

    @expose("/trial")
    def trial(self) -> Any:
        """The form, and below it what the rules would do."""
        revision = self.get_one(request.args.get("id", ""))
        offered = cases_of(revision.programme)
        code = request.args.get("code", "")
        found = _tried(revision, code, SHOWN) if code else None
        return self.render("portal/programme_trial.html", trial=_page(revision, offered, found))

    @expose("/trial_sheet")
    def trial_sheet(self) -> Any:
        """The cases that come out otherwise."""
        revision = self.get_one(request.args.get("id", ""))
        code = request.args.get("code", "")
        found = _tried(revision, code, IN_SHEET)
        if found is None:
            return redirect(url_for(".trial", id=revision.id))
        programme = db.session.scalar(select(Programme).where(Programme.code == code))
        if programme is None:
            abort(404)
        target = BytesIO()
        write_trial(db.session(), current_actor(), clock(), programme, found, target, told)
        db.session.commit()
        return sheet_answer(target, f"{code}.xlsx")


def _tried(revision: Revision, code: str, most: int) -> Simulation | None:
    """What *revision* makes of the cases of *code* as the form asks; nothing is written."""
    try:
        return simulate(
            db.session(),
            current_actor(),
            document_of(revision),
            code[:40],
            most=most,
            replay=request.args.get("replay") == "1",
            budget_fen=fen_typed(request.args.get("budget", "")),
        )
    except (Refusal, ValueError) as refused:
        flash(
            words_of(refused)
            if isinstance(refused, Refusal)
            else _("Please give the amount in yuan."),
            "error",
        )
        return None
    finally:
        db.session.rollback()


def _page(revision: Revision, offered: list[Programme], found: Simulation | None) -> Trial:
    query = request.args.to_dict()
    exports = found is not None and found.flips and may(current_actor(), "application:export")
    return Trial(
        title=revision.programme.title,
        subtitle=_("Revision %(number)s", number=revision.number),
        revision_id=revision.id,
        back_url=url_for(".book", id=revision.id),
        programmes=[(row.code, row.title) for row in offered],
        code=query.get("code", offered[0].code if offered else ""),
        replay=query.get("replay") == "1",
        budget=query.get("budget", "")[:20],
        effect=told_effect(revision, found) if found else None,
        districts=_districts(found) if found else (),
        more=cells.yuan(found.more_fen) if found else "",
        less=cells.yuan(found.less_fen) if found else "",
        reach=_reach(found.exhaustion) if found and found.exhaustion else None,
        pools=_pools(revision, found.pools) if found else (),
        unnamed_pools=max(0, len(found.pools) - SHOWN_POOLS) if found else 0,
        unnamed=found.flipped + found.repriced - len(found.flips) if found else 0,
        sheet_url=url_for(".trial_sheet", **query) if exports else "",
    )


def _districts(found: Simulation) -> list[tuple[str, str, str, str]]:
    return [
        (place.name, cells.yuan(place.before_fen), cells.yuan(place.after_fen), f"{place.flips:,}")
        for place in found.districts
    ]


def _pools(revision: Revision, pools: Sequence[PoolDemand]) -> list[tuple[str, ...]]:
    shown = sorted(pools, key=lambda pool: (-pool.missing_fen, -pool.missing_places))[:SHOWN_POOLS]
    names: dict[tuple[str, str], str] = {}
    for row in revision.allocations:
        keys = [pool.pool for pool in shown if pool.key == row.key]
        found = names_of(db.session(), revision, row.per, keys)
        names |= {(row.key, key): name for key, name in found.items()}
    return [_pool(pool, names[pool.key, pool.pool] or _("All cases")) for pool in shown]


def _pool(pool: PoolDemand, name: str) -> tuple[str, ...]:
    return (
        pool.title,
        name,
        f"{pool.cases:,}",
        "–" if pool.places is None else f"{pool.places:,}",
        cells.yuan(pool.asked_fen),
        "–" if pool.budget_fen is None else cells.yuan(pool.budget_fen),
        _("; ").join(_lacks(pool)) or _("Enough"),
    )


def _lacks(pool: PoolDemand) -> Iterator[str]:
    if pool.missing_places:
        yield _("%(count)s places are missing", count=f"{pool.missing_places:,}")
    if pool.missing_fen:
        yield _("%(fen)s yuan are missing", fen=cells.yuan(pool.missing_fen))


def _reach(reach: Exhaustion) -> Reach:
    return Reach(
        budget=cells.yuan(reach.budget_fen),
        day=reach.day.isoformat() if reach.day else "",
        cases=f"{reach.cases:,}",
        beyond=cells.yuan(reach.fen),
    )
