"""Every page × every role × own, child, sibling and parent union: nothing leaks, nothing moves.

The pages come from ``app.url_map``: a new one is in the matrix the moment it exists.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from markupsafe import escape
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from models.base import begin_writing, db
from models.decision import PASS, REJECT, RETURN
from models.organization import Organization
from models.panel import Expert
from portal.access.permissions import PERMISSIONS
from portal.web.routes import PUBLIC, SIGNED_IN, needs, permission_of
from tests.conftest import City
from tests.web.canaries import ID_NUMBER, MARKUP, PHONE, canary, marked, release, rows_outside
from tests.web.pages import Browser

PEOPLE = {
    "admin": ("system-admin", "SH"),
    "centre": ("city-centre", "SH"),
    "approver": ("city-approver", "SH"),
    "money": ("finance", "SH"),
    "auditor": ("auditor", "SH"),
    "district": ("district", "D1"),
    "bureau": ("district", "B1"),
    "group": ("district", "G1"),
    "unit": ("grass-roots", "D1-1"),
    "expert": ("expert", "SH"),
}
GIVEN = "D1-1"
"""The union whose case the expert was given to score; they see no other."""
NAMED = {
    "district": ("D1", "D1-1", "SH", "D2-1"),
    "bureau": ("B1", "G1-1", "D1"),
    "group": ("G1", "B1", "D1"),
    "unit": ("D1-1", "D1", "D1-2"),
    "expert": ("D1-1", "SH", "D1-2"),
}
"""Whose rows each asks for: their own, a child's, a parent's, a sibling's. To those at the top
none is foreign."""
WRITERS = ("bureau", "unit", "expert")
"""One of each kind of subtree: with unions below, a single one, a case alone."""
POSTED_NAMES = ("id", "rowid", "pk", "organization", "organization_id", "account_id")


@pytest.fixture
def own_app(request: pytest.FixtureRequest) -> bool:
    """The test of the matrix itself adds a page."""
    return request.function is test_the_matrix_sees_a_page_that_forgets_the_scope


@dataclass
class Town:
    """The canaries' town and who of it each person may see."""

    app: Flask
    city: City
    inside: dict[str, set[int]]
    ancestors: dict[str, set[int]]


@pytest.fixture
def canary_town(app: Flask, town: City) -> Town:
    app.config["WTF_CSRF_ENABLED"] = False
    inside, ancestors = {}, {}
    with app.app_context():
        begin_writing()
        release(town)
        unions = db.session.query(Organization).all()
        for login, (role, code) in PEOPLE.items():
            place = town.person(login, role, code)
            inside[login] = {u.id for u in unions if u.path.startswith(place.path)}
            ancestors[login] = {u.id for u in unions if place.path.startswith(u.path)}
            if role == "expert":
                inside[login] = {town.unions[GIVEN]}
                expert = db.session.get_one(Expert, town.unions[GIVEN])
                expert.account_id = place.account_id
        db.session.commit()
        begin_writing(False)
    return Town(app, town, inside, ancestors)


def addresses(
    app: Flask, method: str, numbers: list[int], login: str = ""
) -> Iterator[tuple[str, str, int | None]]:
    """(endpoint, address, number) of every page that takes *method*: by itself and for each number.

    A list reads no number. A page whose address has no place for one may read it all the same: the
    first and the last are tried. Of a page closed to *login* one is enough: the gate refuses it
    before a number is read.
    """
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC or method not in (rule.methods or ()):
            continue
        named = [] if rule.endpoint.endswith(".index_view") else sorted({numbers[0], numbers[-1]})
        asked = numbers if rule.arguments else [None, *named]
        for number in asked[:1] if _is_closed(app, rule.endpoint, login) else asked:
            yield rule.endpoint, _address(app, rule, number), number


def _is_closed(app: Flask, endpoint: str, login: str) -> bool:
    """Whether the role of *login* lacks the permission of *endpoint*."""
    if endpoint in SIGNED_IN or login not in PEOPLE:
        return False
    return PEOPLE[login][0] not in PERMISSIONS[permission_of(app, endpoint) or ""]


def _address(app: Flask, rule: Rule, number: int | None) -> str:
    values = dict.fromkeys(rule.arguments, number)
    built = app.url_map.bind("localhost").build(rule.endpoint, values)
    return built if rule.arguments or number is None else f"{built}?id={number}"


def leaks(town: Town, login: str, answer: TestResponse) -> list[str]:
    """What *answer* tells *login* that they must not know."""
    if answer.mimetype.startswith("application/vnd"):
        seen = _sheet_text(answer.get_data())
    else:
        seen = answer.get_data(as_text=True) + str(answer.headers)
    # a parent's name may head a page; its rows share the word, so only the name may appear
    for number in town.ancestors[login] - town.inside[login]:
        for name in (marked(number), escape(marked(number))):
            seen = seen.replace(f"{name}工会", "")
    told = [canary(n) for n in town.city.unions.values() if n not in town.inside[login]]
    return [word for word in (*told, ID_NUMBER, PHONE) if word in seen]


def _sheet_text(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as sheet:
        return "".join(sheet.read(name).decode("utf-8", "replace") for name in sheet.namelist())


def numbers_for(town: Town, login: str) -> list[int]:
    """The unions whose rows *login* names."""
    return [town.city.unions[code] for code in NAMED.get(login, (GIVEN,))]


@pytest.mark.parametrize("login", PEOPLE)
def test_no_page_shows_a_row_of_another_union(canary_town: Town, login: str) -> None:
    assert _wrong_pages(canary_town, login) == []


def _wrong_pages(canary_town: Town, login: str, only: str = "") -> list[str]:
    """What is wrong with the pages that *login* gets, those whose address has *only* in it."""
    browser = Browser(canary_town.app)
    assert browser.log_in(login).status_code == 303
    wrong = []
    numbers = numbers_for(canary_town, login)
    for endpoint, address, _ in addresses(canary_town.app, "GET", numbers, login):
        if only not in address:
            continue
        answer = browser.get(address)
        wrong += [f"{address}: {word}" for word in leaks(canary_town, login, answer)]
        if answer.mimetype == "text/html" and MARKUP in answer.get_data(as_text=True):
            wrong.append(f"{address}: markup that a person typed")
        wrong += [
            f"{address}: {problem}" for problem in _verdict(canary_town, login, endpoint, answer)
        ]
    return wrong


def _verdict(town: Town, login: str, endpoint: str, answer: TestResponse) -> Iterator[str]:
    if answer.status_code >= 500:
        yield f"answered {answer.status_code}"
    if _is_closed(town.app, endpoint, login) and answer.status_code not in (403, 405):
        yield f"answered {answer.status_code} to a role without the permission"


@pytest.mark.parametrize("login", WRITERS)
def test_no_form_changes_a_row_of_another_union(canary_town: Town, login: str) -> None:
    town = canary_town
    browser = Browser(town.app)
    browser.log_in(login)
    with town.app.app_context():
        before = rows_outside(town.inside[login])
    outside = [number for number in numbers_for(town, login) if number not in town.inside[login]]
    wrong = []
    for endpoint, address, number in addresses(town.app, "POST", outside, login):
        if endpoint in SIGNED_IN:
            continue
        forms = list(_forms(town.app, endpoint, number))
        for form in forms[:1] if _is_closed(town.app, endpoint, login) else forms:
            answer = browser.post(address, **form)
            wrong += [f"{address} {form}: {word}" for word in leaks(town, login, answer)]
            wrong += [f"{address} {form}: {p}" for p in _verdict(town, login, endpoint, answer)]
    with town.app.app_context():
        after = rows_outside(town.inside[login])
    wrong += [f"changed: {key}" for key, row in before.items() if after.get(key) != row]
    wrong += [f"appeared: {key}" for key in after.keys() - before.keys()]
    assert wrong == []


def _forms(app: Flask, endpoint: str, number: int | None) -> Iterator[dict[str, Any]]:
    """Forms that name *number* in every way a page reads one, or everything, for every action."""
    view = getattr(app.view_functions[endpoint], "__self__", None)
    actions = [action.key for action in getattr(view, "list_actions", ())]
    for action in (*actions, PASS, RETURN, REJECT) if endpoint.endswith(".action_view") else ("x",):
        said = {"action": action, "url": "/", "reason": "理由"}
        if number is None:
            yield said | {"all": "1"}
        else:
            yield dict.fromkeys(POSTED_NAMES, str(number)) | {"rowid": f"{number}:1"} | said


def test_a_stranger_gets_no_page(canary_town: Town) -> None:
    browser = Browser(canary_town.app)
    for method, send in (("GET", browser.get), ("POST", browser.post)):
        for _, address, _ in addresses(canary_town.app, method, [1]):
            answer = send(address)
            assert answer.status_code in (302, 303), address
            assert (answer.location or "").startswith("/login"), address


def test_the_matrix_sees_a_page_that_forgets_the_scope(canary_town: Town) -> None:
    @needs("application:read")
    def careless(number: int) -> str:
        return str(db.session.get(Organization, number))

    canary_town.app.add_url_rule("/careless/<int:number>", "careless", careless)
    assert _wrong_pages(canary_town, "unit", "careless") != []
