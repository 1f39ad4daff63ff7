"""What the page of cases whose award would come out otherwise is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class AffectedRow:
    """A case, amounts in words. With a ``value`` it can be ticked; ``mark`` says what stands in
    the way; ``act_url`` leads to its own form, or to its open adjustment."""

    number: str
    url: str
    person: str
    district: str
    award: Markup
    out: Markup
    now: Markup
    difference: Markup
    clause: str
    says: str
    value: str = ""
    mark: Markup | str = ""
    act_url: str = ""
    act_words: str = ""


@dataclass(frozen=True, slots=True)
class AffectedPage:
    """``portal/affected.html``: ``programmes`` and ``rules`` to choose; rows once it was looked.

    ``more`` and ``less`` are what all rows come to; ``rest`` of them are not listed.
    """

    programmes: Sequence[tuple[str, str]]
    rules: Sequence[tuple[str, str]]
    programme: str
    by: str
    looked: bool
    rows: Sequence[AffectedRow] = ()
    cases: int = 0
    more: str = ""
    less: str = ""
    rest: int = 0
    propose_url: str = ""
    sheet_url: str = ""
    list_url: str = ""


@dataclass(frozen=True, slots=True)
class DecidePage:
    """``portal/adjustments_decide.html``: proposals to approve or refuse together."""

    title: str
    approve: bool
    rows: Sequence[AffectedRow]
    ids: str
    total: str
    action_url: str
    back_url: str
