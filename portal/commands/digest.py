"""``flask digest``: what each account is told once a day."""

from __future__ import annotations

from typing import Any

import click
from flask import current_app

from models.base import N_, Refusal, db
from portal.cli import clock, verb
from portal.config import Config
from portal.review.digests import planned
from portal.web.digest import rules, send


class NoMailServer(Refusal):
    """Nothing says where mail goes."""

    message = N_("No mail server is configured: PORTAL_SMTP, PORTAL_MAIL_FROM, PORTAL_URL.")


class MailServerAway(Refusal):
    """The server does not answer or does not let us in."""

    message = N_("The mail server cannot be reached (%(kind)s). Nothing is lost; try again.")


@click.group("digest")
def digest_group() -> None:
    """The daily digest."""


@digest_group.command("send")
@click.option("--dry-run", is_flag=True, help="Say who would be told what; send nothing.")
@verb
def send_command(dry_run: bool) -> dict[str, Any]:
    """Mail each account with an address what waits for it, once a day however often called."""
    day = clock().today().isoformat()
    if dry_run:
        found = planned(db.session(), clock(), rules(db.session()))
        told = [{"account": login, "numbers": counts} for login, counts in found]
        return {"day": day, "would_send": len(told), "told": told}
    config: Config = current_app.extensions["portal_config"]
    if config.mail is None:
        raise NoMailServer()
    try:
        done = send(db.session(), clock(), config, config.mail)
    except OSError as error:
        raise MailServerAway(kind=type(error).__name__) from None
    ok = not done.failed and not done.waiting
    return {"ok": ok, "day": day, **vars(done)}


commands = [digest_group]
