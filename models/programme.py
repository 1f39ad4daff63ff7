"""A programme as data: revisions, and the rows from which its policy compiles.

Every row of a revision cites its clause and refuses change once the revision is published;
triggers in the database hold that (``migrations``), the screens only explain it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.notice import Notice
from models.types import JSON, ORDERED_JSON

DRAFT, PUBLISHED, CLOSED = "draft", "published", "closed"
REVISION_STATES = {DRAFT: N_("Draft"), PUBLISHED: N_("Published"), CLOSED: N_("Closed")}
REFUSE, ASK, NOTE = "refuse", "ask", "note"
CHOOSE = {"first": N_("The first that fits"), "highest": N_("The highest that fits")}
COUNTS = {"awarded": N_("Awarded"), "submitted": N_("Submitted")}
SPANS = {
    "window": N_("One window"),
    "programme": N_("This programme"),
    "family": N_("Ever, over the family"),
}
PURPOSES = {"form": N_("Application form"), "survey": N_("Survey")}
FIELD_KINDS = {
    "text": N_("Text"),
    "long_text": N_("Long text"),
    "number": N_("Number"),
    "money": N_("Money"),
    "date": N_("Date"),
    "choice": N_("Choice"),
    "yes_no": N_("Yes or no"),
    "id_number": N_("ID number"),
    "phone": N_("Mobile phone"),
    "card": N_("Card or account number"),
}
OUTCOMES = {REFUSE: N_("Refuse"), ASK: N_("Ask a person"), NOTE: N_("Note only")}


class Programme(Versioned, Model):
    """One programme of one year. Claims are unique over its whole *family*.

    ``number_prefix`` starts every application number; ``last_number`` and ``last_sequence``
    are counters, raised only by guarded updates.
    """

    __tablename__ = "programme"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True, info={"label": N_("Code")})
    title: Mapped[str] = mapped_column(String(120), info={"label": N_("Title")})
    family: Mapped[str] = mapped_column(String(40), index=True, info={"label": N_("Family")})
    year: Mapped[int] = mapped_column(Integer, info={"label": N_("Year")})
    subject: Mapped[str] = mapped_column(String(30), info={"label": N_("Subject")})
    number_prefix: Mapped[str] = mapped_column(String(20), unique=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"), info={"label": N_("Notice")})
    last_number: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    last_sequence: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

    notice: Mapped[Notice] = relationship()
    revisions: Mapped[list[Revision]] = relationship(
        back_populates="programme", order_by="Revision.number"
    )

    def __str__(self) -> str:
        return self.title


class Revision(Versioned, Model):
    """One version of a programme's rules. The published one with the highest number is in force.

    ``pays_for`` names what one award is for; ``choose`` which matching tier pays.
    ``closing_words`` label the states after the last stage, such as paid.
    """

    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("programme_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    programme_id: Mapped[int] = mapped_column(
        ForeignKey("programme.id"), info={"label": N_("Programme")}
    )
    number: Mapped[int] = mapped_column(Integer, info={"label": N_("Revision")})
    state: Mapped[str] = mapped_column(
        String(20), default=DRAFT, info={"label": N_("State"), "choices": REVISION_STATES}
    )
    published_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, info={"label": N_("Published")}
    )
    pays_for: Mapped[str] = mapped_column(
        String(20), default="certificate", info={"label": N_("Pays for")}
    )
    choose: Mapped[str] = mapped_column(
        String(20), default="first", info={"label": N_("Tier that pays"), "choices": CHOOSE}
    )
    closing_words: Mapped[dict[str, str]] = mapped_column(ORDERED_JSON, default=dict)
    texts: Mapped[dict[str, str]] = mapped_column(ORDERED_JSON, default=dict)

    programme: Mapped[Programme] = relationship(back_populates="revisions")
    windows: Mapped[list[Window]] = relationship(
        order_by="Window.position", cascade="all, delete-orphan"
    )
    channels: Mapped[list[Channel]] = relationship(
        order_by="Channel.position", cascade="all, delete-orphan"
    )
    fields: Mapped[list[FormField]] = relationship(
        order_by="FormField.position", cascade="all, delete-orphan"
    )
    conditions: Mapped[list[Condition]] = relationship(
        order_by="Condition.position", cascade="all, delete-orphan"
    )
    tiers: Mapped[list[AwardTier]] = relationship(
        order_by="AwardTier.position", cascade="all, delete-orphan"
    )
    bounds: Mapped[list[Bound]] = relationship(
        order_by="Bound.position", cascade="all, delete-orphan"
    )
    orders: Mapped[list[OrderKey]] = relationship(
        order_by="OrderKey.position", cascade="all, delete-orphan"
    )
    stages: Mapped[list[Stage]] = relationship(
        order_by="Stage.position", cascade="all, delete-orphan"
    )

    def __str__(self) -> str:
        return f"{self.programme.title} · {self.number}"


class PolicyRow:
    """What every row of a revision has: its place, its key and the clause it implements."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    position: Mapped[int] = mapped_column(Integer, info={"label": N_("No.")})
    key: Mapped[str] = mapped_column(String(40), info={"label": N_("Key")})
    clause: Mapped[str] = mapped_column(String(60), default="", info={"label": N_("Clause")})

    @declared_attr
    def revision_id(cls) -> Mapped[int]:  # noqa: N805 - a declared attribute sees the class
        """The revision that the row belongs to."""
        return mapped_column(ForeignKey("revision.id"), index=True, info={"label": N_("Revision")})

    @declared_attr.directive
    def __table_args__(cls) -> Any:  # noqa: N805
        return (UniqueConstraint("revision_id", "key"),)

    def __str__(self) -> str:
        return self.key


class Window(PolicyRow, Model):
    """When applications are received. Both days count. ``channels`` empty means every channel."""

    __tablename__ = "window"

    title: Mapped[str] = mapped_column(String(60), default="", info={"label": N_("Title")})
    opens_on: Mapped[date] = mapped_column(Date, info={"label": N_("Opens on")})
    closes_on: Mapped[date] = mapped_column(Date, info={"label": N_("Closes on")})
    channels: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Channels")})


class Channel(PolicyRow, Model):
    """A way in. ``roles`` may enter applications by it."""

    __tablename__ = "channel"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    roles: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Entered by")})


class FormField(PolicyRow, Model):
    """One field of the application form and column of its sheet, in the paper's order.

    ``key`` is a built-in path (``applicant.name``) or ``field.<own>`` for one the programme adds.
    ``label`` is the paper's word and the sheet's heading. ``choices`` maps stored value to label;
    ``catalogue`` takes them from a catalogue instead. ``critical`` fields refuse the row at intake
    when missing. Purpose *survey* is stored apart and is never a fact.
    """

    __tablename__ = "form_field"

    section: Mapped[str] = mapped_column(String(60), info={"label": N_("Section")})
    label: Mapped[str] = mapped_column(String(60), info={"label": N_("Label")})
    kind: Mapped[str] = mapped_column(
        String(20), info={"label": N_("Kind"), "choices": FIELD_KINDS}
    )
    choices: Mapped[dict[str, str]] = mapped_column(
        ORDERED_JSON, default=dict, info={"label": N_("Choices")}
    )
    catalogue: Mapped[str | None] = mapped_column(String(60), info={"label": N_("Catalogue")})
    purpose: Mapped[str] = mapped_column(
        String(20), default="form", info={"label": N_("Purpose"), "choices": PURPOSES}
    )
    critical: Mapped[bool] = mapped_column(Boolean, default=False, info={"label": N_("Critical")})
    in_sheet: Mapped[bool] = mapped_column(Boolean, default=True, info={"label": N_("In sheet")})
    hint: Mapped[str] = mapped_column(String(200), default="", info={"label": N_("Hint")})


class Condition(PolicyRow, Model):
    """What must hold. ``when`` guards it; ``require`` is ``{all|any|at_least: …}``.

    No ``require`` means a person is always asked. ``asks`` names the stage whose actor answers.
    """

    __tablename__ = "condition"

    says: Mapped[str] = mapped_column(Text, info={"label": N_("Says")})
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})
    require: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("Requires")}
    )
    otherwise: Mapped[str] = mapped_column(
        String(10), info={"label": N_("Otherwise"), "choices": OUTCOMES}
    )
    asks: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Asked at")})
    reading: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reading chosen")})


class AwardTier(PolicyRow, Model):
    """An amount and when it is due. ``amount_fen`` may be unset only in a draft."""

    __tablename__ = "award_tier"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})
    amount_fen: Mapped[int | None] = mapped_column(
        BigId, info={"label": N_("Amount (yuan)"), "widget": "yuan"}
    )


class Bound(PolicyRow, Model):
    """At most ``at_most`` cases per keys within a span; ``over`` says what the next one gets.

    ``counts`` is ``awarded`` or ``submitted``; ``per`` names key facts; ``within`` is
    ``window``, ``programme`` or ``family`` (ever).
    """

    __tablename__ = "bound"

    says: Mapped[str] = mapped_column(Text, info={"label": N_("Says")})
    counts: Mapped[str] = mapped_column(String(20), info={"label": N_("Counts"), "choices": COUNTS})
    per: Mapped[list[str]] = mapped_column(JSON, info={"label": N_("Per")})
    within: Mapped[str] = mapped_column(String(20), info={"label": N_("Within"), "choices": SPANS})
    at_most: Mapped[int] = mapped_column(Integer, info={"label": N_("At most")})
    over: Mapped[str] = mapped_column(
        String(10), info={"label": N_("Beyond it"), "choices": OUTCOMES}
    )
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})


class OrderKey(PolicyRow, Model):
    """Who comes first: a fact, up or down. The submission sequence always decides last."""

    __tablename__ = "order_key"

    fact: Mapped[str] = mapped_column(String(60), info={"label": N_("Fact")})
    descending: Mapped[bool] = mapped_column(
        Boolean, default=False, info={"label": N_("Highest first")}
    )


class Stage(PolicyRow, Model):
    """A step of the route. ``acts`` is the role that decides; ``words`` its status names
    (``waiting``, ``passed``, ``failed``, ``returned``); ``returns_to`` the stage that a returned
    case restarts at; ``due`` an anchor and an offset, ``{"after": "window.closes", "days": 14}``.
    """

    __tablename__ = "stage"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    acts: Mapped[str] = mapped_column(String(30), info={"label": N_("Who acts")})
    kind: Mapped[str] = mapped_column(String(20), default="review", info={"label": N_("Kind")})
    words: Mapped[dict[str, str]] = mapped_column(ORDERED_JSON, info={"label": N_("Status words")})
    returns_to: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Returns to")})
    due: Mapped[dict[str, Any] | None] = mapped_column(ORDERED_JSON, info={"label": N_("Due")})
    channels: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Channels")})
    is_editable: Mapped[bool] = mapped_column(
        Boolean, default=False, info={"label": N_("Editable while waiting")}
    )
