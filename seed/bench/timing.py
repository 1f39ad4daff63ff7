"""Timing two things in turn, so that their ratio holds while the machine's speed drifts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Median milliseconds of our way and of the bare statement in the same run."""

    name: str
    ours_ms: float
    bare_ms: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times the bare statement ours takes."""
        return self.ours_ms / self.bare_ms if self.bare_ms else 0.0

    def told(self) -> dict[str, Any]:
        """As one row of the report."""
        return {
            "name": self.name,
            "ours_ms": round(self.ours_ms, 2),
            "bare_ms": round(self.bare_ms, 2),
            "ratio": round(self.ratio, 2),
            "note": self.note,
        }


def pair(
    name: str,
    ours: Callable[[], object],
    bare: Callable[[], object],
    *,
    runs: int = 15,
    warm: int = 2,
    note: str = "",
) -> Measured:
    """Run *ours* and *bare* in turn *runs* times after *warm* rounds; medians count."""
    for _ in range(warm):
        ours()
        bare()
    times = [(_timed(ours), _timed(bare)) for _ in range(runs)]
    return Measured(
        name, median(ours for ours, _ in times), median(bare for _, bare in times), note
    )


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
