"""``flask funding affected`` and ``flask funding adjust``: awards that change after approval."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import select

from models.adjustment import Adjustment
from models.application import Application
from models.base import N_, Refusal, db
from models.organization import Organization
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.commands.funding import day_of, funding
from portal.commands.payments import fen_of
from portal.funding.adjusting import cancel_adjustment, decide_adjustments
from portal.funding.affected import IN_FORCE, RULES, Affected, affected, settled_by_payer
from portal.funding.proposing import propose
from portal.funding.recovering import receive
from portal.policy.packs import programme_called


class NoSuchAdjustment(Refusal):
    """The application was never adjusted."""

    message = N_("Application %(number)s has no adjustment.")


@funding.command("affected")
@click.argument("code")
@click.option("--rules", type=click.Choice(list(RULES)), default=IN_FORCE, show_default=True)
@click.option("--as", "login", required=True, help="The account that asks.")
@verb
def affected_command(code: str, rules: str, login: str) -> dict[str, Any]:
    """List the cases with money out that would come out otherwise today; nothing is written."""
    session = db.session()
    found = affected(session, actor_named(session, login), programme_called(session, code), rules)
    told = _told(found.rows)
    session.rollback()
    return {
        "programme": code,
        "cases": found.cases,
        "more_fen": found.more_fen,
        "less_fen": found.less_fen,
        "rows": told,
    }


@funding.group("adjust")
def adjust() -> None:
    """Propose, approve, cancel adjustments; record what came in."""


@adjust.command("propose")
@click.argument("code")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--rules", type=click.Choice(list(RULES)), default=IN_FORCE, show_default=True)
@click.option("--reason", required=True, help="What was found.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def propose_command(
    code: str, numbers: tuple[str, ...], rules: str, reason: str, login: str
) -> dict[str, Any]:
    """Propose for affected applications what the rules give them more or less."""
    session = db.session()
    ids = list(session.scalars(select(Application.id).where(Application.number.in_(numbers))))
    actor, programme = actor_named(session, login), programme_called(session, code)
    done = propose(session, actor, clock(), programme, ids, reason, rules)
    session.commit()
    return {"programme": code, "proposed": done.done, "left": done.left}


@adjust.command("approve")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--refuse", is_flag=True, help="Do not approve them; give a reason.")
@click.option("--reason", default="", help="Why.")
@click.option("--as", "login", required=True, help="The account that acts; not the proposer's.")
@verb
def approve_command(
    numbers: tuple[str, ...], refuse: bool, reason: str, login: str
) -> dict[str, Any]:
    """Approve or refuse what somebody else proposed for applications."""
    session = db.session()
    ids = [_last(number).id for number in numbers]
    actor = actor_named(session, login)
    done = decide_adjustments(session, actor, clock(), ids, approve=not refuse, reason=reason)
    session.commit()
    return {"decided": done.done, "left": done.left}


@adjust.command("cancel")
@click.argument("number")
@click.option("--reason", required=True, help="Why.")
@click.option("--as", "login", required=True, help="The account that acts.")
@verb
def cancel_command(number: str, reason: str, login: str) -> dict[str, Any]:
    """Take back the last adjustment of an application before any money moved by it."""
    session, row = db.session(), _last(number)
    cancel_adjustment(session, actor_named(session, login), clock(), row, reason)
    session.commit()
    return {"application": number, "state": row.state}


@adjust.command("received")
@click.argument("number")
@click.option("--yuan", "fen", callback=fen_of, required=True, help="How much came in.")
@click.option("--reason", required=True, help="From whom, by which way.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def received_command(number: str, fen: int, reason: str, on: Any, login: str) -> dict[str, Any]:
    """Record money that came in for a recovery; the payers' budgets get it back."""
    session, row = db.session(), _last(number)
    receive(session, actor_named(session, login), clock(), row, fen, day_of(on), reason)
    session.commit()
    session.refresh(row)
    return {"application": number, "state": row.state, "owed_fen": row.owed_fen}


def _told(rows: list[Affected]) -> list[dict[str, Any]]:
    """The rows, each with what is settled by payer of what is out."""
    settled = settled_by_payer(db.session(), rows)
    unions = db.session.execute(select(Organization.id, Organization.code))
    codes = {row.id: row.code for row in unions}
    return [
        asdict(row) | {"payers_fen": {codes[at]: fen for at, fen in settled[row.id].items()}}
        for row in rows
    ]


def _last(number: str) -> Adjustment:
    found = db.session.scalar(
        select(Adjustment)
        .join(Application, Application.id == Adjustment.application_id)
        .where(Application.number == number)
        .order_by(Adjustment.id.desc())
        .limit(1)
    )
    if found is None:
        raise NoSuchAdjustment(number=number)
    return found


commands = [funding]
