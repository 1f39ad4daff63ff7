"""Pack files: every fault with its line, its keys and the form that is expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.notice import Clause, Notice
from models.programme import Programme
from portal.policy import pack_schema
from portal.policy.pack_files import Flaw, read, write
from portal.policy.pack_rows import SECTIONS
from tests.support.cases import PACK

SCHEMA = json.loads(Path(pack_schema.__file__).with_name("pack.schema.json").read_text("utf-8"))
HEAD = """\
programme: x-2030
title: X
family: x
year: 2030
subject: skill_certificate
number_prefix: X30-
notice: {key: X, title: X, issuer: X, issued: 2030-01-01}
"""
TIER = "tiers:\n  choose: first\n  rows:\n    - {key: a, clause: a, when: %s}\n"


def _flaws(tmp_path: Path, text: str | bytes) -> list[tuple[int, str, str]]:
    pack = tmp_path / "pack.yaml"
    pack.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(flaw.line, flaw.path, _told(flaw)) for flaw in read(pack)[1]]


def _told(flaw: Flaw) -> str:
    return flaw.message % flaw.params if flaw.params else flaw.message


def test_the_shortest_pack_is_well_formed(tmp_path: Path) -> None:
    assert _flaws(tmp_path, HEAD) == []


@pytest.mark.parametrize(
    ("text", "line", "path", "told"),
    [
        ("title: Y\n", 8, "", "a key stands twice here"),
        ("windows: [\n", 9, "", "this is not valid YAML"),
        ("colour: red\n", 8, "colour", "there is no such key; known are programme, title,"),
        ("windows:\n  - key: a\n    opens: 2030-01-01\n", 9, "windows.0", "must have closes"),
        (
            "windows:\n  - {key: a, opens: soon, closes: 2030-02-01}\n",
            9,
            "windows.0.opens",
            "must be a day such as 2026-08-31",
        ),
        (
            "windows:\n  - {key: a, opens: 2030-01-01,\n     closes: 2030-02-30}\n",
            10,
            "",
            "there is no such day",
        ),
        ("windows:\n  - {key: A b, opens: 2030-01-01, closes: 2030-02-01}\n", 9, "windows.0.key",
         "must be small letters, digits and hyphens"),
        ("windows: main\n", 8, "windows", "must be a list"),
        ("stages: [1]\n", 8, "stages.0", "must be keys with values"),
        ("pays_for: [certificate]\n", 8, "pays_for", "must be certificate, patent, studio"),
        ("tiers:\n  choose: any\n  rows: []\n", 9, "tiers.choose", "must be one of first, highest"),
        (
            TIER % "[], amount: 0",
            11,
            "tiers.rows.0.amount",
            "must be more than 0",
        ),
        (
            TIER % "[], amount: 0.005",
            11,
            "tiers.rows.0.amount",
            "must be whole fen",
        ),
        (
            TIER % "[], amount: .nan",
            11,
            "tiers.rows.0.amount",
            "must be a number",
        ),
        (
            TIER % "[is]",
            11,
            "tiers.rows.0.when.0",
            "must be a term",
        ),
        ("texts: {a: \"\\0\"}\n", 8, "texts.a", "holds characters that cannot be kept"),
        ("texts: &a {b: c}\nclosing_words: *a\n", 9, "", "write this out: packs have no aliases"),
        ("closing_words: {paid: ''}\n", 8, "closing_words.paid", "must not be empty"),
        (f"closing_words: {{paid: {'x' * 61}}}\n", 8, "closing_words.paid", "at most 60"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_line_and_key(
    tmp_path: Path, text: str, line: int, path: str, told: str
) -> None:
    [flaw] = _flaws(tmp_path, HEAD + text)
    assert flaw[:2] == (line, path)
    assert told in flaw[2]


@pytest.mark.parametrize("text", [b"\xff\xfe", b"", b"- 1\n", b"just words", b"a: !x [", b"\x00"])
def test_what_is_no_pack_is_said_to_be_none(tmp_path: Path, text: bytes) -> None:
    assert len(_flaws(tmp_path, text)) == 1


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = HEAD.replace("year: 2030", "year: soon").replace("family: x", "family: X Y")
    paths = [path for _line, path, _told in _flaws(tmp_path, text + "colour: red\n")]
    assert sorted(paths) == ["colour", "family", "year"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    [flaw] = _flaws(tmp_path, HEAD + "#" * 1_000_001)
    assert flaw[2] == "this file is too large for a pack"


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    assert len(_flaws(tmp_path, "a: " + "[" * 20_000)) == 1


def test_amounts_with_fen_are_read_exactly(tmp_path: Path) -> None:
    assert _flaws(tmp_path, HEAD + TIER % "[], amount: 19.99") == []


def test_writing_is_the_reverse_of_reading(tmp_path: Path) -> None:
    document = read(PACK)[0].document
    written = tmp_path / "pack.yaml"
    written.write_text(write(document), encoding="utf-8")
    assert read(written)[0].document == document
    assert write(read(written)[0].document) == written.read_text(encoding="utf-8")


def test_every_keyword_of_the_schema_has_words() -> None:
    structure = {"$ref", "$defs", "$schema", "title", "properties", "items"}
    assert set(_keywords(SCHEMA)) - structure <= set(pack_schema.WORDS)
    assert set(_titles(SCHEMA["$defs"])) <= set(pack_schema.FORMS)


def test_no_text_of_a_pack_is_longer_than_its_column() -> None:
    rows: list[tuple[Any, str, dict[str, Any]]] = [
        (Programme, name, SCHEMA["properties"][name]) for name in ("title", "family")
    ]
    notice = SCHEMA["properties"]["notice"]["properties"]
    rows += [(Notice, name, notice[name]) for name in ("key", "title", "issuer")]
    rows += [(Clause, "key", notice["clauses"]["items"]["properties"]["key"])]
    for section, (table, cells) in SECTIONS.items():
        found = SCHEMA["properties"][section]
        found = found["properties"]["rows"] if section == "tiers" else found
        known = found["items"]["properties"]
        assert [cell.key for cell in cells if cell.key not in known] == []
        rows += [(table, cell.attribute, known[cell.key]) for cell in cells]
    for table, attribute, schema in rows:
        column = table.__table__.c[attribute]
        limit = getattr(column.type, "length", None)
        if limit is not None:
            assert _longest(schema) <= limit, f"{table.__name__}.{attribute}"


def _longest(schema: dict[str, Any]) -> int:
    found = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "enum" in found:
        return max(map(len, found["enum"]))
    if "maxLength" in found:
        return int(found["maxLength"])
    counted = found["pattern"].partition("{0,")[2].partition("}")[0]
    return int(counted) + 1


def _keywords(schema: Any) -> set[str]:
    found = set()
    if isinstance(schema, dict):
        found |= set(schema)
        for name in ("properties", "$defs"):
            for inner in schema.get(name, {}).values():
                found |= _keywords(inner)
        for name in ("items", "additionalProperties"):
            found |= _keywords(schema.get(name))
    return found


def _titles(definitions: dict[str, Any]) -> set[str]:
    found = {item["title"] for item in definitions.values() if "title" in item}
    return found | {"term"}
