"""The rows of programmes that differ in more than words and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from models.programme import Revision
from portal.policy.operators import OPERATORS
from portal.policy.pack_rows import SECTIONS


def unlike(revisions: Sequence[Revision], section: str) -> list[Any]:
    """The rows of a section whose rules differ in more than words and figures."""
    names = [cell.attribute for cell in SECTIONS[section][1]]
    found = {}
    for revision in revisions:
        for row in getattr(revision, section):
            rules = {name: _bones(getattr(row, name)) for name in names}
            drawn = {name: rule for name, rule in rules.items() if isinstance(rule, dict | list)}
            found[json.dumps(drawn)] = row
    return list(found.values())


def _bones(value: Any) -> Any:
    """What *value* is made of: its operators and keys, and kinds in place of values."""
    if isinstance(value, dict):
        fixed = all(isinstance(item, str) for item in value.values())
        return ["words"] if fixed else {key: _bones(item) for key, item in value.items()}
    if isinstance(value, list):
        kinds = [_bones(item) for item in value]
        return [kind for place, kind in enumerate(kinds) if kind not in kinds[:place]]
    if isinstance(value, str):
        return value if value in OPERATORS else bool(value)
    return type(value).__name__
