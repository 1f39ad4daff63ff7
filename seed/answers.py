"""Made-up answers to the questions of a programme's form, by the kind of each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.catalogue import Catalogue, CatalogueEntry
from models.programme import FormField, Revision
from portal.evidence import patents
from portal.policy.pack_rows import rules

DAYS = 1_300
"""How long before the window days lie at most."""
ROWS = 7
"""Rows that a table has at most, unless the form asks for more."""


@dataclass(frozen=True)
class Question:
    """A field of the form, or a column of one of its tables (``row.<column>``)."""

    key: str
    kind: str
    label: str
    critical: bool = False
    at_least: int | None = None
    at_most: int | None = None
    codes: Sequence[str] = ()
    columns: Sequence[Question] = ()


@dataclass(frozen=True)
class Answers:
    """What is always asked of the applicant, every occupation's title, and the numbers that rules
    compare something with, by the name of what they compare."""

    opens_on: date
    asked: Sequence[Question]
    occupations: Sequence[str]
    named: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, session: Session, revision: Revision) -> Answers:
        """Collect the questions of *revision*'s form."""
        rows = (row for row in revision.fields if row.purpose != "survey")
        asked = [_question(session, row) for row in rows if not (row.stage or row.when)]
        named: dict[str, list[int]] = {}
        for key, number in _compared(rules(revision)):
            named.setdefault(key, []).append(number)
        return cls(revision.windows[0].opens_on, asked, _occupations(session), named)

    def answer(self, asked: Question, serial: int, random: Random) -> Any:
        """A value of its kind; whatever names a case is its own by *serial*."""
        if asked.key == "certificate.number":
            return f"S{serial:09d}{random.randrange(10**12):012d}"
        if asked.key == "patent.number":
            body = f"2018{random.choice('128')}{serial:07d}"
            return f"ZL{body}.{patents.check_digit(body)}"
        if asked.key == "certificate.occupation" and self.occupations:
            return random.choice(self.occupations)
        if asked.kind == "choice":
            return random.choices(asked.codes, _falling(len(asked.codes)))[0]
        if asked.kind == "yes_no":
            return random.random() < 0.9
        if asked.kind == "date":
            return self.opens_on - timedelta(days=random.randrange(DAYS))
        if asked.kind in ("number", "money"):
            return self._number(asked, random)
        return f"{asked.label}{serial}"

    def rows(self, table: Question, serial: int, random: Random) -> list[dict[str, Any]]:
        """Rows of *table*, each of its columns answered."""
        least = max(table.at_least or 0, int(table.critical))
        most = max(least, min(table.at_most or ROWS, ROWS))
        return [
            {
                own.key.removeprefix("row."): self.answer(own, serial, random)
                for own in table.columns
            }
            for _line in range(random.randint(least, most))
        ]

    def _number(self, asked: Question, random: Random) -> float:
        """One that a rule names, or one between the bounds."""
        if asked.key in self.named and random.random() < 0.9:
            return float(random.choice(self.named[asked.key]))
        least = asked.at_least or 0
        return float(random.randint(least, asked.at_most or least + 50))


def _question(session: Session, row: FormField) -> Question:
    codes = _codes(session, row) if row.kind == "choice" else ()
    columns = [
        Question(
            f"row.{cell['key']}", cell["kind"], cell["label"], codes=[*cell.get("choices", ())]
        )
        for cell in row.columns
    ]
    return Question(
        row.key, row.kind, row.label, row.critical, row.at_least, row.at_most, codes, columns
    )


def _compared(rule: Any) -> Iterator[tuple[str, int]]:
    """Each (fact, number) that a term in *rule* compares."""
    if isinstance(rule, list) and len(rule) == 3 and isinstance(rule[2], int):
        yield str(rule[0]), rule[2]
    elif isinstance(rule, dict | list):
        for part in rule.values() if isinstance(rule, dict) else rule:
            yield from _compared(part)


@cache
def _falling(options: int) -> list[float]:
    """Weights that favour the first option."""
    return [1 / (place + 1) ** 1.5 for place in range(options)]


def _codes(session: Session, row: FormField) -> Sequence[str]:
    if row.choices:
        return list(row.choices)
    named = select(CatalogueEntry.code).join(Catalogue).where(Catalogue.key == row.catalogue)
    return session.scalars(named.order_by(CatalogueEntry.position)).all()


def _occupations(session: Session) -> Sequence[str]:
    rows = session.scalars(
        select(CatalogueEntry.title)
        .join(Catalogue)
        .where(Catalogue.kind == "occupation", CatalogueEntry.retired_on.is_(None))
        .order_by(Catalogue.id, CatalogueEntry.position)
    )
    return list(dict.fromkeys(rows))
