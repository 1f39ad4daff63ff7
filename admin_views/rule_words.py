"""What ``rule-editor.js`` is told of a revision: facts, operators, tables and its own words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, cast, func, select

from models.base import N_, db
from models.catalogue import Catalogue, CatalogueEntry
from models.panel import CONFLICTS, OWN_DISTRICT, OWN_UNIT
from models.programme import FIELD_KINDS
from portal.calendar import BACK, FORWARD, NONE
from portal.policy.check import ENTERED, STAGE
from portal.policy.facts import DATE
from portal.policy.operators import OPERATORS
from portal.policy.payment_words import BATCH_DAYS
from portal.policy.row_words import ROUNDING_MODES, ROUNDING_UNITS, RowReader
from portal.policy.stage_checks import JOINS
from portal.policy.vocabulary import Vocabulary
from portal.translations.words import gettext as _

ROLLS = {
    FORWARD: N_("a day off moves it to the next working day"),
    BACK: N_("a day off moves it to the working day before"),
    NONE: N_("days off count like others"),
}
PERIOD_NAMES = {
    "days": N_("days"),
    "working_days": N_("working days"),
    "months": N_("months"),
    "years": N_("years"),
    "day_of_next_month": N_("th day of the next month"),
}
SAID = {
    "all": N_("All of these hold"),
    "any": N_("Any of these holds"),
    "at_least": N_("At least so many of these hold"),
    "how_many": N_("How many"),
    "add_term": N_("Add a term"),
    "add_group": N_("Add a group"),
    "add": N_("Add"),
    "remove": N_("Remove"),
    "up": N_("Move up"),
    "fact": N_("Fact"),
    "operator": N_("Operator"),
    "value": N_("Value"),
    "kind": N_("Kind of value"),
    "choose": N_("Choose…"),
    "none": N_("None"),
    "and": N_("and"),
    "constant": N_("a value"),
    "other_fact": N_("another fact"),
    "from": N_("a day so long after another"),
    "earliest": N_("the earliest of"),
    "latest": N_("the latest of"),
    "of": N_("a fraction of a fact"),
    "table": N_("from a table"),
    "raw": N_("as text"),
    "after": N_("after"),
    "count": N_("Number"),
    "unit": N_("Unit"),
    "catalogue": N_("Catalogue"),
    "by": N_("looked up by"),
    "cell": N_("column"),
    "key": N_("Stored as"),
    "word": N_("Shown as"),
    "key_hint": N_("left empty, the same as shown"),
    "label": N_("Label"),
    "required": N_("Required"),
    "choices": N_("Choices"),
    "amount_fixed": N_("A fixed amount, as above"),
    "cell_none": N_("None"),
    "amount_table": N_("A column of a table"),
    "amount_percent": N_("A percentage of a money fact"),
    "amount_top_up": N_("A top-up to a target"),
    "amount_each": N_("So much for each"),
    "percent": N_("Percent"),
    "at_most": N_("At most (yuan)"),
    "target": N_("Up to (yuan)"),
    "less": N_("less"),
    "each": N_("Yuan for each"),
    "times": N_("counted by"),
    "uplift_when": N_("where all of these hold"),
    "to": N_("To"),
    "mode": N_("How"),
    "self": N_("The applicant counts as one more row"),
    "of_fact": N_("A fact"),
    "of_terms": N_("Cases for which terms hold"),
    "distinct": N_("Each counted once by"),
    "no_deadline": N_("No deadline"),
    "yuan": N_("yuan"),
    "has_panel": N_("Experts score at this stage"),
    "most_points": N_("Most points"),
    "weight": N_("Weight (optional)"),
    "joined": N_("Sheets are joined by"),
    "fewest": N_("Fewest sheets"),
    "decimals": N_("Decimals"),
    "into": N_("The score goes to"),
    "reading": N_("Reading chosen"),
}
"""Words of the widgets themselves."""


def told_to_script(words: Vocabulary) -> dict[str, Any]:
    """Everything as plain JSON values."""
    return {
        "facts": [_fact(word) for word in words.facts.values() if not word.is_key],
        "operators": [
            {"key": o.key, "label": _(o.label), "takes": o.takes, "kinds": sorted(o.kinds)}
            for o in OPERATORS.values()
        ],
        "catalogues": [
            {"key": key, "title": title, "columns": columns}
            for key, title, columns in _catalogues(words)
        ],
        "keys": [[word.key, word.label] for word in words.facts.values() if word.is_key],
        "anchors": _anchors(words),
        "periods": _pairs(PERIOD_NAMES),
        "rolls": _pairs(ROLLS),
        "steps": [[key, _(PERIOD_NAMES[key])] for key in ("days", "months", "years")],
        "units": _pairs(ROUNDING_UNITS),
        "modes": _pairs(ROUNDING_MODES),
        "joins": _pairs(JOINS),
        "conflicts": [[key, _(CONFLICTS[key])] for key in (OWN_UNIT, OWN_DISTRICT)],
        "column_kinds": [[key, _(FIELD_KINDS[key])] for key in COLUMN_KINDS],
        "says": {key: _(text) for key, text in SAID.items()},
    }


COLUMN_KINDS = ("text", "number", "money", "date", "choice", "yes_no")
"""What a column of a table field may ask."""


def _fact(word: Any) -> dict[str, Any]:
    return {
        "key": word.key,
        "label": word.label,
        "kind": word.kind,
        "group": word.group,
        "choices": list(word.choices.items()),
        "row": word.row,
    }


def _catalogues(words: Vocabulary) -> list[tuple[str, str, list[str]]]:
    """Key, title and further columns of every catalogue."""
    has_cells = func.length(cast(CatalogueEntry.cells, String)) > len("{}")
    rows = db.session.execute(
        select(Catalogue.key, CatalogueEntry.cells).join(CatalogueEntry).where(has_cells)
    )
    columns: dict[str, dict[str, None]] = {}
    for key, cells in rows:
        columns.setdefault(key, {}).update(dict.fromkeys(cells or ()))
    return [(key, title, list(columns.get(key, ()))) for key, title in words.catalogues.items()]


def _anchors(words: Vocabulary) -> list[list[str]]:
    """Days and events after which something may be due: [value, word, group]."""
    reader = RowReader(words)
    days = [word for word in words.facts.values() if word.kind == DATE and not word.row]
    stages = [ENTERED, *(f"{STAGE}{row.key}" for row in words.revision.stages)]
    return [
        *([word.key, word.label, word.group] for word in days),
        *([key, reader.anchor(key), _("Stages")] for key in stages),
        *([key, _(word), _("Payment batch")] for key, word in BATCH_DAYS.items()),
        *([key, _(word), _("Payment batch")] for key, word in BATCH_DAYS.items()),
    ]


def _pairs(said: dict[str, str]) -> list[list[str]]:
    return [[key, _(word)] for key, word in said.items()]
