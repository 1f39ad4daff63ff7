"""What every answer carries, and what a person is told when something goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask, render_template_string

from portal.access.permissions import NotAllowed
from portal.app import create_app
from portal.web.routes import PUBLIC
from tests.conftest import City, make_config
from tests.web.pages import Browser

CANARY = "3101011990" + "01011234"
ANSWERS = {"/login": 200, "/healthz": 200, "/nowhere": 404, "/account/password": 302}


@pytest.fixture
def own_app(request: pytest.FixtureRequest) -> bool:
    """Broken pages are added to it."""
    return "broken" in request.fixturenames


@pytest.mark.parametrize(("url", "status"), ANSWERS.items())
def test_every_answer_carries_its_headers(app: Flask, town: City, url: str, status: int) -> None:
    answer = Browser(app).get(url)
    assert answer.status_code == status
    policy = {
        part.split()[0]: part.split()[1:]
        for part in answer.headers["Content-Security-Policy"].split("; ")
    }
    assert policy["script-src"] == ["'self'"]
    assert policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_nonce_is_allowed_only_where_it_was_used(app: Flask, town: City) -> None:
    @app.get("/probe")
    def probe() -> str:
        return render_template_string("<script nonce={{ csp_nonce() }}></script>")

    app.view_functions["probe"].needs = "home:read"  # type: ignore[attr-defined]
    with app.test_request_context("/probe"):
        answer = app.process_response(app.make_response(app.view_functions["probe"]()))
    nonce = answer.get_data(as_text=True).split("nonce=")[1].split(">")[0]
    assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
    assert len(nonce) >= 20


def test_hashed_assets_may_be_kept(app: Flask, town: City) -> None:
    static = Path(app.blueprints["theme"].static_folder or "")
    name = next(path for path in static.rglob("*.css")).relative_to(static)
    assert "immutable" in Browser(app).get(f"/assets/{name}?v=1").headers["Cache-Control"]
    assert Browser(app).get(f"/assets/{name}").headers["Cache-Control"] == "no-cache"
    assert Browser(app).get("/assets/none.css?v=1").headers["Cache-Control"] == "no-store"


def test_cookies_of_production_are_bound_to_the_host(
    database_url: str, tmp_path: Path, town: City
) -> None:
    app = create_app(make_config(database_url, tmp_path, production=True, today=None))
    if "theme" not in app.blueprints:
        pytest.skip("the screens are not attached yet")
    answer = app.test_client().get("/login", base_url="https://portal.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie
    assert "max-age" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    "url",
    [
        "/login?page=99999999999999999999",
        "/login?id=" + "9" * 5000,
        "/login?x=a%00b",
        "/login?a%00b=1",
        "/login?x=-99999999999999999999",
        "/login?x=%EF%BC%99" + "9" * 20,
    ],
)
def test_nonsense_in_the_address_is_a_bad_request(app: Flask, town: City, url: str) -> None:
    assert Browser(app).get(url).status_code == 400


@pytest.mark.parametrize("method", ["put", "delete", "patch", "trace"])
def test_other_methods_are_refused(app: Flask, town: City, method: str) -> None:
    answer = app.test_client().open("/login", method=method.upper())
    assert answer.status_code in (400, 405)


def test_a_post_of_a_stranger_goes_to_the_login_page(app: Flask, town: City) -> None:
    browser = Browser(app)
    browser.get("/login")
    assert browser.post("/account/password").location == "/login"


def test_too_large_a_body_is_refused(app: Flask, town: City) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = app.test_client().post("/login", data={"account": "x" * 2000})
    assert answer.status_code == 413


@pytest.fixture
def broken(app: Flask) -> Flask:
    """An application with pages that break."""

    def crash() -> str:
        raise ValueError(f"ID number {CANARY}")

    def refuse() -> str:
        raise NotAllowed()

    app.add_url_rule("/crash", "crash", crash)
    app.add_url_rule("/refuse", "refuse", refuse)
    return app


@pytest.fixture
def _open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.web.routes.PUBLIC", PUBLIC | {"crash", "refuse"})


def test_a_crash_shows_a_number_and_logs_no_words(
    broken: Flask, town: City, _open: None, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Browser(broken).get("/crash")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text and CANARY not in answer.text
    number = caplog.messages[0].split()[1].rstrip(":")
    assert number in answer.text
    assert "ValueError" in caplog.text and CANARY not in caplog.text


def test_a_refusal_is_said_in_words_and_to_scripts_in_json(
    broken: Flask, town: City, _open: None
) -> None:
    browser = Browser(broken)
    assert browser.get("/refuse").status_code == 403
    answer = browser.get("/refuse", headers={"X-CSRFToken": "x"})
    assert answer.status_code == 403
    assert answer.json and answer.json["error"]


def test_health_says_whether_the_database_answers(app: Flask, town: City) -> None:
    assert Browser(app).get("/healthz").json == {"ok": True}
    assert Browser(app).get("/readyz").json == {"ok": True}
