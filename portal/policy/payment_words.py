"""How a programme's money goes out, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from models.base import N_
from models.sharing import PAPERS, ROUTES, PaymentRule

Say = Callable[..., str]
Joined = Callable[[Iterable[str]], str]

BATCH_DAYS = {
    "batch.submitted": N_("the first case of the batch was submitted"),
    "batch.released": N_("the first case of the batch was released"),
    "batch.made": N_("the batch was made"),
    "batch.transferred": N_("the money was transferred"),
}
"""Days of a payment batch that a due date may count from."""


def payment_words(row: PaymentRule, say: Say, joined: Joined) -> Iterator[tuple[str, str]]:
    """What *row* says of the way and the papers, each under its heading (a msgid)."""
    yield N_("Way"), say(ROUTES[row.route])
    if row.papers:
        yield N_("Papers"), joined(say(PAPERS[kind]) for kind in PAPERS if kind in row.papers)
