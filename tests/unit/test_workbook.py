"""Sheets that somebody sent: bounded before they are opened."""

from __future__ import annotations

import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import Workbook

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


def test_a_sheet_is_read_with_its_row_numbers(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", [["姓名", "数"], ["张三", 12], [None, None], ["李四", 1.5]])
    sheet = read_sheet(path)
    assert sheet.heading == ["姓名", "数"]
    assert sheet.rows == [(2, ["张三", "12"]), (4, ["李四", "1.5"])]


def test_a_number_too_long_to_be_exact_never_looks_right(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", [["身份证号码"], [110105194912310025]])
    assert "E+17" in read_sheet(path).rows[0][1][0]


def test_two_far_cells_do_not_take_the_memory(tmp_path: Path) -> None:
    path = _book(tmp_path / "a.xlsx", [["a"], ["b"]])
    bomb = tmp_path / "bomb.xlsx"
    with ZipFile(path) as source, ZipFile(bomb, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = data.replace(b'r="A2"', b'r="XFD1048576"').replace(
                    b'<row r="2"', b'<row r="1048576"'
                )
            target.writestr(name, data)
    assert bomb.stat().st_size < 10_000
    started = time.monotonic()
    with pytest.raises(WorkbookTooLarge):
        read_sheet(bomb)
    assert time.monotonic() - started < 20


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
    with pytest.raises(WorkbookTooLarge):
        read_sheet(path, Limits(size=100))
    with pytest.raises(EmptySheet):
        read_sheet(_book(tmp_path / "b.xlsx", [["a"]]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_usual_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("姓名,工种\n张三,电工\n".encode(encoding))
    assert read_sheet(path).rows == [(2, ["张三", "电工"])]
