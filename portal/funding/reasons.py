"""Why money is touched: in words that stay in the record."""

from __future__ import annotations

from models.base import N_, Refusal
from models.decision import LONGEST_REASON, SHORTEST_REASON


class NoReason(Refusal):
    """The reason is missing."""

    message = N_("Say in at least two characters why.")


class LongReason(NoReason):
    """It is too long to be a reason."""

    message = N_("Say why in at most %(most)s characters.")


def worded(reason: str) -> str:
    """*reason* without blanks around it; raises ``NoReason``, or ``LongReason``."""
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise NoReason()
    if len(reason) > LONGEST_REASON:
        raise LongReason(most=LONGEST_REASON)
    return reason
