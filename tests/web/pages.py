"""A browser for tests: logs in, keeps its CSRF token, follows nothing by itself."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Browser:
    """One person's browser."""

    def __init__(self, app: Flask, address: str = "192.0.2.1") -> None:
        self.client: FlaskClient = app.test_client()
        self.client.environ_base["REMOTE_ADDR"] = address
        self._token = ""

    def get(self, url: str, **options: object) -> TestResponse:
        """A page."""
        return self._seen(self.client.get(url, buffered=True, **options))  # type: ignore[arg-type]

    def post(self, url: str, /, **form: object) -> TestResponse:
        """A form sent with the token of the last page that had one."""
        data = {"csrf_token": self._token} | form
        return self._seen(self.client.post(url, data=data, buffered=True))

    def log_in(self, login: str, password: str = PASSWORD, **form: object) -> TestResponse:
        """The login form, filled in."""
        self.get("/login")
        answer = self.post("/login", account=login, password=password, **form)
        if answer.status_code == 303:
            self.get("/account/password")  # a page with a form, for the new token
        return answer

    def _seen(self, answer: TestResponse) -> TestResponse:
        found = _TOKEN.search(answer.text) if answer.mimetype == "text/html" else None
        self._token = found[1] if found else self._token
        return answer
