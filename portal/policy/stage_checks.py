"""What keeps a stage from being worked: how its experts score, how long its notice lasts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.base import N_
from models.programme import Revision, Stage
from portal.policy.check import Path, Problem

PANEL, PUBLIC_NOTICE = "panel", "public_notice"
MEAN, TRIMMED = "mean", "trimmed"
JOINS = {
    MEAN: N_("The mean of all sheets"),
    TRIMMED: N_("The mean without the highest and the lowest"),
}
"""How the sheets of a case become its score."""
FEWEST_TRIMMED = 3
"""A mean without two sheets needs a third."""


def stage_problems(revision: Revision, *, publishing: bool = False) -> Iterator[Problem]:
    """What is wrong with ``panel`` and ``lasts`` of the stages of *revision*."""
    for place, row in enumerate(revision.stages):
        path: Path = ("stages", place)
        if row.panel is not None and row.kind != PANEL:
            yield Problem((*path, "panel"), N_("belongs to a stage of the kind panel"))
        if row.lasts is not None and row.kind != PUBLIC_NOTICE:
            yield Problem((*path, "lasts"), N_("belongs to a stage of the kind public_notice"))
        if row.lasts is None and row.kind == PUBLIC_NOTICE and publishing:
            yield Problem((*path, "lasts"), N_("must be set before publishing"))
        if row.keeps_within is not None and not row.keeps_place:
            yield Problem(
                (*path, "keeps_within"), N_("says nothing where the place is lost anyway")
            )
        if row.panel is not None:
            yield from _panel((*path, "panel"), row, row.panel, revision)


def most_points(panel: dict[str, Any]) -> int:
    """The highest total that a sheet can reach: of weights where there are some."""
    return sum(item.get("weight", item["most"]) for item in panel["criteria"])


def _panel(path: Path, row: Stage, panel: dict[str, Any], revision: Revision) -> Iterator[Problem]:
    keys = [item["key"] for item in panel["criteria"]]
    if len(set(keys)) < len(keys):
        yield Problem((*path, "criteria"), N_("a key stands twice here"))
    if len({"weight" in item for item in panel["criteria"]}) > 1:
        yield Problem((*path, "criteria"), N_("must all have a weight, or none"))
    if panel["joined"] == TRIMMED and panel["fewest"] < FEWEST_TRIMMED:
        message = N_("must be at least %(limit)s")
        yield Problem((*path, "fewest"), message, {"limit": FEWEST_TRIMMED})
    yield from _into((*path, "into"), row, panel, revision)
    yield from _cut((*path, "cut"), panel, revision)


def _into(path: Path, row: Stage, panel: dict[str, Any], revision: Revision) -> Iterator[Problem]:
    """The score goes to a number that this stage fills in, and fits there."""
    field = next((item for item in revision.fields if item.key == panel["into"]), None)
    if field is None or field.kind != "number" or field.stage != row.key:
        yield Problem(path, N_("must be a number field that this stage fills in"))
    elif field.at_most is not None and field.at_most < most_points(panel):
        message = N_("takes at most %(most)s, and a sheet can reach %(total)s")
        yield Problem(path, message, {"most": field.at_most, "total": most_points(panel)})


def _cut(path: Path, panel: dict[str, Any], revision: Revision) -> Iterator[Problem]:
    quotas = {
        row.key
        for row in revision.bounds
        if row.take == "cases" and row.counts == "awarded" and row.at_most is not None
    }
    for key in panel.get("cut", ()):
        if key not in quotas:
            message = N_("%(key)s is no bound on how many cases are awarded")
            yield Problem(path, message, {"key": key})
