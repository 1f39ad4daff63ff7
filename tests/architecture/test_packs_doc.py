"""docs/packs.md names every fact, operator and key of a pack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from models.application import STATES
from portal.access.permissions import ROLES
from portal.config import ROOT
from portal.policy.facts import FACTS
from portal.policy.operators import OPERATORS

DOC = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "portal/policy/pack.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", FACTS)
def test_every_fact_stands_there_with_kind_and_label(key: str) -> None:
    fact = FACTS[key]
    assert f"| `{key}` | {fact.kind} | {fact.label} |" in DOC


def test_no_fact_stands_there_that_is_gone() -> None:
    table = DOC.split("\n## Facts\n")[1].split("\n## ")[0]
    rows = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert rows == [*FACTS, "field.…"]


def test_the_operators_are_those_of_the_code() -> None:
    table = DOC.split("\n## Operators\n")[1].split("\n## ")[0]
    rows = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert rows == list(OPERATORS)


@pytest.mark.parametrize("section", ["windows", "channels", "fields", "conditions", "bounds",
                                     "orders", "stages", "tiers", "notice", "facts",
                                     "attachments", "allocations", "shares", "instalments",
                                     "payments"])  # fmt: skip
def test_every_key_of_a_section_stands_under_its_heading(section: str) -> None:
    text = DOC.split(f"\n### {section}\n")[1].split("\n### ")[0]
    missing = {word for word in _words(SCHEMA["properties"][section]) if f"`{word}`" not in text}
    assert missing == set()


def test_every_other_word_of_the_schema_stands_somewhere() -> None:
    words = [*_words(SCHEMA), *ROLES, *STATES]
    assert {word for word in words if f"`{word}`" not in DOC} - set(_headings()) == set()


def _headings() -> Iterator[str]:
    yield from (line[4:] for line in DOC.splitlines() if line.startswith("### "))


def _words(schema: dict[str, Any]) -> Iterator[str]:
    """Every key and every fixed value that *schema* knows."""
    yield from schema.get("enum", ())
    for name, part in schema.get("properties", {}).items():
        yield name
        yield from _words(part)
    yield from _words(schema["items"]) if "items" in schema else ()
