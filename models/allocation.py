"""Who gets money where it is short: the rule as a row of a revision, and its runs.

A run is tried, looked at and made final or put aside. Its items are the frozen cases in their
order, with what each is granted; its pools are what each group of them shares.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.application import Application
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.programme import SPANS, PolicyRow, Programme, Revision
from models.types import JSON, ORDERED_JSON

ALL, FIRST_COME, RANKED, LOTTERY, PRO_RATA = "all", "first_come", "ranked", "lottery", "pro_rata"
METHODS = {
    ALL: N_("Everybody or nobody"),
    FIRST_COME: N_("First come, first served"),
    RANKED: N_("Best first, by the orders"),
    LOTTERY: N_("Lottery"),
    PRO_RATA: N_("In proportion"),
}
FIRST, AGAIN, WAITS = "first", "again", "wait"
RESTS = {
    FIRST: N_("Comes before newcomers in the next run"),
    AGAIN: N_("Competes anew in the next run"),
    WAITS: N_("Waits for another run of its own window"),
}
POOL_SPANS = {key: SPANS[key] for key in ("programme", "window")}
TIER = "tier"
"""What a pool may be made per, beside facts: the award's tier."""
TRIAL, FINAL, DISCARDED = "trial", "final", "discarded"
RUN_STATES = {TRIAL: N_("Trial"), FINAL: N_("Final"), DISCARDED: N_("Put aside")}


class Allocation(PolicyRow, Model):
    """How what is there is given to the cases of ``tiers`` for which ``when`` holds.

    A pool has ``budget_fen`` or what ``budget_rule`` looks up in a catalogue, ``places`` or what
    ``places_rule`` looks up, or both; ``per`` makes a pool for each value of up to two facts,
    ``within`` one for each window. ``rest`` says what becomes of those whom it does not reach;
    a ``soft`` pool may be raised with a reason.
    """

    __tablename__ = "allocation"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    method: Mapped[str] = mapped_column(
        String(20), info={"label": N_("Method"), "choices": METHODS}
    )
    budget_fen: Mapped[int | None] = mapped_column(
        BigId, info={"label": N_("Budget (yuan)"), "widget": "yuan"}
    )
    budget_rule: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("Budget from a table")}
    )
    places: Mapped[int | None] = mapped_column(Integer, info={"label": N_("Places")})
    places_rule: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("Places from a table")}
    )
    per: Mapped[list[str]] = mapped_column(
        JSON, default=list, info={"label": N_("A pool for each")}
    )
    within: Mapped[str] = mapped_column(
        String(20), default="programme", info={"label": N_("Within"), "choices": POOL_SPANS}
    )
    tiers: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Tiers")})
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})
    rest: Mapped[str] = mapped_column(
        String(10), default=FIRST, info={"label": N_("Who is not reached"), "choices": RESTS}
    )
    soft: Mapped[bool] = mapped_column(
        Boolean, default=False, info={"label": N_("May be raised with a reason")}
    )
    reading: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reading")})


class AllocationRun(Versioned, Model):
    """One giving out by the row ``row_key``, of one window where its pools are of a window.

    ``earlier`` counts the final runs that there were when it was tried; a final run has the next
    ``turn``, which only one can have. ``seed`` is a lottery's. ``raises`` lists what was added to
    pools, each ``{pool, fen, places, reason, by, at}``. ``unclear`` counts cases left out because
    a fact that decides about them is not stated.
    """

    __tablename__ = "allocation_run"
    __table_args__ = (
        UniqueConstraint("programme_id", "row_key", "window_key", "turn"),
        CheckConstraint("(state = 'final') = (turn IS NOT NULL)", name="final_has_turn"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True, info={"label": N_("Run")})
    programme_id: Mapped[int] = mapped_column(
        ForeignKey("programme.id"), info={"label": N_("Programme")}
    )
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    row_key: Mapped[str] = mapped_column(String(40), info={"label": N_("Key")})
    window_key: Mapped[str] = mapped_column(String(40), default="", info={"label": N_("Window")})
    method: Mapped[str] = mapped_column(
        String(20), info={"label": N_("Method"), "choices": METHODS}
    )
    seed: Mapped[str | None] = mapped_column(String(60), info={"label": N_("Seed")})
    state: Mapped[str] = mapped_column(
        String(20), default=TRIAL, info={"label": N_("State"), "choices": RUN_STATES}
    )
    earlier: Mapped[int] = mapped_column(Integer)
    turn: Mapped[int | None] = mapped_column(Integer)
    raises: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    cases: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Cases")})
    unclear: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Left out")})
    asked_fen: Mapped[int] = mapped_column(
        BigId, default=0, info={"label": N_("Asked for (yuan)"), "widget": "yuan"}
    )
    granted: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Granted cases")})
    granted_fen: Mapped[int] = mapped_column(
        BigId, default=0, info={"label": N_("Granted (yuan)"), "widget": "yuan"}
    )
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Made at")})
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    settled_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, info={"label": N_("Settled at")}
    )

    programme: Mapped[Programme] = relationship()
    revision: Mapped[Revision] = relationship()
    made_by: Mapped[Account | None] = relationship(foreign_keys=[made_by_id])
    settled_by: Mapped[Account | None] = relationship(foreign_keys=[settled_by_id])

    def __str__(self) -> str:
        return self.number


class AllocationPool(Model):
    """What the cases of one ``pool`` of a run share: its cap, what was added, what is taken.

    A cap of nothing is no limit; where the row has one and the table does not say it,
    ``is_stated`` is false and nobody is granted anything. ``held`` is what earlier final runs gave.
    """

    __tablename__ = "allocation_pool"
    __table_args__ = (UniqueConstraint("run_id", "pool"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("allocation_run.id"))
    pool: Mapped[str] = mapped_column(Text)
    is_stated: Mapped[bool] = mapped_column(Boolean)
    cap_fen: Mapped[int | None] = mapped_column(BigId)
    cap_places: Mapped[int | None] = mapped_column(Integer)
    raised_fen: Mapped[int] = mapped_column(BigId)
    raised_places: Mapped[int] = mapped_column(Integer)
    held_fen: Mapped[int] = mapped_column(BigId)
    held_places: Mapped[int] = mapped_column(Integer)
    cases: Mapped[int] = mapped_column(Integer, default=0)
    asked_fen: Mapped[int] = mapped_column(BigId, default=0)
    granted: Mapped[int] = mapped_column(Integer, default=0)
    granted_fen: Mapped[int] = mapped_column(BigId, default=0)

    @property
    def left_fen(self) -> int | None:
        """What there was to give, in fen; nothing without a limit."""
        if self.cap_fen is None:
            return None
        return max(0, self.cap_fen + self.raised_fen - self.held_fen)

    @property
    def left_places(self) -> int | None:
        """How many places there were; nothing without a limit."""
        if self.cap_places is None:
            return None
        return max(0, self.cap_places + self.raised_places - self.held_places)


class AllocationItem(Model):
    """One frozen case: the version that was seen, its place in its pool, what it is granted.

    ``reach_fen`` is what it and all before it ask for. ``waited`` marks one whom an earlier final
    run did not reach. ``freed_by_id`` names the final run that took the place of a case which
    was refused or withdrawn after it was granted.
    """

    __tablename__ = "allocation_item"
    __table_args__ = (
        UniqueConstraint("run_id", "application_id"),
        UniqueConstraint("run_id", "pool", "place"),
        CheckConstraint("granted_fen >= 0 AND granted_fen <= asked_fen", name="within_asked"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("allocation_run.id"))
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    pool: Mapped[str] = mapped_column(Text)
    waited: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    place: Mapped[int] = mapped_column(Integer)
    asked_fen: Mapped[int] = mapped_column(BigId)
    reach_fen: Mapped[int] = mapped_column(BigId)
    granted_fen: Mapped[int] = mapped_column(BigId)
    freed_by_id: Mapped[int | None] = mapped_column(ForeignKey("allocation_run.id"))

    run: Mapped[AllocationRun] = relationship(foreign_keys=[run_id])
    application: Mapped[Application] = relationship()
