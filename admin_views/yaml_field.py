"""Form fields for columns that hold lists and rules."""

from __future__ import annotations

import math
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from wtforms import TextAreaField, ValidationError

from portal.policy.pack_files import unreadable
from portal.translations.words import gettext as _

LONGEST = 20_000
"""Characters of a rule; a long one takes five hundred."""


class LinesField(TextAreaField):
    """A list of words, one a line."""

    def _value(self) -> str:
        return "\n".join(self.data or ()) if not isinstance(self.data, str) else self.data

    def process_formdata(self, valuelist: list[str]) -> None:
        """One entry per line that is not empty."""
        text = valuelist[0] if valuelist else ""
        self.data = [line.strip() for line in text.splitlines() if line.strip()]


class NumbersField(TextAreaField):
    """Names with numbers, one a line: ``name: 12.5``."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(f"{name}: {number}" for name, number in (self.data or {}).items())

    def process_formdata(self, valuelist: list[str]) -> None:
        """Every line that is not empty; what is no number is refused."""
        lines = [line for line in (valuelist[0] if valuelist else "").splitlines() if line.strip()]
        self.data = dict(map(_named_number, lines))


def _named_number(line: str) -> tuple[str, int | float]:
    name, _colon, text = line.replace("：", ":").rpartition(":")
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        number = math.nan
    if not name.strip() or not math.isfinite(number):
        raise ValidationError(_("“%(line)s” is not a name, a colon and a number.", line=line))
    return name.strip()[:60], int(number) if number.is_integer() else number


class YamlField(TextAreaField):
    """A rule as it stands in a pack: YAML, read into plain values; ``is_read`` unless it failed."""

    is_read = True

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None or self.data == self._empty():
            return ""
        if isinstance(self.data, list) and self.data:
            return "\n".join(f"- {_flow(item)}" for item in self.data)
        if isinstance(self.data, dict) and self.data:
            return "\n".join(_entry(key, value) for key, value in self.data.items())
        return _flow(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the YAML; dates become ISO text as the database keeps them."""
        text = valuelist[0] if valuelist else ""
        self.is_read = False
        try:
            found = _loaded(text)
        except (YAMLError, ValueError, RecursionError):
            raise ValidationError(_("This is not valid YAML.")) from None
        self.data, self.is_read = _plain(found) if found is not None else self._empty(), True

    def _empty(self) -> Any:
        return None


def _loaded(text: str) -> Any:
    """The value that *text* is, which has nothing that a pack may not have."""
    if len(text) > LONGEST or next(unreadable(text), None) is not None:
        raise ValueError(len(text))
    return YAML(typ="safe", pure=True).load(text) if text.strip() else None


def _entry(key: str, value: Any) -> str:
    """One key of a mapping; a list of terms stands a term a line."""
    if isinstance(value, list) and value:
        return "\n".join([f"{_flow(key)}:", *(f"  - {_flow(item)}" for item in value)])
    return f"{_flow(key)}: {_flow(value)}"


def _flow(value: Any) -> str:
    """*value* on one line of YAML."""
    yaml, stream = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, 4000, True
    yaml.dump(value, stream)
    return stream.getvalue().removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
