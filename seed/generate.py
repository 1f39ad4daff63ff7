"""Applications by the thousand, written set-wise: the ground of the demo and of the benchmark.

Records, answers and tables come from the programme's own form, so that any pack can be filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from random import Random
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import DRAFT, Application, ListRow
from models.names import name_grams, name_key
from models.organization import UNIT, Organization
from models.programme import Programme, Revision
from models.types import new_row_key
from portal.evidence.identifiers import IdNumber
from portal.policy.facts import FACTS, facts_of
from portal.policy.subjects import RECORDS, SUBJECTS, Record
from portal.review.claims import claim_of
from seed.answers import Answers, Question
from seed.people import Person, card, person

CHUNK = 5_000
ENTITIES: tuple[Any, ...] = (
    Applicant,
    *(record.entity for record in RECORDS),
    Application,
    ListRow,
)
"""Every table that is written, in the order in which rows name each other."""
_name_key = cache(name_key)
Row = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """What applications are made from."""

    programme: Programme
    revision: Revision
    units: Sequence[tuple[int, int | None]]
    answers: Answers
    kept: Sequence[Question]
    """The questions whose answers are kept with the case itself, where rules find them."""
    author_id: int | None

    @property
    def records(self) -> tuple[Record, ...]:
        """The records that a case of the programme fills."""
        return SUBJECTS[self.programme.subject].records


def ground(
    session: Session, programme: Programme, revision: Revision, author: int | None
) -> Ground:
    """Collect the units and the answers that *revision*'s form offers."""
    units = session.execute(
        select(Organization.id, Organization.district_id).where(Organization.kind == UNIT)
    ).all()
    places = [(row[0], row[1]) for row in units]
    answers, own = Answers.of(session, revision), facts_of(revision).keys() - FACTS.keys()
    kept = [row for row in answers.asked if row.key in own and row.kind != "table"]
    return Ground(programme, revision, places, answers, kept, author)


def generate(
    session: Session, made_from: Ground, count: int, random: Random, now: datetime
) -> Iterator[range]:
    """Write *count* draft applications in parts; gives the range of ids of each part."""
    first = 1 + max(session.scalar(select(func.max(table.id))) or 0 for table in ENTITIES[:-1])
    serial = made_from.programme.last_number + 1
    cases = (_Case(made_from, first + place, serial + place, random, now) for place in range(count))
    for start in range(0, count, CHUNK):
        part = list(islice(cases, CHUNK))
        for table in ENTITIES:
            rows = [row for case in part for row in case.rows.get(table, ())]
            if rows:
                session.execute(insert(table.__table__), rows)
        yield range(first + start, first + start + len(part))
    made_from.programme.last_number += count
    session.flush()
    _catch_up_sequences(session)


class _Case:
    """One application with its person, its records and its tables, by the table of the rows."""

    def __init__(
        self, made_from: Ground, row_id: int, serial: int, random: Random, now: datetime
    ) -> None:
        self.ground, self.id, self.serial = made_from, row_id, serial
        self.random, self.now = random, now
        self.unit_id, self.district_id = random.choice(made_from.units)
        who = person(random, row_id)
        records = {record.prefix: self._record(record) for record in made_from.records}
        self.rows: dict[Any, list[Row]] = {
            Applicant: [self._applicant(who)],
            **{record.entity: [records[record.prefix]] for record in made_from.records},
            Application: [self._application(who, records)],
            ListRow: list(self._tables()),
        }

    def _applicant(self, who: Person) -> Row:
        row_key = new_row_key()
        return {
            "id": self.id,
            "row_key": row_key,
            "organization_id": self.unit_id,
            "name": who.name,
            "name_key": _name_key(who.name),
            "name_grams": name_grams(who.name),
            "sex": who.sex,
            "birth_date": who.birth_date,
            "is_union_member": self.random.random() > 0.01,
            "details": {},
            "updated_at": self.now,
            "version": 1,
            **Applicant.id_number.columns(row_key, who.id_number),
            **Applicant.phone.columns(row_key, who.phone),
        }

    def _record(self, record: Record) -> Row:
        own = (row for row in self.ground.answers.asked if row.key.startswith(f"{record.prefix}."))
        answers = {row.key: self._answered(row) for row in own if row.critical}
        above = {
            other.link: self.id
            for other in self.ground.records
            if hasattr(record.entity, other.link)
        }
        return {
            "id": self.id,
            "organization_id": self.unit_id,
            "applicant_id": self.id,
            "updated_at": self.now,
            "version": 1,
            **above,
            **record.values(answers),
        }

    def _application(self, who: Person, records: dict[str, Row]) -> Row:
        made_from, row_key, has_card = self.ground, new_row_key(), self.random.random() < 0.7
        account = card(self.random, "621094" if has_card else "622202")
        programme, window = made_from.programme, made_from.revision.windows[0]
        fields = {row.key: self._answered(row) for row in made_from.kept}
        said = fields | {"applicant.id_number": IdNumber(who.id_number, who.birth_date, who.sex)}
        _field, claim = claim_of(made_from.revision, self.unit_id, said, records)
        return {
            "id": self.id,
            "row_key": row_key,
            "number": f"{programme.number_prefix}{self.serial:06d}",
            "programme_id": programme.id,
            "revision_id": made_from.revision.id,
            "window_id": window.id,
            "family": programme.family,
            "channel": made_from.revision.channels[0].key,
            "organization_id": self.unit_id,
            "district_id": self.district_id,
            "applicant_id": self.id,
            **{record.link: self.id for record in made_from.records},
            "created_by_id": made_from.author_id,
            "state": DRAFT,
            "submitted_on": self._received(),
            "amount_fen": 0,
            "missed": "",
            "asked": "",
            "claims": False,
            "claim_key": claim,
            "fields": {_short(key): _plain(value) for key, value in fields.items()},
            "payee_kind": "card" if has_card else "bank",
            "bank_name": None if has_card else "中国工商银行",
            "created_at": self.now,
            "updated_at": self.now,
            "version": 1,
            **Application.account.columns(row_key, account),
        }

    def _tables(self) -> Iterator[Row]:
        answers = self.ground.answers
        for row in answers.asked:
            lines = answers.rows(row, self.serial, self.random) if row.kind == "table" else []
            for place, cells in enumerate(lines, start=1):
                plain = {key: _plain(value) for key, value in cells.items()}
                yield {
                    "application_id": self.id, "field": row.key, "position": place, "cells": plain,
                }  # fmt: skip

    def _answered(self, row: Question) -> Any:
        """An answer; nine in ten where none must be."""
        if not row.critical and self.random.random() > 0.9:
            return None
        return self.ground.answers.answer(row, self.serial, self.random)

    def _received(self) -> date:
        """A day of the window that is not to come."""
        window = self.ground.revision.windows[0]
        last = min(window.closes_on, self.now.date())
        days = max((last - window.opens_on).days, 1)
        return window.opens_on + timedelta(days=self.random.randrange(days))


def _short(key: str) -> str:
    return key.removeprefix("field.")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _catch_up_sequences(session: Session) -> None:
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in ENTITIES:
        name = table.__tablename__
        session.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"
                f" (SELECT coalesce(max(id), 1) FROM {name}))"
            )
        )
