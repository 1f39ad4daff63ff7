"""Bank files to start from: one as many counters take it, one as older programs do."""

from __future__ import annotations

from models.papers import BankFile

_COLUMNS = (
    ("序号", "position", ""),
    ("收款人户名", "name", ""),
    ("收款账号", "account", ""),
    ("开户银行", "bank", ""),
    ("金额", "yuan", ""),
    ("附言", "text", "{programme} {batch}"),
)


def bank_files() -> list[BankFile]:
    """The templates, new."""
    columns = [
        {"heading": heading, "source": source} | ({"text": text} if text else {})
        for heading, source, text in _COLUMNS
    ]
    return [
        BankFile(
            title="批量代发（逗号分隔）",
            encoding="utf-8-sig",
            separator="comma",
            has_heading=True,
            columns=columns,
            version=1,
        ),
        BankFile(
            title="批量代发（竖线分隔，国标编码）",
            encoding="gb18030",
            separator="bar",
            has_heading=False,
            columns=[*columns[:4], {"heading": "金额（分）", "source": "fen"}, columns[5]],
            version=1,
        ),
    ]
