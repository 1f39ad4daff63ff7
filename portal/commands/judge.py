"""``flask judge`` and ``flask explain``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import select

from models.application import Application
from models.base import N_, Refusal, db
from portal.cli import verb
from portal.policy.explain import explain
from portal.policy.judge import judge_programme
from portal.policy.packs import programme_called


class NoSuchApplication(Refusal):
    """No application has the number that was given."""

    message = N_("There is no application with the number %(number)s.")


class NotJudged(Refusal):
    """The application is a draft, withdrawn or finally refused."""

    message = N_("The application %(number)s is not under review.")


@click.command("judge")
@click.argument("code")
@verb
def judge_command(code: str) -> dict[str, Any]:
    """Judge all undecided applications of a programme and count them."""
    result = judge_programme(db.session(), programme_called(db.session(), code))
    db.session.commit()
    return result


@click.command("explain")
@click.argument("number")
@verb
def explain_command(number: str) -> dict[str, Any]:
    """Say why one application is judged as it is."""
    found = db.session.scalar(select(Application).where(Application.number == number))
    if found is None:
        raise NoSuchApplication(number=number)
    explanation = explain(db.session(), found)
    if explanation is None:
        raise NotJudged(number=number)
    return asdict(explanation)


commands = [judge_command, explain_command]
