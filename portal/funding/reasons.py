"""Why money is touched: in words that stay in the record."""

from __future__ import annotations

from models.base import N_, Refusal
from models.decision import LONGEST_REASON, SHORTEST_REASON


class NoReason(Refusal):
    """The reason is missing, or too long to be one."""

    message = N_("Say in at least two characters why.")


def worded(reason: str) -> str:
    """*reason* without blanks around it; raises ``NoReason``."""
    reason = reason.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise NoReason()
    return reason
