"""What the page of an allocation run shows: its record, its pools, its cases and the cut line."""

from __future__ import annotations

from flask import url_for
from markupsafe import Markup

from models.allocation import FINAL, PRO_RATA, AllocationPool, AllocationRun
from models.base import db
from portal.access.permissions import may
from portal.access.scope import CITY_DEPTH
from portal.exchange.allocation_sheet import pool_words, record_of
from portal.funding.allocation_list import Placed, cut_of, placed, pool_names, pools_of
from portal.theme import cells
from portal.theme.allocation import AllocationPage, PlacedRow, PoolList
from portal.theme.pages import Fact, Section
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import current_actor

MOST_POOLS, SHOWN_LOT = 6, 10
"""Pools whose cases are listed together; digits of a lot that tell cases apart."""


def sections(run: AllocationRun) -> list[Section]:
    """By which rules and by whom it was made, and what each pool comes to."""
    facts = [Fact(label, words) for label, words in record_of(db.session(), run, told)]
    if may(current_actor(), "allocation:export"):
        link = cells.link(url_for(".sheet", row_id=run.id), f"{run.number}.xlsx", drawer=False)
        facts.append(Fact(_("Record"), link))
    pools = pools_of(db.session(), current_actor(), run)
    names = pool_names(db.session(), run, pools)
    told_pools = [
        Fact(names[pool.pool] or _("All cases"), _("; ").join(pool_words(pool, told)))
        for pool in pools
    ]
    return [Section(_("Record"), facts), Section(_("Pools"), told_pools)]


def page_of(run: AllocationRun, wanted: str | None) -> AllocationPage:
    """The lists: the pool *wanted*, or the first ones."""
    pools = pools_of(db.session(), current_actor(), run)
    names = pool_names(db.session(), run, pools)
    chosen = [pool for pool in pools if pool.pool == wanted] or pools[:MOST_POOLS]
    others = [
        (names[pool.pool], url_for(".details_view", id=run.id, pool=pool.pool))
        for pool in pools
        if pool not in chosen
    ]
    listed = [_listed(run, pool, names[pool.pool] or _("All cases")) for pool in chosen]
    return AllocationPage(listed, others, has_lots=bool(run.seed))


def _listed(run: AllocationRun, pool: AllocationPool, title: str) -> PoolList:
    found = placed(db.session(), current_actor(), run, pool)
    cut = cut_of(run, pool)
    rows: list[PlacedRow] = []
    before = 0
    for place, row in enumerate(found):
        following = found[place + 1].place if place + 1 < len(found) else pool.cases + 1
        is_cut = cut is not None and row.place <= cut < following
        rows.append(_row(run, row, row.place - before - 1, is_cut=is_cut))
        before = row.place
    is_city = current_actor().depth == CITY_DEPTH
    return PoolList(
        title=title,
        taken=f"{pool.granted:,} / {pool.cases:,}",
        rows=rows,
        cut_words=_cut_words(pool),
        is_cut_first=bool(found) and cut is not None and cut < found[0].place,
        more=pool.cases - before if is_city else 0,
    )


def _cut_words(pool: AllocationPool) -> str:
    if not pool.is_stated:
        return _("Cut line: what there is is not stated, so nobody is granted anything")
    if pool.left_places is not None and pool.granted >= pool.left_places:
        return _("Cut line: the places end here")
    return _("Cut line: the money ends here")


def _row(run: AllocationRun, row: Placed, gap: int, *, is_cut: bool) -> PlacedRow:
    is_city = current_actor().depth == CITY_DEPTH
    return PlacedRow(
        place=row.place,
        number=row.number,
        url=url_for("application.details_view", id=row.id),
        person=row.person,
        district=row.district,
        unit=row.unit,
        mark=_mark(run, row),
        asked=cells.amount(row.asked),
        reach=cells.amount(row.reach) if is_city else Markup("–"),
        granted=cells.amount(row.granted) if row.granted else "",
        lot=row.lot[:SHOWN_LOT],
        waited=row.waited,
        gap=gap if is_city else 0,
        is_cut=is_cut,
    )


def _mark(run: AllocationRun, row: Placed) -> Markup:
    if row.is_freed:
        return cells.status(_("Place freed"), "closed")
    if not row.granted:
        return cells.status(_("Not reached"), "waiting")
    if run.state != FINAL:
        return cells.status(_("Would be granted"), "draft")
    word = _("Granted in part") if run.method == PRO_RATA and row.granted < row.asked else None
    return cells.status(word or _("Granted"), "passed")
