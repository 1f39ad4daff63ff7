"""What one cell of a form may say: each kind of field read, with its limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from models.base import N_, Because, Refusal
from models.programme import FormField
from portal.evidence.identifiers import (
    bank_card,
    certificate_number,
    mobile,
    occupation_term,
    parse_date,
    plain,
    tidy,
)
from portal.evidence.patents import patent_number

YES = frozenset({"是", "有", "y", "yes", "true", "1"})
NO = frozenset({"否", "无", "n", "no", "false", "0"})
LONGEST = {"long_text": 4_000}
ROWS = 200
"""Rows that a table of a form may have."""
_CELLS = re.compile(r"\t|\|", re.ASCII)


class NotOffered(Refusal):
    """The answer is none of the choices."""

    message = N_("“%(text)s” is not one of the choices (%(offered)s)")


class TooLong(Refusal):
    """The answer is too long."""

    message = N_("may have at most %(most)s characters")


class NotYesOrNo(Refusal):
    """The answer is neither yes nor no."""

    message = N_("must be yes or no")


class NotANumber(Refusal):
    """The answer is no plausible number."""

    message = N_("must be a number from 0 to 1,000,000,000")


class TooFew(Refusal):
    """The answer is below the field's limit."""

    message = N_("must be at least %(least)s")


class TooMany(Refusal):
    """The answer is above the field's limit."""

    message = N_("must be at most %(most)s")


class NotOfTheForm(Refusal):
    """The answer does not have the form that the field asks."""

    message = N_("does not have the expected form")


class BadRow(Refusal):
    """A row of a table cannot be read."""

    message = N_("row %(row)s, %(column)s: %(reason)s")


class TooManyRows(Refusal):
    """The table has too many rows."""

    message = N_("may have at most %(most)s rows")


def answer(row: FormField, typed: Any) -> Any:
    """What *typed* (not empty) says for *row*, neither a choice nor an ID number.

    A table is a list of rows, each column → value. Raises the ``Refusal`` that says what is wrong.
    """
    if row.key in _NUMBERS:
        return _NUMBERS[row.key](typed)
    if row.kind == "table":
        found: Any = table(row, str(typed))
        return _within(row, len(found), found)
    reader = _READERS.get(row.kind)
    if reader is not None:
        found = reader(typed)
        return _within(row, found, found) if row.kind in ("number", "money") else found
    longest = LONGEST.get(row.kind, 120)
    text = plain(typed) if row.kind != "long_text" else str(typed)
    if len(text) > longest:
        raise TooLong(most=longest)
    if row.pattern and not re.fullmatch(row.pattern, text):
        raise NotOfTheForm()
    return text


def chosen(choices: Mapping[str, str], typed: str, offered: list[str]) -> str:
    """The stored value of the choice that *typed* spells."""
    found = choices.get(occupation_term(typed))
    if found is None:
        raise NotOffered(text=plain(typed)[:40], offered="、".join(offered)[:200])
    return found


def table(row: FormField, typed: str) -> list[dict[str, Any]]:
    """The rows of a table typed a row a line, its cells apart by a tab or ``|``."""
    lines = [line for line in typed.splitlines() if plain(line.replace("|", " "))]
    if len(lines) > ROWS:
        raise TooManyRows(most=ROWS)
    return [_row(row.columns, number, line) for number, line in enumerate(lines, 1)]


def table_text(row: FormField, rows: list[dict[str, Any]]) -> str:
    """The rows of a table as they are typed."""
    return "\n".join(" | ".join(_shown(column, cells) for column in row.columns) for cells in rows)


def _shown(column: dict[str, Any], cells: dict[str, Any]) -> str:
    value = cells.get(column["key"])
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(column.get("choices", {}).get(value, value))


def _row(columns: list[dict[str, Any]], number: int, line: str) -> dict[str, Any]:
    parts = _CELLS.split(line)
    if len(parts) > len(columns) and any(plain(part) for part in parts[len(columns) :]):
        raise BadRow(row=number, column=columns[-1]["label"], reason=Because(_SURPLUS, {}))
    cells = {}
    for place, column in enumerate(columns):
        text = plain(parts[place]) if place < len(parts) else ""
        try:
            value = _cell(column, text)
        except Refusal as refusal:
            reason = Because(refusal.message, refusal.params)
            raise BadRow(row=number, column=column["label"], reason=reason) from None
        if value is not None:
            cells[column["key"]] = value
    return cells


_SURPLUS = N_("the line has more cells than the table has columns")


class Missing(Refusal):
    """A cell that must be filled is empty."""

    message = N_("is required")


def _cell(column: dict[str, Any], text: str) -> Any:
    if not text:
        if column.get("required"):
            raise Missing()
        return None
    if column["kind"] == "choice":
        words = column.get("choices", {})
        known = {occupation_term(label): value for value, label in words.items()}
        known |= {occupation_term(value): value for value in words}
        return chosen(known, text, list(words.values()))
    found = answer(FormField(key="", kind=column["kind"], pattern=""), text)
    return found.isoformat() if isinstance(found, date) else found


def _within(row: FormField, size: float, found: Any) -> Any:
    if row.at_least is not None and size < row.at_least:
        raise TooFew(least=row.at_least)
    if row.at_most is not None and size > row.at_most:
        raise TooMany(most=row.at_most)
    return found


def _yes_no(typed: str) -> bool:
    text = tidy(typed).casefold()
    if text in YES or text in NO:
        return text in YES
    raise NotYesOrNo()


def _number(typed: str) -> int | float:
    try:
        found = float(tidy(typed).replace(",", ""))
    except ValueError:
        raise NotANumber() from None
    if not 0 <= found <= 10**9:
        raise NotANumber()
    return int(found) if found.is_integer() else found


_READERS: dict[str, Callable[[Any], Any]] = {
    "yes_no": _yes_no,
    "number": _number,
    "money": _number,
    "date": parse_date,
    "phone": mobile,
    "card": bank_card,
}
_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "certificate.number": certificate_number,
    "patent.number": patent_number,
}
"""Fields whose form the portal itself knows."""
