"""Background work: once, with progress, under the account's eyes, and its end is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.base import Refusal, writing
from models.exchange import Job
from portal import jobs
from portal.access.actor import Actor
from portal.clock import Clock
from portal.config import ROOT
from tests.conftest import City

SECRET = "310101199001011234"
calls: list[int] = []


@pytest.fixture(autouse=True)
def _kinds() -> Iterator[None]:
    calls.clear()
    before = dict(jobs.KINDS)
    jobs.job("count")(_count)
    jobs.job("rename", writes=True)(_rename)
    jobs.job("refuse", writes=True)(_refuse)
    jobs.job("break", writes=True)(_break)
    jobs.job("outrun", writes=True)(_outrun)
    yield
    jobs.KINDS.clear()
    jobs.KINDS.update(before)


def _count(
    session: Session, actor: Actor, clock: Clock, job: Job, progress: jobs.Progress
) -> dict[str, Any]:
    calls.append(job.id)
    progress(3, 3)
    return {"by": actor.name, "on": clock.today().isoformat(), "of": job.params["of"]}


def _rename(
    session: Session, actor: Actor, clock: Clock, job: Job, progress: jobs.Progress
) -> dict[str, Any]:
    job.account.name = "renamed"
    session.flush()
    return {}


class Secretive(Refusal):
    """A refusal whose places hold what must not be kept."""

    message = "Number %(number)s is taken."


def _refuse(
    session: Session, actor: Actor, clock: Clock, job: Job, progress: jobs.Progress
) -> dict[str, Any]:
    _rename(session, actor, clock, job, progress)
    raise Secretive(number=SECRET)


def _break(
    session: Session, actor: Actor, clock: Clock, job: Job, progress: jobs.Progress
) -> dict[str, Any]:
    _rename(session, actor, clock, job, progress)
    raise ValueError(SECRET)


def _outrun(
    session: Session, actor: Actor, clock: Clock, job: Job, progress: jobs.Progress
) -> dict[str, Any]:
    calls.append(job.id)
    session.execute(update(Job).where(Job.id == job.id).values(state=jobs.DONE))
    return _rename(session, actor, clock, job, progress)


@pytest.fixture
def actor(city: City, session: Session) -> Actor:
    """Someone of the city."""
    someone = city.person("someone", "city-centre", "SH")
    session.commit()
    return someone


def test_a_job_runs_after_the_commit_and_keeps_its_result(
    session: Session, actor: Actor, clock: Clock
) -> None:
    row = jobs.start_job(session, actor, clock, "count", "Counting", {"of": "cases"})
    assert (row.state, calls) == (jobs.QUEUED, [])
    session.commit()
    session.refresh(row)
    assert (row.state, row.done, row.total) == (jobs.DONE, 3, 3)
    assert row.result == {"by": "someone", "on": "2026-05-20", "of": "cases"}
    assert row.finished_at is not None


def test_what_was_rolled_back_never_runs(session: Session, actor: Actor, clock: Clock) -> None:
    jobs.start_job(session, actor, clock, "count", "Counting", {"of": "cases"})
    session.rollback()
    assert calls == []


def test_a_savepoint_does_not_ring(session: Session, actor: Actor, clock: Clock) -> None:
    with session.begin_nested():
        jobs.start_job(session, actor, clock, "count", "Counting", {"of": "cases"})
    assert calls == []
    session.commit()
    assert len(calls) == 1


def test_a_bell_that_rings_twice_does_the_work_once(
    session: Session, actor: Actor, clock: Clock
) -> None:
    row = jobs.start_job(session, actor, clock, "count", "Counting", {"of": "cases"})
    session.commit()
    jobs.queue.ring(row.id)
    assert calls == [row.id]


def test_work_that_another_worker_ended_first_is_undone(
    session: Session, actor: Actor, clock: Clock
) -> None:
    row = jobs.start_job(session, actor, clock, "outrun", "Outrun", {})
    session.commit()
    session.refresh(row.account)
    assert (calls, row.account.name) == ([row.id], "someone")


@pytest.mark.parametrize("kind", ["refuse", "break"])
def test_a_failed_job_undoes_its_work_and_keeps_no_secret(
    session: Session, actor: Actor, clock: Clock, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = jobs.start_job(session, actor, clock, kind, "Failing", {})
    session.commit()
    session.refresh(row)
    session.refresh(row.account)
    assert (row.state, row.account.name) == (jobs.FAILED, "someone")
    told = jobs.said(row, lambda msgid: msgid)
    assert told == ("Number … is taken." if kind == "refuse" else jobs.BROKEN)
    assert SECRET not in row.error + caplog.text


def test_work_of_a_closed_account_is_not_done(session: Session, actor: Actor, clock: Clock) -> None:
    row = jobs.start_job(session, actor, clock, "count", "Counting", {"of": "cases"})
    row.account.is_active = False
    session.commit()
    session.refresh(row)
    assert (row.state, calls) == (jobs.FAILED, [])


def test_work_of_a_dead_worker_is_taken_up_and_given_up_after_some_tries(
    session: Session, actor: Actor, clock: Clock
) -> None:
    row = jobs.start_job(session, actor, clock, "count", "Counting", {"of": "cases"})
    session.commit()
    row.state = jobs.RUNNING
    for _ in range(jobs.TRIES - 1):
        session.flush()
        assert jobs.resume(session) == [row.id]
        row.state = jobs.RUNNING
    session.flush()
    assert jobs.resume(session) == []
    assert row.state == jobs.FAILED


def test_an_unknown_kind_is_refused(session: Session, actor: Actor, clock: Clock) -> None:
    with pytest.raises(jobs.UnknownKind):
        jobs.start_job(session, actor, clock, "nothing", "Nothing", {})


@pytest.mark.parametrize("queue_kind", ["sqlite", "redis"])
def test_the_worker_process_hears_the_bell(
    app: Flask,
    session: Session,
    actor: Actor,
    clock: Clock,
    tmp_path: Path,
    queue_kind: str,
    request: pytest.FixtureRequest,
) -> None:
    """The worker does what waited at its start, and what it is rung for then.

    It knows no kind ``count``, so it tells so: that is its answer.
    """
    redis_url = request.getfixturevalue("redis_url") if queue_kind == "redis" else None
    jobs.queue.configure(tmp_path, redis_url, clock, app.app_context, immediate=False)
    environment = _environment(app, tmp_path) | {"REDIS_URL": redis_url or ""}
    first = jobs.start_job(session, actor, clock, "count", "Counting", {"of": "cases"})
    session.info.clear()
    session.commit()
    with subprocess.Popen(
        [sys.executable, "-m", "portal.worker"], env=environment, cwd=ROOT
    ) as worker:
        try:
            _wait(session, first)
            with writing():
                second = jobs.start_job(session, actor, clock, "count", "Again", {"of": "cases"})
                session.commit()
            _wait(session, second)
        finally:
            worker.terminate()
    assert jobs.said(second, str) == "There is no background work of the kind …."


@pytest.fixture
def redis_url() -> Iterator[str]:
    """The address of a Redis of our own, on a socket."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server")
    home = tempfile.mkdtemp(prefix="jx-redis-", dir="/tmp")
    options = ["--port", "0", "--unixsocket", f"{home}/redis", "--dir", home, "--save", ""]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    for _ in range(100):
        if Path(home, "redis").exists():
            break
        time.sleep(0.05)
    yield f"unix://{home}/redis"
    server.terminate()
    server.wait()
    shutil.rmtree(home)


def _wait(session: Session, row: Job) -> None:
    for _ in range(200):
        session.refresh(row)
        session.commit()
        if row.state in (jobs.DONE, jobs.FAILED):
            return
        time.sleep(0.1)
    pytest.fail(f"the job still is {row.state}")


def _environment(app: Flask, home: Path) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": str(app.config["SQLALCHEMY_DATABASE_URI"]),
        "PORTAL_HOME": str(home),
        "SECRET_KEY": "s" * 40,
        "FIELD_KEYS": "test=" + b64encode(b"f" * 32).decode(),
        "INDEX_KEY": b64encode(b"i" * 32).decode(),
    }
