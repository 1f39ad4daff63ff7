"""A believable city of unions: districts, bureaus and their grass-roots units, all invented."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

DISTRICTS = (
    "黄浦 徐汇 长宁 静安 普陀 虹口 杨浦 浦东新 闵行 宝山 嘉定 金山 松江 青浦 奉贤 崇明".split()
)
BUREAUS = "机电 化学 电力 医务 邮电 建设 交通 金融".split()
STEMS = "申浦沪江海华新东"
ENDS = "达宇光汇腾康锦成"
TRADES = ("机械", "电子", "制药", "数控", "材料", "物流", "船舶", "信息技术")
NATURES = ("国有", "集体", "个私", "合资", "外资")
COLUMNS = ("code", "name", "kind", "parent_code", "nature")


def rows(units: int, random: Random) -> Iterator[dict[str, str]]:
    """The tree as rows of the organizations sheet, *units* grass-roots unions in all."""
    yield _row("SH", "上海市总工会", "city", "", "")
    parents = [(f"D{n:02d}", f"{name}区总工会", "district") for n, name in enumerate(DISTRICTS, 1)]
    parents += [(f"B{n:02d}", f"市{name}工会", "bureau") for n, name in enumerate(BUREAUS, 1)]
    for code, name, kind in parents:
        yield _row(code, name, kind, "SH", "")
    for serial in range(units):
        code, name, _kind = parents[serial % len(parents)]
        place = name.removesuffix("区总工会").removesuffix("工会")
        company = random.choice(STEMS) + random.choice(ENDS) + random.choice(TRADES)
        number = serial // len(parents) + 1
        unit = f"{place}{company}有限公司{number}厂工会"
        yield _row(f"{code}-{number:02d}", unit, "unit", code, random.choice(NATURES))


def _row(*values: str) -> dict[str, str]:
    return dict(zip(COLUMNS, values, strict=True))
