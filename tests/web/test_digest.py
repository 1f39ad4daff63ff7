"""The digest as a mail from the command line, and the pages around it; a real little server."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import Result

from models.account import Account
from models.base import begin_writing, db
from portal.config import Mail
from tests.web.halls import Hall, hall

__all__ = ["hall"]
TODAY = date(2026, 10, 20)
"""Long after every case came and was due."""


class Mailbox:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []

    async def handle_DATA(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep one message."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.got.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def settings(port: int) -> dict[str, object]:
    """A day on which everything is late, and where mail goes."""
    mail = Mail("smtp", "127.0.0.1", port, "portal@union.example")
    return {"today": TODAY, "mail": mail, "public_url": "https://portal.example"}


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    """The server, there."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def late(hall: Hall) -> Hall:
    """Three cases overdue at the district; it, its neighbour and the centre have addresses."""
    hall.decide("unit")
    with hall.app.app_context():
        begin_writing()
        for login in ("district", "stranger", "centre"):
            row = db.session.get_one(Account, hall.people[login].account_id)
            row.email = f"{login}@union.example"
        db.session.commit()
        begin_writing(False)
    return hall


def _run(hall: Hall, *options: str) -> Result:
    done = hall.app.test_cli_runner().invoke(args=["digest", "send", "--json", *options])
    begin_writing(False)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def _told(hall: Hall, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(hall, *options).stdout)
    return found


def test_one_mail_a_day_with_counts_and_links_only(late: Hall, mailbox: Mailbox) -> None:
    plan = _told(late, "--dry-run")
    assert {row["account"]: row["numbers"] for row in plan["told"]} == {
        "centre": {"overdue": 3, "duplicates": 2},
        "district": {"mine": 3, "mine_overdue": 3, "overdue": 3, "duplicates": 2},
    }
    assert mailbox.got == []
    done = {"ok": True, "day": "2026-10-20", "sent": 2, "empty": 1, "failed": 0, "waiting": 0}
    assert _told(late) == done
    assert _told(late) == done | {"sent": 0, "empty": 0}
    by_name = {str(row["To"]): row for row in mailbox.got}
    assert sorted(by_name) == ["centre@union.example", "district@union.example"]
    mail = by_name["district@union.example"]
    assert mail["Subject"] == "匠心资助：待我审 3，待我审·已逾期 3"
    text = mail.get_content()
    for secret in ("张丽", "S26-", "310115", "138", "甲一厂", "district"):
        assert secret not in text, secret
    browser = late.browser("district")
    for count, url in re.findall(r"：(\d+)\n  https://portal\.example(\S+)", text):
        shown = browser.get(url.replace("/application/?", "/application/totals?")).json
        assert shown is not None and str(shown["count"]) == count, url


def test_without_the_server_nothing_is_lost_and_no_page_breaks(late: Hall, port: int) -> None:
    refused = _run(late)
    assert refused.exit_code == 1
    assert json.loads(refused.stderr)["error"] == "MailServerAway"
    browser = late.browser("district")
    assert browser.get("/").status_code == 200
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    assert _told(late)["sent"] == 2
    controller.stop()
    assert len(box.got) == 2


def test_the_home_page_counts_what_the_mail_tells(late: Hall) -> None:
    counts = late.browser("district").get("/counts").json
    assert counts is not None
    wanted = {"mine": 3, "mine_overdue": 3, "mine_soon": 0, "overdue": 3, "returned": 0}
    assert wanted.items() <= counts["counts"].items()
    assert "objections" not in counts["counts"], "districts handle none"
    stranger = late.browser("stranger").get("/counts").json
    assert stranger is not None and set(stranger["counts"].values()) == {0}


def test_everyone_says_where_they_are_written_to(late: Hall) -> None:
    browser = late.browser("unit")
    assert 'name="email"' in browser.get("/account/address").text
    assert browser.post("/account/address", email="nobody").status_code == 422
    assert browser.post("/account/address", email=" li@union.example ").status_code == 303
    assert 'value="li@union.example"' in browser.get("/account/address").text
    with late.app.app_context():
        row = db.session.get_one(Account, late.people["unit"].account_id)
        assert row.email == "li@union.example"
        assert b"li@union" not in (row.email_sealed or b"")


def test_the_worker_sends_on_working_mornings(
    late: Hall, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.web import digest

    clock = late.app.extensions["portal_clock"]
    config = late.app.extensions["portal_config"]
    for hour, mails in ((24, 0), (0, 2), (0, 2)):
        changed = type(config)(**(vars(config) | {"digest_hour": hour}))
        monkeypatch.setitem(late.app.extensions, "portal_config", changed)
        with late.app.app_context():
            digest.send_in_the_morning(db.session(), clock)
        assert len(mailbox.got) == mails
