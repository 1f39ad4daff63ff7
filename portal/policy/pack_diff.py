"""What changed from one pack to another, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portal.policy.pack_rows import OWN, rows_of

_WHOLE = (*OWN, "notice", "pays_for", "texts", "closing_words")


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Each change as ``{section, key, what, from, to}``.

    *what* is the key that changed, ``row`` for a row that came (from ``None``) or went (to
    ``None``), ``order`` for rows that stand elsewhere. Sections without rows have key ``""``.
    """
    found = [
        _change(name, "", name, old.get(name), new.get(name))
        for name in _WHOLE
        if old.get(name) != new.get(name)
    ]
    before, after = rows_of(old), rows_of(new)
    for section in before:
        found += _of_section(section, _keyed(before[section]), _keyed(after[section]))
    choose = [document.get("tiers", {}).get("choose", "first") for document in (old, new)]
    if choose[0] != choose[1]:
        found.append(_change("tiers", "", "choose", *choose))
    return found


def _of_section(section: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in dict.fromkeys([*old, *new]):
        if key in old and key in new:
            yield from _of_row(section, key, old[key], new[key])
        else:
            yield _change(section, key, "row", old.get(key), new.get(key))
    kept = [key for key in old if key in new]
    if kept != [key for key in new if key in old]:
        yield _change(section, "", "order", list(old), list(new))


def _of_row(
    section: str, key: str, old: dict[str, Any], new: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield _change(section, key, name, old.get(name), new.get(name))


def _change(section: str, key: str, what: str, old: Any, new: Any) -> dict[str, Any]:
    return {"section": section, "key": key, "what": what, "from": old, "to": new}


def _keyed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["key"]: row for row in rows}
