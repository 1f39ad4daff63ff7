"""When two cases look like the same (S15 多报): the signs, and the SQL that finds candidates.

SQL brings candidates together by index; whether a sign really stands is said once, over both
faces. A number that is one digit off is a sign only with the same person: people of one exam have
neighbouring numbers. An ID number one digit off is a sign only with the same name. A changed digit
of the birth date shows in the birth date kept in clear, any other leaves name and birth date the
same: so ID numbers are opened only to confirm few candidates, and no index of near ones is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from models.applicant import Applicant
from models.application import APPROVED, PAID, RETURNED, WAITING, Application
from models.base import N_, in_parts
from models.certificate import SkillCertificate
from models.evidence import PastAward
from models.patent import Patent
from portal.policy.codes import materialized
from portal.policy.judge import OF_BATCH

LIVE = (WAITING, RETURNED, APPROVED, PAID)
"""The states in which a case can be claimed twice with another."""
NEAREST = 3
"""So many cases before one of the same key are put beside it; a longer row hangs together."""
Sql = ColumnElement[Any]
Ids = Select[Any] | None
Candidate = tuple[int, int]
"""A case and another case, or a payment from before the system."""


@dataclass(frozen=True)
class Face:
    """What of a case, or a payment from before the system, can be like another's."""

    person: str
    name: str
    birth_date: date | None
    kind: str
    number: str
    trade: str
    level: str
    account: str

    @property
    def digest(self) -> str:
        """Changes as soon as anything of it does."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()


@dataclass(frozen=True)
class Known:
    """A face and how its ID number is opened, where there is one."""

    face: Face
    id_number: Callable[[], str]


SIGNS: dict[str, str] = {
    "certificate": N_("Same certificate"),
    "patent": N_("Same patent"),
    "trade": N_("Same person, trade and level"),
    "near_number": N_("Same person, number one digit off"),
    "near_id": N_("Same name, ID number one digit off"),
    "name": N_("Same name and birth date"),
    "card": N_("Same card for two people"),
}


def signs_of(one: Known, other: Known) -> list[str]:
    """Why *one* and *other* look like the same, in the order of ``SIGNS``."""
    return [sign for sign, stands in _STANDS.items() if stands(one, other)]


def mark_of(one: Face, other: Face) -> str:
    """The digest of what both say; a decision about them holds while it stays."""
    return hashlib.sha256((one.digest + other.digest).encode()).hexdigest()


def candidates(session: Session, of_batch: int | None) -> Iterator[Candidate]:
    """Pairs of cases, the later first, that may show a sign; with *of_batch* those of which that
    act moved one."""
    named = _named(of_batch)
    asked = set(session.scalars(OF_BATCH, named)) if named else None
    for statement in _beside_each_other(OF_BATCH if named else None):
        for one, *others in session.execute(statement, named):
            for other in others:
                if other is not None and (asked is None or one in asked or other in asked):
                    yield max(one, other), min(one, other)


def past_candidates(
    session: Session, of_batch: int | None, past: Ids = None
) -> Iterator[Candidate]:
    """Cases, those that the act *of_batch* moved, and payments in *past* that may show a sign."""
    named = _named(of_batch)
    for statement in _beside_past(OF_BATCH if named else None):
        if past is not None:
            statement = statement.where(PastAward.id.in_(past))
        yield from ((one, other) for one, other in session.execute(statement, named))


def _named(of_batch: int | None) -> dict[str, int]:
    return {} if of_batch is None else {"of_batch": of_batch}


def faces(session: Session, ids: Sequence[int]) -> dict[int, Known]:
    """The faces of the live cases among *ids*."""
    found: dict[int, Known] = {}
    for part in in_parts(list(ids)):
        rows = session.execute(
            select(
                Application.id,
                Applicant.id_number_index,
                Applicant.id_number_sealed,
                Applicant.row_key,
                Applicant.name,
                Applicant.birth_date,
                SkillCertificate.number_key.label("paper"),
                SkillCertificate.occupation_term,
                SkillCertificate.level,
                Patent.number_key.label("patent"),
                Application.account_index,
            )
            .join(Applicant, Applicant.id == Application.applicant_id)
            .outerjoin(SkillCertificate, SkillCertificate.id == Application.certificate_id)
            .outerjoin(Patent, Patent.id == Application.patent_id)
            .where(Application.id.in_(part), Application.state.in_(LIVE))
        )
        found |= {row.id: _known_case(row) for row in rows}
    return found


def past_faces(session: Session, ids: Sequence[int]) -> dict[int, Known]:
    """The faces of the payments *ids*."""
    found: dict[int, Known] = {}
    for part in in_parts(list(ids)):
        rows = session.scalars(select(PastAward).where(PastAward.id.in_(part)))
        found |= {row.id: _known_past(row) for row in rows}
    return found


def one_digit_off(one: str, other: str) -> bool:
    """Whether two texts of one length differ in exactly one place."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _known_case(row: Any) -> Known:
    kind = "certificate" if row.paper else "patent" if row.patent else ""
    face = Face(
        person=row.id_number_index.hex() if row.id_number_index else "",
        name=row.name,
        birth_date=row.birth_date,
        kind=kind,
        number=row.paper or row.patent or "",
        trade=row.occupation_term or "",
        level=row.level or "",
        account=row.account_index.hex() if row.account_index else "",
    )
    sealed, row_key = row.id_number_sealed, row.row_key
    return Known(face, lambda: Applicant.id_number.open(row_key, sealed) if sealed else "")


def _known_past(row: PastAward) -> Known:
    # a number alone does not say of what it is; whatever it equals it is
    face = Face(
        person=row.id_number_index.hex() if row.id_number_index else "",
        name=row.name,
        birth_date=row.birth_date,
        kind="",
        number=row.number_key or "",
        trade=row.occupation_term or "",
        level=row.level or "",
        account="",
    )
    return Known(face, lambda: row.id_number or "")


def _same_number(kind: str) -> Callable[[Known, Known], bool]:
    def stands(one: Known, other: Known) -> bool:
        kinds = {one.face.kind, other.face.kind} - {""}
        return kinds == {kind} and one.face.number != "" and one.face.number == other.face.number

    return stands


def _same_trade(one: Known, other: Known) -> bool:
    mine, theirs = one.face, other.face
    told = mine.person and mine.trade and mine.level
    same = (mine.person, mine.trade, mine.level) == (theirs.person, theirs.trade, theirs.level)
    return bool(told and same)


def _near_number(one: Known, other: Known) -> bool:
    return _is_one_person(one.face, other.face) and one_digit_off(
        one.face.number, other.face.number
    )


def _is_one_person(mine: Face, theirs: Face) -> bool:
    if mine.person and mine.person == theirs.person:
        return True
    born = (mine.name, mine.birth_date) == (theirs.name, theirs.birth_date)
    return mine.birth_date is not None and born


def _near_id(one: Known, other: Known) -> bool:
    """All but the last character, which follows from the others."""
    if one.face.name != other.face.name or one.face.person == other.face.person:
        return False
    mine, theirs = one.id_number(), other.id_number()
    return bool(mine and theirs) and one_digit_off(mine[:17], theirs[:17])


def _same_name(one: Known, other: Known) -> bool:
    mine, theirs = one.face, other.face
    return mine.person != theirs.person and _is_one_person(mine, theirs)


def _same_card(one: Known, other: Known) -> bool:
    mine, theirs = one.face, other.face
    return mine.account != "" and mine.account == theirs.account and _are_two(mine, theirs)


def _are_two(mine: Face, theirs: Face) -> bool:
    return mine.person != theirs.person or mine.name != theirs.name


_STANDS: dict[str, Callable[[Known, Known], bool]] = {
    "certificate": _same_number("certificate"),
    "patent": _same_number("patent"),
    "trade": _same_trade,
    "near_number": _near_number,
    "near_id": _near_id,
    "name": _same_name,
    "card": _same_card,
}


@cache
def _beside_each_other(only: Ids) -> tuple[Select[Any], ...]:
    """The statements that find pairs of cases; building them takes longer than running them."""
    return (*_by_key(only), *_near(only))


def _by_key(only: Ids) -> Iterator[Select[Any]]:
    """Cases of one key beside those before them: one pass over each key's cases."""
    person = [Applicant.id_number_index, SkillCertificate.occupation_term, SkillCertificate.level]
    for keys, tables in (
        ([SkillCertificate.number_key], (SkillCertificate,)),
        ([Patent.number_key], (Patent,)),
        (person, (Applicant, SkillCertificate)),
        ([Applicant.name, Applicant.birth_date], (Applicant,)),
        ([Application.account_index], ()),
    ):
        cases = select(Application.id.label("id")).where(
            Application.state.in_(LIVE), *(key.is_not(None) for key in keys)
        )
        cases = _joined(cases, tables)
        if only is not None:
            # the first key is narrow enough, but for names, which need the birth date
            narrow = keys[:2] if keys[0] is Applicant.name else keys[:1]
            mine = select(*narrow).where(Application.id.in_(only))
            asked = _joined(mine, tables).correlate(None)
            cases = cases.where(tuple_(*narrow).in_(asked) if narrow[1:] else narrow[0].in_(asked))
        before = [
            func.lag(Application.id, place)
            .over(partition_by=keys, order_by=Application.id)
            .label(f"before_{place}")
            for place in range(1, NEAREST + 1)
        ]
        rows = cases.add_columns(*before).subquery("of_a_key")
        yield select(rows).where(rows.c.before_1.is_not(None))


def _joined(statement: Select[Any], tables: Sequence[Any]) -> Select[Any]:
    links = {
        Applicant: Application.applicant_id,
        SkillCertificate: Application.certificate_id,
        Patent: Application.patent_id,
    }
    for table in tables:
        statement = statement.join_from(Application, table, table.id == links[table])
    return statement.select_from(Application) if not tables else statement


def _near(only: Ids) -> Iterator[Select[Any]]:
    """One person's numbers, or one name's birth dates, that are one digit off."""
    one, two = aliased(Applicant), aliased(Applicant)
    born = and_(two.name == one.name, two.birth_date == one.birth_date)
    for same in (
        two.id_number_index == one.id_number_index,
        and_(born, two.id_number_index != one.id_number_index),
    ):
        cases = _cases_of(_people(one, two, same, only), only)
        yield _numbered(cases, SkillCertificate, "certificate_id")
        yield _numbered(cases, Patent, "patent_id")
    near = and_(two.name == one.name, _one_day_digit_off(two.birth_date, one.birth_date))
    found = _cases_of(_people(one, two, near, only), only)
    yield select(found.c.mine, found.c.theirs)


def _people(one: Any, two: Any, same: Sql, only: Ids) -> Any:
    """Pairs of people, worked out first: a planner without statistics would pair all cases."""
    people = select(one.id.label("one"), two.id.label("two")).where(same)
    if only is not None:
        asked = select(Application.applicant_id).where(Application.id.in_(only))
        people = people.where(one.id.in_(asked))
    return materialized(people, "people")


def _cases_of(people: Any, only: Ids) -> Any:
    """The live cases of those pairs."""
    mine, theirs = aliased(Application), aliased(Application)
    cases = (
        select(
            mine.id.label("mine"),
            theirs.id.label("theirs"),
            *(getattr(mine, link).label(f"my_{link}") for link in _LINKS),
            *(getattr(theirs, link).label(f"their_{link}") for link in _LINKS),
        )
        .select_from(people)
        .join(mine, mine.applicant_id == people.c.one)
        .join(theirs, theirs.applicant_id == people.c.two)
        .where(mine.state.in_(LIVE), theirs.state.in_(LIVE), mine.id != theirs.id)
    )
    return materialized(cases if only is None else cases.where(mine.id.in_(only)), "cases")


def _numbered(cases: Any, record: Any, link: str) -> Select[Any]:
    """Of those cases the ones whose numbers are half alike."""
    one, two = aliased(record), aliased(record)
    return (
        select(cases.c.mine, cases.c.theirs)
        .join(one, one.id == cases.c[f"my_{link}"])
        .join(two, two.id == cases.c[f"their_{link}"])
        .where(_half_alike(one.number_key, two.number_key))
    )


_LINKS = ("certificate_id", "patent_id")


def _half_alike(one: Any, two: Any) -> Sql:
    """One changed digit leaves one half as it was."""
    half = func.length(one, type_=Integer) // 2  # "/" is no whole number on PostgreSQL
    return and_(
        one != two,
        func.length(one) == func.length(two),
        or_(
            func.substr(one, 1, half) == func.substr(two, 1, half),
            func.substr(one, half + 1) == func.substr(two, half + 1),
        ),
    )


def _one_day_digit_off(one: Any, two: Any) -> Sql:
    first, second = cast(one, String), cast(two, String)
    places = (1, 2, 3, 4, 6, 7, 9, 10)
    changed: Any = sum(
        case((func.substr(first, place, 1) != func.substr(second, place, 1), 1), else_=0)
        for place in places
    )
    return and_(one.is_not(None), one != two, changed == 1)


@cache
def _beside_past(only: Ids) -> tuple[Select[Any], ...]:
    """The same against payments from before the system, which are few."""
    narrowed = () if only is None else (Application.id.in_(only),)
    return tuple(statement.where(*narrowed) for statement in _past_signs())


def _past_signs() -> Iterator[Select[Any]]:
    people: Any = (
        select(Application.id, PastAward.id)
        .join(Applicant, Applicant.id == Application.applicant_id)
        .where(Application.state.in_(LIVE))
    )
    numbers: tuple[tuple[Any, Any], ...] = (
        (SkillCertificate, Application.certificate_id),
        (Patent, Application.patent_id),
    )
    for record, link in numbers:
        numbered = people.join(record, record.id == link)
        yield numbered.join(PastAward, PastAward.number_key == record.number_key)
        yield numbered.join(
            PastAward, PastAward.id_number_index == Applicant.id_number_index
        ).where(_half_alike(record.number_key, PastAward.number_key))
    yield (
        people.join(SkillCertificate, SkillCertificate.id == Application.certificate_id)
        .join(PastAward, PastAward.id_number_index == Applicant.id_number_index)
        .where(
            PastAward.occupation_term == SkillCertificate.occupation_term,
            PastAward.level == SkillCertificate.level,
        )
    )
    named = people.join(PastAward, PastAward.name == Applicant.name)
    yield named.where(PastAward.birth_date == Applicant.birth_date)
    yield named.where(_one_day_digit_off(PastAward.birth_date, Applicant.birth_date))
