"""Pasted catalogues: long codes, short ones, headings, and what is refused by row."""

from __future__ import annotations

import pytest

from portal.policy.catalogue_tables import parse_table


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("编码\t名称\n1\t初级\njs\t技师\nA\t其他", [("1", "初级"), ("js", "技师"), ("A", "其他")]),
        ("code\ttitle\n1\tCAD", [("1", "CAD")]),
        ("1\tjs\t技师\n2\tgj\t高级技师", [("js", "技师"), ("gj", "高级技师")]),
        ("编码 名称\n1 初级\n2 中级", [("1", "初级"), ("2", "中级")]),
        ("技师\tjs", [("js", "技师")]),
        ("1\t6-31-01-03\t电工\tA（新）", [("6-31-01-03", "电工")]),
        ("1\n6-31-01-03\n电工\n2\n6-18\n焊工", [("6-31-01-03", "电工"), ("6-18", "焊工")]),
    ],
)  # fmt: skip
def test_codes_may_be_short(text: str, rows: list[tuple[str, str]]) -> None:
    table = parse_table(text)
    assert [(row.code, row.title) for row in table.rows] == rows
    assert {place for place, _reason in table.problems} <= {1}


def test_a_refused_code_is_told_by_row_and_reason() -> None:
    table = parse_table("编码\t名称\n1\t初级\n1\t中级\n一级\t高级\n3\t")
    assert [(row.code, row.title) for row in table.rows] == [("1", "初级")]
    none = "no code was found; a code has letters, digits, full stops and hyphens only"
    assert table.problems == [
        (1, "taken as the heading"), (3, "this code stands twice"), (4, none), (5, none),
    ]  # fmt: skip
    assert parse_table("").problems[0][0] == 1
