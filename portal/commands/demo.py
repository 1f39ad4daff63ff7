"""``flask demo``: a city with programmes, staff and invented cases to try them on."""

from __future__ import annotations

from typing import Any

import click

from models.base import db
from portal.access.permissions import ROLES
from portal.cli import clock, verb
from portal.translations.words import told
from seed import demo


@click.group("demo")
def group() -> None:
    """The demonstration city."""


@group.command("load")
@click.option("--applications", type=int, default=demo.APPLICATIONS, show_default=True)
@verb
def load_command(applications: int) -> dict[str, Any]:
    """Load programmes and demo data once, and print the accounts."""
    made = demo.load(db.session(), clock(), applications=applications)
    db.session.commit()
    accounts = {
        login: f"{told(ROLES[role], {})} · {name}"
        for login, (role, _union, name) in demo.PEOPLE.items()
    }
    return made | {
        "password": demo.PASSWORD,
        "accounts": accounts,
        "applications": demo.counts(db.session()),
    }


commands = [group]
