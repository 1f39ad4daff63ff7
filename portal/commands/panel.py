"""``flask panel``: experts get cases, their sheets come in, the cases are ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from models.application import Application
from models.base import N_, Refusal, db
from models.panel import CONFLICTS, Expert
from models.programme import Revision, Stage
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.exchange.score_sheets import take_scores
from portal.policy.judge import in_force
from portal.policy.packs import programme_called
from portal.review import assigning, panel
from portal.review.slate import limits, pools, ranking
from portal.translations.words import told


class NoStage(Refusal):
    """The programme's rules in force have no such stage."""

    message = N_("%(code)s has no stage called %(stage)s.")


class NoExpert(Refusal):
    """No expert in use has the name."""

    message = N_("There is no expert %(name)s.")


@click.group("panel")
def panel_group() -> None:
    """Expert panels."""


@panel_group.command("assign")
@click.argument("code")
@click.option("--stage", "key", required=True, help="Key of the stage.")
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--each", default=0, help="Spread evenly until every case has so many experts.")
@click.option("--expert", "names", multiple=True, help="Name of an expert; all by default.")
@click.option("--case", "numbers", multiple=True, help="Number of a case; by hand.")
@verb
def assign_command(
    code: str, key: str, login: str, each: int, names: tuple[str, ...], numbers: tuple[str, ...]
) -> dict[str, Any]:
    """Give experts the waiting cases of a stage: evenly with --each, or named ones by hand."""
    if bool(each) == bool(numbers):
        raise click.UsageError("give --each, or --case")
    session, actor = db.session(), actor_named(db.session(), login)
    revision, stage = stage_called(code, key)
    experts = [_expert(name) for name in names]
    if each:
        done = assigning.spread(session, actor, clock(), revision, stage, each, experts)
    else:
        cases = session.scalars(select(Application.id).where(Application.number.in_(numbers)))
        done = assigning.assign(session, actor, clock(), revision, stage, experts, cases)
    session.commit()
    left = [
        {"number": number, "expert": name, "why": told(CONFLICTS[why], {})}
        for number, name, why in done.left
    ]
    short = [{"number": number, "experts": have} for number, have in done.short]
    return {"made": done.made, "conflicts": left, "short": short}


@panel_group.command("scores")
@click.argument("code")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--stage", "key", required=True, help="Key of the stage.")
@click.option("--as", "login", required=True, help="The account that acts.")
@verb
def scores_command(code: str, file: Path, key: str, login: str) -> dict[str, Any]:
    """Type the score sheets of a file (number, expert, criteria, justification); all or none."""
    session, actor = db.session(), actor_named(db.session(), login)
    revision, stage = stage_called(code, key)
    taken = take_scores(session, actor, clock(), revision, stage, file, told)
    session.commit()
    return {"taken": taken}


@panel_group.command("rank")
@click.argument("code")
@click.option("--stage", "key", required=True, help="Key of the stage.")
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--join", is_flag=True, help="First join the sheets of complete cases.")
@verb
def rank_command(code: str, key: str, login: str, join: bool) -> dict[str, Any]:
    """Rank the cases of a stage by score, orders and submission, with their places."""
    session, actor = db.session(), actor_named(db.session(), login)
    revision, stage = stage_called(code, key)
    found: dict[str, Any] = {}
    if join:
        done = panel.join(session, actor, clock(), revision, stage)
        session.commit()
        left = [{"number": n, "why": told(why, params)} for n, why, params in done.left]
        found = {"joined": done.done, "unchanged": done.same, "left": left}
    ranked = ranking(session, actor, revision, stage)
    held = limits(session, actor, revision, stage, [row.id for row in ranked])
    return found | {
        "pools": [
            {
                "bound": pool.bound.key if pool.bound else None,
                "places": pool.bound.at_most if pool.bound else None,
                "taken": pool.taken,
                "cases": [_case(row, pool.bound) for row in pool.rows],
            }
            for pool in pools(revision, stage, ranked)
        ],
        "broken": [
            {"bound": row.key, "group": row.group, "now": row.now, "limit": row.limit}
            for row in held
            if not row.holds
        ],
    }


def stage_called(code: str, key: str) -> tuple[Revision, Stage]:
    """The rules in force of the programme *code* and their stage *key*; raises ``NoStage``."""
    revision = in_force(db.session(), programme_called(db.session(), code))
    stages = {row.key: row for row in revision.stages} if revision else {}
    if revision is None or key not in stages:
        raise NoStage(code=code, stage=key)
    return revision, stages[key]


def _expert(name: str) -> int:
    found = db.session.scalar(select(Expert.id).where(Expert.name == name, Expert.is_active))
    if found is None:
        raise NoExpert(name=name)
    return found


def _case(row: Any, bound: Any) -> dict[str, Any]:
    return {
        "place": row.place,
        "number": row.number,
        "subject": row.subject,
        "score": row.score,
        "tier": row.tier_key,
        "holds": bound is None or row.holds(bound),
    }


commands = [panel_group]
