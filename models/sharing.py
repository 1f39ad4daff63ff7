"""Who pays what part of an award, and in which instalments: rows of a revision."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, String
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
