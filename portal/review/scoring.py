"""What a score sheet adds up to, and how the sheets of a case become its score. No database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from models.base import N_, Refusal
from models.panel import THOUSANDTHS
from portal.policy.stage_checks import TRIMMED

DECIMALS = 2
"""Of a score, where the panel says nothing else."""
_FINEST = Decimal("0.01")


class BadPoints(Refusal):
    """A criterion has no points, more than it takes, or what is no number."""

    message = N_("%(title)s: give points from 0 to %(most)s, with at most two decimals.")


def read_points(panel: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, str]:
    """The points of every criterion of *panel* as text; raises ``BadPoints``."""
    found = {}
    for item in panel["criteria"]:
        points = _number(str(typed.get(item["key"]) or "").strip())
        if points is None or not 0 <= points <= item["most"]:
            raise BadPoints(title=item["title"], most=item["most"])
        found[item["key"]] = f"{points.normalize():f}"
    return found


def total_of(panel: Mapping[str, Any], points: Mapping[str, str]) -> int:
    """What a sheet adds up to, in thousandths of a point, rounded half up."""
    total = sum((_part(item, Fraction(points[item["key"]])) for item in panel["criteria"]),
                Fraction(0))  # fmt: skip
    return int(total * THOUSANDTHS + Fraction(1, 2))


def joined(panel: Mapping[str, Any], totals: Sequence[int]) -> Decimal:
    """The score of a case from the *totals* of its sheets, in points.

    Of equal highest or lowest sheets a trimmed mean leaves one out.
    """
    counted = sorted(totals)
    if panel["joined"] == TRIMMED:
        counted = counted[1:-1]
    mean = Fraction(sum(counted), len(counted) * THOUSANDTHS)
    step = Decimal(1).scaleb(-int(panel.get("decimals", DECIMALS)))
    exact = Decimal(mean.numerator) / Decimal(mean.denominator)
    return exact.quantize(step, ROUND_HALF_UP)


def shown(total: int) -> str:
    """A total in points: 88500 is ``88.5``."""
    return f"{(Decimal(total) / THOUSANDTHS).normalize():f}"


def _part(item: Mapping[str, Any], points: Fraction) -> Fraction:
    return points * item["weight"] / item["most"] if "weight" in item else points


def _number(text: str) -> Decimal | None:
    """A plain number with at most two decimals."""
    if len(text) > 8 or not text.replace(".", "", 1).isdecimal() or not text.isascii():
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found == found.quantize(_FINEST) else None
