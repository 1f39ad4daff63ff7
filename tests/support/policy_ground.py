"""Databases that hold one random programme at a time, written by plain inserts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine, create_engine, insert
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import Application, Attachment, ListRow
from models.catalogue import Catalogue, CatalogueEntry, CatalogueTerm
from models.certificate import SkillCertificate
from models.decision import DecisionBatch, Override
from models.notice import Notice
from models.organization import Organization
from models.programme import Programme, Revision, Window
from portal.policy.pack_rows import fill
from tests.support.policy_oracle import Case
from tests.support.random_policy import PLACES, TABLES, UNITS

NOW = datetime(2030, 6, 1, tzinfo=UTC)
_BASE = {"version": 1, "updated_at": NOW}


class Ground:
    """One database with unions and catalogues; each programme on it is rolled back again."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(url, query_cache_size=10)
        with Session(self.engine) as session:
            _unions(session)
            _catalogues(session)
            session.commit()

    @contextmanager
    def planted(
        self, pack: dict[str, Any], cases: Sequence[Case]
    ) -> Iterator[tuple[Session, Revision]]:
        """The programme of *pack* with *cases*, in this order, and the revision to judge."""
        with Session(self.engine) as session:
            revisions = _programmes(session, pack)
            _people(session, cases)
            _applications(session, cases, revisions)
            yield session, revisions[0]
            session.rollback()


def _unions(session: Session) -> None:
    rows = [{"id": 1, "code": "C", "kind": "city"}]
    for place, kind in ((2, "district"), (3, "district"), (4, "bureau")):
        rows.append({"id": place, "code": f"D{place}", "kind": kind, "district_id": place})
    for place, unit in UNITS.items():
        made = {"id": place, "code": f"U{place}", "kind": "unit"}
        rows.append(
            made
            | {"district_id": unit["district"]}
            | {key: unit[key] for key in ("nature", "industry")}
        )
    for row in rows:
        session.execute(insert(Organization).values(name=row["code"], version=1, **row))


def _catalogues(session: Session) -> None:
    for key in ("ranks", "trades"):
        table = Catalogue(key=key, family=key, title=key, kind="choice", version=1)
        session.add(table)
        session.flush()
        for place, (code, title, rank, cells) in enumerate(TABLES.entries.get(key, []), 1):
            named = {"catalogue_id": table.id, "position": place, "code": code, "title": title}
            session.add(CatalogueEntry(**named, rank=rank, cells=cells, version=1))
        for term in sorted(TABLES.terms.get(key, ())):
            entry = CatalogueEntry(
                catalogue_id=table.id, position=9, code=term, title=term, version=1
            )
            session.add(entry)
            session.flush()
            session.add(CatalogueTerm(catalogue_id=table.id, entry_id=entry.id, term=term))
    session.flush()


def _programmes(session: Session, pack: dict[str, Any]) -> list[Revision]:
    """A revision for each of ``PLACES``; the first has the rules of *pack*."""
    notice = Notice(key="X", title="n", issuer="i", issued_on=date(2030, 1, 1), basis=[], version=1)
    programmes = {
        place.programme: Programme(
            code=f"p{place.programme}",
            title="p",
            family=place.family,
            year=place.year,
            subject="skill_certificate",
            number_prefix=f"P{place.programme}-",
            notice=notice,
            version=1,
        )
        for place in reversed(PLACES)
    }
    made = []
    for place in PLACES:
        revision = Revision(number=place.revision, version=1)
        revision.programme = programmes[place.programme]
        if place.revision == 0:
            fill(revision, pack)
        else:
            day = date(2029, 3, 1)
            row = Window(position=1, key="w1", opens_on=day, closes_on=day)
            revision.windows, revision.choose = [row], "first"
        made.append(revision)
    session.add_all(made)
    session.flush()
    return made


def _person_id(case: Case) -> int:
    return int(case.keys["unit"] * 1000 + case.keys["person"] + 1)


def _people(session: Session, cases: Sequence[Case]) -> None:
    people = {_person_id(case): case for case in cases}
    rows = [
        {
            "id": row_id,
            "row_key": f"p{row_id}",
            "organization_id": case.keys["unit"],
            "name": "n",
            "sex": case.facts["applicant.sex"],
            "birth_date": case.facts["applicant.birth_date"],
            "id_number_index": f"{case.keys['person']:032d}".encode(),
            "is_union_member": case.facts["applicant.union_member"],
            "details": {},
            **_BASE,
        }
        for row_id, case in people.items()
    ]
    if rows:
        session.execute(insert(Applicant), rows)


def _applications(session: Session, cases: Sequence[Case], revisions: Sequence[Revision]) -> None:
    if not cases:
        return
    session.execute(insert(SkillCertificate), [_certificate(case) for case in cases])
    session.execute(insert(Application), [_row(case, revisions) for case in cases])
    lists = [
        {"application_id": case.id, "field": "field.team", "position": n, "cells": row}
        for case in cases
        for n, row in enumerate(case.rows)
    ]
    files = [
        {"application_id": case.id, "rule_key": "paper", "file_name": "f", "media_type": "m",
         "size": 1, "digest": "d", "made_at": NOW, "removed_at": removed,
         "row_key": f"f{case.id}-{n}"}
        for case in cases
        for n, removed in enumerate([*[None] * case.files, NOW])
    ]  # fmt: skip
    for table, rows in ((ListRow, lists), (Attachment, files)):
        if rows:
            session.execute(insert(table), rows)
    _overrides(session, cases, revisions[0])


def _certificate(case: Case) -> dict[str, Any]:
    facts = {key.removeprefix("certificate."): value for key, value in case.facts.items()
             if key.startswith("certificate.")}  # fmt: skip
    term = facts.pop("occupation")
    return {
        "id": case.id,
        "organization_id": case.keys["unit"],
        "applicant_id": _person_id(case),
        "number_key": facts["number"],
        "occupation": term,
        "occupation_term": term,
        **facts,
        **_BASE,
    }


def _row(case: Case, revisions: Sequence[Revision]) -> dict[str, Any]:
    revision = revisions[case.place.revision]
    windows = {row.key: row.id for row in revision.windows}
    badge = case.keys["field.badge"]
    own = {} if badge is None else {"badge": badge, "badge.key": badge}
    return {
        "id": case.id,
        "row_key": f"a{case.id}",
        "number": f"X-{case.id}",
        "programme_id": revision.programme_id,
        "revision_id": revision.id,
        "window_id": windows.get(case.window or ""),
        "family": case.place.family,
        "channel": case.facts["application.channel"],
        "organization_id": case.keys["unit"],
        "district_id": case.keys["district"],
        "applicant_id": _person_id(case),
        "certificate_id": case.id,
        "state": case.state,
        "sequence": case.sequence,
        "submitted_on": case.facts["application.submitted_on"],
        "claim_key": case.keys["certificate"],
        "claims": True,
        "tier_key": case.tier,
        "amount_fen": case.fen,
        "fields": case.fields | own,
        "created_at": NOW,
        **_BASE,
    }


def _overrides(session: Session, cases: Sequence[Case], revision: Revision) -> None:
    act = DecisionBatch(outcome="pass", decided_at=NOW)
    session.add(act)
    session.flush()
    rows = [
        {"application_id": case.id, "condition_key": key, "revision_id": revision.id,
         "batch_id": act.id, "reason": "r", "made_at": NOW}
        for case in cases
        if case.place.revision == 0
        for key in sorted(case.passed)
    ]  # fmt: skip
    if rows:
        session.execute(insert(Override), rows)
