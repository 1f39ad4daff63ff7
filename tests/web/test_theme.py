"""The theme: pages render from their contract, strictly by the CSP, and in Chinese."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template
from flask_admin import Admin
from flask_babel import Babel
from flask_wtf.csrf import CSRFProtect
from markupsafe import Markup

from portal import theme
from portal.theme import cells, pages, shapes
from portal.theme.assets import STATIC

TEMPLATES = Path(theme.__file__).parent / "templates"
SPRITE = (STATIC / "vendor" / "icons.svg").read_text()
NASTY = '<img src=x onerror="alert(1)">'


@pytest.fixture
def shell() -> shapes.Shell:
    count = shapes.Count("mine", "/counts")
    items = [shapes.MenuItem("Cases", "/cases", "users", True, count)]
    return shapes.Shell(
        brand="Portal",
        user="Li Jing",
        organization="Union",
        role="Reviewer",
        groups=[shapes.MenuGroup("Skills", items)],
        search_url="/find",
        password_url="/password",
        logout_url="/logout",
    )


@pytest.fixture
def page(shell: shapes.Shell) -> Iterator[Flask]:
    app = Flask("theme-test")
    app.config.update(SECRET_KEY="x", TESTING=True)
    Babel(app, default_locale="en")
    CSRFProtect(app)
    Admin(app, theme=theme.register(app, lambda: shell))
    with app.test_request_context("/"):
        yield app


def _grid(**changes: Any) -> shapes.Grid:
    columns = [
        shapes.Column("no", "No.", phone="foot"),
        shapes.Column("name", "Name", "/cases?sort=name", "asc", phone="title"),
        shapes.Column("amount", "Amount", end=True, total="amount", page_total=120050),
    ]
    row = cells.row(
        "7:3",
        [cells.link("/cases/7", "2026-7"), cells.pair(NASTY), cells.amount(120050)],
        columns,
        label="2026-7",
        fen=120050,
        flagged=True,
    )
    values: dict[str, Any] = {
        "title": "Cases",
        "columns": columns,
        "rows": [row],
        "pager": shapes.Pager(next_url="/cases?after=7"),
        "empty": shapes.Empty("No case", "Loosen the filters", "/cases", "Clear"),
        "actions": [shapes.Action("approve", "Approve", "check", "main")],
        "action_url": "/cases/action/",
        "here": "/cases?tab=mine",
        "search_url": "/cases/search",
        "filters": [shapes.Filter("status", "Status", choices=[shapes.Choice("", "All")])],
        "chips": [shapes.Chip("Status", NASTY, "/cases")],
        "totals_url": "/cases/totals",
    }
    return shapes.Grid(**(values | changes))


def _list(grid: shapes.Grid) -> str:
    return render_template(
        "admin/model/list.html", grid=grid, admin_base_template="admin/base.html"
    )


@pytest.fixture
def rendered(page: Flask) -> dict[str, str]:
    """Every page of our own, from the least that its contract asks for."""
    action = shapes.Action("approve", "Approve", "check", "main")
    tile = pages.Tile("Read", "3")
    finding = pages.Finding("ask", NASTY, "IV", overridden="seen")
    detail = pages.Detail(
        "Li",
        sections=[pages.Section("", [pages.Fact("Unit", NASTY, changed="old")])],
        findings=[finding],
        events=[pages.Event("Passed", "Zhang", "2026-06-20", void=True)],
        actions=[action],
    )
    confirm = pages.Confirm(
        "Approve",
        "Lead",
        "/do",
        "t",
        action,
        [pages.Group("eligible", "Can pass", 2, 5, "/x")],
        "/back",
        True,
        may_include_ask=True,
        fields=[shapes.Choice("card", "Card")],
        exceptional=[pages.Exceptional("9", NASTY)],
        errors=[("reason", "Say why")],
    )
    outcome = pages.Outcome("Out", 1, 5, 1, [pages.OutcomeRow("1", NASTY, reason="gone")], "/b")
    preview = pages.Preview(
        "Look",
        "a.xlsx",
        "t",
        "/do",
        "/no",
        [tile],
        ["Name"],
        [pages.SheetRow(2, [pages.SheetCell(NASTY, error="bad")])],
        "Write",
        rest=2,
    )
    home = pages.Home("Hello", "", [tile], [pages.Budget("B", 100, 50, 40, 20)])
    known: dict[str, dict[str, Any]] = {
        "portal/login.html": {"action_url": "/login", "account": NASTY, "error": "no"},
        "portal/change_password.html": {
            "action_url": "/p",
            "errors": [("new", "short")],
        },
        "portal/totp.html": {"action_url": "/t", "secret": "ABC"},
        "portal/error.html": {"code": 404, "message": NASTY},
        "portal/confirm_action.html": {"confirm": confirm},
        "portal/action_outcome.html": {"outcome": outcome},
        "portal/import_upload.html": {"upload": pages.Upload("Up", "/u", "/b")},
        "portal/import_preview.html": {"preview": preview},
        "portal/import_done.html": {"done": pages.ImportDone("Done", [tile], "/l")},
        "portal/home.html": {"home": home},
        "admin/model/details.html": {"detail": detail, "return_url": "/"},
        "admin/model/modals/details.html": {"detail": detail, "return_url": "/"},
    }
    base = {"admin_base_template": "admin/base.html"}
    made = {name: render_template(name, **base, **values) for name, values in known.items()}
    return made | {"admin/model/list.html": _list(_grid())}


def test_pages_hold_nothing_inline(rendered: dict[str, str]) -> None:
    for name, html in rendered.items():
        seen = _Inline()
        seen.feed(html)
        assert seen.found == [], name
        assert "http://" not in html.replace("http://www.w3.org", ""), name


class _Inline(HTMLParser):
    """Collects what the content security policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _value in attrs}
        blocked = {n for n in names if n == "style" or n.startswith("on")}
        if blocked or tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"{tag} {blocked}")


def test_the_check_for_inline_code_can_fail() -> None:
    seen = _Inline()
    seen.feed('<p style="x"><a onclick="y"><script>1</script>')
    assert len(seen.found) == 3


def test_what_people_typed_is_escaped(rendered: dict[str, str]) -> None:
    for name, html in rendered.items():
        assert NASTY not in html, name
    assert "&lt;img" in rendered["admin/model/list.html"]


def test_every_post_carries_its_token(rendered: dict[str, str]) -> None:
    for name, html in rendered.items():
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", html, re.DOTALL):
            assert 'name="csrf_token"' in form, name


def test_a_page_names_its_language_and_lets_one_skip(rendered: dict[str, str]) -> None:
    html = rendered["portal/home.html"]
    assert '<html lang="en"' in html
    assert html.index("#jx-main") < html.index("jx-side")


def test_a_list_needs_two_sheets_and_one_script(rendered: dict[str, str]) -> None:
    html = rendered["admin/model/list.html"]
    assert len(re.findall(r"<script", html)) == 1
    assert len(re.findall(r"rel=\"stylesheet\"", html)) == 2


def test_a_list_posts_the_chosen_rows_with_their_versions(page: Flask) -> None:
    html = _list(_grid())
    assert 'form="jx-bulk" name="rowid" value="7:3" data-fen="120050" data-flag' in html
    assert 'name="action" value="approve"' in html
    assert 'name="url" value="/cases?tab=mine"' in html


def test_a_list_says_which_way_it_is_sorted_and_what_it_sums(page: Flask) -> None:
    html = _list(_grid())
    assert 'aria-sort="ascending"' in html
    assert "1,200.50" in html
    assert 'data-total="amount"' in html


def test_an_empty_list_says_why_and_what_next(page: Flask) -> None:
    html = _list(_grid(rows=[]))
    assert "No case" in html
    assert "Loosen the filters" in html
    assert "<tfoot" not in html


def test_a_logged_out_page_has_no_sidebar(page: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = shapes.Shell(brand="Portal")
    html = render_template("portal/login.html", action_url="/login", shell=bare)
    assert "jx-side" not in html
    assert "Log in" in html


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "0"), (80000, "800"), (200050, "2,000.50"), (-50001, "-500.01"), (None, "")],
)
def test_fen_become_yuan(fen: int | None, text: str) -> None:
    assert cells.yuan(fen) == text


def test_a_debt_has_its_sign_before_the_yuan() -> None:
    assert "-¥500<" in cells.amount(-50000, sign=True)
    assert 'jx-below">-500<' in cells.amount(-50000)


def test_cells_must_match_their_columns() -> None:
    with pytest.raises(ValueError, match="shorter"):
        cells.row("1", [], [shapes.Column("a", "A")], label="x")


def test_an_eye_is_drawn_only_for_those_who_may(page: Flask) -> None:
    assert "data-reveal" not in cells.masked("310***81")
    eye = cells.masked("310***81", "/reveal/1")
    assert 'data-reveal="/reveal/1"' in eye
    assert 'aria-label="Show 310***81 in full"' in eye
    assert cells.pair("Li", Markup(eye)).count("<button") == 1


def test_every_icon_is_in_the_sprite(rendered: dict[str, str]) -> None:
    used = {
        name for html in rendered.values() for name in re.findall(r"icons\.svg[^#]*#([^\"]+)", html)
    }
    source = "".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    used |= set(re.findall(r"ui\.icon\('([a-z0-9-]+)'\)", source))
    used |= {
        icon
        for _tone, icon in (
            *cells._STATES.values(),
            *cells._VERDICTS.values(),
            *cells._RANKS,
        )
    }
    have = set(re.findall(r'<symbol id="([^"]+)"', SPRITE))
    assert used - have == set()


def test_vendored_files_are_those_whose_licence_is_told() -> None:
    vendor = STATIC / "vendor"
    told = dict(
        re.findall(r"\| `([^`]+)` .*?`([0-9a-f]{64})`", (vendor / "LICENSES.md").read_text())
    )
    files = {p.name for p in vendor.iterdir() if p.suffix in (".css", ".js", ".svg")}
    assert set(told) == files
    for name, digest in told.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name
