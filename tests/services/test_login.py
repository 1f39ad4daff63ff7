"""Logging in: what opens the door, what locks it, and what the browser's session lives through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account, LoginFailure, LoginSession
from models.audit import AuditEntry
from portal.access import accounts, login, passwords, second_factor, sessions
from portal.access.actor import Actor
from portal.access.sessions import SignedIn
from portal.clock import Clock
from tests.conftest import PASSWORD, City

NOW = datetime(2026, 5, 20, 1, 0, tzinfo=UTC)
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def wang(city: City) -> Actor:
    return city.person("wang", "district", "D1")


def enter(
    session: Session, name: str, password: str, now: datetime = NOW, address: str = HERE
) -> str | login.Refusal:
    """The token of a new browser session, or what was refused."""
    door = login.knock(session, now, name, address)
    if not login.password_opens(door, password):
        return login.refusal_of(session, now, door, accounts.system_actor(session))
    return login.admit(session, now, door, password)


def fail(session: Session, name: str, times: int, address: str = HERE) -> None:
    for _ in range(times):
        assert type(enter(session, name, "wrong", address=address)) is login.LoginRefused


def test_the_right_password_opens_a_session(session: Session, wang: Actor) -> None:
    token = enter(session, "wang", PASSWORD)
    assert isinstance(token, str)
    who = sessions.find(session, NOW, token, HERE)
    assert who is not None
    assert who.actor == Actor(
        wang.account_id, "wang", "district", wang.organization_id, wang.path, 1, HERE
    )


def test_the_database_does_not_hold_the_cookies_id(session: Session, wang: Actor) -> None:
    token = enter(session, "wang", PASSWORD)
    assert isinstance(token, str)
    assert session.scalars(select(LoginSession.token_hash)).one() != token.encode()
    assert sessions.find(session, NOW, token + "x") is None


@pytest.mark.parametrize("name", ["WANG", " wang ", "ｗａｎｇ"])
def test_case_and_width_of_the_name_do_not_matter(session: Session, wang: Actor, name: str) -> None:
    assert isinstance(enter(session, name, PASSWORD), str)


def test_five_failures_lock_the_account_from_every_address(session: Session, wang: Actor) -> None:
    fail(session, "wang", 5)
    assert isinstance(enter(session, "wang", PASSWORD, address=THERE), login.LockedOut)
    soon, later = NOW + timedelta(minutes=29), NOW + timedelta(minutes=31)
    assert isinstance(enter(session, "wang", PASSWORD, soon), login.LockedOut)
    assert isinstance(enter(session, "wang", PASSWORD, later), str)


def test_variants_of_a_name_share_one_count(session: Session, wang: Actor) -> None:
    for name in ("wang", "WANG", "ｗａｎｇ", "Wang ", "wANG"):
        fail(session, name, 1)
    assert isinstance(enter(session, "wang", PASSWORD), login.LockedOut)


def test_four_failures_and_a_success_start_anew(session: Session, wang: Actor) -> None:
    for _ in range(3):
        fail(session, "wang", 4)
        assert isinstance(enter(session, "wang", PASSWORD), str)


def test_a_locked_account_leaves_others_alone(session: Session, wang: Actor, city: City) -> None:
    city.person("li", "grass-roots", "D1-1")
    fail(session, "wang", 5)
    assert isinstance(enter(session, "li", PASSWORD), str)


def test_an_address_is_locked_after_thirty_names(session: Session, wang: Actor) -> None:
    for at in range(30):
        fail(session, f"nobody{at}", 1)
    assert isinstance(enter(session, "wang", PASSWORD), login.LockedOut)
    assert isinstance(enter(session, "wang", PASSWORD, address=THERE), str)


def test_one_subscriber_of_ipv6_is_one_address(session: Session, wang: Actor) -> None:
    for at in range(30):
        fail(session, f"nobody{at}", 1, address=f"2001:db8::{at:x}")
    refused = enter(session, "wang", PASSWORD, address="2001:db8::ffff")
    assert isinstance(refused, login.LockedOut)


def test_a_success_does_not_forgive_the_address(session: Session, wang: Actor) -> None:
    for at in range(29):
        fail(session, f"nobody{at}", 1)
    assert isinstance(enter(session, "wang", PASSWORD), str)
    fail(session, "nobody", 1)
    assert isinstance(enter(session, "wang", PASSWORD), login.LockedOut)


def test_known_unknown_and_disabled_names_get_one_answer(
    session: Session, wang: Actor, city: City, clock: Clock
) -> None:
    gone = city.person("gone", "grass-roots", "D1-1")
    assert gone.account_id
    accounts.disable_account(session, accounts.system_actor(session), clock, gone.account_id)
    answers = {
        (type(answer), str(answer))
        for answer in (
            enter(session, "wang", "wrong"),
            enter(session, "nobody", "wrong"),
            enter(session, "gone", PASSWORD),
        )
    }
    assert answers == {(login.LoginRefused, "The account or the password is wrong.")}


def test_an_unknown_name_costs_the_same_hashing(
    session: Session, wang: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    strong = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)
    session.get_one(Account, wang.account_id).password_hash = strong
    monkeypatch.setattr(login, "_NOBODY", strong)
    monkeypatch.setattr(passwords, "matches", lambda stored, _: bool(hashed.append(stored)))
    enter(session, "wang", "wrong")
    enter(session, "nobody", "wrong")
    assert len(hashed) == 2
    assert {stored.split("$")[3] for stored in hashed} == {"m=19456,t=2,p=1"}


def test_what_was_typed_as_a_name_is_not_kept(session: Session, wang: Actor) -> None:
    enter(session, "my secret typed in the wrong box", "x")
    buckets = " ".join(session.scalars(select(LoginFailure.bucket)))
    entries = " ".join(str(entry.details) for entry in session.scalars(select(AuditEntry)))
    assert "secret" not in buckets + entries


def test_every_try_is_in_the_audit_trail(session: Session, wang: Actor) -> None:
    fail(session, "wang", 5)
    enter(session, "wang", PASSWORD)
    entries = session.execute(
        select(AuditEntry.outcome, AuditEntry.entity_id, AuditEntry.address)
        .where(AuditEntry.action == "log in")
        .order_by(AuditEntry.id)
    ).all()
    outcomes = ["refused"] * 5 + ["locked"]
    assert [tuple(row) for row in entries] == [(o, wang.account_id, HERE) for o in outcomes]


def test_a_one_use_password_works_once_and_for_seven_days(
    session: Session, city: City, clock: Clock
) -> None:
    system, unit = accounts.system_actor(session), city.union("D1-1")
    made = [
        accounts.create_account(session, system, clock, name, name, "grass-roots", unit)
        for name in ("first", "second")
    ]
    start = clock.now()
    (first, secret), (_, late) = made
    token = enter(session, "first", secret, start)
    assert isinstance(token, str)
    who = sessions.find(session, start, token)
    assert who is not None and who.must_change_password
    with pytest.raises(login.OneUsePasswordSpent):
        enter(session, "first", secret, start)
    with pytest.raises(login.OneUsePasswordSpent):
        enter(session, "second", late, start + timedelta(days=7))
    assert first.must_change_password


def test_an_old_password_must_be_changed_where_the_setting_says_so(
    session: Session, wang: Actor
) -> None:
    account = session.get_one(Account, wang.account_id)
    account.password_changed_at = NOW - timedelta(days=91)
    door = login.knock(session, NOW, "wang", HERE)
    login.admit(session, NOW, door, PASSWORD, days=90)
    assert account.must_change_password


@pytest.mark.parametrize(
    ("seen", "opened", "alive"),
    [(29, 29, True), (31, 31, False), (1, 719, True), (1, 721, False)],
)
def test_a_session_dies_idle_or_old(
    session: Session, wang: Actor, seen: int, opened: int, alive: bool
) -> None:
    token = enter(session, "wang", PASSWORD)
    assert isinstance(token, str)
    row = session.scalars(select(LoginSession)).one()
    row.seen_at = NOW - timedelta(minutes=seen)
    row.created_at = NOW - timedelta(minutes=opened)
    session.flush()
    assert (sessions.find(session, NOW, token) is not None) is alive


def test_last_seen_is_due_once_a_minute(session: Session, wang: Actor) -> None:
    token = enter(session, "wang", PASSWORD)
    assert isinstance(token, str)
    who = sessions.find(session, NOW, token)
    assert who is not None
    assert not who.is_due(NOW + timedelta(seconds=59))
    assert who.is_due(NOW + timedelta(seconds=60))


@pytest.fixture
def lin(session: Session, city: City) -> SignedIn:
    """A signed-in person of the city without a second factor."""
    city.person("lin", "finance", "SH")
    token = enter(session, "lin", PASSWORD)
    assert isinstance(token, str)
    who = sessions.find(session, NOW, token)
    assert who is not None
    return who


def test_a_second_factor_is_enrolled_with_a_right_code_only(
    session: Session, lin: SignedIn
) -> None:
    right = pyotp.TOTP(second_factor.proposed_secret(lin)).at(NOW)
    with pytest.raises(second_factor.WrongCode):
        second_factor.enrol(session, lin, NOW, str((int(right) + 1) % 1_000_000).zfill(6))
    second_factor.enrol(session, lin, NOW, f"{right[:3]} {right[3:]}")
    assert session.get_one(Account, lin.account_id).totp == second_factor.proposed_secret(lin)


def test_a_code_works_once(session: Session, lin: SignedIn) -> None:
    totp = pyotp.TOTP(second_factor.proposed_secret(lin))
    second_factor.enrol(session, lin, NOW, totp.at(NOW))
    with pytest.raises(second_factor.WrongCode):
        second_factor.use_code(session, lin, NOW, totp.at(NOW))
    later = NOW + timedelta(seconds=30)
    second_factor.use_code(session, lin, later, totp.at(later))
    with pytest.raises(second_factor.WrongCode):
        second_factor.use_code(session, lin, later, totp.at(later))


@pytest.mark.parametrize("code", ["", "abc", "１２３４５６", "0" * 40, "\u0661" * 6])
def test_a_code_that_is_no_code_is_wrong(session: Session, lin: SignedIn, code: str) -> None:
    with pytest.raises(second_factor.WrongCode):
        second_factor.enrol(session, lin, NOW, code)


def test_a_session_waits_for_its_code(session: Session, lin: SignedIn) -> None:
    totp = pyotp.TOTP(second_factor.proposed_secret(lin))
    second_factor.enrol(session, lin, NOW, totp.at(NOW))
    token = enter(session, "lin", PASSWORD)
    assert isinstance(token, str)
    who = sessions.find(session, NOW, token)
    assert who is not None and who.lacks_code


def test_wrong_codes_lock_like_wrong_passwords(session: Session, lin: SignedIn) -> None:
    totp = pyotp.TOTP(second_factor.proposed_secret(lin))
    second_factor.enrol(session, lin, NOW, totp.at(NOW))
    for _ in range(5):
        assert isinstance(enter(session, "lin", PASSWORD), str)
    assert isinstance(enter(session, "lin", PASSWORD), login.LockedOut)
