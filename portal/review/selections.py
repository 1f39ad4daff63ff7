"""Frozen sets: what was chosen, with the versions that were seen, kept at the server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, case, func, insert, literal, select, update
from sqlalchemy.orm import Session

from models.application import Application
from models.base import N_, Refusal
from models.decision import Selection, SelectionItem
from models.types import new_row_key
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.clock import Clock
from portal.review.standing import REASONS, TAKEN_OUT, items_of, standing

LASTS = timedelta(hours=2)


class NothingChosen(Refusal):
    """The set is empty."""

    message = N_("No application was chosen.")


class SelectionGone(Refusal):
    """The set is unknown, somebody else's, too old or already used."""

    message = N_("This choice was already used or is too old. Please choose again.")


@dataclass(frozen=True)
class Group:
    """Chosen cases that stand alike. ``title`` is a msgid; ``total_fen`` what they would get."""

    kind: str
    title: str
    count: int
    total_fen: int


def freeze(
    session: Session,
    actor: Actor,
    clock: Clock,
    outcome: str,
    cases: Select[Any],
    query: dict[str, Any] | None = None,
) -> Selection:
    """Keep the cases whose ids *cases* selects, within *actor*'s subtree, for *outcome*.

    Raises ``NothingChosen``.
    """
    require(actor, "application:decide")
    selection = Selection(
        row_key=new_row_key(),
        account_id=actor.account_id,
        outcome=outcome,
        query=query or {},
        created_at=clock.now(),
    )
    session.add(selection)
    session.flush()
    chosen = select(literal(selection.id), Application.id, Application.version).where(
        Application.id.in_(cases), visible(Application, actor)
    )
    columns = ["selection_id", "application_id", "version"]
    session.execute(insert(SelectionItem).from_select(columns, chosen))
    if size(session, selection) == 0:
        raise NothingChosen()
    return selection


def freeze_seen(
    session: Session,
    actor: Actor,
    clock: Clock,
    outcome: str,
    seen: dict[int, int],
    query: dict[str, Any] | None = None,
) -> Selection:
    """Keep the ticked cases *seen* (id → the version that the page showed)."""
    selection = freeze(
        session,
        actor,
        clock,
        outcome,
        select(Application.id).where(Application.id.in_(seen)),
        query,
    )
    shown = case(seen, value=SelectionItem.application_id)
    session.execute(
        update(SelectionItem)
        .where(SelectionItem.selection_id == selection.id)
        .values(version=shown)
        .execution_options(synchronize_session=False)
    )
    return selection


def take_out(session: Session, selection: Selection, cases: Select[Any]) -> int:
    """Split the set: the ids that *cases* selects stay as they are. Gives how many."""
    out = (
        update(SelectionItem)
        .where(*items_of(selection), SelectionItem.application_id.in_(cases))
        .values(skipped=TAKEN_OUT)
        .returning(SelectionItem.application_id)
        .execution_options(synchronize_session=False)
    )
    return len(session.execute(out).all())


def selection_of(session: Session, actor: Actor, clock: Clock, row_key: str) -> Selection:
    """The unused selection of *actor* called *row_key*; raises ``SelectionGone``."""
    found = session.scalar(
        select(Selection).where(
            Selection.row_key == row_key,
            Selection.account_id == actor.account_id,
            Selection.used_at.is_(None),
            Selection.created_at > clock.now() - LASTS,
        )
    )
    if found is None:
        raise SelectionGone()
    return found


def use(session: Session, actor: Actor, clock: Clock, selection: Selection) -> None:
    """Mark *selection* used, once; raises ``SelectionGone`` when it was used meanwhile."""
    mine = (
        Selection.account_id == actor.account_id
        if actor.account_id is not None
        else Selection.account_id.is_(None)
    )
    guarded = (
        update(Selection)
        .where(
            Selection.id == selection.id,
            mine,
            Selection.used_at.is_(None),
            Selection.created_at > clock.now() - LASTS,
        )
        .values(used_at=clock.now())
        .returning(Selection.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(guarded) is None:
        raise SelectionGone()
    session.refresh(selection)


def size(session: Session, selection: Selection) -> int:
    """How many cases were chosen."""
    counted = select(func.count()).where(SelectionItem.selection_id == selection.id)
    return session.execute(counted).scalar_one()


def preflight(session: Session, actor: Actor, selection: Selection) -> list[Group]:
    """The chosen cases grouped by how they stand to the selection's outcome."""
    items = items_of(selection)
    kind = standing(session, actor, items, selection.outcome).label("kind")
    rows = session.execute(
        select(kind, func.count(), func.coalesce(func.sum(Application.amount_fen), 0))
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .where(*items)
        .group_by(kind)
    ).all()
    found = {name: (count, int(fen)) for name, count, fen in rows}
    return [Group(name, title, *found[name]) for name, title in REASONS.items() if name in found]
