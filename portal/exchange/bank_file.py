"""What a bank reads to pay a batch: by a template that is data, as CSV or as a sheet.

Account numbers stand in clear: only who pays may take it, and each time is audited. No cell can
be taken for a formula.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import IO, Any

from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.funding import MADE, TRANSFERRED, PaymentBatch
from models.papers import BankFile
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.exchange.batch_rows import PaidRow, batch_rows
from portal.exchange.sheet_writer import SheetColumn, clean, write_sheet

PLACES = frozenset({"batch", "programme", "name"})
"""What a text of one's own may hold, each as ``{batch}``."""
_SIGNS = {"comma": ",", "tab": "\t", "bar": "|", "semicolon": ";"}
_PLACE = re.compile(r"\{([a-z]+)\}")
_BREAKS = re.compile(r"[\r\n\t]+")
_FORMULA = ("=", "+", "-", "@")


class NothingToSend(Refusal):
    """The batch is paid or cancelled, and no bank is to pay it again."""

    message = N_("Batch %(number)s is not to be paid by a bank now.")


class NoAccount(Refusal):
    """Somebody in the batch has no account that could be paid."""

    message = N_("Application %(number)s names no account; nothing was written.")


def write_bank_csv(
    session: Session,
    actor: Actor,
    clock: Clock,
    batch: PaymentBatch,
    template: BankFile,
    target: IO[bytes],
) -> int:
    """Write *batch* as *template* says; gives its people. Raises ``NothingToSend``, ``NoAccount``.

    A character that the encoding lacks is written as a question mark.
    """
    lines = _lines(session, actor, clock, batch, template)
    text = StringIO(newline="")
    out = csv.writer(text, delimiter=_SIGNS[template.separator], lineterminator="\r\n")
    if template.has_heading:
        out.writerow([_plain(column["heading"]) for column in template.columns])
    out.writerows([str(cell) for cell in line] for line in lines)
    target.write(text.getvalue().encode(template.encoding, "replace"))
    return len(lines)


def write_bank_sheet(
    session: Session,
    actor: Actor,
    clock: Clock,
    batch: PaymentBatch,
    template: BankFile,
    target: IO[bytes],
) -> int:
    """The same as a sheet, in which every cell is text."""
    lines = _lines(session, actor, clock, batch, template)
    columns = [SheetColumn(column["heading"], 20) for column in template.columns]
    return write_sheet(target, batch.number, columns, lines)


def _lines(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, template: BankFile
) -> list[list[str]]:
    require(actor, "payment:bank")
    if batch.state not in (MADE, TRANSFERRED):
        raise NothingToSend(number=batch.number)
    rows = list(batch_rows(session, actor, batch))
    for row in rows:
        if not row.account:
            raise NoAccount(number=row.number)
    audit.record(
        session,
        actor,
        clock.now(),
        "payment:bank",
        "payment_batch",
        batch.id,
        details={"people": len(rows), "template": template.title, "clear": True},
        organization_id=batch.district_id,
    )
    return [list(_cells(row, batch, template)) for row in rows]


def _cells(row: PaidRow, batch: PaymentBatch, template: BankFile) -> Iterator[str]:
    for column in template.columns:
        if column["source"] == "text":
            title = batch.programme.title
            places = {"batch": batch.number, "programme": title, "name": row.name}
            yield _plain(_filled(str(column.get("text", "")), places))
        else:
            yield _READ[column["source"]](row)


def _filled(pattern: str, places: dict[str, str]) -> str:
    return _PLACE.sub(lambda found: places.get(found[1], found[0]), pattern)


def _plain(text: str) -> str:
    """*text* on one line that no program takes for a formula."""
    line = _BREAKS.sub(" ", clean(text)).strip()
    return f"'{line}" if line.startswith(_FORMULA) else line


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


_READ: dict[str, Callable[[PaidRow], str]] = {
    "position": lambda row: str(row.position),
    "name": lambda row: _plain(row.name),
    "account": lambda row: row.account,
    "bank": lambda row: _plain(row.bank),
    "yuan": lambda row: _yuan(row.whole_fen),
    "fen": lambda row: str(row.whole_fen),
    "unit": lambda row: _plain(row.unit),
    "number": lambda row: _plain(row.number),
}


def column_problem(column: Any) -> str:
    """What is wrong with *column* of a template, as a msgid; empty where nothing is."""
    known = {"heading", "source", "text"}
    if not isinstance(column, dict) or set(column) - known or not column.get("heading"):
        return N_("Every column needs a heading and what it holds.")
    source, text = column.get("source"), str(column.get("text", ""))
    if source != "text" and source not in _READ:
        return N_("A column holds something that the portal does not know.")
    unknown = set(_PLACE.findall(text)) - PLACES
    if unknown or (source == "text") != bool(text):
        return N_("A text of one's own may hold {batch}, {programme} and {name}; others have none.")
    return ""
