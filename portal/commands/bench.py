"""``flask bench``: a data generator, and measurements beside the bare statements."""

from __future__ import annotations

import time
from typing import Any

import click
from flask import current_app
from sqlalchemy import func, select, text

from models.application import Application
from models.base import db
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.policy.packs import programme_called
from seed import demo
from seed.bench import measures, money
from seed.bench.fill import fill


@click.group("bench")
def bench() -> None:
    """Fill a database and measure on it."""


@bench.command("generate")
@click.option("--applications", type=click.IntRange(min=1), required=True)
@click.option("--programme", "code", help="The first programme by default.")
@click.option("--unreviewed", is_flag=True, help="All wait at the first stage, not yet judged.")
@verb
def generate_command(applications: int, code: str | None, unreviewed: bool) -> dict[str, Any]:
    """Write that many applications in every state, by the services, in sets."""
    started, session = time.perf_counter(), db.session()
    demo.load(session, clock(), applications=0)
    session.commit()
    programme = programme_called(session, code) if code else demo.receiving(session, clock())[0]
    author = actor_named(session, "centre2")
    filled = fill(session, clock(), programme, author, applications, reviewed=not unreviewed)
    for done in filled:
        click.echo(f"{done} of {applications}", err=True)
    session.execute(text("ANALYZE"))
    session.commit()
    return {"applications": applications, "seconds": round(time.perf_counter() - started, 1)}


@bench.command("run")
@click.option("--runs", type=int, default=15, show_default=True)
@click.option("--skip", default="", help="Some of pages,bulk,export,judge,money.")
@verb
def run_command(runs: int, skip: str) -> dict[str, Any]:
    """Measure on the database as it is; each row beside the bare statement of the same run."""
    app, session, left = current_app._get_current_object(), db.session(), skip.split(",")  # type: ignore[attr-defined]
    found = []
    if "export" not in left:
        # first, for it also tells how much more memory it took than anything before it
        found.append(measures.export(session))
    if "bulk" not in left:
        found.append(measures.bulk(session, clock(), max(runs // 5, 1)))
    if "judge" not in left:
        found += measures.judging(session, 2)
    if "money" not in left:
        found += money.money(session, clock(), 1)
    if "pages" not in left:
        found += measures.pages(app, runs)
    return {
        "database": db.engine.dialect.name,
        "applications": session.scalar(select(func.count()).select_from(Application)),
        "measured": [row.told() for row in found],
    }


commands = [bench]
