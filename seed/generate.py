"""Applications by the thousand, written set-wise: the ground of the demo and of the benchmark.

Values come from the programme's own form (choices, catalogues), so that any pack can be filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import DRAFT, Application
from models.catalogue import Catalogue, CatalogueEntry
from models.certificate import SkillCertificate
from models.names import name_grams, name_key
from models.organization import UNIT, Organization
from models.programme import FormField, Programme, Revision
from models.types import new_row_key
from portal.evidence.identifiers import certificate_key, occupation_term
from seed.people import card, person

CHUNK = 5_000
TABLES = (Applicant, SkillCertificate, Application)
_name_key = cache(name_key)


@dataclass(frozen=True)
class Ground:
    """What applications are made from. ``answers``: the first choice of each own field."""

    programme: Programme
    revision: Revision
    units: Sequence[tuple[int, int | None]]
    trades: Sequence[str]
    levels: Sequence[str]
    issuers: Sequence[str]
    answers: Mapping[str, str]
    author_id: int | None


def ground(
    session: Session, programme: Programme, revision: Revision, author: int | None
) -> Ground:
    """Collect the units, trades, levels and issuers that *revision*'s form offers."""
    units = session.execute(
        select(Organization.id, Organization.district_id).where(Organization.kind == UNIT)
    ).all()
    return Ground(
        programme,
        revision,
        [(row[0], row[1]) for row in units],
        _trades(session),
        _offered(session, revision, "certificate.level"),
        _offered(session, revision, "certificate.issuer"),
        _first_answers(revision.fields),
        author,
    )


def generate(
    session: Session, made_from: Ground, count: int, random: Random, now: datetime
) -> Iterator[range]:
    """Write *count* draft applications in parts; gives the range of ids of each part."""
    first = 1 + max(session.scalar(select(func.max(table.id))) or 0 for table in TABLES)
    serial = made_from.programme.last_number
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        ids = range(first + start, first + start + size)
        rows = [_case(made_from, n, serial + 1 + start + k, random, now) for k, n in enumerate(ids)]
        for place, table in enumerate(TABLES):
            session.execute(insert(table.__table__), [row[place] for row in rows])
        yield ids
    made_from.programme.last_number = serial + count
    session.flush()
    _catch_up_sequences(session)


def _case(
    made_from: Ground, row_id: int, serial: int, random: Random, now: datetime
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    unit_id, district_id = random.choice(made_from.units)
    paper = _certificate(made_from, row_id, serial, unit_id, random, now)
    case = _application(made_from, row_id, serial, unit_id, district_id, random, now)
    case["claim_key"] = paper["number_key"]
    return _applicant(row_id, serial, unit_id, random, now), paper, case


def _applicant(
    row_id: int, serial: int, unit_id: int, random: Random, now: datetime
) -> dict[str, Any]:
    who, row_key = person(random, serial), new_row_key()
    return {
        "id": row_id,
        "row_key": row_key,
        "organization_id": unit_id,
        "name": who.name,
        "name_key": _name_key(who.name),
        "name_grams": name_grams(who.name),
        "sex": who.sex,
        "birth_date": who.birth_date,
        "is_union_member": random.random() > 0.01,
        "details": {},
        "updated_at": now,
        "version": 1,
        **Applicant.id_number.columns(row_key, who.id_number),
        **Applicant.phone.columns(row_key, who.phone),
    }


def _certificate(
    made_from: Ground, row_id: int, serial: int, unit_id: int, random: Random, now: datetime
) -> dict[str, Any]:
    trade = random.choice(made_from.trades)
    number = f"S{serial:09d}{random.randrange(10**12):012d}"
    window = made_from.revision.windows[0]
    return {
        "id": row_id,
        "organization_id": unit_id,
        "applicant_id": row_id,
        "number": number,
        "number_key": certificate_key(number),
        "occupation": trade,
        "occupation_term": occupation_term(trade),
        "level": random.choices(made_from.levels, _falling(made_from.levels))[0],
        "issuer": random.choices(made_from.issuers, _falling(made_from.issuers))[0],
        "issued_on": window.opens_on - timedelta(days=random.randrange(1_300)),
        "previous_level": None,
        "previous_issued_on": None,
        "updated_at": now,
        "version": 1,
    }


def _application(
    made_from: Ground,
    row_id: int,
    serial: int,
    unit_id: int,
    district_id: int | None,
    random: Random,
    now: datetime,
) -> dict[str, Any]:
    row_key, has_card = new_row_key(), random.random() < 0.7
    account = card(random, "621094" if has_card else "622202")
    programme, window = made_from.programme, made_from.revision.windows[0]
    return {
        "id": row_id,
        "row_key": row_key,
        "number": f"{programme.number_prefix}{serial:06d}",
        "programme_id": programme.id,
        "revision_id": made_from.revision.id,
        "window_id": window.id,
        "family": programme.family,
        "channel": made_from.revision.channels[0].key,
        "organization_id": unit_id,
        "district_id": district_id,
        "applicant_id": row_id,
        "certificate_id": row_id,
        "created_by_id": made_from.author_id,
        "state": DRAFT,
        "submitted_on": _day(window.opens_on, now.date(), random),
        "amount_fen": 0,
        "missed": "",
        "asked": "",
        "claims": False,
        "fields": _answered(made_from.answers, random),
        "payee_kind": "card" if has_card else "bank",
        "bank_name": None if has_card else "中国工商银行",
        "created_at": now,
        "updated_at": now,
        "version": 1,
        **Application.account.columns(row_key, account),
    }


def _first_answers(fields: Sequence[FormField]) -> dict[str, str]:
    """The programme's own choices, each with its first answer."""
    own = [row for row in fields if row.key.startswith("field.") and row.choices]
    return {row.key.removeprefix("field."): next(iter(row.choices)) for row in own}


def _answered(answers: Mapping[str, str], random: Random) -> dict[str, Any]:
    """Nine in ten of the answers."""
    return {key: answer for key, answer in answers.items() if random.random() < 0.9}


def _day(opens: date, today: date, random: Random) -> date:
    return opens + timedelta(days=random.randrange(max((today - opens).days, 1)))


def _falling(options: Sequence[str]) -> list[float]:
    """Weights that favour the first option."""
    return [1 / (place + 1) ** 1.5 for place in range(len(options))]


def _trades(session: Session) -> list[str]:
    rows = session.scalars(
        select(CatalogueEntry.title)
        .join(Catalogue)
        .where(Catalogue.kind == "occupation", CatalogueEntry.retired_on.is_(None))
        .order_by(Catalogue.id, CatalogueEntry.position)
    )
    return list(dict.fromkeys(rows))


def _offered(session: Session, revision: Revision, key: str) -> list[str]:
    row = next(row for row in revision.fields if row.key == key)
    if row.choices:
        return list(row.choices)
    return list(
        session.scalars(
            select(CatalogueEntry.code)
            .join(Catalogue)
            .where(Catalogue.key == row.catalogue)
            .order_by(CatalogueEntry.position)
        )
    )


def _catch_up_sequences(session: Session) -> None:
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        name = table.__tablename__
        session.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"
                f" (SELECT max(id) FROM {name}))"
            )
        )
