"""``flask review``: decide a stage's waiting applications from the command line."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy import select

from models.application import WAITING, Application
from models.base import N_, Refusal, db
from models.decision import PASS, REJECT, RETURN
from models.programme import Programme, Revision, Stage
from portal.access.accounts import actor_named
from portal.cli import clock, verb
from portal.policy.facts import source
from portal.policy.judge import in_force
from portal.policy.packs import programme_called
from portal.policy.terms import facts_in, term_sql
from portal.review.bulk import PART
from portal.review.decide import Words, begin, decide_part
from portal.review.decide import told as outcome_of
from portal.review.selections import freeze
from portal.translations.words import told


class NotInForce(Refusal):
    """The programme has no published revision."""

    message = N_("%(code)s is not published.")


class NoSuchStage(Refusal):
    """No revision of the programme has the stage."""

    message = N_("%(code)s has no stage called %(stage)s.")


class BadWhere(Refusal):
    """A ``--where`` is not of the form fact=value."""

    message = N_("Write --where as fact=value, not %(text)s.")


@click.command("review")
@click.argument("code")
@click.option("--stage", required=True, help="Key of the stage.")
@click.option("--approve", PASS, is_flag=True, help="Pass.")
@click.option("--return", RETURN, is_flag=True, help="Return for correction.")
@click.option("--reject", REJECT, is_flag=True, help="Do not fund.")
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--reason", default="", help="Needed to return, reject or confirm what asks.")
@click.option("--where", multiple=True, help="fact=value; only applications for which it holds.")
@verb
def review_command(
    code: str, stage: str, login: str, reason: str, where: tuple[str, ...], **asked: bool
) -> dict[str, Any]:
    """Decide every application that waits at a stage and meets each --where."""
    outcomes = [name for name, is_asked in asked.items() if is_asked]
    if len(outcomes) != 1:
        raise click.UsageError("give one of --approve, --return, --reject")
    outcome = outcomes[0]
    session = db.session()
    programme, actor = programme_called(session, code), actor_named(session, login)
    revision = _revision(programme)
    _refuse_unknown_stage(programme, stage)
    chosen = _chosen(programme, revision, stage, where)
    selection = freeze(session, actor, clock(), outcome, chosen)
    words = Words(reason, reason if outcome == PASS else "")
    begin(session, actor, clock(), selection, outcome, words)
    batch_id = 0
    while made := decide_part(session, actor, clock(), selection, PART):
        batch_id = made
        session.commit()
    done = outcome_of(session, selection, batch_id)
    skipped = [{"number": row.number, "reason": told(row.reason, {})} for row in done.skipped]
    return {"batch": done.batch_id, "decided": done.decided, "skipped": skipped}


def _revision(programme: Programme) -> Revision:
    found = in_force(db.session(), programme)
    if found is None:
        raise NotInForce(code=programme.code)
    return found


def _refuse_unknown_stage(programme: Programme, stage: str) -> None:
    """Cases wait at stages of earlier revisions too."""
    rows = select(Stage.id).join(Revision).where(Revision.programme_id == programme.id)
    if db.session.scalar(rows.where(Stage.key == stage).limit(1)) is None:
        raise NoSuchStage(code=programme.code, stage=stage)


def _chosen(programme: Programme, revision: Revision, stage: str, where: tuple[str, ...]) -> Any:
    terms = [_term(text) for text in where]
    facts = [named for term in terms for named in facts_in(term, revision)]
    needs = frozenset[type]().union(*(named.needs for named in facts))
    return (
        select(Application.id)
        .select_from(source(needs))
        .where(
            Application.programme_id == programme.id,
            Application.state == WAITING,
            Application.stage_key == stage,
            *(term_sql(term, revision) for term in terms),
        )
    )


def _term(text: str) -> list[str]:
    fact, equals, value = text.partition("=")
    if not fact or not equals:
        raise BadWhere(text=text)
    return [fact, "is", value]


commands = [review_command]
