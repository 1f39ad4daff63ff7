"""A district decides 10,000 cases in a browser while 15 others browse.

Server and worker run as ``make run`` starts them, on the data that ``make bench`` made. The act is
taken back afterwards, by the page as well, so that the next run finds the cases again.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar
from random import Random
from statistics import quantiles
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.application import WAITING, Application
from models.base import begin_writing, db
from models.decision import PASS
from models.programme import Revision, Stage
from portal.access.accounts import actor_named, system_actor
from portal.access.permissions import DISTRICT
from portal.app import create_app
from portal.clock import Clock
from portal.config import ROOT, Config
from portal.review.decide import decide
from portal.review.selections import NothingChosen, freeze
from portal.review.submit import submit
from seed.bench.measures import bare_decisions, with_cases
from seed.demo import PASSWORD
from seed.generate import generate, ground
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.signing_in import sign_in

CASES, OTHERS = 10_000, 15
QUIET_SECONDS = 20.0
THINKS = (0.3, 1.2)
"""Seconds that somebody looks at a page before the next."""
PAGES = (
    "/",
    "/application/",
    "/application/?state=waiting",
    "/application/?verdict=held",
    "/application/?end=1",
)
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Ground:
    """Who decides, how many cases wait for them, and who looks on meanwhile."""

    login: str
    cases: int
    others: list[str]
    bare_seconds: float


def measure(environment: dict[str, str]) -> dict[str, Any]:
    """Seconds of the act, beside the bare statements, and how long the others waited."""
    ground = _prepare(environment)
    with _served(environment) as base:
        crowd = [_Other(base, login, place) for place, login in enumerate(ground.others)]
        for other in crowd:
            other.start()
        time.sleep(QUIET_SECONDS)
        alone = _waits(crowd)
        with _browser(base) as page:
            acted = _decide(page, ground.login)
            beside = _waits(crowd)
            _take_back(page)
        for other in crowd:
            other.ends.set()
            other.join()
    return {
        "cases": ground.cases,
        **acted,
        "bare_seconds": round(ground.bare_seconds, 2),
        "others_quiet_p95_ms": _p95(alone),
        "others_beside_p95_ms": _p95(beside),
        "others_pages": len(alone) + len(beside),
        "others_failed": [problem for other in crowd for problem in other.problems],
    }


def _prepare(environment: dict[str, str]) -> Ground:
    """Bring at least ``CASES`` before one district; all by the services."""
    app = create_app(Config.from_env(os.environ | environment))
    with app.app_context():
        session = db.session()
        revision = next(with_cases(session))
        stages = revision.stages
        place = next(at for at, stage in enumerate(stages) if stage.acts == DISTRICT)
        accounts = select(Account).where(Account.role == DISTRICT).order_by(Account.id)
        clerk = session.scalars(accounts.where(Account.login_key == "d01")).one()
        own = (
            Application.revision_id == revision.id,
            Application.district_id == clerk.organization_id,
            Application.state == WAITING,
        )
        here = (*own, Application.stage_key == stages[place].key)
        _advance(session, stages[:place], own)
        short = CASES - (session.scalar(select(func.count()).where(*here)) or 0)
        if short > 0:
            _enter(session, revision, clerk, 3 * short)
            _advance(session, stages[:place], own)
        count = session.scalar(select(func.count()).where(*here)) or 0
        begin_writing()
        started = time.perf_counter()
        bare_decisions(session, Clock(), select(Application.id).where(*here), revision)
        took = time.perf_counter() - started
        session.rollback()
        others = select(Account.login_key).where(Account.id != clerk.id, Account.role != "expert")
        return Ground("d01", count, list(session.scalars(others.limit(OTHERS))), took)


def _advance(session: Session, stages: Sequence[Stage], own: tuple[Any, ...]) -> None:
    """Pass what may pass of the cases *own* at each of *stages*."""
    for stage in stages:
        actor = replace(system_actor(session), role=stage.acts)
        cases = select(Application.id).where(*own, Application.stage_key == stage.key)
        begin_writing()
        with suppress(NothingChosen):
            selection = freeze(session, actor, Clock(), PASS, cases)
            decide(session, actor, Clock(), selection, PASS)
        session.commit()


def _enter(session: Session, revision: Revision, clerk: Account, count: int) -> None:
    """*count* more cases of the clerk's district."""
    begin_writing()
    author = actor_named(session, "centre2")
    every = ground(session, revision.programme, revision, author.account_id)
    near = [place for place in every.units if place[1] == clerk.organization_id]
    for ids in generate(session, replace(every, units=near), count, Random(count), Clock().now()):
        submit(session, author, Clock(), list(ids))
    session.commit()


class _Other(threading.Thread):
    """Somebody who reads one page after the other until told to stop."""

    def __init__(self, base: str, login: str, place: int) -> None:
        super().__init__(daemon=True)
        self.base, self.login, self.random = base, login, Random(place)
        self.waits: list[float] = []
        self.problems: list[str] = []
        self.ends = threading.Event()

    def run(self) -> None:
        """Sign in, then read and think by turns."""
        opener = build_opener(HTTPCookieProcessor(CookieJar()))
        _sign_in(opener, self.base, self.login)
        while not self.ends.is_set():
            address = self.random.choice(PAGES)
            started = time.perf_counter()
            try:
                with opener.open(self.base + address, timeout=60) as answer:
                    answer.read()
            except HTTPError as error:
                if error.code >= 500:
                    self.problems.append(f"{self.login} {address}: {error.code}")
            except (URLError, OSError) as error:
                self.problems.append(f"{self.login} {address}: {error}")
            self.waits.append(time.perf_counter() - started)
            self.ends.wait(self.random.uniform(*THINKS))


def _sign_in(opener: OpenerDirector, base: str, login: str) -> None:
    with opener.open(f"{base}/login") as answer:
        token = _TOKEN.search(answer.read().decode())
    said = {"account": login, "password": PASSWORD, "csrf_token": token.group(1) if token else ""}
    with opener.open(f"{base}/login", urlencode(said).encode()) as answer:
        if answer.url.startswith(f"{base}/login"):
            raise RuntimeError(f"{login} could not sign in")


def _waits(crowd: list[_Other]) -> list[float]:
    """What they waited since the last time this was asked."""
    found = [wait for other in crowd for wait in other.waits]
    for other in crowd:
        other.waits = []
    return found


def _p95(waits: list[float]) -> float:
    return round(quantiles(waits, n=20)[-1] * 1000, 1)


def _decide(page: Page, login: str) -> dict[str, float]:
    """Choose all that waits, pass it, and wait until the page says that it is done."""
    sign_in(page, login, PASSWORD)
    page.goto("/application/?tab=mine")
    page.locator("thead input[type=checkbox]").check()
    page.get_by_text("选择全部").first.click()
    started = time.perf_counter()
    page.get_by_role("button", name="通过", exact=True).click()
    page.wait_for_url("**/application/confirm/**")
    shown = time.perf_counter()
    ask = page.locator("input[name=include_ask]")
    if ask.count():
        ask.check()
        page.locator("textarea[name=ask_reason]").fill("已核对原件")
    sent = time.perf_counter()
    page.locator(".jx-sticky button").first.click()
    page.wait_for_url("**/application/outcome/**")
    answered = time.perf_counter()
    _until_done(page)
    return {
        "confirm_page_seconds": round(shown - started, 2),
        "answered_seconds": round(answered - sent, 2),
        "all_decided_seconds": round(time.perf_counter() - sent, 2),
    }


def _take_back(page: Page) -> None:
    page.locator("form[data-confirm] button").click()
    with page.expect_navigation():
        page.locator("#jx-confirm button[value=yes]").click()
    _until_done(page)


def _until_done(page: Page) -> None:
    """Until no bar of progress is left on the page of the outcome."""
    page.locator("[data-progress]").wait_for(state="detached", timeout=300_000)


@contextmanager
def _browser(base: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(base_url=base, locale="zh-CN")
        page.set_default_timeout(60_000)
        yield page
        browser.close()


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[str]:
    """Web and worker on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = environment | {"HOST": "127.0.0.1", "PORT": str(port)}
    command = [sys.executable, "-m", "portal.serve"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | own) as process:
        try:
            base = f"http://127.0.0.1:{port}"
            _until_there(base)
            yield base
        finally:
            process.terminate()
            process.wait(30)


def _until_there(base: str) -> None:
    limit = time.monotonic() + 60
    while True:
        try:
            with build_opener().open(f"{base}/healthz", timeout=5):
                return
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)
