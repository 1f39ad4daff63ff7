"""Made-up answers to the questions of a programme's form, by the kind of each question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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
class Answers:
    """What may be answered: the codes of each choice, every occupation's title, and the numbers
    that rules compare something with, by the name of what they compare."""

    opens_on: date
    codes: dict[str, Sequence[str]]
    occupations: Sequence[str]
    named: dict[str, Sequence[int]]

    @classmethod
    def of(cls, session: Session, revision: Revision) -> Answers:
        """Collect the choices that *revision*'s form offers."""
        codes = {row.key: _codes(session, row) for row in revision.fields if row.kind == "choice"}
        named: dict[str, list[int]] = {}
        for key, number in _compared(rules(revision)):
            named.setdefault(key, []).append(number)
        return cls(revision.windows[0].opens_on, codes, _occupations(session), named)

    def answer(self, row: FormField, serial: int, random: Random) -> Any:
        """A value of the kind of *row*; whatever names a case is its own by *serial*."""
        if row.key == "certificate.number":
            return f"S{serial:09d}{random.randrange(10**12):012d}"
        if row.key == "patent.number":
            body = f"2018{random.choice('128')}{serial:07d}"
            return f"ZL{body}.{patents.check_digit(body)}"
        if row.key == "certificate.occupation" and self.occupations:
            return random.choice(self.occupations)
        shape = {"key": row.key, "kind": row.kind, "label": row.label}
        bounds = {"at_least": row.at_least, "at_most": row.at_most}
        return self._of_kind(shape | bounds, self.codes.get(row.key, ()), serial, random)

    def rows(self, row: FormField, serial: int, random: Random) -> list[dict[str, Any]]:
        """Rows of the table *row*, each of its columns answered."""
        least = max(row.at_least or 0, int(row.critical))
        most = max(least, min(row.at_most or ROWS, ROWS))
        return [
            {column["key"]: self._cell(column, serial, random) for column in row.columns}
            for _line in range(random.randint(least, most))
        ]

    def _cell(self, column: dict[str, Any], serial: int, random: Random) -> Any:
        shape = column | {"key": f"row.{column['key']}"}
        return self._of_kind(shape, list(column.get("choices", ())), serial, random)

    def _of_kind(
        self, shape: dict[str, Any], codes: Sequence[str], serial: int, random: Random
    ) -> Any:
        if shape["kind"] == "choice":
            return random.choices(codes, _falling(codes))[0] if codes else None
        if shape["kind"] == "yes_no":
            return random.random() < 0.9
        if shape["kind"] == "date":
            return self.opens_on - timedelta(days=random.randrange(DAYS))
        if shape["kind"] in ("number", "money"):
            return self._number(shape, random)
        return f"{shape['label']}{serial}"

    def _number(self, shape: dict[str, Any], random: Random) -> float:
        """One that a rule names, or one between the bounds."""
        if shape["key"] in self.named and random.random() < 0.9:
            return float(random.choice(self.named[shape["key"]]))
        least = shape.get("at_least") or 0
        return float(random.randint(least, shape.get("at_most") or least + 50))


def _compared(rule: Any) -> Iterator[tuple[str, int]]:
    """Each (fact, number) that a term in *rule* compares."""
    if isinstance(rule, list) and len(rule) == 3 and isinstance(rule[2], int):
        yield str(rule[0]), rule[2]
    elif isinstance(rule, dict | list):
        for part in rule.values() if isinstance(rule, dict) else rule:
            yield from _compared(part)


def _falling(options: Sequence[str]) -> list[float]:
    """Weights that favour the first option."""
    return [1 / (place + 1) ** 1.5 for place in range(len(options))]


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
