"""``flask funding``: papers, payers, accounts and bank files of payments, and statements."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from models.application import Application
from models.base import N_, Because, Refusal, db
from models.papers import BankFile
from models.sharing import CONFIRMATION, PAPERS, PAYERS
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.commands.funding import batch_called, day_of, funding, told_batch, union_called
from portal.exchange.bank_file import write_bank_csv, write_bank_sheet
from portal.funding.cancelling import cancel_batch
from portal.funding.papers import give_paper
from portal.funding.statement import Wanted, application_called, month_of, statement_of
from portal.policy.packs import programme_called
from portal.review.bearers import choose_bearer
from portal.review.payees import correct_account

_YUAN = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)


class NoSuchApplication(Refusal):
    """No application has the number that was given."""

    message = N_("There is no application with the number %(number)s.")


class NoSuchTemplate(Refusal):
    """No bank file is called so."""

    message = N_("There is no bank file called %(title)s.")


class WrongCells(Refusal):
    """What was given for the account will not do."""

    message = N_("%(label)s: %(reason)s")


def fen_of(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """An amount in yuan as fen."""
    found = _YUAN.fullmatch(text or "")
    if text is not None and found is None:
        raise click.BadParameter("must be an amount in yuan")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else None


@funding.command("cancel")
@click.argument("number")
@click.option("--reason", required=True, help="Why it is not sent.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def cancel_command(number: str, reason: str, login: str) -> dict[str, Any]:
    """Cancel a batch that was not sent; its people are owed again."""
    session = db.session()
    batch = batch_called(number)
    cancel_batch(session, actor_named(session, login), clock(), batch, reason)
    session.commit()
    return told_batch(batch)


@funding.command("confirm")
@click.argument("number")
@click.option("--people", type=int, help="How many were paid; as in the batch by default.")
@click.option("--yuan", callback=fen_of, help="How much was paid; as in the batch by default.")
@click.option("--differences", default="", help="Why that is not what the batch says.")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@click.option(
    "--paper", "kind", type=click.Choice(list(PAPERS)), default=CONFIRMATION, show_default=True
)
@click.option("--as", "login", required=True, help="The account that acts.")
@verb
def confirm_command(
    number: str,
    people: int | None,
    yuan: int | None,
    differences: str,
    on: Any,
    kind: str,
    login: str,
) -> dict[str, Any]:
    """Give a paper of a batch: the district's confirmation, receipt, or a transfer notice."""
    session = db.session()
    actor, batch = actor_named(session, login), batch_called(number)
    made = give_paper(session, actor, clock(), batch, kind, day_of(on), people, yuan, differences)
    session.commit()
    return {
        "paper": made.number,
        "kind": made.kind,
        "people": made.people,
        "total_fen": made.total_fen,
        "differences": made.differences,
    }


@funding.command("account")
@click.argument("application")
@click.option("--card", default="", help="The member card that is right.")
@click.option("--bank", default="", help="The bank of the account.")
@click.option("--account", default="", help="The bank account that is right.")
@click.option("--reason", required=True, help="Why it changes.")
@click.option("--as", "login", required=True, help="The account that acts.")
@verb
def account_command(
    application: str, card: str, bank: str, account: str, reason: str, login: str
) -> dict[str, Any]:
    """Correct the card or account of an approved case; it is not approved again."""
    session = db.session()
    case = session.scalar(select(Application).where(Application.number == application))
    if case is None:
        raise NoSuchApplication(number=application)
    cells = {"payee.card": card, "payee.bank": bank, "payee.account": account}
    actor = actor_named(session, login)
    for problem in correct_account(session, actor, clock(), case, cells, reason, case.version):
        reason_found = Because(problem.message, problem.params)
        raise WrongCells(label=problem.label, reason=reason_found)
    session.commit()
    return {"application": application, "paid_to": case.payee_kind, "state": case.state}


@funding.command("bank")
@click.argument("number")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--template", required=True, help="The title of the bank file.")
@click.option("--as", "login", required=True, help="The account that pays.")
@verb
def bank_command(number: str, target: Path, template: str, login: str) -> dict[str, Any]:
    """Write the file that a bank reads, as CSV or by its ending .xlsx as a sheet."""
    session = db.session()
    found = session.scalar(select(BankFile).where(BankFile.title == template))
    if found is None:
        raise NoSuchTemplate(title=template)
    actor, batch = actor_named(session, login), batch_called(number)
    write = write_bank_sheet if target.suffix == ".xlsx" else write_bank_csv
    file = BytesIO()
    people = write(session, actor, clock(), batch, found, file)
    session.commit()
    target.write_bytes(file.getvalue())
    return {"batch": number, "people": people, "file": str(target)}


@funding.command("payer")
@click.argument("application")
@click.option("--share", required=True, help="Key of the share that several payers may bear.")
@click.option("--payer", type=click.Choice(list(PAYERS)), required=True, help="Who bears it.")
@click.option("--reason", required=True, help="Why.")
@click.option("--as", "login", required=True, help="The finance account that acts.")
@verb
def payer_command(
    application: str, share: str, payer: str, reason: str, login: str
) -> dict[str, Any]:
    """Choose which payer bears a share of an application, before its money is in a batch."""
    session = db.session()
    actor = actor_named(session, login)
    case = application_called(session, actor, application)
    if case is None:
        raise NoSuchApplication(number=application)
    choose_bearer(session, actor, clock(), case, share, payer, reason, case.version)
    session.commit()
    return {"application": application, "share": share, "payer": payer}


@funding.command("statement")
@click.option("--programme", "code", help="Code of one programme.")
@click.option("--district", help="Code of one district or bureau union.")
@click.option("--application", help="Number of one application.")
@click.option("--month", default="", help="Such as 2026-08; everything by default.")
@click.option("--as", "login", required=True, help="The account that asks.")
@verb
def statement_command(
    code: str | None, district: str | None, application: str | None, month: str, login: str
) -> dict[str, Any]:
    """What moved in the ledger, by programme and payer, and whether it balances."""
    session = db.session()
    actor = actor_named(session, login)
    case = application_called(session, actor, application) if application else None
    if application and case is None:
        raise NoSuchApplication(number=application)
    wanted = Wanted(
        programme_called(session, code).id if code else None,
        union_called(district).id if district else None,
        case.id if case else None,
        month_of(month),
    )
    found = statement_of(session, actor, wanted)
    return {
        "balances": found.balances,
        "summaries": [
            {"programme": row.programme, "payer": row.payer, "opening_fen": row.opening}
            | {f"{purse}_fen": fen for purse, fen in row.moves.items()}
            | {"closing_fen": row.closing, "budget_fen": row.cap, "left_fen": row.left}
            for row in found.summaries
        ],
        "entries": [
            {"at": line.at.isoformat(), "kind": line.kind, "batch": line.batch}
            | {"payer": line.payer, "fen": {k: fen for k, fen in line.purses.items() if fen}}
            for line in found.lines
        ],
    }


commands = [funding]
