"""Where in a programme a problem lies: its section and row, named as the pages name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect

from models.base import N_
from models.programme import Revision
from portal.policy.check import Path
from portal.policy.pack_rows import SECTIONS
from portal.policy.vocabulary import Say

TITLES = {
    "windows": N_("Windows"),
    "channels": N_("Channels"),
    "fields": N_("Form fields"),
    "facts": N_("Derived facts"),
    "attachments": N_("Attachments"),
    "conditions": N_("Conditions"),
    "tiers": N_("Award tiers"),
    "bounds": N_("Bounds"),
    "orders": N_("Orders"),
    "stages": N_("Stages"),
    "allocations": N_("Allocation"),
    "shares": N_("Shares"),
    "instalments": N_("Instalments"),
    "payments": N_("Ways of payment"),
}
"""The sections of a programme."""


@dataclass(frozen=True)
class Spot:
    """The section, and the row and column where the problem has one; ``words`` names them."""

    section: str
    row: Any
    words: str


def spot(revision: Revision, path: Path, say: Say) -> Spot:
    """What *path* of a pack leads to in *revision*."""
    steps = list(path)
    section = str(steps.pop(0)) if steps else ""
    if section == "tiers" and steps[:1] == ["rows"]:
        steps.pop(0)
    rows = getattr(revision, section, None) if section in SECTIONS else None
    words, row = [say(TITLES.get(section, section))], None
    if rows and steps and isinstance(steps[0], int) and steps[0] < len(rows):
        place = int(steps.pop(0))
        row = rows[place]
        words.append(say(N_("row %(number)s, %(key)s"), number=place + 1, key=_name(row)))
        words += _column(section, steps, say)
    return Spot(section, row, " · ".join(word for word in words if word))


def _name(row: Any) -> str:
    return getattr(row, "title", "") or getattr(row, "label", "") or row.key


def _column(section: str, steps: list[Any], say: Say) -> list[str]:
    if not steps:
        return []
    table, cells = SECTIONS[section]
    attribute = next((cell.attribute for cell in cells if cell.key == steps[0]), str(steps[0]))
    columns = inspect(table).columns
    label = columns[attribute].info.get("label") if attribute in columns else None
    words = [say(label) if label else str(steps[0])]
    if len(steps) > 1 and isinstance(steps[1], int):
        words.append(say(N_("no. %(number)s"), number=steps[1] + 1))
    return words
