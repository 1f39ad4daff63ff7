"""Hundreds of filled forms of any programme: a plain one, with answers changed at random.

What is answered comes from the form itself, days and numbers from around those that its rules
name, so that every threshold is met from both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from models.catalogue import Catalogue
from models.organization import Organization
from models.programme import FormField, Revision
from portal.evidence.identifiers import check_digit
from portal.evidence.patents import check_digit as patent_check_digit
from portal.policy.pack_rows import rules
from tests.support.books import usual_cells

Form = dict[str, str]
_PERSONAL = ("applicant.name", "applicant.id_number", "applicant.union_member", "applicant.phone")
_OWN = (*_PERSONAL, "certificate.number", "studio.name", "project.title", "patent.title")
"""What nobody else has: changed at random, a case would claim what another does."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Mixer:
    """Makes forms of *revision*; *usual* are the answers of a plain case."""

    def __init__(
        self, revision: Revision, usual: dict[str, Any], tables: dict[str, Catalogue], seed: str
    ) -> None:
        self.random = Random(seed)
        self.revision, self.usual, self.tables = revision, usual, tables
        said = str(rules(revision))
        self.days = sorted({date.fromisoformat(day) for day in _DAY.findall(said)})
        self.numbers = sorted({int(n) for n in re.findall(r"(?<![\w.-])\d{1,7}(?![\w.-])", said)})
        self.people: dict[int, Form] = {}

    def forms(self, count: int, units: list[Organization]) -> Iterator[Form]:
        """So many forms, of several units; every third person sends more than one."""
        for serial in range(1, count + 1):
            person = serial // 3 if self.random.random() < 0.5 else 1000 + serial
            unit = units[person % len(units)]
            yield self._form(serial, person, unit)

    def _form(self, serial: int, person: int, unit: Organization) -> Form:
        asked = {row.key: row for row in self.revision.fields}
        form = usual_cells(unit, serial) | {key: str(value) for key, value in self.usual.items()}
        form = {key: text for key, text in form.items() if key in asked}
        for key, row in asked.items():
            if row.purpose == "survey" or key.startswith(("payee.", "organization.")):
                continue
            if key == "application.received_on":
                form[key] = self._received().isoformat()
            elif key == "patent.number":
                form[key] = self._patent(serial)
            elif key == "studio.name" and self.revision.pays_for != "studio":
                form[key] = f"工作室{serial // 2}"
            elif key not in _OWN and self.random.random() < 0.3:
                form[key] = self._answer(row)
        self._stages(form)
        own = self.people.setdefault(person, self._person(person, asked))
        return form | {key: text for key, text in own.items() if key in asked}

    def _stages(self, form: Form) -> None:
        """What a stage fills in is there with all that must be, or not at all."""
        for stage in sorted({row.stage for row in self.revision.fields if row.stage}):
            is_done = self.random.random() < 0.5
            for row in self.revision.fields:
                if row.stage == stage and not is_done:
                    form.pop(row.key, None)
                elif row.stage == stage and row.critical and not form.get(row.key):
                    form[row.key] = self._answer(row)

    def _person(self, person: int, asked: dict[str, FormField]) -> Form:
        body = (
            f"3101151{960 + person % 40:03d}0{1 + person % 9}0{1 + person % 7}{person % 1000:03d}"
        )
        member = asked.get("applicant.union_member")
        return {
            "applicant.name": f"李明{person}",
            "applicant.id_number": body + check_digit(body),
            "applicant.union_member": self._answer(member) if member else "",
        }

    def _received(self) -> date:
        window = self.random.choice(self.revision.windows)
        days = (window.closes_on - window.opens_on).days
        return window.opens_on + timedelta(self.random.choice((0, days, days // 2)))

    def _patent(self, serial: int) -> str:
        body = f"20{self.random.choice((17, 18))}{self.random.choice('1128')}{serial:07d}"
        return f"ZL{body}.{patent_check_digit(body)}"

    def _answer(self, row: FormField) -> str:
        if not row.critical and self.random.random() < 0.25:
            return ""
        if row.kind == "table":
            most = 5 if row.at_most is None else min(row.at_most, 5)
            lines = self.random.randint(max(row.at_least or 0, int(row.critical)), most)
            return "\n".join(self._line(row) for _ in range(lines))
        text = self._typed(row.kind, list(row.choices.values()), row.catalogue)
        if row.kind in ("number", "money"):
            least, most = row.at_least or 0, 10**9 if row.at_most is None else row.at_most
            return str(min(max(float(text), least), most))
        return text

    def _line(self, row: FormField) -> str:
        return " | ".join(
            "" if not column.get("required") and self.random.random() < 0.1 else self._typed(
                column["kind"], list(column.get("choices", {}).values()), None
            )
            for column in row.columns
        )  # fmt: skip

    def _typed(self, kind: str, choices: list[str], catalogue: str | None) -> str:
        if choices or kind == "choice":
            entries = self.tables[catalogue].entries if catalogue else []
            return self.random.choice([*choices, *(entry.title for entry in entries)])
        if kind == "yes_no":
            return self.random.choice(("是", "是", "否"))
        if kind == "date":
            day = self.random.choice(self.days) + timedelta(self.random.choice((-1, 0, 1)))
            return day.isoformat()
        if kind in ("number", "money"):
            near = self.random.choice([*self.numbers, 0, 3, 80]) + self.random.choice((-1, 0, 1))
            return str(max(near, 0) + self.random.choice((0, 0, 0, 0.5)))
        if kind == "phone":
            return "13800000000"
        return self.random.choice(("甲", "乙丙", "焊工", "电工"))
