"""A town in which every text of every union is a canary: who sees one, saw that union's row.

Row n of every table belongs to union n, so that one number reaches a row of the same union by
whatever page.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import inspect, select

from models.account import Account
from models.adjustment import Adjustment
from models.allocation import Allocation, AllocationItem, AllocationPool, AllocationRun
from models.applicant import Applicant
from models.application import WAITING, Application, Attachment
from models.base import db
from models.certificate import SkillCertificate
from models.evidence import DuplicatePair, PastAward, RegistryCheck
from models.funding import PaymentBatch
from models.notice import Notice
from models.organization import Organization
from models.panel import Expert, ExpertConflict, ScoreSheet
from models.patent import Patent
from models.programme import DRAFT, PUBLISHED, Programme, Revision, Stage
from models.project import Project
from models.publicity import NoticeEntry, Objection, PublicNotice
from models.studio import Studio, StudioRecognition
from models.types import new_row_key
from tests.conftest import City

THEN = datetime(2026, 5, 18, 3, 0, tzinfo=UTC)
ID_NUMBER = "31010119900101"
PHONE = "138000055"
OWNERS: dict[Any, str] = {
    Organization: "id",
    Account: "organization_id",
    Applicant: "organization_id",
    SkillCertificate: "organization_id",
    Patent: "organization_id",
    Studio: "organization_id",
    StudioRecognition: "organization_id",
    Project: "organization_id",
    Application: "organization_id",
    PaymentBatch: "district_id",
    Attachment: "application_id",  # a case has the number of its union
    RegistryCheck: "application_id",
    DuplicatePair: "application_id",
    PastAward: "organization_id",
    Expert: "organization_id",
    ExpertConflict: "application_id",
    ScoreSheet: "application_id",
    PublicNotice: "id",
    NoticeEntry: "application_id",
    Objection: "id",
    AllocationRun: "id",
    AllocationItem: "application_id",
    Adjustment: "application_id",
}
"""Which column says whose a row is."""
MARKUP = "<wound>"


def canary(number: int) -> str:
    """The word that only rows of union *number* hold."""
    return "cnry" + hashlib.sha256(str(number).encode()).hexdigest()[:10]


def marked(number: int) -> str:
    """The canary of union *number* as people type it: with markup that no page may let through."""
    return canary(number) + MARKUP


def release(city: City) -> None:
    """Give every union one row of every kind, all in the current session."""
    programme, revision = _programme()
    for code, number in city.unions.items():
        union = city.union(code)
        union.name = f"{marked(number)}工会"
        _account(number)
        person = _applicant(number)
        proof = _certificate(number, person)
        _application(number, union, programme, revision, person, proof)
        _records(number, person)
        db.session.flush()
        _attachment(number)
        _batch(number, programme)
        _panel(number)
        _notice(number, revision)
        _run(number, programme, revision)
        _adjusted(number, programme)
        db.session.flush()
    db.session.flush()


def rows_outside(inside: set[int]) -> dict[tuple[str, int], Any]:
    """Every scoped row of the unions not in *inside*, to compare before and after."""
    found: dict[tuple[str, int], Any] = {}
    for model, owner in OWNERS.items():
        table = inspect(model).local_table
        for row in db.session.execute(select(table).where(table.c[owner].not_in(inside))):
            found[table.name, row.id] = tuple(row)
    return found


def _programme() -> tuple[Programme, Revision]:
    notice = Notice(key="X1", title="通知", issuer="总工会", issued_on=date(2026, 1, 1))
    programme = Programme(
        code="x1",
        title="项目",
        family="x",
        year=2026,
        subject="skill_certificate",
        number_prefix="X1-",
        notice=notice,
    )
    revision = Revision(programme=programme, number=1, state=DRAFT)
    revision.stages = [_stage()]
    revision.allocations = [
        Allocation(position=1, key="pool", title="额度", method="first_come", places=1, soft=True)
    ]
    db.session.add_all([notice, programme, revision])
    db.session.flush()
    revision.state = PUBLISHED
    db.session.flush()
    return programme, revision


def _stage() -> Stage:
    """Where every case waits: experts score there."""
    panel = {
        "criteria": [{"key": "all", "title": "总分", "most": 100}],
        "joined": "mean",
        "fewest": 1,
        "into": "field.score",
    }
    words = dict.fromkeys(("waiting", "passed", "failed", "returned"), "评审")
    return Stage(
        key="first", position=1, title="评审", acts="city-centre", kind="panel", panel=panel,
        words=words,
    )  # fmt: skip


def _panel(number: int) -> None:
    """An expert of the union with a sheet for its case, and a conflict with it."""
    word = marked(number)
    expert = Expert(
        id=number, name=word, unit=word, speciality=word, organization_id=number,
        is_active=True, version=1,
    )  # fmt: skip
    db.session.add(expert)
    db.session.flush()
    db.session.add(ScoreSheet(
        id=number, application_id=number, stage_key="first", expert_id=number, points={},
        justification=word, given_at=THEN, from_paper=False, version=1,
    ))  # fmt: skip
    db.session.add(ExpertConflict(
        id=number, expert_id=number, application_id=number, reason=word, made_at=THEN,
    ))  # fmt: skip


def _notice(number: int, revision: Revision) -> None:
    """A notice that shows the union's case, and an objection to it."""
    word = marked(number)
    notice = PublicNotice(
        id=number, row_key=new_row_key(), revision=revision, stage_key="first", title=word,
        starts_on=THEN.date(), ends_on=date(2030, 1, 1), lasts={"days": 5}, is_public=False,
        opened_at=THEN, version=1,
    )  # fmt: skip
    cells = dict.fromkeys(("subject", "unit", "district", "person", "tier"), word)
    entry = NoticeEntry(
        id=number, notice=notice, application_id=number, position=1, cells=cells, state="shown"
    )
    objection = Objection(
        id=number, row_key=new_row_key(), entry=entry, said=word, raised_on=THEN.date(),
        received_at=THEN, investigation=word, reason=word, state="open",
    )  # fmt: skip
    objection.objector = word
    db.session.add_all([notice, entry, objection])


def _run(number: int, programme: Programme, revision: Revision) -> None:
    """A trial in which only the union's case stands."""
    word = marked(number)
    added = {"pool": word, "fen": 1, "places": 0, "reason": word, "by": word, "at": ""}
    db.session.add(AllocationRun(
        id=number, number=word, programme=programme, revision=revision, row_key="pool",
        method="first_come", earlier=0, raises=[added], cases=1, made_at=THEN, version=1,
    ))  # fmt: skip
    db.session.flush()
    db.session.add(AllocationPool(
        run_id=number, pool=word, is_stated=True, raised_fen=0, raised_places=0, held_fen=0,
        held_places=0, cap_places=1, cases=1,
    ))  # fmt: skip
    db.session.add(AllocationItem(
        id=number, run_id=number, application_id=number, version=1, pool=word, place=1,
        asked_fen=1, reach_fen=1, granted_fen=1,
    ))  # fmt: skip


def _adjusted(number: int, programme: Programme) -> None:
    word = marked(number)
    db.session.add(Adjustment(
        id=number, application_id=number, programme_id=programme.id, place=101, fen=-1,
        settle_fen=0, clause=word, finding=word, reason=word, answer=word, proposed_at=THEN,
        version=1,
    ))  # fmt: skip


def _account(number: int) -> None:
    word = marked(number)
    db.session.add(
        Account(
            id=number,
            row_key=new_row_key(),
            login=word,
            login_key=word,
            name=word,
            role="auditor",
            organization_id=number,
            password_hash="",
            created_at=THEN,
        )
    )


def _applicant(number: int) -> Applicant:
    person = Applicant(
        id=number,
        row_key=new_row_key(),
        organization_id=number,
        name=marked(number),
        details={"home": marked(number)},
        updated_at=THEN,
    )
    person.id_number = f"{ID_NUMBER}{number:04d}"
    person.phone = f"{PHONE}{number:02d}"
    db.session.add(person)
    return person


def _certificate(number: int, person: Applicant) -> SkillCertificate:
    word = marked(number)
    proof = SkillCertificate(
        id=number,
        organization_id=number,
        applicant=person,
        number=word,
        number_key=word,
        occupation=word,
        level=word,
        issuer=word,
        issued_on=date(2026, 2, 1),
        updated_at=THEN,
    )
    db.session.add(proof)
    return proof


def _records(number: int, person: Applicant) -> None:
    """A patent, a studio with a title, a project, of the union of that number."""
    word = marked(number)
    shared = {"organization_id": number, "applicant": person, "updated_at": THEN}
    studio = Studio(id=number, name=word, name_key=word, category=word, level=word, **shared)
    db.session.add_all(
        [
            Patent(
                id=number,
                number=word,
                number_key=word,
                title=word,
                patent_class=word,
                office=word,
                granted_on=THEN.date(),
                **shared,
            ),
            studio,
            StudioRecognition(
                id=number,
                studio=studio,
                organization_id=number,
                title=word,
                level=word,
                year=2026,
                issuer=word,
            ),
            Project(id=number, title=word, title_key=word, studio=studio, **shared),
        ]
    )


def _application(
    number: int,
    union: Organization,
    programme: Programme,
    revision: Revision,
    person: Applicant,
    proof: SkillCertificate,
) -> None:
    case = Application(
        id=number,
        row_key=new_row_key(),
        number=marked(number),
        programme=programme,
        revision=revision,
        family="x",
        channel="unit",
        organization=union,
        district_id=union.district_id,
        applicant=person,
        certificate=proof,
        state=WAITING,
        stage_key="first",
        sequence=number,
        submitted_on=THEN.date(),
        bank_name=marked(number),
        payee_kind="bank",
        fields={"field.note": marked(number)},
        created_at=THEN,
        updated_at=THEN,
    )
    case.account = f"62220000{number:08d}"
    db.session.add(case)


def _attachment(number: int) -> None:
    db.session.add(
        Attachment(
            id=number,
            row_key=new_row_key(),
            application_id=number,
            rule_key="scan",
            file_name=marked(number),
            media_type="application/pdf",
            size=1,
            digest="",
            account_id=number,
            made_at=THEN,
        )
    )


def _evidence(number: int, union: Organization) -> None:
    """A check of the case, and a payment from before the system."""
    word = marked(number)
    said = {"field": "name", "state": "differs", "ours": word, "theirs": word}
    db.session.add(
        RegistryCheck(
            id=number,
            application_id=number,
            kind="certificate",
            result="differs",
            source=word,
            way="hand",
            compared=[said],
            note=word,
            checked_on=THEN.date(),
            account_id=number,
            made_at=THEN,
        )
    )
    past = PastAward(
        id=number,
        row_key=new_row_key(),
        family="x",
        title="项目",
        year=2020,
        organization_id=number,
        district_id=union.district_id,
        name=word,
        number=word,
        number_key=word,
        amount_fen=100,
        claim_key=word,
        file_name=word,
        made_at=THEN,
    )
    past.id_number = f"{ID_NUMBER}{number:04d}"
    db.session.add(past)


def _pairs(numbers: list[int]) -> None:
    """Every case looks like the one before it, which is of another union, and like a payment."""
    for number in numbers[1:]:
        for other in ({"other_id": number - 1}, {"past_id": number - 1}):
            db.session.add(
                DuplicatePair(
                    application_id=number, signs=",card,", mark="0" * 64, found_at=THEN, **other
                )
            )
    db.session.flush()


def _batch(number: int, programme: Programme) -> None:
    db.session.add(
        PaymentBatch(
            id=number,
            number=marked(number),
            programme=programme,
            district_id=number,
            payments_count=1,
            total_fen=100,
            made_at=THEN,
        )
    )
