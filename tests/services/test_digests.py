"""The daily digest: once a day an account, tried again, never outside the account's own part."""

from __future__ import annotations

import smtplib
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models.account import EMPTY, SENDING, SENT, WAITS, Account, Digest
from portal import jobs
from portal.access.accounts import create_account, delete_account, system_actor
from portal.access.addresses import BadAddress, set_own_address
from portal.calendar import Calendar
from portal.clock import Clock
from portal.review.digests import Mailed, Rules, Sent, planned, send_all
from tests.services.test_decide import Desk, desk
from tests.support.cases import CLOCK

__all__ = ["desk"]
NEXT_DAY = Clock(CLOCK.today() + timedelta(days=1))
CALENDAR = Calendar({})
SECRET = "310101199001011234"


class Post:
    """A server that takes, refuses or is away, and what it took."""

    def __init__(self) -> None:
        self.took: list[Mailed] = []
        self.error: OSError | None = None

    def deliver(self, digest: Mailed) -> None:
        """Take it, or raise what is to be raised."""
        if self.error is not None:
            raise self.error
        self.took.append(digest)


@pytest.fixture
def post() -> Post:
    """A server that takes everything."""
    return Post()


@pytest.fixture
def office(desk: Desk) -> Desk:
    """A case waits for its unit; unit, district and a district elsewhere have addresses."""
    desk.enter()
    for who in ("unit", "district", "stranger"):
        set_own_address(desk.session, desk.people[who], CLOCK, f"{who}@union.example")
    desk.session.commit()
    return desk


def _send(desk: Desk, post: Post, clock: Clock = CLOCK) -> Sent:
    return send_all(desk.session, clock, Rules(CALENDAR, [desk.revision]), post.deliver)


def _states(desk: Desk) -> dict[str, str]:
    rows = select(Account.login, Digest.state).join(Digest, Digest.account_id == Account.id)
    return dict(desk.session.execute(rows).all())


def test_each_account_is_told_once_a_day_and_only_its_own(office: Desk, post: Post) -> None:
    assert planned(office.session, CLOCK, Rules(CALENDAR, [office.revision])) == [
        ("unit", {"mine": 1})
    ]
    assert _send(office, post) == Sent(sent=1, empty=2)
    assert _send(office, post) == Sent()
    assert [(row.to, row.numbers) for row in post.took] == [("unit@union.example", {"mine": 1})]
    assert _states(office) == {"unit": SENT, "district": EMPTY, "stranger": EMPTY}
    assert _send(office, post, NEXT_DAY).sent == 1
    assert len({row.day for row in post.took}) == 2


def test_while_the_server_is_away_nothing_is_lost(office: Desk, post: Post) -> None:
    for away in (ConnectionRefusedError(), smtplib.SMTPServerDisconnected(), TimeoutError()):
        post.error = away
        assert _send(office, post) == Sent(waiting=3)
    assert _states(office) == {"unit": WAITS}
    post.error = None
    assert _send(office, post) == Sent(sent=1, empty=2)
    assert len(post.took) == 1


def test_a_refused_address_is_tried_a_few_times_and_stops_no_other(
    office: Desk, post: Post
) -> None:
    post.error = smtplib.SMTPRecipientsRefused({})
    done = [_send(office, post) for _again in range(7)]
    assert [row.failed for row in done] == [1, 1, 1, 1, 1, 0, 0]
    assert done[0].empty == 2
    post.error = None
    assert _send(office, post, NEXT_DAY).sent == 1


def test_what_a_worker_is_sending_is_not_sent_by_another_until_it_is_dead(
    office: Desk, post: Post
) -> None:
    _send(office, post)
    office.session.execute(update(Digest).values(state=SENDING))
    office.session.commit()
    assert _send(office, post) == Sent()
    office.session.execute(update(Digest).values(claimed_at=CLOCK.now() - timedelta(hours=1)))
    office.session.commit()
    assert _send(office, post).sent == 1
    assert len({row.account_key for row in post.took}) == 1


def test_closed_accounts_and_those_without_an_address_get_none(office: Desk, post: Post) -> None:
    set_own_address(office.session, office.people["unit"], CLOCK, "  ")
    closed = update(Account).where(Account.login == "district").values(is_active=False)
    office.session.execute(closed)
    office.session.commit()
    assert _send(office, post) == Sent(empty=1)


@pytest.mark.parametrize("text", ["x", "a@b\nBcc: c@d", "a b@c.d", "李@x.cn", "a@" + "b" * 200])
def test_what_is_no_address_is_refused(office: Desk, text: str) -> None:
    with pytest.raises(BadAddress):
        set_own_address(office.session, office.people["unit"], CLOCK, text)


def test_being_told_is_no_history_that_keeps_an_account(office: Desk, post: Post) -> None:
    admin = system_actor(office.session)
    account, _password = create_account(
        office.session, admin, CLOCK, "fresh", "fresh", "auditor", office.unit.parent.parent
    )
    account.email = "fresh@union.example"
    office.session.commit()
    assert _send(office, post).empty == 3
    assert delete_account(office.session, admin, CLOCK, account.id).deleted


def test_a_round_that_fails_stops_no_other(
    office: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def breaks(_session: object, _clock: Clock) -> None:
        raise ValueError(SECRET)

    def works(_session: object, _clock: Clock) -> None:
        seen.append("worked")

    monkeypatch.setattr(jobs, "ROUNDS", [breaks, works])
    jobs.go_round(office.session, CLOCK)
    assert seen == ["worked"]
    assert "ValueError" in caplog.text and SECRET not in caplog.text
