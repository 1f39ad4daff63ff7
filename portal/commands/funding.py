"""``flask funding``: budgets and payment batches."""

from __future__ import annotations

from datetime import date
from typing import Any

import click
from sqlalchemy import select

from models.application import Application
from models.base import N_, Refusal, db
from models.funding import BOUNCED, REVERSALS, PaymentBatch
from models.organization import Organization
from models.types import Fen
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.funding.budget import set_budget
from portal.funding.matching import Owed, check_shares, matching
from portal.funding.papers import payees_of
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.funding.reversals import last_payment, reverse_payment
from portal.policy.packs import programme_called


class NoSuchUnion(Refusal):
    """No union has the code that was given."""

    message = N_("There is no union with the code %(code)s.")


class NoSuchPayment(Refusal):
    """The application has no such payment."""

    message = N_("Application %(number)s has no such payment.")


class NoSuchBatch(Refusal):
    """No payment batch has the number that was given."""

    message = N_("There is no payment batch with the number %(number)s.")


@click.group("funding")
def funding() -> None:
    """Budgets, payment batches, transfers."""


@funding.command("budget")
@click.argument("code")
@click.argument("yuan", type=int)
@click.option("--payer", help="Code of another payer's union; the city federation by default.")
@click.option("--reason", default="", help="Why; needed for another payer.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def budget_command(
    code: str, yuan: int, payer: str | None, reason: str, login: str
) -> dict[str, Any]:
    """Set what a payer may spend on a programme, in yuan."""
    session = db.session()
    found = set_budget(
        session,
        actor_named(session, login),
        clock(),
        programme_called(session, code),
        Fen(yuan * 100),
        union_called(payer) if payer else None,
        reason,
    )
    session.commit()
    named = {"payer": payer} if payer else {}
    return {"programme": code, "cap_fen": found.cap_fen, "spent_fen": found.spent_fen} | named


@funding.command("pay")
@click.argument("code")
@click.option("--district", required=True, help="Code of the district or bureau union.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def pay_command(code: str, district: str, login: str) -> dict[str, Any]:
    """Make a payment batch of a district's approved applications."""
    session = db.session()
    union = union_called(district)
    actor = actor_named(session, login)
    batch = make_batch(session, actor, clock(), programme_called(session, code), union)
    session.commit()
    return told_batch(batch)


@funding.command("transferred")
@click.argument("number")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def transferred_command(number: str, on: Any, login: str) -> dict[str, Any]:
    """Mark a batch as transferred to its district."""
    session = db.session()
    batch = batch_called(number)
    mark_transferred(session, actor_named(session, login), clock(), batch, day_of(on))
    session.commit()
    return told_batch(batch)


@funding.command("paid")
@click.argument("number")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def paid_command(number: str, on: Any, login: str) -> dict[str, Any]:
    """Mark everyone in a transferred batch as paid."""
    session = db.session()
    batch = batch_called(number)
    mark_paid(session, actor_named(session, login), clock(), batch, day_of(on))
    session.commit()
    return told_batch(batch)


@funding.command("match")
@click.argument("code")
@click.option("--district", help="Code of one district or bureau union.")
@click.option("--try", "tried", multiple=True, help="Another weight: share=weight.")
@click.option("--as", "login", required=True, help="The account that asks.")
@verb
def match_command(code: str, district: str | None, tried: tuple[str, ...], login: str) -> Any:
    """Work out who owes what; nothing is written."""
    session = db.session()
    cases = None
    if district is not None:
        cases = select(Application.id).where(Application.district_id == union_called(district).id)
    instead = {key: int(text) if text.isdecimal() else 0 for key, text in map(_pair, tried)}
    programme = programme_called(session, code)
    check_shares(programme, instead)
    found = matching(session, actor_named(session, login), programme, cases, instead)
    return {
        "programme": code,
        "instalments": list(found.instalments.values()),
        "rows": [_owed(row) for row in found.rows],
        "totals": [_owed(row) for row in found.totals()],
    }


@funding.command("returned")
@click.argument("application")
@click.option("--kind", type=click.Choice(list(REVERSALS)), default=BOUNCED, show_default=True)
@click.option("--instalment", default=1, show_default=True, help="Which part came back.")
@click.option("--reason", required=True, help="Why it came back.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def returned_command(
    application: str, kind: str, instalment: int, reason: str, on: Any, login: str
) -> dict[str, Any]:
    """Record that a payment came back; what the bank returned is paid again by the next batch."""
    session = db.session()
    payment = last_payment(session, application, instalment)
    if payment is None:
        raise NoSuchPayment(number=application)
    actor = actor_named(session, login)
    made = reverse_payment(session, actor, clock(), payment, kind, day_of(on), reason)
    session.commit()
    return {"application": application, "kind": made.kind, "fen": payment.amount_fen}


def _pair(text: str) -> tuple[str, str]:
    key, _equals, value = text.partition("=")
    return key, value


def _owed(row: Owed) -> dict[str, Any]:
    return {
        "district": row.district,
        "share": row.key,
        "payer": row.title or row.payer,
        "on_top": row.on_top,
        "cases": row.cases,
        "not_stated": row.unknown,
        "instalments_fen": list(row.instalments.values()),
        "fen": row.fen,
        "paid_fen": row.paid,
    }


def union_called(code: str) -> Organization:
    """The union with *code*; raises ``NoSuchUnion``."""
    found = db.session.scalar(select(Organization).where(Organization.code == code))
    if found is None:
        raise NoSuchUnion(code=code)
    return found


def day_of(on: Any) -> date:
    """The day that was given, or today."""
    return on.date() if on else clock().today()


def batch_called(number: str) -> PaymentBatch:
    """The batch with *number*; raises ``NoSuchBatch``."""
    found = db.session.scalar(select(PaymentBatch).where(PaymentBatch.number == number))
    if found is None:
        raise NoSuchBatch(number=number)
    return found


def told_batch(batch: PaymentBatch) -> dict[str, Any]:
    """What a command prints of *batch*."""
    return {
        "batch": batch.number,
        "state": batch.state,
        "people": payees_of(db.session(), batch),
        "payments": batch.payments_count,
        "total_fen": batch.total_fen,
        "budget_fen": batch.budget_fen,
    }


commands = [funding]
