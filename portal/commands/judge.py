"""``flask judge`` and ``flask explain``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import select

from models.application import Application
from models.base import N_, Refusal, db
from models.programme import Programme
from portal.cli import verb
from portal.policy.explain import explain
from portal.policy.judge import judge_programme


class NoSuchProgramme(Refusal):
    """No programme has the code that was given."""

    message = N_("There is no programme with the code %(code)s.")


class NoSuchApplication(Refusal):
    """No application has the number that was given."""

    message = N_("There is no application with the number %(number)s.")


class NotJudged(Refusal):
    """The application is a draft, withdrawn or finally refused."""

    message = N_("The application %(number)s is not under review.")


def programme_called(code: str) -> Programme:
    """The programme with *code*; raises ``NoSuchProgramme``."""
    found = db.session.scalar(select(Programme).where(Programme.code == code))
    if found is None:
        raise NoSuchProgramme(code=code)
    return found


@click.command("judge")
@click.argument("code")
@verb
def judge_command(code: str) -> dict[str, Any]:
    """Judge all undecided applications of a programme and count them."""
    result = judge_programme(db.session(), programme_called(code))
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
