"""What the schema of packs finds wrong, in words that name the expected form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from models.base import N_
from portal.policy.check import Path as Place
from portal.policy.check import Problem

_UNKEPT = re.compile(r"[\0\ud800-\udfff]")

FORMS = {
    "key": N_("must be small letters, digits and hyphens, at most 40"),
    "fact": N_("must be the name of a fact, such as certificate.level"),
    "prefix": N_("must be capital letters, digits and hyphens, at most 20"),
    "day": N_("must be a day such as 2026-08-31"),
    "term": N_("must be a term: [fact, operator, value]"),
    "group": N_("must be a group: all, any or at_least with of"),
    "claim": N_("must be certificate, patent, studio, project, person or a field.<key>"),
    "column": N_("must be small letters, digits and underscores; in a sum row.<column>"),
    "derived": N_("must be list. and a name, such as list.team"),
    "derived_of": N_("must be the key of a table field, or earlier"),
    "works_out": N_(
        "must be table by cell, of percent, top_up_to less, or each times; at_most may cap it"
    ),
    "bound": N_("must have at_most or at_least, not both"),
    "bound_of": N_("must be a fact, a list of terms, or where and distinct"),
    "order": N_("must have a fact, or when for a preference"),
    "cell": N_("must be table, by and cell"),
    "share": N_("must have a weight inside the amount, or on_top, not both"),
    "yuan": N_("must be an amount in yuan"),
    "percent": N_("must be a percentage from 0 to 1000"),
    "lasts": N_("must have days or working_days"),
    "keeps_within": N_("must have days or working_days"),
    "due": N_("must have after and one of days, working_days, months, years, day_of_next_month"),
}
"""The expected forms that the schema calls by ``title``."""

_KINDS = {
    "string": N_("must be text"),
    "integer": N_("must be a whole number"),
    "number": N_("must be a number"),
    "boolean": N_("must be true or false"),
    "array": N_("must be a list"),
    "object": N_("must be keys with values"),
}


def schema_problems(document: dict[str, Any]) -> list[Problem]:
    """Everything in *document* (plain JSON values) that the schema refuses, each once."""
    found: list[Problem] = []
    for error in _validator().iter_errors(document):
        for problem in WORDS[str(error.validator)](error):
            if problem not in found:
                found.append(problem)
    return [*found, *_texts(document, ()), *_amounts(document)]


def shape_problems(section: str, key: str, value: Any) -> list[Problem]:
    """What the schema refuses in *value* as the *key* of a row of *section*."""
    whole = _schema()
    part = whole["properties"][section]["items"]["properties"][key]
    found = Draft202012Validator(part | {"$defs": whole["$defs"]}).iter_errors(value)
    return [problem for error in found for problem in WORDS[str(error.validator)](error)]


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_schema())


@cache
def _schema() -> dict[str, Any]:
    text = Path(__file__).with_name("pack.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _problem(error: ValidationError, message: str, **params: Any) -> Problem:
    """*message*, or the expected form that the schema names."""
    form = FORMS.get(error.schema.get("title", "")) if isinstance(error.schema, dict) else None
    path = tuple(error.absolute_path)
    return Problem(path, form) if form else Problem(path, message, params)


def _missing(error: ValidationError) -> Iterator[Problem]:
    instance: Any = error.instance
    wanted: Any = error.validator_value
    keys = ", ".join(key for key in wanted if key not in instance)
    yield Problem(tuple(error.absolute_path), N_("must have %(keys)s"), {"keys": keys})


def _surplus(error: ValidationError) -> Iterator[Problem]:
    instance: Any = error.instance
    schema: Any = error.schema
    known = list(schema["properties"])
    for key in instance:
        if key not in known:
            message = N_("there is no such key; known are %(keys)s")
            yield Problem((*error.absolute_path, key), message, {"keys": ", ".join(known)})


def _says(message: str) -> Callable[[ValidationError], Iterator[Problem]]:
    """Words whose only place, if any, is the limit that the schema sets."""

    def words(error: ValidationError) -> Iterator[Problem]:
        params = {"limit": error.validator_value} if "%(limit)" in message else {}
        yield _problem(error, message, **params)

    return words


def _kind(error: ValidationError) -> Iterator[Problem]:
    yield _problem(error, _KINDS[str(error.validator_value)])


def _one_of(error: ValidationError) -> Iterator[Problem]:
    wanted: Any = error.validator_value
    yield _problem(error, N_("must be one of %(values)s"), values=", ".join(map(str, wanted)))


WORDS: dict[str, Callable[[ValidationError], Iterator[Problem]]] = {
    "required": _missing,
    "additionalProperties": _surplus,
    "type": _kind,
    "enum": _one_of,
    "oneOf": _says(N_("does not have the expected form")),
    "pattern": _says(N_("does not have the expected form")),
    "minLength": _says(N_("must not be empty")),
    "maxLength": _says(N_("must have at most %(limit)s characters")),
    "minItems": _says(N_("must have at least %(limit)s entries")),
    "maxItems": _says(N_("must have at most %(limit)s entries")),
    "minProperties": _says(N_("must have at least %(limit)s keys")),
    "maxProperties": _says(N_("must have at most %(limit)s keys")),
    "minimum": _says(N_("must be at least %(limit)s")),
    "maximum": _says(N_("must be at most %(limit)s")),
    "exclusiveMinimum": _says(N_("must be more than %(limit)s")),
}
"""What each keyword of the schema says when it is broken."""


def _texts(value: Any, path: Place) -> Iterator[Problem]:
    """Text that a database cannot keep."""
    if isinstance(value, str) and _UNKEPT.search(value):
        yield Problem(path, N_("holds characters that cannot be kept"))
    items = value.items() if isinstance(value, dict) else ()
    for key, item in items or enumerate(value if isinstance(value, list) else ()):
        yield from _texts(item, (*path, key))


def _amounts(document: dict[str, Any]) -> Iterator[Problem]:
    tiers = document.get("tiers")
    rows = tiers.get("rows") if isinstance(tiers, dict) else None
    yield from _yuan(("tiers", "rows"), rows, "amount")
    yield from _yuan(("allocations",), document.get("allocations"), "budget")


def _yuan(path: Place, rows: Any, key: str) -> Iterator[Problem]:
    for place, row in enumerate(rows if isinstance(rows, list) else []):
        yuan = row.get(key) if isinstance(row, dict) else None
        if isinstance(yuan, int | float) and abs(yuan * 100 - round(yuan * 100)) > 1e-6:
            yield Problem((*path, place, key), N_("must be whole fen"))
