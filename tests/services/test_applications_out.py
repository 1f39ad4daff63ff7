"""Applications as a sheet: what is in it, who sees what, what is kept about it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.organization import Organization
from models.programme import Revision
from portal.access.actor import Actor
from portal.access.permissions import NotAllowed
from portal.exchange import sheet_writer
from portal.exchange.applications_out import ExportNeedsReason, export_applications
from portal.exchange.sheet_writer import (
    SheetColumn,
    TooManyRows,
    clean,
    content_disposition,
    write_sheet,
)
from portal.exchange.summary_sheet import write_summary
from portal.translations.words import told
from tests.conftest import City
from tests.support.cases import CLOCK, cells, entered, published

NUMBERS = ("身份证号码", "手机号码", "工会会员服务卡卡号")


@pytest.fixture
def template() -> str:
    """The programme is in force."""
    return "stocked"


@pytest.fixture
def revision(session: Session, city: City) -> Revision:
    """The 2026 programme with two cases in one district and one in another."""
    made = published(session)
    for district, serials in (("D1", (1, 2)), ("D2", (3,))):
        clerk = city.person(f"clerk-{district}".lower(), "district", district)
        unit = city.union(f"{district}-1")
        entered(session, clerk, made, [_case(unit, serial) for serial in serials])
    return made


def _case(unit: Organization, serial: int) -> dict[str, str]:
    changes = {"applicant__name": '=cmd|" /C calc"!A0'} if serial == 2 else {}
    level = "高级技师" if serial == 2 else "技师"
    return cells(unit, serial, certificate__level=level, survey__income="8765", **changes)


def _export(session: Session, actor: Actor, **options: Any) -> list[dict[str, Any]]:
    target = BytesIO()
    count = export_applications(
        session, actor, CLOCK, [Application.id > 0], target, told, **options
    )
    heading, *rows, total = load_workbook(target).active.iter_rows(values_only=True)
    assert count == len(rows)
    assert total[0] == told("Total", {})
    found = [dict(zip(heading, row, strict=True)) for row in rows]
    amount = told("Amount (yuan)", {})
    assert total[heading.index(amount)] == sum(row[amount] for row in found)
    return found


def test_a_row_says_where_the_case_stands_and_what_the_form_said(
    session: Session, city: City, revision: Revision
) -> None:
    rows = _export(session, city.person("centre", "city-centre", "SH"))
    assert [row["姓名"] for row in rows] == ["张丽1", '=cmd|" /C calc"!A0', "张丽3"]
    first = rows[0]
    assert list(first)[:6] == [
        told(word, {})
        for word in (
            "Application number",
            "Programme",
            "Status",
            "Verdict",
            "Award tier",
            "Amount (yuan)",
        )
    ]
    assert list(first.values())[1:3] == [revision.programme.title, "待初审"]
    assert list(first.values())[5] == 1000
    labels = [row.label for row in revision.fields if row.purpose != "survey"]
    assert [name for name in first if name in labels] == labels
    assert (first["发证日期"], first["申报日期"]) == ("2025-03-01", "2026-08-03")
    assert first["证书类型"] == "通用工种（上海市职业技能鉴定中心）"
    assert first["性别"] == "男"
    assert not any("8765" in str(value) for value in first.values())


def test_formulas_stay_text(session: Session, city: City, revision: Revision) -> None:
    target = BytesIO()
    actor = city.person("centre", "city-centre", "SH")
    export_applications(session, actor, CLOCK, [Application.id > 0], target, told)
    kinds = {cell.data_type for row in load_workbook(target).active.iter_rows() for cell in row}
    assert kinds <= {"s", "n", "inlineStr"}


def test_only_the_subtree_goes_out(session: Session, city: City, revision: Revision) -> None:
    rows = _export(session, city.person("other", "district", "D2"))
    assert [row["姓名"] for row in rows] == ["张丽3"]
    assert _export(session, city.person("sibling", "grass-roots", "D1-2")) == []


def test_identifiers_are_masked_or_asked_for_with_a_reason(
    session: Session, city: City, revision: Revision
) -> None:
    actor = city.person("centre", "city-centre", "SH")
    typed = _case(city.union("D1-1"), 1)
    masked = _export(session, actor)[0]
    assert all("*" in masked[name] for name in NUMBERS)
    with pytest.raises(ExportNeedsReason):
        _export(session, actor, with_identifiers=True, reason=" ")
    full = _export(session, actor, with_identifiers=True, reason="核对银行卡")[0]
    keys = ("applicant.id_number", "applicant.phone", "payee.card")
    assert [full[name] for name in NUMBERS] == [typed[key] for key in keys]
    entries = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "application:export").order_by(AuditEntry.id)
    ).all()
    assert [(it.reason, it.details["identifiers"], it.details["rows"]) for it in entries] == [
        ("", False, 3),
        ("核对银行卡", True, 3),
    ]


def test_who_may_not_reveal_may_not_export_in_full(
    session: Session, city: City, revision: Revision
) -> None:
    auditor = city.person("auditor", "auditor", "SH")
    with pytest.raises(NotAllowed):
        _export(session, auditor, with_identifiers=True, reason="核对银行卡")


def test_the_summary_counts_each_tier(session: Session, city: City, revision: Revision) -> None:
    target = BytesIO()
    actor = city.person("clerk", "district", "D1")
    assert write_summary(session, actor, revision.programme, target, told) == 2
    rows = list(load_workbook(target).active.iter_rows(values_only=True))
    assert [row[1:4] for row in rows[1:3]] == [
        (revision.windows[0].title, "甲区总工会", "甲一厂工会")
    ] * 2
    amounts = {row[7]: row[-1] for row in rows[3:-1]}
    assert sorted(amounts) == ["技师", "高级技师"]
    assert amounts["技师"] == 1000
    assert rows[-1][0] == told("Total", {})
    assert rows[-1][-1] == sum(amounts.values())


def test_an_empty_programme_has_an_empty_summary(session: Session, city: City) -> None:
    programme = published(session).programme
    target = BytesIO()
    actor = city.person("centre", "city-centre", "SH")
    assert write_summary(session, actor, programme, target, told) == 0


def test_a_sheet_that_breaks_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sheet_writer, "MOST_ROWS", 2)
    target = tmp_path / "out.xlsx"
    with pytest.raises(TooManyRows):
        write_sheet(target, "t", [SheetColumn("a")], [["secret"]] * 3)
    assert list(tmp_path.iterdir()) == []


def test_what_no_sheet_may_hold_is_left_out() -> None:
    assert clean("a\x00b\x1fc\ufffe\td") == "abc\td"
    assert len(clean("长" * 40_000)) == 32_767
    target = BytesIO()
    rows = [["\x08x", None], ["=1+1", 12_345], ["http://x", 0]]
    write_sheet(target, "a[b]:*?/\\'", [SheetColumn("a"), SheetColumn("b", 9, "fen")], rows)
    sheet = load_workbook(target).active
    assert [cell.value for cell in sheet["A"]] == ["a", "x", "=1+1", "http://x"]
    assert [cell.value for cell in sheet["B"]] == ["b", None, 123.45, 0]
    assert sheet["A4"].hyperlink is None
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B4")


@pytest.mark.parametrize("name", ["汇总 表.xlsx", 'a"b\r\nc.xlsx', "x';y.xlsx"])
def test_a_download_is_named_safely(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert not {"\r", "\n"} & set(header)
    assert unquote(header.split("UTF-8''")[1]) == name
