"""What the benchmark measures, each beside the bare statement of the same run."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from flask import Flask
from sqlalchemy import exists, func, insert, literal, select, update
from sqlalchemy.orm import Session
from xlsxwriter import Workbook

from models.account import Account
from models.applicant import Applicant
from models.application import WAITING, Application
from models.audit import AuditEntry, AuditSeal
from models.base import begin_writing, db
from models.certificate import SkillCertificate
from models.decision import PASS, Decision, DecisionBatch
from models.organization import Organization
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.clock import Clock
from portal.exchange.applications_out import write_applications
from portal.policy.judge import judge, policy_for
from portal.review.decide import decide
from portal.review.selections import freeze
from seed.bench.timing import Measured, pair
from seed.demo import PASSWORD

BULK, EXPORTED = 10_000, 100_000
COLUMNS = 34
"""Columns of the export."""


def pages(app: Flask, runs: int) -> Iterator[Measured]:
    """List pages and searches, beside the same rows from the driver and a bare Flask answer."""
    bare = _bare_answer()
    for login in ("centre", "d01"):
        client = _signed_in(app, login)
        depth = _depth(login)
        for name, url, where in _addresses():
            rows = _driver_rows(f"{depth} {where}")
            yield pair(f"{name} · {login}", _page(client, url), _both(rows, bare), runs=runs)
    client = _signed_in(app, "centre")
    for name, typed, where in _searches():
        search = _search(client, typed)
        yield pair(f"search {name}", search, _both(_driver_rows(where), bare), runs=runs)


def bulk(session: Session, clock: Clock, runs: int) -> Measured:
    """Passing 10,000 cases, beside the bare UPDATE and two INSERT … SELECT; all rolled back."""
    revision = next(with_cases(session))
    stage = revision.stages[0]
    waiting = select(Application.id).where(*_same(stage.key)).order_by(Application.id).limit(BULK)
    ids = list(session.scalars(waiting))
    chosen = select(Application.id).where(
        Application.id.between(ids[0], ids[-1]), *_same(stage.key)
    )
    root = system_actor(session)
    actor = Actor(None, root.name, stage.acts, root.organization_id, root.path, root.depth)
    session.rollback()

    def ours() -> None:
        begin_writing()
        selection = freeze(session, actor, clock, PASS, chosen)
        decide(session, actor, clock, selection, PASS)
        session.rollback()

    def bare() -> None:
        begin_writing()
        bare_decisions(session, clock, chosen, revision)
        session.rollback()

    return pair(f"bulk decision of {len(ids)}", ours, bare, runs=runs, warm=1)


def export(session: Session) -> Measured:
    """100,000 rows to a sheet, beside bare XlsxWriter with as many cells."""
    ids = list(session.scalars(select(Application.id).order_by(Application.id).limit(EXPORTED)))
    actor, where = system_city(session), [Application.id.between(ids[0], ids[-1])]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory: list[int] = []

    def ours() -> None:
        write_applications(session, actor, [where], BytesIO(), lambda text, _params: text)
        memory.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)

    def bare() -> None:
        book = Workbook(BytesIO(), {"constant_memory": True})
        sheet = book.add_worksheet()
        for row in range(len(ids)):
            for column in range(COLUMNS):
                sheet.write_string(row, column, "2026-08-03 cell")
        book.close()

    found = pair(f"export of {len(ids)}", ours, bare, runs=1, warm=0)
    return Measured(found.name, found.ours_ms, found.bare_ms, f"{memory[0]} MB more at its peak")


def judging(session: Session, runs: int) -> Iterator[Measured]:
    """Judging every case again, beside the compiled SELECT alone."""
    for revision in list(with_cases(session)):
        found = policy_for(session, revision).statement.subquery()
        total = select(func.count(), func.sum(found.c.amount_fen))

        def ours(revision: Revision = revision) -> None:
            begin_writing()
            judge(session, revision)
            session.rollback()

        def bare(total: Any = total) -> None:
            session.execute(total).all()

        yield pair(f"judge {revision.programme.code}", ours, bare, runs=runs, warm=1)


def system_city(session: Session) -> Actor:
    """An actor at the root who may export."""
    account = session.scalars(select(Account).where(Account.login_key == "centre")).one()
    return Actor.of(account)


def with_cases(session: Session) -> Iterator[Revision]:
    cases = exists().where(Application.revision_id == Revision.id)
    yield from session.scalars(select(Revision).where(cases).order_by(Revision.id))


def _same(stage_key: str) -> list[Any]:
    return [
        Application.state == WAITING,
        Application.stage_key == stage_key,
        Application.verdict == "eligible",
    ]


def bare_decisions(session: Session, clock: Clock, chosen: Any, revision: Revision) -> None:
    """The least that deciding the cases *chosen* can be; the caller rolls it back."""
    batch = DecisionBatch(outcome=PASS, decided_at=clock.now())
    session.add(batch)
    session.flush()
    session.execute(
        update(Application)
        .where(Application.id.in_(chosen))
        .values(
            stage_key=revision.stages[1].key, batch_id=batch.id, version=Application.version + 1
        )
        .execution_options(synchronize_session=False)
    )
    moved = Application.batch_id == batch.id
    decision = {
        "application_id": Application.id, "batch_id": literal(batch.id), "outcome": literal(PASS),
        "to_state": Application.state, "reason": literal(""), "version": Application.version,
        "revision_id": Application.revision_id, "amount_fen": Application.amount_fen,
        "decided_at": literal(clock.now(), Decision.decided_at.type),
    }  # fmt: skip
    rows = select(*decision.values()).where(moved)
    session.execute(insert(Decision).from_select(list(decision), rows))
    seal = session.scalar(select(func.max(AuditSeal.id)))
    entry = {
        "seal_id": literal(seal), "at": literal(clock.now(), AuditEntry.at.type),
        "action": literal("x"), "entity": literal("application"), "entity_id": Application.id,
        "outcome": literal("done"), "reason": literal(""), "address": literal(""),
        "details": literal({}, AuditEntry.details.type),
    }  # fmt: skip
    session.execute(
        insert(AuditEntry).from_select(list(entry), select(*entry.values()).where(moved))
    )


def _signed_in(app: Flask, login: str) -> Any:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    answer = client.post("/login", data={"account": login, "password": PASSWORD})
    if answer.status_code != 303:
        raise RuntimeError(f"{login} could not sign in: {answer.status_code}")
    return client


def _page(client: Any, url: str) -> Callable[[], object]:
    def get() -> None:
        answer = client.get(url)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answered {answer.status_code}")

    return get


def _search(client: Any, typed: str) -> Callable[[], object]:
    def find() -> None:
        address = client.post("/application/search", data={"q": typed}).location
        answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"search answered {answer.status_code}")

    return find


def _addresses() -> Iterator[tuple[str, str, str]]:
    middle = _middle()
    yield "first page", "/application/", ""
    yield "deep page", f"/application/?after={middle}", f"AND a.id < {middle}"
    yield "last page", "/application/?end=1", ""
    yield "held", "/application/?verdict=held", "AND a.verdict = 'held'"
    yield "waiting", "/application/?state=waiting", "AND a.state = 'waiting'"


def _middle() -> int:
    half = select(func.max(Application.id) / 2)
    return int(db.session.scalar(half) or 1)


def _depth(login: str) -> str:
    account = db.session.scalars(select(Account).where(Account.login_key == login)).one()
    place = db.session.get_one(Organization, account.organization_id)
    db.session.rollback()
    return "" if place.depth == 0 else f"AND a.district_id = {place.id}"


def _searches() -> Iterator[tuple[str, str, str]]:
    row = db.session.scalars(select(Application).order_by(Application.id.desc()).limit(1)).one()
    person, paper = row.applicant, db.session.get_one(SkillCertificate, row.certificate_id)
    found = f"AND a.id = {row.id}"
    typed = (paper.number, person.id_number, person.phone, person.name[:2])
    same = select(func.count()).where(Applicant.name.contains(person.name[:2]))
    count = db.session.scalar(same)
    db.session.rollback()
    for name, text in zip(("certificate", "ID number", "phone"), typed, strict=False):
        yield name, str(text), found
    yield f"name of 2 ({count} people)", str(typed[3]), found


def _driver_rows(where: str) -> Callable[[], object]:
    """The page's rows by one statement straight from the driver."""
    sql = f"""
        SELECT a.id, a.version, a.number, a.state, a.stage_key, a.verdict, a.tier_key,
               a.amount_fen, a.missed, a.asked, p.name, p.row_key, p.id_number_sealed,
               o.name, d.name, c.occupation, c.number, c.level, c.issued_on
        FROM application a JOIN applicant p ON p.id = a.applicant_id
        JOIN organization o ON o.id = a.organization_id
        LEFT JOIN organization d ON d.id = a.district_id
        LEFT JOIN skill_certificate c ON c.id = a.certificate_id
        WHERE 1 = 1 {where} ORDER BY a.id DESC LIMIT 20
    """
    connection: Any = db.engine.raw_connection()

    def fetch() -> None:
        cursor = connection.cursor()
        cursor.execute(sql)
        cursor.fetchall()
        cursor.close()

    return fetch


def _bare_answer() -> Callable[[], object]:
    bare = Flask("bare")
    bare.add_url_rule("/", "home", lambda: "ok")
    client = bare.test_client()
    return lambda: client.get("/")


def _both(first: Callable[[], object], second: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        first()
        second()

    return run
