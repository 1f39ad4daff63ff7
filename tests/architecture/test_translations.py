"""Every word a person can read is Chinese, once, and fills the places its msgid has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract

from portal.config import ROOT
from portal.translations.build import merge, parts

ROOMS = ("portal", "admin_views", "models")
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "N_": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """All parts merged."""
    return merge(parts())[0]


def test_every_msgid_is_translated(catalog: Catalog) -> None:
    missing = {
        f"{msgid!r} ({place})" for msgid, place in _msgids() if not _translation(catalog, msgid)
    }
    assert sorted(missing) == []


def test_translations_fill_the_places_of_their_msgid(catalog: Catalog) -> None:
    wrong = [(message.id, str(error)) for message, errors in catalog.check() for error in errors]
    assert wrong == []


def test_rooms_agree_on_every_word() -> None:
    assert merge(parts())[1] == []


def test_rooms_that_disagree_are_named(tmp_path: Path) -> None:
    for name, word in (("one", "名称"), ("two", "姓名")):
        (tmp_path / f"{name}.po").write_text(f'msgid "Name"\nmsgstr "{word}"\n', encoding="utf-8")
    catalog, conflicts = merge(sorted(tmp_path.iterdir()))
    assert conflicts == ["'Name' is '名称' in one.po and '姓名' in two.po"]
    assert _translation(catalog, "Name") == "名称"


def _msgids() -> Iterator[tuple[str, str]]:
    for path in _sources():
        found = _in_python(path) if path.suffix == ".py" else _in_template(path)
        for line, msgid in found:
            yield msgid, f"{path.relative_to(ROOT)}:{line}"


def _in_python(path: Path) -> Iterator[tuple[int, str]]:
    """By the syntax tree: Babel's own reader overlooks what stands inside an f-string."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KEYWORDS and node.args:
            said = node.args[0]
            if isinstance(said, ast.Constant) and isinstance(said.value, str) and said.value:
                yield node.lineno, said.value


def _in_template(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for line, found, _, _ in extract(
            "jinja2.ext:babel_extract", file, keywords=KEYWORDS, options={"silent": "false"}
        ):
            msgid = found if isinstance(found, str) else found[0]
            if msgid:
                yield line, msgid


def _sources() -> Iterator[Path]:
    for room in ROOMS:
        for pattern in ("*.py", "*.html"):
            yield from (p for p in (ROOT / room).rglob(pattern) if "static" not in p.parts)


def _translation(catalog: Catalog, msgid: str) -> str:
    message = catalog.get(msgid)
    if message is None or message.fuzzy:
        return ""
    return message.string if isinstance(message.string, str) else message.string[0]
