"""``flask publicity``: notices are opened, objected to and closed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import click
from sqlalchemy import select

from models.application import Application
from models.base import N_, Refusal, db
from models.publicity import HELD, OPEN, SHOWN, NoticeEntry, Objection
from portal.access.accounts import actor_named
from portal.access.scope import visible
from portal.cli import clock, verb
from portal.commands.panel import stage_called
from portal.review import objections
from portal.review.publicity import close_over, open_notice
from portal.translations.words import told


class NotShown(Refusal):
    """The case is on no running notice."""

    message = N_("%(number)s is on no running public notice.")


class NoOpenObjection(Refusal):
    """Nobody objects to the case."""

    message = N_("There is no open objection against %(number)s.")


@click.group("publicity")
def publicity_group() -> None:
    """Public notices."""


@publicity_group.command("open")
@click.argument("code")
@click.option("--stage", "key", required=True, help="Key of the stage.")
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--title", default="", help="What the notice is called.")
@click.option("--public", "is_public", is_flag=True, help="Also on a page without login.")
@verb
def open_command(code: str, key: str, login: str, title: str, is_public: bool) -> dict[str, Any]:
    """Put the cases that wait at a stage and could pass on notice."""
    revision, stage = stage_called(code, key)
    actor = actor_named(db.session(), login)
    notice = open_notice(
        db.session(), actor, clock(), revision, stage, title=title, is_public=is_public
    )
    db.session.commit()
    return {
        "notice": notice.id,
        "from": notice.starts_on.isoformat(),
        "to": notice.ends_on.isoformat(),
        "cases": len(notice.entries),
        "page": f"/notices/{notice.row_key}" if is_public else "",
    }


@publicity_group.command("object")
@click.argument("number")
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--said", required=True, help="What was said.")
@click.option("--by", "objector", default="", help="Who objected; kept sealed.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day; today by default.")
@verb
def object_command(
    number: str, login: str, said: str, objector: str, day: datetime | None
) -> dict[str, Any]:
    """Note an objection against a case on notice; it is held from now on."""
    session, actor = db.session(), actor_named(db.session(), login)
    entry = session.scalar(
        select(NoticeEntry)
        .join(Application, Application.id == NoticeEntry.application_id)
        .where(
            Application.number == number,
            NoticeEntry.state.in_((SHOWN, HELD)),
            visible(Application, actor),
        )
        .order_by(NoticeEntry.id.desc())
    )
    if entry is None:
        raise NotShown(number=number)
    raised: date | None = day.date() if day else None
    made = objections.receive(session, actor, clock(), entry, said, objector, raised)
    session.commit()
    return {"objection": made.id, "number": number}


@publicity_group.command("conclude")
@click.argument("number")
@click.option("--as", "login", required=True, help="The account that acts.")
@click.option("--found", default="", help="What was found, where it is not written down yet.")
@click.option("--uphold", type=click.Choice(["reject", "return"]), help="It is right.")
@click.option("--dismiss", is_flag=True, help="It is not right.")
@click.option("--reason", required=True)
@verb
def conclude_command(
    number: str, login: str, found: str, uphold: str | None, dismiss: bool, reason: str
) -> dict[str, Any]:
    """Conclude the earliest open objection against a case."""
    if bool(uphold) == dismiss:
        raise click.UsageError("give --uphold or --dismiss")
    session, actor = db.session(), actor_named(db.session(), login)
    objection = session.scalar(
        select(Objection)
        .join(NoticeEntry, NoticeEntry.id == Objection.entry_id)
        .join(Application, Application.id == NoticeEntry.application_id)
        .where(Application.number == number, Objection.state == OPEN, visible(Application, actor))
        .order_by(Objection.id)
    )
    if objection is None:
        raise NoOpenObjection(number=number)
    if found:
        objections.look_into(session, actor, clock(), objection, found)
    if uphold:
        objections.uphold(session, actor, clock(), objection, uphold, reason)
    else:
        objections.dismiss(session, actor, clock(), objection, reason)
    session.commit()
    return {"objection": objection.id, "state": objection.state}


@publicity_group.command("close")
@verb
def close_command() -> dict[str, Any]:
    """End every notice whose last day is past; what nobody objects to passes. For a timer."""
    session = db.session()
    done = close_over(session, clock())
    session.commit()
    skipped = [{"number": number, "why": told(why, {})} for number, why in done.skipped]
    return {
        "notices": done.notices,
        "passed": done.passed,
        "held": done.held,
        "skipped": skipped,
    }


commands = [publicity_group]
