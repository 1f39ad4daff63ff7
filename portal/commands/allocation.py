"""``flask funding allocate``: who gets money where it is short."""

from __future__ import annotations

from typing import Any

import click

from models.allocation import AllocationPool
from models.base import db
from models.types import Fen
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.commands.funding import funding
from portal.funding.allocation import try_out
from portal.funding.allocation_list import pool_names, pools_of, remainder_of
from portal.funding.granting import raise_pool, settle
from portal.policy.packs import programme_called


@funding.command("allocate")
@click.argument("code")
@click.option("--row", "row_key", required=True, help="Key of the allocation row.")
@click.option("--window", "window_key", default="", help="Key of the window.")
@click.option("--seed", default="", help="Seed of a lottery; one is drawn without it.")
@click.option("--raise", "more", type=click.IntRange(min=0), help="Yuan more in the pool.")
@click.option("--places", type=click.IntRange(min=0), help="Places more in the pool.")
@click.option("--pool", default="", help="The pool that is raised, as its key.")
@click.option("--reason", default="", help="Why the pool is raised.")
@click.option("--final", "is_final", is_flag=True, help="Grant it; without it only a trial.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def allocate_command(
    code: str,
    row_key: str,
    window_key: str,
    seed: str,
    more: int | None,
    places: int | None,
    pool: str,
    reason: str,
    is_final: bool,
    login: str,
) -> dict[str, Any]:
    """Try an allocation over all cases that wait for it; --final grants it."""
    session = db.session()
    actor, programme = actor_named(session, login), programme_called(session, code)
    run = try_out(session, actor, clock(), programme, row_key, window_key, seed)
    if more is not None or places is not None:
        fen = Fen((more or 0) * 100)
        run = raise_pool(session, actor, clock(), run, pool, fen, places or 0, reason)
    if is_final:
        settle(session, actor, clock(), run)
    session.commit()
    pools = pools_of(session, actor, run)
    names = pool_names(session, run, pools)
    return {
        "run": run.number,
        "state": run.state,
        "method": run.method,
        "seed": run.seed,
        "cases": run.cases,
        "left_out": run.unclear,
        "asked_fen": run.asked_fen,
        "granted": run.granted,
        "granted_fen": run.granted_fen,
        "pools": [_told(each, names[each.pool]) for each in pools],
    }


def _told(pool: AllocationPool, name: str) -> dict[str, Any]:
    return {
        "pool": pool.pool,
        "name": name,
        "cases": pool.cases,
        "asked_fen": pool.asked_fen,
        "left_fen": pool.left_fen,
        "left_places": pool.left_places,
        "granted": pool.granted,
        "granted_fen": pool.granted_fen,
        "remainder_fen": remainder_of(pool),
    }


commands = [funding]
