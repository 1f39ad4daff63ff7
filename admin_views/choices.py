"""Pairs of value and word as a form's select field wants them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wtforms.fields.choices import SelectChoice


def offered(pairs: Iterable[tuple[Any, Any]]) -> list[SelectChoice]:
    """The choices of a select field."""
    return [SelectChoice(value, str(word)) for value, word in pairs]
