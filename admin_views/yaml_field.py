"""Form fields for columns that hold lists and rules."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from wtforms import TextAreaField, ValidationError

from portal.translations.words import gettext as _


class LinesField(TextAreaField):
    """A list of words, one a line."""

    def _value(self) -> str:
        return "\n".join(self.data or ()) if not isinstance(self.data, str) else self.data

    def process_formdata(self, valuelist: list[str]) -> None:
        """One entry per line that is not empty."""
        text = valuelist[0] if valuelist else ""
        self.data = [line.strip() for line in text.splitlines() if line.strip()]


class YamlField(TextAreaField):
    """A rule as it stands in a pack: YAML, read into plain values."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data in (None, [], {}):
            return ""
        if isinstance(self.data, list):
            return "\n".join(f"- {_flow(item)}" for item in self.data)
        return "\n".join(_entry(key, value) for key, value in self.data.items())

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the YAML; dates become ISO text as the database keeps them."""
        text = valuelist[0] if valuelist else ""
        try:
            found = YAML(typ="safe", pure=True).load(text) if text.strip() else None
        except (YAMLError, ValueError):
            raise ValidationError(_("This is not valid YAML.")) from None
        self.data = _plain(found) if found is not None else self._empty()

    def _empty(self) -> Any:
        return type(self.object_data)() if isinstance(self.object_data, list | dict) else []


class YamlMapField(YamlField):
    """A rule that is a mapping, or nothing."""

    def _empty(self) -> Any:
        return None


def _entry(key: str, value: Any) -> str:
    """One key of a mapping; a list of terms stands a term a line."""
    if isinstance(value, list) and value:
        return "\n".join([f"{key}:", *(f"  - {_flow(item)}" for item in value)])
    return f"{key}: {_flow(value)}"


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
