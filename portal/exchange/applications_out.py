"""Applications to a sheet, streamed: where each case stands, then the form's columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from models.applicant import SEXES, Applicant
from models.application import VERDICTS, Application, ListRow
from models.base import N_, Refusal, in_parts
from models.organization import Organization
from models.programme import FormField, Programme
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.clock import Clock
from portal.evidence.identifiers import mask_card, mask_id, mask_phone
from portal.exchange.case_rows import joined
from portal.exchange.sheet_writer import SheetColumn, Told, write_sheet
from portal.policy.facts import District
from portal.policy.pack_rows import to_yuan
from portal.policy.subjects import RECORDS
from portal.review.answers import table_text
from portal.review.route import StageBook, named_stage

Cell = Callable[[Any], Any]
PART = 2_000


class ExportNeedsReason(Refusal):
    """Identifiers in full are exported only for a reason that is kept."""

    message = N_("Exporting identifiers in full needs a reason.")


def export_applications(
    session: Session,
    actor: Actor,
    clock: Clock,
    where: Sequence[ColumnElement[bool]],
    target: Path | IO[bytes],
    told: Told,
    *,
    with_identifiers: bool = False,
    reason: str = "",
) -> int:
    """Write the cases in *actor*'s subtree that *where* keeps; gives their number. Audited.

    Identifiers are masked unless *with_identifiers*, which needs its permission and a reason.
    """
    if with_identifiers:
        require(actor, "applicant:reveal")
        if len(reason.strip()) < 2:
            raise ExportNeedsReason()
    count = write_applications(session, actor, [where], target, told, in_full=with_identifiers)
    note_export(session, actor, clock, count, in_full=with_identifiers, reason=reason)
    return count


def write_applications(
    session: Session,
    actor: Actor,
    parts: Sequence[Sequence[ColumnElement[bool]]],
    target: Path | IO[bytes],
    told: Told,
    *,
    in_full: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """The sheet alone, without its audit entry: the cases of each of *parts* in turn."""
    require(actor, "application:export")
    book = StageBook(session)
    fields = _fields(session, parts, actor)
    tables = Tables(session, fields)
    cells = _cells(fields, tables, book, told, in_full)
    columns = [column for column, _cell in cells]
    makers = [cell for _column, cell in cells]
    fen = 0

    def rows() -> Iterator[list[Any]]:
        nonlocal fen
        for row in tables.loaded(_stream(session, actor, parts, progress)):
            fen += row.amount_fen
            yield [make(row) for make in makers]

    def feet() -> Iterator[list[Any]]:
        yield [told(N_("Total"), {}), *[fen if it.kind == "fen" else "" for it in columns[1:]]]

    return write_sheet(target, told(N_("Applications"), {}), columns, rows(), feet=feet())


def note_export(
    session: Session, actor: Actor, clock: Clock, count: int, *, in_full: bool, reason: str
) -> None:
    """The audit entry of an export."""
    details = {"rows": count, "identifiers": in_full}
    audit.record(
        session, actor, clock.now(), "application:export", "application", None,
        reason=reason, details=details,
    )  # fmt: skip


def _stream(
    session: Session,
    actor: Actor,
    parts: Sequence[Sequence[ColumnElement[bool]]],
    progress: Callable[[int, int], None] | None,
) -> Iterator[Any]:
    for number, where in enumerate(parts):
        if progress is not None:
            progress(number, len(parts))
        chosen = _statement().where(visible(Application, actor), *where).order_by(Application.id)
        yield from session.execute(chosen, execution_options={"yield_per": PART})


def _statement() -> Select[Any]:
    return joined(
        select(
            Application.id,
            Application.number,
            Programme.title.label("programme"),
            Application.state,
            named_stage().label("stage_key"),
            Application.revision_id,
            Application.verdict,
            Application.tier_key,
            Application.amount_fen,
            Application.submitted_on,
            Application.fields,
            Application.payee_kind,
            Application.bank_name,
            Application.account_sealed,
            Application.row_key.label("case_key"),
            Applicant.name,
            Applicant.sex,
            Applicant.is_union_member,
            Applicant.details,
            Applicant.id_number_sealed,
            Applicant.phone_sealed,
            Applicant.row_key.label("person_key"),
            Organization.name.label("unit"),
            District.name.label("district"),
            *_RECORDED.values(),
        )
    ).join(Programme, Programme.id == Application.programme_id)


def _fields(
    session: Session, parts: Sequence[Sequence[ColumnElement[bool]]], actor: Actor
) -> list[FormField]:
    """The form fields of the revisions among the cases, in the paper's order, survey left out.

    The newest revision leads; what only older ones ask follows.
    """
    used: set[int] = set()
    for where in parts:
        found = select(Application.revision_id).where(visible(Application, actor), *where)
        used |= set(session.scalars(found.distinct()))
    rows = session.scalars(
        select(FormField)
        .where(FormField.revision_id.in_(used), FormField.purpose != "survey")
        .order_by(FormField.revision_id.desc(), FormField.position)
    )
    newest: dict[str, FormField] = {}
    for row in rows:
        newest.setdefault(row.key, row)
    return list(newest.values())


class Tables:
    """The tables of the form, read for some thousand cases at a time."""

    def __init__(self, session: Session, fields: Sequence[FormField]) -> None:
        self.session = session
        self.fields = {row.key: row for row in fields if row.kind == "table"}
        self._rows: dict[tuple[int, str], list[dict[str, Any]]] = {}

    def loaded(self, rows: Iterator[Any]) -> Iterator[Any]:
        """*rows*, each with its tables at hand; none are read where the form has none."""
        if not self.fields:
            yield from rows
            return
        while part := list(islice(rows, PART)):
            self._load([row.id for row in part])
            yield from part

    def cell(self, key: str) -> Cell:
        """The table field *key* of a row as text."""
        field = self.fields[key]
        return lambda row: table_text(field, self._rows.get((row.id, key), []))

    def _load(self, ids: list[int]) -> None:
        self._rows = {}
        for part in in_parts(ids):
            found = select(ListRow).where(ListRow.application_id.in_(part))
            for row in self.session.scalars(found.order_by(ListRow.position)):
                self._rows.setdefault((row.application_id, row.field), []).append(row.cells)


def _cells(
    fields: Sequence[FormField], tables: Tables, book: StageBook, told: Told, in_full: bool
) -> list[tuple[SheetColumn, Cell]]:
    paper = [
        (
            SheetColumn(row.label, 16),
            tables.cell(row.key)
            if row.kind == "table"
            else _worded(row, _reader(row.key, in_full), told),
        )
        for row in fields
    ]
    if any(row.key == "application.received_on" for row in fields):
        return [*_standing(book, told), *paper]
    submitted = SheetColumn(told(N_("Submitted on"), {}), 12), _COLUMNS["application.received_on"]
    return [*_standing(book, told), *paper, submitted]


def _standing(book: StageBook, told: Told) -> list[tuple[SheetColumn, Cell]]:
    """What the case is called, of which programme it is and where it stands."""
    verdicts = {key: told(word, {}) for key, word in VERDICTS.items()}

    def column(word: str, width: int, kind: str = "text") -> SheetColumn:
        return SheetColumn(told(word, {}), width, kind)

    return [
        (column(N_("Application number"), 16), attrgetter("number")),
        (column(N_("Programme"), 24), attrgetter("programme")),
        (
            column(N_("Status"), 14),
            lambda row: book.label(row.revision_id, row.state, row.stage_key),
        ),
        (column(N_("Verdict"), 12), lambda row: verdicts.get(row.verdict, "")),
        (
            column(N_("Award tier"), 12),
            lambda row: book.tier_title(row.revision_id, row.tier_key),
        ),
        (column(N_("Amount (yuan)"), 14, "fen"), attrgetter("amount_fen")),
    ]


def _worded(field: FormField, read: Cell, told: Told) -> Cell:
    """A cell in the form's own words: choices by their label, yes and no."""
    words: dict[Any, str] = dict(field.choices)
    if not words and field.key.endswith(".sex"):
        words = {key: told(word, {}) for key, word in SEXES.items()}
    if field.kind == "yes_no":
        words = {True: told(N_("Yes"), {}), False: told(N_("No"), {})}
    if not words:
        return read

    def cell(row: Any) -> Any:
        value = read(row)
        return words.get(value, value)

    return cell


def _reader(key: str, in_full: bool) -> Cell:
    if key in _SEALED:
        return _identifier(key, in_full)
    if key in _COLUMNS:
        return _COLUMNS[key]
    if key in _RECORDED:
        read = attrgetter(_RECORDED[key].key)
        return (lambda row: _yuan(read(row))) if key in _IN_FEN else read
    own = key.removeprefix("field.")
    return lambda row: row.fields.get(own, row.details.get(key))


def _yuan(fen: int | None) -> float | None:
    return None if fen is None else to_yuan(fen)


def _identifier(key: str, in_full: bool) -> Cell:
    attribute, row_key, column, mask, kind = _SEALED[key]

    def cell(row: Any) -> str:
        sealed = getattr(row, column)
        if sealed is None or (kind and row.payee_kind != kind):
            return ""
        text: str = attribute.open(getattr(row, row_key), sealed)
        return text if in_full else mask(text)

    return cell


_SEALED: dict[str, tuple[Any, str, str, Callable[[str], str], str]] = {
    "applicant.id_number": (Applicant.id_number, "person_key", "id_number_sealed", mask_id, ""),
    "applicant.phone": (Applicant.phone, "person_key", "phone_sealed", mask_phone, ""),
    "payee.card": (Application.account, "case_key", "account_sealed", mask_card, "card"),
    "payee.account": (Application.account, "case_key", "account_sealed", mask_card, "bank"),
}
_COLUMNS: dict[str, Cell] = {
    "organization.district": attrgetter("district"),
    "organization.unit": attrgetter("unit"),
    "application.received_on": attrgetter("submitted_on"),
    "applicant.name": attrgetter("name"),
    "applicant.sex": attrgetter("sex"),
    "applicant.union_member": attrgetter("is_union_member"),
    "payee.bank": attrgetter("bank_name"),
}
_RECORDED: dict[str, Any] = {
    f"{record.prefix}.{name}": getattr(record.entity, attribute).label(f"{record.prefix}_{name}")
    for record in RECORDS
    for name, attribute in record.columns.items()
}
"""What the records of a case hold, by form key."""
_IN_FEN = frozenset(
    f"{record.prefix}.{name}"
    for record in RECORDS
    for name, attribute in record.columns.items()
    if attribute.endswith("_fen")
)
