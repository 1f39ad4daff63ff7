"""Background work. The ``Job`` row is the truth; the queue only rings a bell for the worker.

A bell may ring twice or never: a job is claimed by a guarded update, and a worker that starts
rings for every job that waits. One worker process serves one database.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from huey import Huey, RedisHuey, SqliteHuey, crontab
from sqlalchemy import CursorResult, event, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, SessionTransaction

from models.base import N_, Refusal, db, impatient, writing
from models.exchange import Job
from models.types import new_row_key
from portal.access.actor import Actor
from portal.clock import Clock

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
STATES = {
    QUEUED: N_("Waiting for its turn"),
    RUNNING: N_("Running"),
    DONE: N_("Finished"),
    FAILED: N_("Failed"),
}
BROKEN = N_("The work failed and was undone. Nothing of it was kept.")
TRIES = 3
"""How often a job is begun again after its worker died."""

Progress = Callable[[int, int], None]
Work = Callable[[Session, Actor, Clock, Job, Progress], dict[str, Any]]
F = TypeVar("F", bound=Work)
_TO_RING = "jobs to ring for"

log = logging.getLogger(__name__)


class UnknownKind(Refusal):
    """No function does this kind of job."""

    message = N_("There is no background work of the kind %(kind)s.")


class AccountClosed(Refusal):
    """The account that asked for the job was switched off before its turn came."""

    message = N_("The account that asked for this work is closed.")


class Kind:
    """A function that does a kind of job, and whether it writes."""

    def __init__(self, work: Work, writes: bool) -> None:
        self.work = work
        self.writes = writes


KINDS: dict[str, Kind] = {}
ROUNDS: list[Callable[[Session, Clock], None]] = []
"""What the worker looks after every ten minutes."""


def job(kind: str, *, writes: bool = False) -> Callable[[F], F]:
    """Register ``work(session, actor, clock, job, progress) -> result`` for *kind*.

    With *writes* the work and the job's end are one transaction; without, the work only reads and
    holds no lock. A worker that dies begins the work again: what the work committed in parts it
    must find again in ``job.result``. ``progress(done, total)`` is shown to the one who waits.
    """

    def register(work: F) -> F:
        KINDS[kind] = Kind(work, writes)
        return work

    return register


def round_of(work: Callable[[Session, Clock], None]) -> Callable[[Session, Clock], None]:
    """Have the worker call *work* every ten minutes, whether or not there is anything to do.

    It commits what it does. What it raises is logged, and it is called again.
    """
    ROUNDS.append(work)
    return work


def go_round(session: Session, clock: Clock) -> None:
    """Call everything that is looked after, one failing or not."""
    for work in ROUNDS:
        try:
            work(session, clock)
        except Exception as error:  # the next round tries again
            session.rollback()
            trace = "".join(traceback.format_tb(error.__traceback__))
            log.error("round %s failed: %s\n%s", work.__name__, type(error).__name__, trace)


def start_job(
    session: Session, actor: Actor, clock: Clock, kind: str, title: str, params: dict[str, Any]
) -> Job:
    """Store a job of *actor* and ring for the worker once the caller commits.

    *params* are JSON without personal data. Raises ``UnknownKind``.
    """
    if kind not in KINDS:
        raise UnknownKind(kind=kind)
    row = Job(
        row_key=new_row_key(),
        account_id=actor.account_id,
        kind=kind,
        title=title[:120],
        state=QUEUED,
        params=params,
        created_at=clock.now(),
    )
    session.add(row)
    session.flush()
    session.info.setdefault(_TO_RING, []).append(row.id)
    return row


@event.listens_for(Session, "after_transaction_end")
def _ring(session: Session, transaction: SessionTransaction) -> None:
    """A bell for a job that was rolled back finds nothing to do."""
    if transaction.parent is None:
        for job_id in session.info.pop(_TO_RING, []):
            queue.ring(job_id)


def said(row: Job, translate: Callable[[str], str]) -> str:
    """Why *row* failed, translated; places of its msgid that held data stay ``…``."""
    return translate(row.error) % _Blanks() if row.error else ""


def resume(session: Session) -> list[int]:
    """Put jobs of a dead worker back and give every waiting job; the caller commits and rings.

    A job that outlived ``TRIES`` workers is failed: it may be what kills them.
    """
    for row in session.scalars(select(Job).where(Job.state == RUNNING)):
        tries = int(row.params.get("tries", 0)) + 1
        row.params = row.params | {"tries": tries}
        row.state, row.error = (QUEUED, "") if tries < TRIES else (FAILED, BROKEN)
    session.flush()
    return list(session.scalars(select(Job.id).where(Job.state == QUEUED).order_by(Job.id)))


def run(job_id: int, clock: Clock) -> None:
    """Do the job if it still waits, inside an application context; its row tells the end."""
    session = db.session()
    with writing():
        if not _moved(session, job_id, QUEUED, RUNNING):
            session.rollback()
            return
        session.commit()
    row = session.get_one(Job, job_id)
    session.commit()
    try:
        _work(session, row, clock)
    except Refusal as refusal:
        _fail(session, job_id, refusal.message, clock)
    except Exception as error:  # whatever it was, the job must tell its end
        trace = "".join(traceback.format_tb(error.__traceback__))
        log.error("job %s failed: %s\n%s", job_id, type(error).__name__, trace)
        _fail(session, job_id, BROKEN, clock)


def _work(session: Session, row: Job, clock: Clock) -> None:
    kind = KINDS.get(row.kind)
    if kind is None:
        raise UnknownKind(kind=row.kind)
    if not row.account.is_active:
        raise AccountClosed()
    actor, progress = Actor.of(row.account), _Progress(row.id)
    session.commit()
    if not kind.writes:
        result = kind.work(session, actor, clock, row, progress)
        session.rollback()
    with writing():
        if kind.writes:
            result = kind.work(session, actor, clock, row, progress)
        if _moved(session, row.id, RUNNING, DONE, result=result, finished_at=clock.now()):
            session.commit()
            return
        # another worker ended this job meanwhile: what it did counts, ours is undone
        session.rollback()
        log.warning("job %s was done by another worker", row.id)


def _fail(session: Session, job_id: int, message: str, clock: Clock) -> None:
    session.rollback()
    with writing():
        _moved(session, job_id, RUNNING, FAILED, error=message, finished_at=clock.now())
        session.commit()


def _moved(session: Session, job_id: int, old: str, new: str, **values: Any) -> bool:
    change = update(Job).where(Job.id == job_id, Job.state == old).values(state=new, **values)
    result = session.execute(change)
    return isinstance(result, CursorResult) and result.rowcount == 1


class _Progress:
    """Writes how far a job is, twice a second at most; gives way to anyone who holds a lock."""

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self.next = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() < self.next and done < total:
            return
        self.next = time.monotonic() + 0.5
        change = update(Job).where(Job.id == self.job_id).values(done=done, total=total)
        with db.engine.connect() as connection, impatient(connection), writing():
            try:
                with connection.begin():
                    if connection.dialect.name == "postgresql":
                        connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
                    connection.execute(change)
            except OperationalError:
                log.debug("job %s shows its progress later", self.job_id)


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


class Queue:
    """The bell between the pages and the worker: SQLite in ``PORTAL_HOME``, or Redis."""

    def __init__(self) -> None:
        self._make: Callable[[], Huey] | None = None
        self._huey: Huey | None = None

    def configure(
        self,
        home: Path,
        redis_url: str | None,
        clock: Clock,
        context: Callable[[], AbstractContextManager[Any]],
        immediate: bool,
    ) -> None:
        """Say where the queue lies and in which *context* jobs run; *immediate* runs them here."""

        def make() -> Huey:
            if redis_url and not immediate:
                huey = RedisHuey("portal", url=redis_url, results=False)
            else:
                file = str(home / "queue.db")
                huey = SqliteHuey("portal", filename=file, results=False, immediate=immediate)
            self._task = huey.task()(answer)
            huey.periodic_task(crontab(minute="*/10"))(look_after)
            return huey

        def answer(job_id: int) -> None:
            with context():
                run(job_id, clock)

        def look_after() -> None:
            with context():
                go_round(db.session(), clock)

        self._make, self._huey = make, None

    @property
    def huey(self) -> Huey:
        """The queue, made when first asked for."""
        if self._huey is None:
            if self._make is None:
                raise RuntimeError("the queue is used before the application is made")
            self._huey = self._make()
        return self._huey

    def ring(self, job_id: int) -> None:
        """Tell the worker that a job waits; a bell that fails leaves the job for its next start."""
        huey = self.huey
        try:
            huey.enqueue(self._task.s(job_id))
        except OSError:
            log.error("job %s waits: the queue cannot be reached", job_id)


queue = Queue()
