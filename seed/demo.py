"""The demonstration: a city with programmes, staff and cases in every state, made by the services.

Every case walks the real engine: it is submitted, judged, decided tier by tier and paid.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.application import (
    ELIGIBLE,
    HELD,
    INELIGIBLE,
    WAITING,
    Application,
)
from models.base import N_, Refusal
from models.decision import PASS, REJECT, RETURN, ReasonTemplate
from models.organization import Organization
from models.panel import Expert
from models.programme import Programme, Stage
from models.sharing import CONFIRMATION, TRANSFER_NOTICE
from models.types import Fen, new_row_key
from portal.access import permissions
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.access.organizations import import_tree
from portal.access.passwords import hashed
from portal.access.tree import read_sheet
from portal.calendar import load_days
from portal.clock import Clock
from portal.config import ROOT
from portal.funding.budget import set_budget
from portal.funding.papers import give_paper
from portal.funding.payout import NothingToPay, make_batch, mark_paid, mark_transferred
from portal.policy.judge import in_force
from portal.policy.packs import NotPublishable, load_pack, publish
from portal.review.decide import decide
from portal.review.selections import freeze
from portal.review.submit import is_open, submit
from seed import city
from seed.bank_files import bank_files
from seed.calendars import published
from seed.catalogues import load_all
from seed.generate import generate, ground
from seed.history import enter_samples

PASSWORD = "Jiangxin-demo-2026"  # noqa: S105 - printed by the demo, refused in production
PEOPLE = {
    "admin": (permissions.ADMIN, "SH", "陈立"),
    "centre": (permissions.CENTRE, "SH", "王敏"),
    "centre2": (permissions.CENTRE, "SH", "周强"),
    "approver": (permissions.APPROVER, "SH", "赵国华"),
    "finance": (permissions.FINANCE, "SH", "孙丽"),
    "auditor": (permissions.AUDITOR, "SH", "郑文"),
    "district": (permissions.DISTRICT, "D10", "李静"),
    "unit": (permissions.GRASS_ROOTS, "D10-01", "张伟"),
    "unit2": (permissions.GRASS_ROOTS, "D10-01", "刘洋"),
    "expert": (permissions.EXPERT, "SH", "林一鸣"),
}
"""Login, role, union and name; two where nobody reviews what they entered themselves."""

EXPERTS = (
    ("林一鸣", "东海理工大学", "机械制造", "expert"),
    ("许文静", "城市自动化研究院", "电气自动化", None),
    ("高建平", "船舶工艺研究所", "焊接", None),
    ("沈佳", "城市职业技术学院", "数控加工", None),
)
"""Name, where they work, speciality, and the login of the one who scores on the pages."""

APPLICATIONS, UNITS = 5_000, 300
PROGRESS = {0: 0.85, 1: 0.8, 2: 0.8, 3: 0.85}
"""By place of a stage: which share of the cases waiting there is decided."""
CERTIFICATES = "skill_certificate"
"""The subject that the generator invents cases of."""
BUDGET = Fen(5_000_000_00)


class NotInProduction(Refusal):
    """Invented people do not belong in a real city's database."""

    message = N_("The demonstration is refused in production.")


def load(session: Session, clock: Clock, *, applications: int = APPLICATIONS) -> dict[str, Any]:
    """Load programmes and demo data once; says whether anything was loaded."""
    if current_app.extensions["portal_config"].production:
        raise NotInProduction()
    if session.scalar(select(func.count()).select_from(Account)):
        return {"loaded": False}
    random = Random(2026)  # noqa: S311 - the same demo every time, no secret
    _unions(session, clock, random)
    load_programmes(session, clock)
    session.add_all([*kept_reasons(), *bank_files()])
    actors = _staff(session, clock)
    session.add_all(
        Expert(
            name=name, unit=unit, speciality=speciality, is_active=True, version=1,
            account_id=actors[login].account_id if login else None,
        )
        for name, unit, speciality, login in EXPERTS
    )  # fmt: skip
    enter_samples(session, actors["centre2"], clock)
    session.commit()
    for programme in receiving(session, clock):
        _cases(session, clock, programme, actors, applications, random)
    return {"loaded": True}


def receiving(session: Session, clock: Clock) -> list[Programme]:
    """The programmes of certificates in force whose first channel receives applications today."""
    found = [in_force(session, row) for row in session.scalars(select(Programme)).all()]
    return [
        revision.programme
        for revision in found
        if revision
        and revision.programme.subject == CERTIFICATES
        and is_open(revision, revision.channels[0].key, clock.today())
    ]


def load_programmes(session: Session, clock: Clock) -> list[str]:
    """Load every pack of ``seed/programmes``; gives their codes.

    All are put in force but those that their notice leaves incomplete, such as without amounts
    (S15 一): they stay drafts.
    """
    actor = system_actor(session)
    load_all(session, clock)
    load_days(session, system_actor(session), clock, list(published()))
    codes = []
    for path in sorted((ROOT / "seed" / "programmes").glob("*.yaml")):
        code = load_pack(session, actor, clock, path).programme.code
        with suppress(NotPublishable):
            publish(session, actor, clock, code)
        codes.append(code)
    return codes


def kept_reasons() -> Iterator[ReasonTemplate]:
    """The words that reviewers reuse, in their order."""
    with (ROOT / "seed" / "reasons.csv").open(encoding="utf-8", newline="") as file:
        for place, row in enumerate(csv.DictReader(file), 1):
            yield ReasonTemplate(outcome=row["outcome"], says=row["says"], position=place)


def _unions(session: Session, clock: Clock, random: Random) -> None:
    path = Path(current_app.instance_path) / "demo-unions.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, city.COLUMNS)
        writer.writeheader()
        writer.writerows(city.rows(UNITS, random))
    import_tree(session, system_actor(session), clock, read_sheet(path))
    path.unlink()


def _staff(session: Session, clock: Clock) -> dict[str, Actor]:
    """One account per role, and one per district, bureau and unit, named by its code."""
    secret = hashed(PASSWORD)
    unions = {row.code: row for row in session.scalars(select(Organization))}
    people = dict(PEOPLE)
    for code, union in unions.items():
        if union.depth:
            role = permissions.GRASS_ROOTS if union.kind == "unit" else permissions.DISTRICT
            people[code.lower()] = (role, code, union.name.removesuffix("工会"))
    for login, (role, code, name) in people.items():
        account = Account(
            row_key=new_row_key(),
            login=login,
            login_key=login,
            name=name[:60],
            role=role,
            organization=unions[code],
            password_hash=secret,
            must_change_password=False,
            created_at=clock.now(),
            version=1,
        )
        session.add(account)
    session.flush()
    return {row.login: Actor.of(row) for row in session.scalars(select(Account))}


def _cases(
    session: Session,
    clock: Clock,
    programme: Programme,
    actors: dict[str, Actor],
    count: int,
    random: Random,
) -> None:
    revision = in_force(session, programme)
    if revision is None:
        return
    set_budget(session, actors["finance"], clock, programme, BUDGET)
    author = actors["centre2"]
    made_from = ground(session, programme, revision, author.account_id)
    drafts = count // 50
    for ids in generate(session, made_from, count, random, clock.now()):
        submit(session, author, clock, list(ids)[drafts * len(ids) // count :])
    session.commit()
    for place, stage in enumerate(revision.stages):
        for actor in _deciders(stage, actors):
            _decide_some(session, clock, stage, actor, PROGRESS.get(place, 0.8), random)
        session.commit()
    _pay_some(session, clock, programme, actors)


def _deciders(stage: Stage, actors: dict[str, Actor]) -> Iterator[Actor]:
    """One actor for each union that acts at *stage*."""
    seen: set[int] = set()
    for login, actor in actors.items():
        if actor.role == stage.acts and actor.organization_id not in seen and login != "centre2":
            seen.add(actor.organization_id)
            yield actor


def _decide_some(
    session: Session, clock: Clock, stage: Stage, actor: Actor, share: float, random: Random
) -> None:
    waiting = session.execute(
        select(Application.id, Application.verdict)
        .join(Organization, Organization.id == Application.organization_id)
        .where(
            Application.state == WAITING,
            Application.stage_key == stage.key,
            Organization.path.startswith(actor.path),
        )
    ).all()
    sets: dict[str, list[int]] = {PASS: [], RETURN: [], REJECT: []}
    for row_id, verdict in waiting:
        if random.random() < share:
            sets[_outcome(verdict, random)].append(row_id)
    for outcome, ids in sets.items():
        if ids:
            chosen = select(Application.id).where(Application.id.in_(ids))
            selection = freeze(session, actor, clock, outcome, chosen)
            decide(session, actor, clock, selection, outcome, REASONS.get(outcome, ""), SEEN)


def _outcome(verdict: str | None, random: Random) -> str:
    if verdict == INELIGIBLE:
        return REJECT if random.random() < 0.6 else RETURN
    if verdict == HELD:
        return PASS if random.random() < 0.5 else RETURN
    return PASS if verdict == ELIGIBLE and random.random() < 0.96 else RETURN


REASONS = {RETURN: "证书复印件不清晰，请重新上传", REJECT: "不符合资助条件"}
SEEN = "已核对人力资源部门盖章原件"


def _pay_some(
    session: Session, clock: Clock, programme: Programme, actors: dict[str, Actor]
) -> None:
    """Pay the first districts, transfer to the next, make batches for a few more."""
    finance, today = actors["finance"], clock.today()
    districts = session.scalars(
        select(Organization).where(Organization.depth == 1).order_by(Organization.id)
    )
    for place, district in enumerate(districts):
        if place >= 9:
            break
        try:
            batch = make_batch(session, finance, clock, programme, district)
        except NothingToPay:
            continue
        if place < 6:
            give_paper(session, finance, clock, batch, TRANSFER_NOTICE, today)
            mark_transferred(session, finance, clock, batch, today)
        if place < 4:
            give_paper(session, actors["centre"], clock, batch, CONFIRMATION, today)
            mark_paid(session, finance, clock, batch, today)
        session.commit()


def counts(session: Session) -> dict[str, int]:
    """Applications by state, for the closing words of the command."""
    rows = session.execute(
        select(Application.state, func.count())
        .group_by(Application.state)
        .order_by(Application.state)
    )
    return {state: int(number) for state, number in rows}
