"""How a panel scores and how long a notice lasts, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from models.base import N_
from models.panel import CONFLICTS
from models.programme import Stage
from portal.policy.stage_checks import JOINS

Say = Callable[..., str]
Joined = Callable[[Iterable[str]], str]


def stage_words(row: Stage, say: Say, joined: Joined) -> Iterator[tuple[str, str]]:
    """What *row* says of its experts and its notice, each under its heading (a msgid)."""
    if row.panel:
        yield from _panel(row.panel, say, joined)
    if row.lasts:
        yield N_("Length of the notice"), length_words(row.lasts, say)
        if row.lasts.get("reading"):
            yield N_("Reading chosen"), row.lasts["reading"]


def length_words(lasts: dict[str, Any], say: Say) -> str:
    """How long a notice lasts."""
    if "working_days" in lasts:
        return say(N_("%(count)s working days"), count=lasts["working_days"])
    return say(N_("%(count)s days"), count=lasts["days"])


def _panel(panel: dict[str, Any], say: Say, joined: Joined) -> Iterator[tuple[str, str]]:
    criteria = [_criterion(item, say) for item in panel["criteria"]]
    yield N_("Criteria"), joined(criteria)
    fewest = say(N_("at least %(count)s sheets a case"), count=panel["fewest"])
    yield N_("Sheets are joined by"), joined([say(JOINS[panel["joined"]]), fewest])
    if panel.get("conflicts"):
        words = [say(CONFLICTS[key]) for key in panel["conflicts"]]
        yield N_("Keeps an expert from a case"), joined(words)
    if panel.get("reading"):
        yield N_("Reading chosen"), panel["reading"]


def _criterion(item: dict[str, Any], say: Say) -> str:
    told = {"title": item["title"], "most": item["most"]}
    if "weight" in item:
        words = N_("%(title)s (up to %(most)s points, weight %(weight)s)")
        return say(words, **told, weight=item["weight"])
    return say(N_("%(title)s (up to %(most)s points)"), **told)
