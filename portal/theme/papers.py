"""What a printed paper of a payment batch shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """``portal/batch_document.html``: *payers* are names with fen, *words* the sum in capital
    numerals where the paper has it; an empty *number* means that it was not given yet.

    *people* and *total_fen* are what it states, *payees* are those of the batch; it is void once
    the batch was cancelled.
    """

    title: str
    number: str
    day: str
    to: str
    sender: str
    lead: Sequence[str]
    payers: Sequence[tuple[str, int]]
    payees: int
    people: int
    total_fen: int
    words: str
    differences: str
    signs: Sequence[str]
    back_url: str
    is_void: bool
