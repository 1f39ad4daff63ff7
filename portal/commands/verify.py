"""``flask verify``."""

from __future__ import annotations

from typing import Any

import click

from models.base import db
from portal.cli import verb
from portal.verify import violations


@click.command("verify")
@verb
def verify_command() -> dict[str, Any]:
    """Prove every invariant; exit 1 and name each violation otherwise."""
    found = list(violations(db.session()))
    return {"ok": not found, "violations": found}


commands = [verify_command]
