"""Form fields that a rule is made with: rows of lists where scripts run, YAML where they do not.

Each is a text area that holds the rule; ``rule-editor.js`` draws it as rows and writes it back.
What the script does not know it leaves as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from unicodedata import normalize

from wtforms import SelectField, SelectMultipleField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import TextInput

from admin_views.choices import offered
from admin_views.yaml_field import YamlField
from portal.policy.operators import NONE, OPERATORS
from portal.policy.pack_schema import shape_problems
from portal.theme import cells
from portal.translations.words import gettext as _


class RuleField(YamlField):
    """Base of the fields that the script draws; ``editor`` names how, ``empty`` what nothing is."""

    editor = "terms"
    empty: Any = None

    def __init__(self, *args: Any, scope: str = "case", keys: Any = (), **kwargs: Any) -> None:
        self.scope, self.keys = scope, keys
        kwargs["render_kw"] = {"rows": 5, "data-wide": "1"} | (kwargs.get("render_kw") or {})
        super().__init__(*args, **kwargs)

    def __call__(self, **kwargs: Any) -> Any:
        """The text area, with what the script needs to draw it."""
        keys = [(key, _(word)) for key, word in self.keys]
        told = {"data-rule": self.editor, "data-scope": self.scope, "data-keys": json.dumps(keys)}
        if self.is_read:
            told["data-value"] = json.dumps(self.data, ensure_ascii=False)
        return super().__call__(**told | kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the rule; one of a wrong shape, or with a value left open, is refused."""
        super().process_formdata(valuelist)
        self.check(self.data)

    def check(self, value: Any) -> None:
        """A place for each field's own shape."""

    def _empty(self) -> Any:
        return self.empty() if callable(self.empty) else self.empty


class TermsField(RuleField):
    """A list of terms that all must hold."""

    empty = list

    def check(self, value: Any) -> None:
        """Terms, each finished."""
        if value is not None and not isinstance(value, list):
            raise ValidationError(_("This is not a list of terms."))
        finished(value or [])


class OptionalTermsField(TermsField):
    """The same, where nothing at all differs from no term."""

    editor = "optional-terms"
    empty = None


class GroupField(RuleField):
    """How many of which terms must hold, or nothing."""

    editor = "group"

    def check(self, value: Any) -> None:
        """A group, each term of it finished."""
        if value is None:
            return
        if not isinstance(value, dict):
            raise ValidationError(_("This is not a group of terms."))
        finished([value])


class PairsField(RuleField):
    """Keys with words, in the order given."""

    editor = "pairs"
    empty = dict

    def check(self, value: Any) -> None:
        """Every key has its word."""
        if not isinstance(value, dict):
            raise ValidationError(_("This is not a list of keys with words."))
        for key, word in value.items():
            if not key.strip() or not isinstance(word, str) or not word.strip():
                raise ValidationError(_("Every entry needs its word."))


class WordsField(PairsField):
    """Words for keys that are given."""

    editor = "words"


class MapField(RuleField):
    """A mapping of a known form, or nothing: what ``editor`` draws."""

    def __init__(self, *args: Any, editor: str = "map", **kwargs: Any) -> None:
        self.editor = editor
        super().__init__(*args, **kwargs)

    def check(self, value: Any) -> None:
        """A mapping."""
        if value is not None and not isinstance(value, dict):
            raise ValidationError(_("This is not a list of keys with values."))


class StagePartField(MapField):
    """What a stage says of its panel or its notice: checked by the schema of packs."""

    def check(self, value: Any) -> None:
        """A mapping of the shape that a pack has there."""
        super().check(value)
        for problem in shape_problems("stages", self.editor, value) if value is not None else ():
            place = ".".join(map(str, problem.path))
            raise ValidationError(f"{place} {_(problem.message, **problem.params)}".strip())


class OfField(RuleField):
    """A fact or terms, perhaps by different keys: what a bound counts."""

    editor = "of"

    def check(self, value: Any) -> None:
        """A fact's name, terms, or terms with the key whose different values count."""
        if isinstance(value, dict) and set(value) == {"where", "distinct"}:
            value = value["where"]
        if isinstance(value, list):
            finished(value)
        elif value is not None and not isinstance(value, str):
            raise ValidationError(_("This is not a list of terms."))


class ColumnsField(RuleField):
    """The columns of a table field."""

    editor = "columns"
    empty = list

    def check(self, value: Any) -> None:
        """A list of columns."""
        if not isinstance(value, list) or any(not isinstance(item, dict) for item in value):
            raise ValidationError(_("This is not a list of columns."))


class Several(SelectMultipleField):
    """Several of what is offered; what is stored and no longer offered stays until taken away."""

    def __init__(self, *args: Any, validators: Any = (), **kwargs: Any) -> None:
        optional = [each for each in validators if not isinstance(each, InputRequired)]
        super().__init__(*args, validators=optional, **kwargs)

    def offer(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Offer *pairs*, and whatever is already chosen."""
        found = dict(pairs)
        stored = self.object_data if isinstance(self.object_data, list) else []
        self.choices = offered(({str(key): str(key) for key in stored} | found).items())

    def pre_validate(self, form: Any) -> None:
        """Only what is offered."""
        known = {str(choice.value) for choice in self.choices or ()}
        if any(value not in known for value in self.data or ()):
            raise ValidationError(_("Choose from the list."))


class OneOf(SelectField):
    """One of what is offered, or nothing; grouped where the pairs say so."""

    def __init__(self, *args: Any, nothing: Any = None, **kwargs: Any) -> None:
        self.nothing = nothing
        super().__init__(*args, choices=[], coerce=str, **kwargs)

    def offer(self, pairs: Iterable[tuple[str, str] | tuple[str, str, str]]) -> None:
        """Offer nothing, *pairs* (value, word and perhaps a group), and what is stored."""
        found = {pair[0]: pair for pair in pairs}
        stored = self.object_data
        if stored and stored not in found:
            found[str(stored)] = (str(stored), str(stored))
        self.choices = [SelectChoice("", "–"), *(_choice(pair) for pair in found.values())]

    def process_data(self, value: Any) -> None:
        """Nothing is the empty choice."""
        self.data = value or ""

    def pre_validate(self, form: Any) -> None:
        """Only what is offered."""
        if self.data and self.data not in {choice.value for choice in self.choices}:
            raise ValidationError(_("Choose from the list."))

    def populate_obj(self, obj: Any, name: str) -> None:
        """The empty choice is stored as nothing."""
        setattr(obj, name, self.data or self.nothing)


class SuggestedField(StringField):
    """A text with suggestions, any of which may be taken or not."""

    widget = TextInput()

    def suggest(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Suggest *pairs* of a value and its words."""
        self.suggestions = list(pairs)

    def __call__(self, **kwargs: Any) -> Any:
        """The input and its list."""
        pairs = getattr(self, "suggestions", [])
        name = f"{self.id}-suggestions"
        return super().__call__(**kwargs, list=name) + cells.suggestions(name, pairs)


class YuanField(StringField):
    """An amount typed in yuan and kept in fen."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return cells.yuan(self.data).replace(",", "") if isinstance(self.data, int) else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Yuan with at most two decimals; empty is unset."""
        self.data = fen_typed(valuelist[0] if valuelist else "")


def fen_typed(text: str) -> int | None:
    """The fen of yuan typed with at most two decimals, full width or not; nothing of an empty
    *text*.

    Raises ``ValueError`` with words for the person.
    """
    text = normalize("NFKC", text).strip().replace(",", "")
    whole, _point, cents = text.partition(".")
    digits = whole.isdecimal() and (cents or "0").isdecimal()
    if not text:
        return None
    if not digits or len(whole) >= 12 or len(cents) >= 3:
        raise ValueError(_("must be an amount in yuan"))
    return int(whole) * 100 + int((cents or "0").ljust(2, "0"))


def finished(items: list[Any]) -> None:
    """Raise ``ValidationError`` for the first term of *items*, groups included, left open."""
    for item in _terms(items):
        operator = OPERATORS.get(item[1]) if len(item) > 1 and isinstance(item[1], str) else None
        if not item or not item[0]:
            raise ValidationError(_("A term has no fact: choose one or remove it."))
        if operator is None:
            raise ValidationError(_("A term has no operator: choose one or remove it."))
        if operator.takes != NONE and (len(item) < 3 or _is_open(item[2])):
            raise ValidationError(_("A term has no value: give it one or remove it."))


def _terms(items: list[Any]) -> Iterable[list[Any]]:
    for item in items:
        if isinstance(item, list):
            yield item
        elif isinstance(item, dict):
            for value in item.values():
                yield from _terms(value if isinstance(value, list) else [])


def _is_open(value: Any) -> bool:
    if isinstance(value, list):
        return not value or any(_is_open(item) for item in value)
    if isinstance(value, dict):
        return not value or any(_is_open(item) for item in value.values())
    return value is None or value == ""


def _choice(pair: tuple[str, ...]) -> SelectChoice:
    group = {"optgroup": pair[2]} if len(pair) > 2 else {}
    return SelectChoice(pair[0], pair[1], **group)
