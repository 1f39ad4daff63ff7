"""How the sections of a pack and the tables of a revision say the same thing, written once.

Both directions read these tables, so that loading and dumping lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from models.allocation import Allocation
from models.programme import (
    AttachmentRule,
    AwardTier,
    Bound,
    Channel,
    Condition,
    DerivedFact,
    FormField,
    OrderKey,
    Programme,
    Revision,
    Stage,
    Window,
)
from models.sharing import THROUGH_DISTRICT, Instalment, PaymentRule, Share


def _same(value: Any) -> Any:
    return value


def _to_fen(yuan: float) -> int:
    return round(yuan * 100)


def to_yuan(fen: int) -> float:
    """*fen* as yuan are written: whole ones without a point."""
    return fen // 100 if fen % 100 == 0 else fen / 100


@dataclass(frozen=True)
class Cell:
    """One key of a row: the attribute that stores it, what is left out when equal, both ways."""

    key: str
    attribute: str
    default: Any = None
    read: Callable[[Any], Any] = _same
    write: Callable[[Any], Any] = _same


def _day(key: str, attribute: str) -> Cell:
    return Cell(key, attribute, None, date.fromisoformat, date.isoformat)


OWN = ("title", "family", "year", "subject", "number_prefix")
"""Keys of a pack that are attributes of its programme."""

_KEY, _CLAUSE = Cell("key", "key"), Cell("clause", "clause", "")
_WHEN = Cell("when", "when", [])
_CHANNELS = Cell("channels", "channels", [])

SECTIONS: dict[str, tuple[type[Any], tuple[Cell, ...]]] = {
    "windows": (
        Window,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title", ""),
            _day("opens", "opens_on"),
            _day("closes", "closes_on"),
            _day("paper", "paper_on"),
            _CHANNELS,
        ),
    ),
    "channels": (
        Channel,
        (_KEY, _CLAUSE, Cell("title", "title"), Cell("entered_by", "roles", [])),
    ),
    "fields": (
        FormField,
        (
            _KEY,
            _CLAUSE,
            Cell("section", "section"),
            Cell("label", "label"),
            Cell("kind", "kind"),
            Cell("choices", "choices", {}),
            Cell("catalogue", "catalogue"),
            Cell("purpose", "purpose", "form"),
            Cell("critical", "critical", False),
            Cell("in_sheet", "in_sheet", True),
            Cell("hint", "hint", ""),
            _WHEN,
            Cell("columns", "columns", []),
            Cell("at_least", "at_least"),
            Cell("at_most", "at_most"),
            Cell("pattern", "pattern", ""),
            Cell("is_key", "is_key", False),
            Cell("stage", "stage"),
        ),
    ),
    "facts": (
        DerivedFact,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title"),
            Cell("of", "of"),
            Cell("take", "take"),
            Cell("column", "column"),
            Cell("per", "per", []),
            _WHEN,
            Cell("self", "self_when"),
        ),
    ),
    "attachments": (
        AttachmentRule,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title"),
            _WHEN,
            Cell("at_least", "at_least", 1),
            Cell("at_most", "at_most", 10),
            Cell("medium", "medium", "electronic"),
            Cell("copies", "copies", 1),
            Cell("otherwise", "otherwise", "note"),
            Cell("hint", "hint", ""),
        ),
    ),
    "conditions": (
        Condition,
        (
            _KEY,
            _CLAUSE,
            Cell("says", "says"),
            _WHEN,
            Cell("require", "require"),
            Cell("otherwise", "otherwise"),
            Cell("asks", "asks"),
            Cell("moments", "moments", []),
            Cell("reading", "reading", ""),
        ),
    ),
    "tiers": (
        AwardTier,
        (
            _KEY,
            Cell("title", "title"),
            _CLAUSE,
            Cell("amount", "amount_fen", None, _to_fen, to_yuan),
            Cell("works_out", "rule"),
            Cell("uplift", "uplift"),
            Cell("rounding", "rounding"),
            _WHEN,
        ),
    ),
    "bounds": (
        Bound,
        (
            _KEY,
            _CLAUSE,
            Cell("says", "says"),
            Cell("count", "counts"),
            Cell("take", "take", "cases"),
            Cell("of", "of"),
            Cell("per", "per", []),
            Cell("within", "within"),
            Cell("dated", "dated"),
            Cell("tiers", "tiers", []),
            Cell("at_most", "at_most"),
            Cell("at_least", "at_least"),
            Cell("over", "over"),
            Cell("spill_to", "spill_to"),
            Cell("asks", "asks"),
            _WHEN,
            Cell("reading", "reading", ""),
        ),
    ),
    "orders": (
        OrderKey,
        (
            _KEY,
            _CLAUSE,
            Cell("fact", "fact", ""),
            Cell("descending", "descending", False),
            Cell("says", "says", ""),
            _WHEN,
        ),
    ),
    "stages": (
        Stage,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title"),
            Cell("acts", "acts"),
            Cell("kind", "kind", "review"),
            _WHEN,
            Cell("words", "words", {}),
            Cell("returns_to", "returns_to"),
            Cell("due", "due"),
            Cell("panel", "panel"),
            Cell("lasts", "lasts"),
            Cell("keeps_place", "keeps_place", True),
            Cell("keeps_within", "keeps_within"),
            _CHANNELS,
            Cell("editable", "is_editable", False),
        ),
    ),
    "allocations": (
        Allocation,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title"),
            Cell("method", "method"),
            Cell("budget", "budget_fen", None, _to_fen, to_yuan),
            Cell("budget_from", "budget_rule"),
            Cell("places", "places"),
            Cell("places_from", "places_rule"),
            Cell("per", "per", []),
            Cell("within", "within", "programme"),
            Cell("tiers", "tiers", []),
            _WHEN,
            Cell("rest", "rest", "first"),
            Cell("soft", "soft", False),
            Cell("reading", "reading", ""),
        ),
    ),
    "shares": (
        Share,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title"),
            Cell("payer", "payer"),
            Cell("or", "others", []),
            Cell("weight", "weight"),
            Cell("on_top", "rule"),
            Cell("tiers", "tiers", []),
            _WHEN,
        ),
    ),
    "instalments": (
        Instalment,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title"),
            Cell("weight", "weight"),
            Cell("after", "after"),
            Cell("due", "due"),
        ),
    ),
    "payments": (
        PaymentRule,
        (
            _KEY,
            _CLAUSE,
            Cell("title", "title"),
            Cell("route", "route", THROUGH_DISTRICT),
            _CHANNELS,
            Cell("papers", "papers", []),
            Cell("due", "due"),
            Cell("reading", "reading", ""),
        ),
    ),
}
"""Section → the table of its rows and their keys, in the order they are written."""


def fill(revision: Revision, document: dict[str, Any]) -> None:
    """Give *revision* the rows of *document* (plain JSON values)."""
    revision.pays_for = document.get("pays_for", "certificate")
    revision.claims_within = document.get("claims_within", "family")
    revision.choose = document.get("tiers", {}).get("choose", "first")
    revision.closing_words = document.get("closing_words", {})
    revision.texts = document.get("texts", {})
    for section, rows in rows_of(document).items():
        table, cells = SECTIONS[section]
        setattr(revision, section, [_read(table, cells, n, row) for n, row in enumerate(rows, 1)])


def document_of(revision: Revision) -> dict[str, Any]:
    """The document (plain JSON values) that *revision* and its programme and notice are."""
    return about(revision.programme) | rules(revision)


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """*document* as ``document_of`` would say it once loaded, defaults left out."""
    revision = Revision(number=0)
    fill(revision, document)
    shared = {name: document[name] for name in ("programme", *OWN)}
    return shared | {"notice": _short(document["notice"])} | rules(revision)


def about(programme: Programme) -> dict[str, Any]:
    """What a pack says of the programme itself and its notice, which revisions share."""
    notice = programme.notice
    return {
        "programme": programme.code,
        **{name: getattr(programme, name) for name in OWN},
        "notice": _short(
            {
                "key": notice.key,
                "title": notice.title,
                "document_number": notice.document_number,
                "issuer": notice.issuer,
                "issued": notice.issued_on.isoformat(),
                "basis": list(notice.basis),
                "clauses": [_short({"key": c.key, "says": c.says}) for c in notice.clauses],
            }
        ),
    }


def rules(revision: Revision) -> dict[str, Any]:
    """What a pack says of one revision: everything else."""
    document: dict[str, Any] = {
        "pays_for": revision.pays_for,
        "claims_within": "" if revision.claims_within == "family" else revision.claims_within,
        "texts": dict(revision.texts),
        "closing_words": dict(revision.closing_words),
    }
    for section, (_table, cells) in SECTIONS.items():
        rows: Any = [_written(cells, row) for row in getattr(revision, section)]
        document[section] = (
            {"choose": revision.choose, "rows": rows} if section == "tiers" else rows
        )
    return {key: value for key, value in document.items() if value not in ({}, [], "")}


def rows_of(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Section → its rows as written, in the order of ``SECTIONS``."""
    found = {section: document.get(section, []) for section in SECTIONS}
    return {key: rows["rows"] if isinstance(rows, dict) else rows for key, rows in found.items()}


def _read(table: type[Any], cells: tuple[Cell, ...], place: int, row: dict[str, Any]) -> Any:
    values = {
        cell.attribute: cell.read(row[cell.key]) if cell.key in row else _fresh(cell.default)
        for cell in cells
    }
    if values.get("title", "") is None:
        values["title"] = values["key"]
    return table(position=place, **values)


def _fresh(default: Any) -> Any:
    return type(default)(default) if isinstance(default, list | dict) else default


def _written(cells: tuple[Cell, ...], row: Any) -> dict[str, Any]:
    written = {}
    for cell in cells:
        value = getattr(row, cell.attribute)
        same_title = cell.key == "title" and value == row.key
        if value != cell.default and value is not None and not same_title:
            written[cell.key] = cell.write(value)
    return written


def _short(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", [], None)}
