"""A value of a notice stands in a pack or a catalogue, never in code."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from portal.config import ROOT

ROOMS = ("portal", "models", "admin_views")
KINDS = (".py", ".html", ".js", ".css", ".json")
OF_ANY_YEAR = (
    r"技师|高级工|首席|巾帼|工匠|区县局|市技协|焊工"
    r"|\b\d-\d\d-\d\d-\d\d\b|\bsh-(skill|patent|studio)|\bbj-p"
)
PARTS = ("tiers", "stages", "windows", "channels", "conditions")


def test_no_value_of_a_notice_in_code() -> None:
    values = sorted(_values(), key=len, reverse=True)
    pattern = re.compile("|".join([OF_ANY_YEAR, *map(re.escape, values)]))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {hit.group()}"
        for path in _code()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for hit in pattern.finditer(line)
    ]
    assert found == []


def test_the_values_are_read() -> None:
    values = _values()
    assert {"高级技师", "初审", "sh-skill-2026", "6-18-02-04"} <= values


def _code() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in KINDS and "vendor" not in path.parts:
                yield path


def _values() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "seed" / "programmes").glob("*.yaml"):
        pack = YAML(typ="safe").load(path)
        found |= {pack["programme"], pack["title"]}
        for part in PARTS:
            found |= set(_words(pack.get(part)))
    for path in (ROOT / "seed" / "catalogues").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found |= {row["code"], row["title"]}
    return {value for value in found if _is_telling(value)}


def _words(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "clause":  # code cites clauses
                yield from _words(value)
    elif isinstance(node, list):
        for value in node:
            yield from _words(value)
    elif isinstance(node, str):
        yield node


def _is_telling(value: str) -> bool:
    """Chinese of two characters and more, an occupation's code, a programme's code."""
    return bool(
        re.search(r"[\u4e00-\u9fff].", value)
        or re.fullmatch(r"\d(-\d\d)+|[a-z]+-[a-z]+-\d{4}", value)
    )
