"""``flask funding``: budgets and payment batches."""

from __future__ import annotations

from datetime import date
from typing import Any

import click
from sqlalchemy import select

from models.base import N_, Refusal, db
from models.funding import PaymentBatch
from models.organization import Organization
from models.types import Fen
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.funding.budget import set_budget
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.policy.packs import programme_called


class NoSuchUnion(Refusal):
    """No union has the code that was given."""

    message = N_("There is no union with the code %(code)s.")


class NoSuchBatch(Refusal):
    """No payment batch has the number that was given."""

    message = N_("There is no payment batch with the number %(number)s.")


@click.group("funding")
def funding() -> None:
    """Budgets, payment batches, transfers."""


@funding.command("budget")
@click.argument("code")
@click.argument("yuan", type=int)
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def budget_command(code: str, yuan: int, login: str) -> dict[str, Any]:
    """Set the budget of a programme, in yuan."""
    session = db.session()
    found = set_budget(
        session,
        actor_named(session, login),
        clock(),
        programme_called(session, code),
        Fen(yuan * 100),
    )
    session.commit()
    return {"programme": code, "cap_fen": found.cap_fen, "spent_fen": found.spent_fen}


@funding.command("pay")
@click.argument("code")
@click.option("--district", required=True, help="Code of the district or bureau union.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def pay_command(code: str, district: str, login: str) -> dict[str, Any]:
    """Make a payment batch of a district's approved applications."""
    session = db.session()
    union = session.scalar(select(Organization).where(Organization.code == district))
    if union is None:
        raise NoSuchUnion(code=district)
    actor = actor_named(session, login)
    batch = make_batch(session, actor, clock(), programme_called(session, code), union)
    session.commit()
    return _told(batch)


@funding.command("transferred")
@click.argument("number")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def transferred_command(number: str, on: Any, login: str) -> dict[str, Any]:
    """Mark a batch as transferred to its district."""
    session = db.session()
    batch = _batch(number)
    mark_transferred(session, actor_named(session, login), clock(), batch, _day(on))
    session.commit()
    return _told(batch)


@funding.command("paid")
@click.argument("number")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def paid_command(number: str, on: Any, login: str) -> dict[str, Any]:
    """Mark everyone in a transferred batch as paid."""
    session = db.session()
    batch = _batch(number)
    mark_paid(session, actor_named(session, login), clock(), batch, _day(on))
    session.commit()
    return _told(batch)


def _day(on: Any) -> date:
    return on.date() if on else clock().today()


def _batch(number: str) -> PaymentBatch:
    found = db.session.scalar(select(PaymentBatch).where(PaymentBatch.number == number))
    if found is None:
        raise NoSuchBatch(number=number)
    return found


def _told(batch: PaymentBatch) -> dict[str, Any]:
    return {
        "batch": batch.number,
        "state": batch.state,
        "people": batch.payments_count,
        "total_fen": batch.total_fen,
    }


commands = [funding]
