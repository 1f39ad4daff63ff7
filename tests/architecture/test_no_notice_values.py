"""A value of a notice stands in a pack or a catalogue, never in code."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from portal.config import ROOT

ROOMS = ("portal", "models", "admin_views")
KINDS = (".py", ".html", ".js", ".css", ".json")
OF_ANY_YEAR = (
    r"技师|高级工|首席|巾帼|工匠|区县局|市技协|焊工"
    r"|\b\d-\d\d-\d\d-\d\d\b|\bsh-(?:skill|patent|studio)|\bbj-p"
)
PARTS = ("tiers", "stages", "windows", "channels", "conditions")
KNOWN_TO_CODE = {"female", "male", "none", "valid", "lapsed", "invalid"}
"""An ID number tells the sex; the third says nothing; the registry of patents has three states."""


@dataclass
class Said:
    """What packs and catalogues say."""

    words: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)  # of choices, as cases store them
    yuan: set[int] = field(default_factory=set)
    days: set[date] = field(default_factory=set)


@pytest.fixture(scope="module")
def said() -> Said:
    """Everything said in ``seed/``."""
    found = Said()
    for path in (ROOT / "seed" / "programmes").glob("*.yaml"):
        _read_pack(YAML(typ="safe").load(path), found)
    for path in (ROOT / "seed" / "catalogues").glob("*.csv"):
        found.words |= {path.stem, *_catalogue(path)}
    found.words = {word for word in found.words if _is_telling(word)}
    return found


def test_no_value_of_a_notice_in_code(said: Said) -> None:
    sources = [(path, path.read_text(encoding="utf-8")) for path in _code()]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path, text in sources
        for line, what in (*_words_in(text, said), *_literals_in(path, text, said))
    ]
    assert found == []


def test_no_value_of_a_notice_in_a_translation() -> None:
    found = [
        f"{path.name}: {hit}"
        for path in (ROOT / "portal" / "translations" / "parts").glob("*.po")
        for hit in re.findall(OF_ANY_YEAR, path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_values_are_read(said: Said) -> None:
    assert {"高级技师", "初审", "待初审", "sh-skill-2026", "6-18-02-04", "维修电工"} <= said.words
    assert {"shanghai", "neighbours"} <= said.keys
    assert {800, 4000} <= said.yuan
    assert {date(2026, 6, 16), date(2026, 9, 15)} <= said.days


@pytest.mark.parametrize(
    "planted",
    [
        'if level == "高级技师": pay()',
        'status = "待初审"',
        'trade = "人工智能训练师"',
        'trade = "9-99-99-99"',
        'table = "sh-a-class-2026"',
        'if issuer == "shanghai": pass',
        "award = Fen(800_00)",
        "award = types.Fen(800)",
        "closes = date(2026, 9, 15)",
        'closes = "2026-09-15"',
    ],
)
def test_a_planted_value_is_found(planted: str, said: Said) -> None:
    assert [*_words_in(planted, said), *_literals_in(Path("planted.py"), planted, said)]


def _code() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in KINDS and "vendor" not in path.parts:
                yield path


def _words_in(text: str, said: Said) -> Iterator[tuple[int, str]]:
    words = said.words | {day.isoformat() for day in said.days}
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile("|".join([OF_ANY_YEAR, *map(re.escape, longest_first)]))
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, hit.group()) for hit in pattern.finditer(line))


def _literals_in(path: Path, text: str, said: Said) -> Iterator[tuple[int, str]]:
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and node.value in said.keys:
            yield node.lineno, repr(node.value)
        elif isinstance(node, ast.Call) and _says_a_value(node, said):
            yield node.lineno, ast.unparse(node)


def _says_a_value(call: ast.Call, said: Said) -> bool:
    """An amount, in yuan or in fen; a day in three numbers."""
    given = [each.value for each in call.args if isinstance(each, ast.Constant)]
    numbers = [value for value in given if isinstance(value, int)]
    name = ast.unparse(call.func).rpartition(".")[2]
    if name == "Fen" and numbers:
        return bool({numbers[0], numbers[0] / 100} & said.yuan)
    days = {(day.year, day.month, day.day) for day in said.days}
    return name in ("date", "datetime") and tuple(numbers[:3]) in days


def _read_pack(pack: dict[str, Any], said: Said) -> None:
    said.words |= {pack["programme"], pack["title"], *pack.get("closing_words", {}).values()}
    for part in PARTS:
        for value in _values(pack.get(part)):
            if isinstance(value, str):
                said.words.add(value)
            elif isinstance(value, date):
                said.days.add(value)
    for form_field in pack["fields"]:
        said.keys |= {key for key in form_field.get("choices", {}) if key.isascii()}
    said.keys -= KNOWN_TO_CODE
    said.yuan |= {row["amount"] for row in pack["tiers"]["rows"] if "amount" in row}


def _values(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "clause":  # code cites clauses
                yield from _values(value)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value)
    else:
        yield node


def _catalogue(path: Path) -> Iterator[str]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield from (row["code"], row["title"], *row["aliases"].split("|"))


def _is_telling(value: str) -> bool:
    """Chinese of two characters and more, an occupation's code, a code with a year."""
    return bool(
        re.search(r"[\u4e00-\u9fff].", value)
        or re.fullmatch(r"\d(-\d\d)+|[a-z]+(-[a-z]+)+-\d{4}", value)
    )
