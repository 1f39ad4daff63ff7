"""What a browser would send for a form it was shown, every control as it stands."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from werkzeug.test import TestResponse

from tests.web.pages import Browser


class _Form(HTMLParser):
    """The controls of the first ``jx-form`` of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._inside = False
        self._select: tuple[str, bool] | None = None
        self._options: list[tuple[str, bool]] = []
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = "jx-form" in given.get("class", "")
        name = given.get("name", "")
        if not self._inside:
            return
        if tag == "input" and name and given.get("type") != "file":
            ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
            if ticked:
                self.values.setdefault(name, []).append(given.get("value", "on"))
        elif tag == "select" and name:
            self._select, self._options = (name, "multiple" in given), []
        elif tag == "option" and self._select:
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea" and name:
            self._area = name
            self.values[name] = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea" and self._area:
            # a browser drops the line break that follows the tag
            self.values[self._area] = [self.values[self._area][0].removeprefix("\r\n")]
            self._area = ""
        elif tag == "select" and self._select:
            name, many = self._select
            chosen = [value for value, on in self._options if on]
            if not many and not chosen and self._options:
                chosen = [self._options[0][0]]
            if chosen:
                self.values[name] = chosen
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area][0] += data


def filled(page: str) -> dict[str, list[str]]:
    """Name → values of everything that the form of *page* would send, buttons apart."""
    form = _Form()
    form.feed(page)
    return form.values


def change(browser: Browser, url: str, **changes: Any) -> TestResponse:
    """Open the form at *url*, change some of its controls and send it."""
    return browser.post(url, **(filled(browser.get(url).text) | changes))
