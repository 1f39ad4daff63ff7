"""Books of cases: a notice in sentences, each entered by the real intake and judged in one go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.application import Application
from models.organization import Organization
from models.programme import Revision
from portal import remembered
from portal.access.accounts import system_actor
from portal.access.organizations import create_organization
from portal.clock import Clock
from portal.config import ROOT
from portal.evidence.identifiers import check_digit
from portal.evidence.patents import check_digit as patent_check_digit
from portal.policy import judge
from portal.policy.packs import load_pack, publish
from portal.review.entering import edit, enter
from portal.review.reading import FormReader
from portal.review.stage_answers import write
from seed.catalogues import load_all

PROGRAMMES = ROOT / "seed" / "programmes"
Case = dict[str, Any]


@dataclass(frozen=True)
class Book:
    """The cases of one programme, and the day after its windows, when the city enters them.

    ``usual`` are the answers that a case has unless it says otherwise, what stages fill in among
    them, ``place`` where it usually stands; ``amounts`` fill what a notice leaves unset, so that
    its rules can be tried at all.
    """

    programme: str
    after: Clock
    usual: dict[str, Any]
    place: dict[str, str]
    amounts: dict[str, float]
    cases: tuple[Case, ...]

    def groups(self) -> Iterator[list[Case]]:
        """The cases that are judged together; one that is ``alone`` stands by itself."""
        yield [case for case in self.cases if not case.get("alone")]
        yield from ([case] for case in self.cases if case.get("alone"))


def read_book(path: Path) -> Book:
    """The book at *path*, with what every case gives filled in."""
    book = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    for case in book["cases"]:
        case["gives"] = book["gives"] | case.get("gives", {})
    return Book(
        book["programme"],
        Clock(book["entered_on"]),
        book["usual"],
        book.get("place", {}),
        book.get("amounts", {}),
        tuple(book["cases"]),
    )


class Scene:
    """A city with the book's programme in force, in an empty database."""

    def __init__(self, session: Session, book: Book, home: Path) -> None:
        self.session, self.book, self.home = session, book, home
        load_all(session, book.after)
        self.revision = self._published(book.programme, "")
        self._begin()

    def _begin(self) -> None:
        self.places: dict[str, Organization] = {}
        self.forms: dict[int, dict[str, str]] = {}
        self.serial = 0
        self._last_year: Revision | None = None

    @contextmanager
    def apart(self) -> Iterator[None]:
        """A city without cases; what is done inside is undone."""
        self._begin()
        inside = self.session.begin_nested()
        yield
        inside.rollback()
        self.session.expire_all()
        remembered.forget()
        judge.forget()  # what is published next may have the number of what is gone

    def play(self, case: Case) -> int:
        """Enter *case* after whatever came before it; gives its application's id."""
        for other in case.get("before", []):
            entered = self._enter(self.revision, [case | other] * other.get("times", 1))
            self._become(entered, other.get("became"))
        if "earlier" in case:
            then = self._year_of(case["earlier"])
            entered = self._enter(then, [case | {"facts": case["earlier"]}])
            self._become(entered, case.get("became"))
        return self._enter(self.revision, [case])[0]

    def play_all(self, cases: Sequence[Case]) -> list[int]:
        """Enter *cases* in their order, in one go those that nothing comes before."""
        found = []
        for (preceded, _channel), group in groupby(cases, self._goes_with):
            if preceded:
                found += [self.play(case) for case in group]
            else:
                found += self._enter(self.revision, list(group))
        return found

    def _goes_with(self, case: Case) -> tuple[bool, str]:
        return "before" in case or "earlier" in case, self._channel(self.revision, case)

    def correct(self, application_id: int, facts: Case) -> None:
        """Send a returned case back with *facts* changed on its form."""
        case = self.session.get_one(Application, application_id)
        actor = replace(system_actor(self.session), role="city-centre")
        form = self.forms[application_id] | {key: str(value) for key, value in facts.items()}
        reader = FormReader(
            self.session, case.revision, actor, self.book.after, case.channel, corrects=True
        )
        values, problems = reader.read(form)
        assert values is not None, problems
        edit(self.session, actor, self.book.after, case, values, case.version)

    def _channel(self, revision: Revision, case: Case) -> str:
        return str(case.get("channel", revision.channels[0].key))

    def _enter(self, revision: Revision, cases: Sequence[Case]) -> list[int]:
        """Enter *cases* of one channel in one act."""
        channel = self._channel(revision, cases[0])
        actor = replace(system_actor(self.session), role="city-centre")
        forms = [self._form(revision, case, self._place_of(case)) for case in cases]
        reader = FormReader(self.session, revision, actor, self.book.after, channel)
        found = []
        for case, form in zip(cases, forms, strict=True):
            values, problems = reader.read(form)
            assert values is not None, (case["says"], problems)
            found.append(values)
        entered = enter(self.session, actor, self.book.after, revision, channel, found)
        for application_id, form in zip(entered, forms, strict=True):
            self.forms[application_id] = form
            self._fill_in(revision, application_id, channel, form)
        return entered

    def _fill_in(
        self, revision: Revision, application_id: int, channel: str, form: dict[str, str]
    ) -> None:
        """What the stages would have filled in, once they had the case."""
        actor = system_actor(self.session)
        for stage in dict.fromkeys(row.stage for row in revision.fields if row.stage):
            reader = FormReader(
                self.session, revision, actor, self.book.after, channel, stage=stage
            )
            if not any(form.get(key) for key in reader.fields):
                continue
            found, problems = reader.answers(form)
            assert not problems, problems
            case = self.session.get_one(Application, application_id)
            write(self.session, case, reader, found)
            self.session.flush()

    def _form(self, revision: Revision, case: Case, unit: Organization) -> dict[str, str]:
        self.serial += 1
        own = usual_cells(unit, self.serial)
        asked = {row.key for row in revision.fields}
        facts = self.book.usual | case["facts"]
        form = {key: text for key, text in own.items() if key in asked}
        return form | {key: str(value) for key, value in facts.items()}

    def _year_of(self, facts: dict[str, Any]) -> Revision:
        day = (self.book.usual | facts)["application.received_on"]
        if day.year == self.revision.programme.year:
            return self.revision
        if self._last_year is None:
            year = self.revision.programme.year
            self._last_year = self._published(self.book.programme, str(year - 1))
        return self._last_year

    def _published(self, code: str, year: str) -> Revision:
        """The programme in force; with *year* the same rules as another one of that year."""
        text = (PROGRAMMES / f"{code}.yaml").read_text(encoding="utf-8")
        for tier, yuan in self.book.amounts.items():
            text = re.sub(rf"(key: {tier}, )", rf"\1amount: {yuan}, ", text)
        if year:
            own = str(self.revision.programme.year)
            text = text.replace(f"programme: {code}", f"programme: {code}-{year}")
            text = text.replace(f"year: {own}", f"year: {year}")
            text = re.sub(r"number_prefix: (\w+)-", rf"number_prefix: \1{year}-", text)
            text = re.sub(rf"(opens|closes|paper): {own}", rf"\1: {year}", text)
        pack = self.home / f"{code}{year}.yaml"
        pack.write_text(text, encoding="utf-8")
        actor = system_actor(self.session)
        made = load_pack(self.session, actor, self.book.after, pack).programme.code
        return publish(self.session, actor, self.book.after, made)

    def _place_of(self, case: Case) -> Organization:
        return self._unit(self.book.place | case.get("place", {}))

    def _unit(self, place: dict[str, str]) -> Organization:
        """The unit at *place*: its code, its nature, and the district or bureau above it."""
        if "city" not in self.places:
            self.places["city"] = self._create("C", "city", None, None)
        above = place.get("district", "D")
        if above not in self.places:
            kind = place.get("kind", "district")
            self.places[above] = self._create(above, kind, self.places["city"], None)
        code = place.get("unit", f"{above}-U")
        if code not in self.places:
            nature = place.get("nature")
            self.places[code] = self._create(code, "unit", self.places[above], nature)
        return self.places[code]

    def _create(
        self, code: str, kind: str, parent: Organization | None, nature: str | None
    ) -> Organization:
        made = create_organization(
            self.session,
            system_actor(self.session),
            self.book.after,
            code=code,
            name=f"{code}工会",
            kind=kind,
            parent=parent,
        )
        made.nature = nature
        self.session.flush()
        return made

    def _become(self, entered: list[int], state: str | None) -> None:
        """Decided long ago, and no longer claiming: as history is taken over."""
        if state is None:
            return
        gone = update(Application).where(Application.id.in_(entered))
        self.session.execute(gone.values(state=state, claims=False))
        self.session.expire_all()


def usual_cells(unit: Organization, serial: int) -> dict[str, str]:
    """What no case cares about: a person, a paper and an account of their own."""
    body = f"310115198{serial % 10}0101{serial % 1000:03d}"
    patent = f"20181{serial:07d}"
    return {
        "organization.district": unit.district.name if unit.district else "",
        "organization.unit": unit.name,
        "applicant.name": f"张丽{serial}",
        "applicant.phone": f"138{serial:08d}",
        "applicant.id_number": body + check_digit(body),
        "certificate.number": f"S{serial:021d}",
        "patent.number": f"ZL{patent}.{patent_check_digit(patent)}",
        "patent.title": f"一种装置{serial}",
        "studio.name": f"工作室{serial}",
        "project.title": f"项目{serial}",
        "payee.card": "6210941234567897",
    }
