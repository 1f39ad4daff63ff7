"""``flask judge`` and ``flask explain``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import select

from models.application import Application
from models.base import N_, Refusal, db
from portal.cli import verb
from portal.policy.explain import Finding, explain
from portal.policy.judge import judge_programme
from portal.policy.packs import programme_called
from portal.translations.words import told


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
    return asdict(explanation) | {"findings": [_told(row) for row in explanation.findings]}


def _told(finding: Finding) -> dict[str, Any]:
    """*finding* as JSON has it: labels in the language of the command line, instants as text."""
    found = asdict(finding)
    found["facts"] = [[told(label, {}), value] for label, value in finding.facts]
    if finding.override is not None:
        found["override"]["at"] = finding.override.at.isoformat()
    return found


commands = [judge_command, explain_command]
