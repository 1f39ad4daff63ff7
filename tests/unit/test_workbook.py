"""Sheets that somebody sent: bounded before they are opened."""

from __future__ import annotations

import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.datavalidation import DataValidation

from portal.config import ROOT
from portal.exchange.workbook import (
    EmptySheet,
    Limits,
    NotAWorkbook,
    WorkbookTooLarge,
    read_sheet,
)


def _book(path: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def _changed(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """A copy of the workbook with other bytes in its first sheet."""
    made = path.with_name("changed.xlsx")
    with ZipFile(path) as source, ZipFile(made, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                for old, new in changes:
                    assert old in data
                    data = data.replace(old, new)
            target.writestr(name, data)
    return made


def test_a_sheet_is_read_with_its_row_numbers(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", [["姓名", "数"], ["张三", 12], [None, None], ["李四", 1.5]])
    sheet = read_sheet(path)
    assert sheet.heading == ["姓名", "数"]
    assert sheet.rows == [(2, ["张三", "12"]), (4, ["李四", "1.5"])]


def test_a_number_too_long_to_be_exact_never_looks_right(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", [["身份证号码"], [110105194912310025]])
    assert "E+17" in read_sheet(path).rows[0][1][0]


@pytest.mark.parametrize("quote", [b'"', b"'"])
def test_two_far_cells_do_not_take_the_memory(tmp_path: Path, quote: bytes) -> None:
    far = b"r=%bXFD1048576%b" % (quote, quote)
    bomb = _changed(
        _book(tmp_path / "a.xlsx", [["a"], ["b"]]),
        (b'r="A2"', far),
        (b'<row r="2"', b"<row r=%b1048576%b" % (quote, quote)),
    )
    assert bomb.stat().st_size < 10_000
    started = time.monotonic()
    with pytest.raises(WorkbookTooLarge):
        read_sheet(bomb)
    assert time.monotonic() - started < 20


def test_a_bomb_that_the_look_ahead_misses_hits_the_memory_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = tmp_path / "blind.py"
    blind.write_text(
        "import sys, resource\n"
        "from portal.exchange import workbook_child as child\n"
        "child._reaches_beyond = lambda *_: False\n"
        "most = int(sys.argv[4])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "sys.exit(child.main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    monkeypatch.setattr("portal.exchange.workbook.workbook_child.__name__", "blind")
    bomb = _changed(
        _book(tmp_path / "a.xlsx", [["a"], ["b"]]),
        (b'r="A2"', b'r="XFD1048576"'),
        (b'<row r="2"', b'<row r="1048576"'),
    )
    with pytest.raises((NotAWorkbook, WorkbookTooLarge)):
        read_sheet(bomb)


def test_a_long_text_that_thousands_of_cells_share_is_refused(tmp_path: Path) -> None:
    shared = _book(tmp_path / "a.xlsx", [["a"], *([["b" * 30_000]] * 1_100)])
    assert shared.stat().st_size < 50_000
    with pytest.raises(WorkbookTooLarge):
        read_sheet(shared)
    few = read_sheet(_book(tmp_path / "b.xlsx", [["a"], *([["b" * 30_000]] * 10)]))
    assert {len(row[0]) for _number, row in few.rows} == {30_000}


def test_a_rule_for_whole_columns_is_no_bomb(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["a"])
    book.active.append(["b"])
    rule = DataValidation(type="list", formula1='"b,c"')
    rule.add("A1:XFD1048576")
    book.active.add_data_validation(rule)
    book.active.auto_filter.ref = "A1:A1048576"
    book.save(tmp_path / "a.xlsx")
    assert read_sheet(tmp_path / "a.xlsx").rows == [(2, ["b"])]


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zip.xlsx"
    with ZipFile(path, "w", ZIP_DEFLATED) as target:
        target.writestr("xl/worksheets/sheet1.xml", b"0" * 2_000_000)
    with pytest.raises(WorkbookTooLarge):
        read_sheet(path, Limits(unpacked=1_000_000))


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04broken", b"\x89PNG\r\n\x1a\n\0\0", b"PK\x05\x06" + b"\0" * 18]
)
def test_what_is_no_sheet_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(data)
    with pytest.raises((NotAWorkbook, EmptySheet)):
        read_sheet(path)


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with ZipFile(path, "w") as target:
        target.writestr("readme.txt", "hello")
    with pytest.raises(NotAWorkbook):
        read_sheet(path)


def test_sizes_are_bounded(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", [["a"]] + [["b"]] * 20)
    with pytest.raises(WorkbookTooLarge):
        read_sheet(path, Limits(rows=10))
    wide = _book(tmp_path / "w.xlsx", [["a"] * 20, ["b"] * 20])
    with pytest.raises(WorkbookTooLarge):
        read_sheet(wide, Limits(columns=10))
    with pytest.raises(WorkbookTooLarge):
        read_sheet(path, Limits(size=100))
    with pytest.raises(EmptySheet):
        read_sheet(_book(tmp_path / "b.xlsx", [["a"]]))


def test_a_file_of_more_than_20_mb_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(20 * 1024 * 1024 + 1)
    with pytest.raises(WorkbookTooLarge, match="20 MB"):
        read_sheet(path)


@pytest.mark.parametrize("text", ["a\n" * 60_000, ",".join("a" * 300) + "\nb\n"])
def test_a_csv_is_bounded_too(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(WorkbookTooLarge):
        read_sheet(path)


def test_a_cell_of_csv_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a\n"' + "b" * 200_000)
    with pytest.raises(NotAWorkbook):
        read_sheet(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_usual_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("姓名,工种\n张三,电工\n".encode(encoding))
    assert read_sheet(path).rows == [(2, ["张三", "电工"])]
