"""``flask users``: accounts from the command line, in the name of the system administrator."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models.account import Account
from models.base import N_, Refusal, db
from models.organization import Organization
from portal.access import accounts
from portal.access.login import login_key
from portal.access.organizations import by_code
from portal.access.permissions import ROLES
from portal.cli import clock, verb


class NoTree(Refusal):
    """There is no union yet."""

    message = N_("There is no union yet. Import the union tree first.")


@click.group("users")
def users() -> None:
    """Accounts."""


@users.command("create")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(list(ROLES)))
@click.option("--organization", "code", help="Code of the union; by default the city federation.")
@verb
def create(name: str, role: str, code: str | None) -> dict[str, Any]:
    """Make the account NAME and print its one-use password."""
    actor = accounts.system_actor(db.session())
    place = by_code(db.session(), code) if code else _city(actor.organization_id)
    account, password = accounts.create_account(
        db.session(), actor, clock(), name, name, role, place
    )
    db.session.commit()
    return _shown(account) | {"password": password}


@users.command("list")
@verb
def list_() -> dict[str, Any]:
    """Print every account."""
    found = select(Account).options(joinedload(Account.organization)).order_by(Account.id)
    return {"users": [_line(account) for account in db.session.scalars(found)]}


@users.command("disable")
@click.argument("login")
@verb
def disable(login: str) -> dict[str, Any]:
    """Refuse the account LOGIN from now on."""
    account = accounts.disable_account(*_acting(), _id_of(login))
    db.session.commit()
    return _line(account)


@users.command("enable")
@click.argument("login")
@verb
def enable(login: str) -> dict[str, Any]:
    """Let the account LOGIN in again."""
    account = accounts.enable_account(*_acting(), _id_of(login))
    db.session.commit()
    return _line(account)


@users.command("move")
@click.argument("login")
@click.option("--organization", "code", required=True, help="Code of the new union.")
@click.option("--role", type=click.Choice(list(ROLES)), help="The new role, if it changes.")
@verb
def move(login: str, code: str, role: str | None) -> dict[str, Any]:
    """Move the account LOGIN to another union."""
    place = by_code(db.session(), code)
    account = accounts.move_account(*_acting(), _id_of(login), place, role)
    db.session.commit()
    return _line(account)


@users.command("reset")
@click.argument("login")
@click.option("--second-factor", is_flag=True, help="Forget the lost authenticator too.")
@verb
def reset(login: str, second_factor: bool) -> dict[str, Any]:
    """Give the account LOGIN a new one-use password."""
    account, password = accounts.reset_password(
        *_acting(), _id_of(login), second_factor=second_factor
    )
    db.session.commit()
    return _shown(account) | {"password": password}


commands = [users]


def _acting() -> tuple[Any, Any, Any]:
    return db.session(), accounts.system_actor(db.session()), clock()


def _city(organization_id: int) -> Organization:
    place = db.session.get(Organization, organization_id)
    if place is None:
        raise NoTree()
    return place


def _id_of(login: str) -> int:
    found = db.session.scalar(select(Account.id).where(Account.login_key == login_key(login)))
    if found is None:
        raise accounts.UnknownAccount(login=login)
    return found


def _shown(account: Account) -> dict[str, Any]:
    return {
        "login": account.login,
        "role": account.role,
        "organization": account.organization.code,
    }


def _line(account: Account) -> dict[str, Any]:
    return _shown(account) | {"name": account.name, "in_use": account.is_active}
