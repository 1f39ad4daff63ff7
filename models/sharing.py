"""Who pays what part of an award, in which instalments and by which way: rows of a revision."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import N_, Model
from models.programme import PolicyRow
from models.types import JSON, ORDERED_JSON

CITY, DISTRICT, UNIT = "city", "district", "unit"
PAYERS = {
    CITY: N_("City federation"),
    DISTRICT: N_("District or bureau union"),
    UNIT: N_("Grass-roots union"),
}
"""The parties of a case that may pay: its tiers of the union tree."""
THROUGH_DISTRICT, DIRECT = "district", "direct"
ROUTES = {
    THROUGH_DISTRICT: N_("Through the district or bureau union"),
    DIRECT: N_("Straight to the person's account"),
}
TRANSFER_NOTICE, CONFIRMATION, RECEIPT = "transfer-notice", "confirmation", "receipt"
PAPERS = {
    TRANSFER_NOTICE: N_("Transfer notice"),
    CONFIRMATION: N_("Confirmation of payment"),
    RECEIPT: N_("Receipt"),
}
"""The papers that go with a batch, in their order."""


class Share(PolicyRow, Model):
    """What one payer pays of an award for which ``when`` holds, of ``tiers`` where they are named.

    A ``weight`` is a part inside the amount, beside the weights of the other payers; ``rule``
    works out what the payer adds on top of it, as an award tier's does. ``payer`` is a party of
    the case; ``others`` are parties that may pay in its place, recorded with each award.
    """

    __tablename__ = "share"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    payer: Mapped[str] = mapped_column(String(20), info={"label": N_("Payer"), "choices": PAYERS})
    others: Mapped[list[str]] = mapped_column(
        JSON, default=list, info={"label": N_("Others may pay instead")}
    )
    weight: Mapped[int | None] = mapped_column(Integer, info={"label": N_("Weight")})
    rule: Mapped[dict[str, Any] | None] = mapped_column(
        ORDERED_JSON, info={"label": N_("On top of the amount")}
    )
    tiers: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Tiers")})
    when: Mapped[list[Any]] = mapped_column(JSON, default=list, info={"label": N_("When")})


class Instalment(PolicyRow, Model):
    """A part of every payer's share, by ``weight``, paid once the stage ``after`` is passed.

    Without ``after`` it is released by the final approval. ``due`` is a rule as a stage has one.
    """

    __tablename__ = "instalment"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    weight: Mapped[int] = mapped_column(Integer, info={"label": N_("Weight")})
    after: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Released by")})
    due: Mapped[dict[str, Any] | None] = mapped_column(ORDERED_JSON, info={"label": N_("Due")})


class PaymentRule(PolicyRow, Model):
    """How awards of ``channels`` (none: all) are paid out, the first row that fits.

    ``route`` is by way of the district or straight to the person; a batch is paid once its
    ``papers`` are there. ``due`` says until when people should have the money, counted from a day
    of the batch, ``{"after": "batch.transferred", "days": 14}``.
    """

    __tablename__ = "payment_rule"

    title: Mapped[str] = mapped_column(String(60), info={"label": N_("Title")})
    route: Mapped[str] = mapped_column(
        String(20), default=THROUGH_DISTRICT, info={"label": N_("Way"), "choices": ROUTES}
    )
    channels: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Channels")})
    papers: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Papers")})
    due: Mapped[dict[str, Any] | None] = mapped_column(ORDERED_JSON, info={"label": N_("Due")})
    reading: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reading chosen")})
