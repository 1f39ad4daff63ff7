"""What a person tries with the ids of another district's rows, in a real browser.

District 甲 holds a case of every kind of row; the people of district 乙, an auditor and a stranger
try to see, change and take them. Each word of 甲 is a canary: no answer may hold one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from playwright.sync_api import Page
from sqlalchemy import select

from models.account import Account
from models.application import Application
from models.base import begin_writing, db
from portal.access.accounts import move_account, system_actor
from portal.verify import violations
from portal.web.routes import PUBLIC, SIGNED_IN, permission_of
from tests.browser.districts import Loot, two_districts
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support.cases import CLOCK

CLERK, UNIT = "clerk-yi", "unit-yi"
"""The intruders: a district's and a unit's. Who may open what is the matrix's to prove for all."""
SEEN_AT_LOGIN = {"login_session", "login_failure"}
REFUSED = (400, 403, 404)
READS = ("read", "export")
FETCH = """async ([method, url, form]) => {
  const token = document.querySelector("meta[name=csrf-token]").content;
  const body = method === "GET" ? undefined : new URLSearchParams({csrf_token: token, ...form});
  const answer = await fetch(url, {method, body});
  return {status: answer.status, url: answer.url, text: await answer.text()};
}"""


@dataclass(frozen=True)
class Attempt:
    """One request; *soft* when it is answered with a page that says no instead of a status."""

    method: str
    url: str
    form: dict[str, str] = field(default_factory=dict)
    soft: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.form or ''}"


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window of the 2026 programme."""
    return {"today": CLOCK.today()}


@pytest.fixture
def loot(app: Flask, town: City) -> Loot:
    """What district 甲 holds."""
    with app.app_context():
        begin_writing()
        found = two_districts(app, town)
        assert list(violations(db.session())) == []
        db.session.commit()
        begin_writing(False)
    return found


def _everything(app: Flask) -> dict[str, Any]:
    """Every row of the database, to compare before and after."""
    with app.app_context():
        tables = [t for t in db.metadata.sorted_tables if t.name not in SEEN_AT_LOGIN]
        return {t.name: sorted(map(repr, db.session.execute(select(t)))) for t in tables}


def _shown(page: Page, words: Iterable[str]) -> list[str]:
    """Those of *words* that the page shows."""
    shown = page.content()
    return [word for word in words if word in shown]


def _answer(page: Page, attempt: Attempt) -> dict[str, Any]:
    asked = [attempt.method, attempt.url, attempt.form]
    answer: dict[str, Any] = page.evaluate(FETCH, asked)
    return answer


def _wrong(page: Page, loot: Loot, attempts: Iterable[Attempt]) -> list[str]:
    """Attempts that were not refused, or whose answer holds a word of 甲 that was not typed."""
    found = []
    for attempt in attempts:
        answer = _answer(page, attempt)
        status, said = answer["status"], answer["text"]
        if status not in REFUSED and not (attempt.soft and status in (200, 405, 422)):
            found.append(f"{attempt} answered {status}")
        for typed in sorted(attempt.form.values(), key=len, reverse=True):
            said = said.replace(typed, "") if typed in loot.words else said
        found += [f"{attempt} tells {word}" for word in loot.words if word in said]
    return found


def _pages(loot: Loot) -> Iterator[Attempt]:
    """Every address that names a row of 甲 or what its people work at."""
    for screen, ids in loot.ids.items():
        assert ids, screen
        for row_id in ids:
            yield Attempt("GET", f"/{screen}/details/?id={row_id}")
            yield Attempt("GET", f"/{screen}/details/?id={row_id}&modal=1")
            yield Attempt("GET", f"/{screen}/edit/?id={row_id}", soft=screen != "application")
            yield (
                Attempt("GET", f"/payment/move?rowid={row_id}")
                if screen == "payment"
                else (Attempt("GET", f"/{screen}/ajax/lookup/?name=organization&query=甲"))
            )
            yield Attempt("GET", f"/{screen}/export/csv/", soft=True)
    keys = loot.keys
    yield Attempt("GET", f"/application/outcome/{loot.keys['outcome']}")
    yield Attempt("GET", f"/application/confirm/{keys['selection']}", soft=True)
    for tail in ("", "/refused"):
        yield Attempt("GET", f"/imports/{keys['sheet']}{tail}")
    for tail in ("", "/progress", "/file"):
        yield Attempt("GET", f"/exports/{keys['job']}{tail}")


def _forms(loot: Loot) -> Iterator[Attempt]:
    """Forms that name a row of 甲, on every page that takes one."""
    for screen, ids in loot.ids.items():
        for row_id in ids:
            form = {"id": str(row_id), "name": "改", "seen_version": "1", "rowid": f"{row_id}:1"}
            yield Attempt("POST", f"/{screen}/edit/?id={row_id}", form, screen != "application")
            yield Attempt("POST", f"/{screen}/delete/", form, soft=True)
            yield Attempt("POST", f"/{screen}/ajax/update/", form, soft=True)
    yield from _decisions(loot)
    yield from _money_and_people(loot)
    yield Attempt("POST", f"/imports/{loot.keys['sheet']}")
    yield Attempt("POST", f"/application/views/drop?id={loot.numbers['view']}", soft=True)


def _decisions(loot: Loot) -> Iterator[Attempt]:
    """Revealing, choosing and deciding 甲's cases."""
    for row_id in loot.ids["application"]:
        for what in ("id_number", "phone", "account"):
            yield Attempt("POST", f"/application/reveal/{row_id}/{what}", {"reason": "想看一看"})
        for act in ("pass", "return", "reject"):
            ticked = {"action": act, "rowid": f"{row_id}:1", "url": "/application/"}
            yield Attempt("POST", "/application/action/", ticked, soft=True)
    listed = f"/application/?district={loot.numbers['district']}"
    every = {"action": "pass", "all": "1", "url": listed}
    yield Attempt("POST", "/application/action/", every, soft=True)
    confirm = f"/application/confirm/{loot.keys['selection']}"
    yield Attempt("POST", confirm, {"reason": "理由", "include_ask": "0"}, soft=True)


def _money_and_people(loot: Loot) -> Iterator[Attempt]:
    """甲's batch, our own batch, and accounts and unions in 甲."""
    day, unit = CLOCK.today().isoformat(), str(loot.numbers["unit"])
    for batch in loot.ids["payment"]:
        yield Attempt("POST", "/payment/move", {"rowid": f"{batch}:1", "action": "sheet"})
        yield Attempt("POST", "/payment/move", {"rowid": f"{batch}:1", "on": day})
    yield Attempt("POST", "/payment/move", {"rowid": f"{loot.own['payment']}:1", "on": day}, True)
    new = {"login": "neu", "name": "新人", "role": "grass-roots", "organization": unit}
    yield Attempt("POST", "/account/new/", new, soft=True)
    for account in loot.ids["account"]:
        for act in ("disable", "enable", "reset"):
            chosen = {"action": act, "rowid": f"{account}:1"}
            yield Attempt("POST", "/account/action/", chosen, soft=True)
    union = {"code": "N1", "name": "新工会", "kind": "unit", "parent": unit}
    yield Attempt("POST", "/organization/new/", union)


def test_ids_of_another_district_open_nothing(page: Page, app: Flask, loot: Loot) -> None:
    sign_in(page, CLERK)
    before = _everything(app)
    wrong = []
    for attempt in (a for a in _pages(loot) if "/details/" in a.url or "/edit/" in a.url):
        answer = page.goto(attempt.url)  # as typed into the address bar
        assert answer is not None
        if answer.status not in REFUSED and not attempt.soft:
            wrong.append(f"{attempt} answered {answer.status}")
        wrong += [f"{attempt} shows {word}" for word in _shown(page, loot.words)]
    page.goto("/")
    wrong += _wrong(page, loot, _pages(loot))
    wrong += _wrong(page, loot, _forms(loot))
    assert wrong == []
    assert _everything(app) == before


def test_lists_filters_and_searches_stay_inside(page: Page, app: Flask, loot: Loot) -> None:
    sign_in(page, UNIT)
    before = _everything(app)
    for query, count in (("", 2), ("?end=1", 2), ("?tab=decided", 1)):
        page.goto(f"/application/{query}")
        assert _shown(page, loot.words) == []
        assert page.locator("tbody a[data-drawer]").count() == count, query
    foreign = f"district={loot.numbers['district']}"
    lists = ("/application/?", "/application/totals?", "/payment/?", "/payment/totals?")
    assert _wrong(page, loot, [Attempt("GET", path + foreign) for path in lists]) == []
    export = Attempt("POST", f"/application/sheet?{foreign}", {"url": "/application/"})
    assert _wrong(page, loot, [export]) == []
    searches = [("application", typed) for typed in loot.searches]
    searches += [(screen, loot.searches[0]) for screen in ("applicant", "certificate")]
    for screen, typed in searches:
        page.goto(f"/{screen}/")
        page.locator("input[name=q]").first.fill(typed)
        page.locator("input[name=q]").first.press("Enter")
        page.wait_for_url("**/?s=*")
        assert page.locator("tbody a[data-drawer]").count() == 0, (screen, typed)
        shown = page.content().replace(typed, "")
        assert [word for word in loot.words if word in shown] == [], (screen, typed)
    assert _everything(app) == before


def test_an_export_holds_no_foreign_row(page: Page, loot: Loot) -> None:
    sign_in(page, CLERK)
    page.goto("/application/")
    with page.expect_download() as download:
        page.get_by_role("button", name="导出").click()
    book = load_workbook(BytesIO(download.value.path().read_bytes()))
    text = repr([row for sheet in book for row in sheet.iter_rows(values_only=True)])
    assert "乙人一" in text
    assert [word for word in loot.words if word in text] == []


def test_a_form_cannot_reach_another_union(page: Page, app: Flask, loot: Loot) -> None:
    sign_in(page, UNIT)
    before = _everything(app)
    with app.app_context():
        case = db.session.get_one(Application, loot.ids["application"][0])
        assert case.certificate is not None
        person, paper = str(case.applicant.id_number), case.certificate.number
    for changes, said in (
        ({"organization__unit": "甲一厂工会"}, set()),
        # whoever claims what is claimed is told by which application, and nothing else of it
        ({"applicant__id_number": person, "certificate__number": paper}, {case.number}),
    ):
        page.goto(f"/application/edit/?id={loot.own['application']}")
        for name, value in changes.items():
            page.locator(f"[name={name}]").fill(value)
        page.locator(".jx-sticky .btn-primary").first.click()
        page.wait_for_load_state()
        assert "/application/edit/" in page.url
        shown = page.content()
        assert {word for word in loot.words if word in shown} <= said | set(changes.values())
    assert _everything(app) == before


def test_whoever_moves_away_no_longer_sees_what_they_decided(
    page: Page, app: Flask, town: City, loot: Loot
) -> None:
    with app.app_context():
        begin_writing()
        system = system_actor(db.session())
        moved = db.session.scalars(select(Account.id).where(Account.login == "unit-jia")).one()
        move_account(db.session(), system, CLOCK, moved, town.union("D2-1"))
        db.session.commit()
        begin_writing(False)
    sign_in(page, "unit-jia")
    theirs = loot.words - {"unit-jia"}
    for url in (
        f"/application/outcome/{loot.keys['outcome']}",
        f"/application/confirm/{loot.keys['selection']}",
    ):
        page.goto(url)
        assert _shown(page, theirs) == [], url


def test_an_auditor_reads_all_and_writes_nothing(page: Page, app: Flask, loot: Loot) -> None:
    sign_in(page, "auditor")
    before = _everything(app)
    for screen, ids in loot.ids.items():
        for row_id in ids:
            answer = page.goto(f"/{screen}/details/?id={row_id}")
            assert answer is not None
            assert answer.status == 200, (screen, row_id)
    page.goto("/application/")
    assert {"金雀一", "金雀二", "乙人一", "乙人二"} <= set(
        page.locator("tbody").inner_text().split()
    )
    wrong = []
    for attempt in _writes(app, loot):
        status = _answer(page, attempt)["status"]
        wrong += [f"{attempt} answered {status}"] if status not in (*REFUSED, 405) else []
    batch = {"rowid": f"{loot.ids['payment'][0]}:1", "on": CLOCK.today().isoformat()}
    _answer(page, Attempt("POST", "/payment/move", batch))
    assert wrong == []
    assert _everything(app) == before


def _writes(app: Flask, loot: Loot) -> Iterator[Attempt]:
    """Every page that takes a form and is not for reading."""
    for rule in app.url_map.iter_rules():
        asked = (permission_of(app, rule.endpoint) or "").partition(":")[2]
        if "POST" not in (rule.methods or ()) or rule.endpoint in PUBLIC | SIGNED_IN:
            continue
        if asked in READS:
            continue
        screen = rule.endpoint.partition(".")[0]
        row_id = loot.ids.get(screen, [1])[0]
        values: dict[str, Any] = {"key": loot.keys["sheet"], "token": loot.keys["selection"]}
        values |= {"row_id": row_id, "file_id": 1, "what": "id_number", "rule_key": "form"}
        values |= {"kind": "confirmation"}
        wanted = {name: values[name] for name in rule.arguments}
        url = app.url_map.bind("localhost").build(rule.endpoint, wanted)
        form = {"rowid": f"{row_id}:1", "action": "pass", "reason": "理由", "id": str(row_id)}
        yield Attempt("POST", url if rule.arguments else f"{url}?id={row_id}", form)


def test_a_stranger_is_sent_to_the_login(page: Page, app: Flask, loot: Loot) -> None:
    before = _everything(app)
    page.goto("/login")
    for attempt in (*_pages(loot), *_forms(loot), *_writes(app, loot)):
        answer = _answer(page, attempt)
        assert "/login" in answer["url"], attempt
        assert [word for word in loot.words if word in answer["text"]] == []
    assert _everything(app) == before
