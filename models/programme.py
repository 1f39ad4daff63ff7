"""A programme as data: revisions, and the rows from which its policy compiles.

Every row of a revision cites its clause and refuses change once the revision is published;
triggers in the database hold that (``migrations``), the screens only explain it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Date,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.notice import Notice
from models.types import JSON, ORDERED_JSON

if TYPE_CHECKING:
    from models.allocation import Allocation
    from models.sharing import Instalment, PaymentRule, Share

DRAFT, PUBLISHED, CLOSED = "draft", "published", "closed"
REVISION_STATES = {DRAFT: N_("Draft"), PUBLISHED: N_("Published"), CLOSED: N_("Closed")}
REFUSE, ASK, NOTE = "refuse", "ask", "note"
CHOOSE = {
    "first": N_("The first that fits"),
    "highest": N_("The highest that fits"),
    "each": N_("All that fit, together"),
}
COUNTS = {"awarded": N_("Awarded"), "submitted": N_("Submitted")}
SPANS = {
    "window": N_("One window"),
    "programme": N_("This programme"),
    "year": N_("One calendar year"),
    "family": N_("Ever, over the family"),
}
CLAIM_SPANS = {key: SPANS[key] for key in ("family", "programme")}
TAKES = {
    "cases": N_("Cases"),
    "distinct": N_("Different values"),
    "sum": N_("Sum"),
    "share": N_("Share (percent)"),
}
DERIVATIONS = {
    "count": N_("Count"),
    "share": N_("Share (percent)"),
    "sum": N_("Sum"),
    "exists": N_("Whether there is one"),
}
STAGE_KINDS = {
    "review": N_("Review"),
    "registry": N_("Registry check"),
    "visit": N_("Site visit"),
    "panel": N_("Panel"),
    "public_notice": N_("Public notice"),
    "acceptance": N_("Acceptance"),
}
MEDIA = {
    "electronic": N_("Electronic"),
    "paper": N_("On paper"),
    "both": N_("Electronic and on paper"),
}
PURPOSES = {"form": N_("Application form"), "survey": N_("Survey")}
FIELD_KINDS = {
    "text": N_("Text"),
    "long_text": N_("Long text"),
    "number": N_("A number"),
    "money": N_("An amount of money"),
    "date": N_("Date"),
    "choice": N_("Choice"),
    "yes_no": N_("Yes or no"),
    "id_number": N_("ID number"),
    "phone": N_("Mobile phone"),
    "card": N_("Card or account number"),
    "table": N_("Table"),
}
OUTCOMES = {REFUSE: N_("Refuse"), ASK: N_("Ask a person"), NOTE: N_("Note only")}
WAIT, SPILL = "wait", "spill"
BEYOND = OUTCOMES | {WAIT: N_("Wait for a place"), SPILL: N_("Fall to another tier")}


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

    ``pays_for`` names what one award is for and what may be claimed once, ``claims_within`` in
    the programme or over its family; ``choose`` says which matching tier pays.
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
    claims_within: Mapped[str] = mapped_column(
        String(20),
        default="family",
        server_default="family",
        info={"label": N_("Claimed once within"), "choices": CLAIM_SPANS},
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
    facts: Mapped[list[DerivedFact]] = relationship(
        order_by="DerivedFact.position", cascade="all, delete-orphan"
    )
    attachments: Mapped[list[AttachmentRule]] = relationship(
        order_by="AttachmentRule.position", cascade="all, delete-orphan"
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
    shares: Mapped[list[Share]] = relationship(
        order_by="Share.position", cascade="all, delete-orphan"
    )
    allocations: Mapped[list[Allocation]] = relationship(
        order_by="Allocation.position", cascade="all, delete-orphan"
    )
    instalments: Mapped[list[Instalment]] = relationship(
        order_by="Instalment.position", cascade="all, delete-orphan"
    )
    payments: Mapped[list[PaymentRule]] = relationship(
        order_by="PaymentRule.position", cascade="all, delete-orphan"
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
    """When applications are received. Both days count. ``channels`` empty means every channel.

    ``paper_on`` is the later day until which the papers of the window are taken (S15 三).
    """

    __tablename__ = "window"

    title: Mapped[str] = mapped_column(String(60), default="", info={"label": N_("Title")})
    opens_on: Mapped[date] = mapped_column(Date, info={"label": N_("Opens on")})
    closes_on: Mapped[date] = mapped_column(Date, info={"label": N_("Closes on")})
    paper_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Papers until")})
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
    when missing, where their ``when`` holds. Purpose *survey* is stored apart and is never a fact.
    A ``table`` has ``columns``, each ``{key, label, kind, choices, required}``. ``at_least`` and
    ``at_most`` bound a number, the rows of a table or the length of a text. An ``is_key`` field is
    normalised and may be claimed or counted by. ``stage`` names the stage that fills it in.
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
    when: Mapped[list[Any]] = mapped_column(
        JSON, default=list, server_default="[]", info={"label": N_("Asked when")}
    )
    columns: Mapped[list[dict[str, Any]]] = mapped_column(
        ORDERED_JSON, default=list, server_default="[]", info={"label": N_("Columns")}
    )
    at_least: Mapped[int | None] = mapped_column(BigId, info={"label": N_("At least")})
    at_most: Mapped[int | None] = mapped_column(BigId, info={"label": N_("At most")})
    pattern: Mapped[str] = mapped_column(
        String(200), default="", server_default="", info={"label": N_("Pattern")}
    )
    is_key: Mapped[bool] = mapped_column(
        Boolean, default=False, server_default=false(), info={"label": N_("Key")}
    )
    stage: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Filled in at")})


class DerivedFact(PolicyRow, Model):
    """A fact worked out from the rows of a table field, or from earlier cases.

    ``of`` is the table field's key, or ``earlier``: the awarded cases of the family's other
    programmes that share the facts ``per``. ``take`` counts the rows that match ``when``, gives
    their share of all rows in percent, sums their ``column``, or says whether there is one.
    With ``self_when`` set the applicant counts as one more row, matching where it holds.
    """

    __tablename__ = "derived_fact"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    of: Mapped[str] = mapped_column(String(60), info={"label": N_("Worked out from")})
    take: Mapped[str] = mapped_column(
        String(20), info={"label": N_("Takes"), "choices": DERIVATIONS}
    )
    column: Mapped[str | None] = mapped_column(String(60), info={"label": N_("Column")})
    per: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Per")})
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})
    self_when: Mapped[list[Any] | None] = mapped_column(
        JSON, info={"label": N_("The applicant counts too, when")}
    )


class AttachmentRule(PolicyRow, Model):
    """A paper or file that belongs to an application: how many, in which form, and when."""

    __tablename__ = "attachment_rule"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})
    at_least: Mapped[int] = mapped_column(Integer, default=1, info={"label": N_("At least")})
    at_most: Mapped[int] = mapped_column(Integer, default=10, info={"label": N_("At most")})
    medium: Mapped[str] = mapped_column(
        String(20), default="electronic", info={"label": N_("Medium"), "choices": MEDIA}
    )
    copies: Mapped[int] = mapped_column(Integer, default=1, info={"label": N_("Copies")})
    otherwise: Mapped[str] = mapped_column(
        String(10), default=NOTE, info={"label": N_("When missing"), "choices": OUTCOMES}
    )
    hint: Mapped[str] = mapped_column(String(200), default="", info={"label": N_("Hint")})


class Condition(PolicyRow, Model):
    """What must hold. ``when`` guards it; ``require`` is ``{all|any|at_least: …}``.

    No ``require`` means a person is always asked. ``asks`` names the stage whose actor answers.
    ``moments`` are the stages, or ``payment``, at which it is looked at again.
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
    moments: Mapped[list[str]] = mapped_column(
        JSON, default=list, server_default="[]", info={"label": N_("Looked at again")}
    )
    reading: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reading chosen")})


class AwardTier(PolicyRow, Model):
    """An amount and when it is due. ``amount_fen`` may be unset only in a draft.

    ``rule`` works the amount out instead: from a table, a share of a money fact, a top-up to a
    target, or so much for each. ``uplift`` adds percent where its terms hold; ``rounding`` says to
    which unit and how.
    """

    __tablename__ = "award_tier"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})
    amount_fen: Mapped[int | None] = mapped_column(
        BigId, info={"label": N_("Amount (yuan)"), "widget": "yuan"}
    )
    rule: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("Amount worked out")}
    )
    uplift: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("Uplift")}
    )
    rounding: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("Rounding")}
    )


class Bound(PolicyRow, Model):
    """At most ``at_most``, or at least ``at_least``, per keys within a span.

    Counted are ``awarded`` or ``submitted`` cases for which ``when`` holds, of ``tiers`` only
    where they are named: the cases themselves, the different values or the sum of the fact
    ``of``, or the share in percent of the cases for which the terms ``of`` hold. ``per`` names key
    facts; ``within`` is ``window``, ``programme``, ``year`` (the calendar year of ``dated``) or
    ``family`` (ever). ``over`` says what a case beyond it gets; ``spill_to`` the tier it falls to;
    ``asks`` names the stage whose actor answers where it asks.
    """

    __tablename__ = "bound"

    says: Mapped[str] = mapped_column(Text, info={"label": N_("Says")})
    counts: Mapped[str] = mapped_column(String(20), info={"label": N_("Counts"), "choices": COUNTS})
    take: Mapped[str] = mapped_column(
        String(20),
        default="cases",
        server_default="cases",
        info={"label": N_("Takes"), "choices": TAKES},
    )
    of: Mapped[Any | None] = mapped_column(JSON, nullable=True, info={"label": N_("Of")})
    per: Mapped[list[str]] = mapped_column(JSON, info={"label": N_("Per")})
    within: Mapped[str] = mapped_column(String(20), info={"label": N_("Within"), "choices": SPANS})
    dated: Mapped[str | None] = mapped_column(String(60), info={"label": N_("Dated by")})
    tiers: Mapped[list[str]] = mapped_column(
        JSON, default=list, server_default="[]", info={"label": N_("Tiers")}
    )
    at_most: Mapped[int | None] = mapped_column(BigId, info={"label": N_("At most")})
    at_least: Mapped[int | None] = mapped_column(BigId, info={"label": N_("At least")})
    over: Mapped[str] = mapped_column(
        String(10), info={"label": N_("Beyond it"), "choices": BEYOND}
    )
    spill_to: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Falls to")})
    asks: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Asked at")})
    reading: Mapped[str] = mapped_column(
        Text, default="", server_default="", info={"label": N_("Reading chosen")}
    )
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})


class OrderKey(PolicyRow, Model):
    """Who comes first: by a fact, up or down, or those for whom ``when`` holds.

    The second is a preference, which orders and never gates. The submission sequence always
    decides last.
    """

    __tablename__ = "order_key"

    fact: Mapped[str] = mapped_column(String(60), default="", info={"label": N_("Fact")})
    descending: Mapped[bool] = mapped_column(
        Boolean, default=False, info={"label": N_("Highest first")}
    )
    says: Mapped[str] = mapped_column(
        Text, default="", server_default="", info={"label": N_("Says")}
    )
    when: Mapped[list[Any]] = mapped_column(
        JSON, default=list, server_default="[]", info={"label": N_("When")}
    )


class Stage(PolicyRow, Model):
    """A step of the route of the cases for which ``when`` holds.

    ``acts`` is the role that decides; ``words`` its status names (``waiting``, ``passed``,
    ``failed``, ``returned``); ``returns_to`` the stage that a returned case restarts at; ``due``
    an anchor and an offset, ``{"after": "window.closes", "days": 14}``. ``panel`` says how the
    experts of a panel score, ``lasts`` how long a public notice does, ``{"working_days": 5}``.
    ``keeps_place``: a case that this stage returns keeps its place in the order, where it comes
    back within ``keeps_within``, ``{"working_days": 10}``, if there is one.
    """

    __tablename__ = "stage"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    acts: Mapped[str] = mapped_column(String(30), info={"label": N_("Who acts")})
    kind: Mapped[str] = mapped_column(
        String(20), default="review", info={"label": N_("Kind"), "choices": STAGE_KINDS}
    )
    when: Mapped[list[Any]] = mapped_column(
        JSON, default=list, server_default="[]", info={"label": N_("When")}
    )
    words: Mapped[dict[str, str]] = mapped_column(ORDERED_JSON, info={"label": N_("Status words")})
    returns_to: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Returns to")})
    due: Mapped[dict[str, Any] | None] = mapped_column(ORDERED_JSON, info={"label": N_("Due")})
    panel: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("How experts score")}
    )
    lasts: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("Length of the notice")}
    )
    keeps_place: Mapped[bool] = mapped_column(
        Boolean,
        default=True,
        server_default=true(),
        info={"label": N_("A returned case keeps its place")},
    )
    keeps_within: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("If it comes back within")}
    )
    channels: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Channels")})
    is_editable: Mapped[bool] = mapped_column(
        Boolean, default=False, info={"label": N_("Editable while waiting")}
    )
