"""Accounts: who may make which, and what ends a person's sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.audit import AuditEntry
from portal.access import accounts, login, own_password, passwords, sessions
from portal.access.actor import Actor
from portal.access.permissions import ROLE_PLACES, ROLES, NotAllowed
from portal.clock import Clock
from tests.conftest import PASSWORD, City

NEW = "tangle-orchid-58-ferry"


@pytest.fixture
def district(city: City) -> Actor:
    return city.person("district", "district", "D1")


@pytest.fixture
def admin(city: City) -> Actor:
    return city.person("admin", "system-admin", "SH")


Maker = Callable[[Actor, str, str], Account]


@pytest.fixture
def make(session: Session, clock: Clock, city: City) -> Maker:
    def make_one(actor: Actor, role: str, code: str) -> Account:
        login = f"{role}@{code}"
        made = accounts.create_account(session, actor, clock, login, "某人", role, city.union(code))
        return made[0]

    return make_one


def is_in(session: Session, clock: Clock, token: str) -> bool:
    return sessions.find(session, clock.now(), token) is not None


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("code", ["SH", "D1", "B1", "G1", "D1-1"])
def test_a_role_sits_only_where_it_belongs(
    make: Maker, admin: Actor, city: City, role: str, code: str
) -> None:
    if city.union(code).kind in ROLE_PLACES[role]:
        assert make(admin, role, code).role == role
    else:
        with pytest.raises(accounts.RoleMisplaced):
            make(admin, role, code)


def test_a_district_makes_grass_roots_accounts_below_itself(make: Maker, district: Actor) -> None:
    assert make(district, "grass-roots", "D1-1").organization.code == "D1-1"


@pytest.mark.parametrize(
    ("role", "code", "refusal"),
    [
        ("grass-roots", "D2-1", accounts.OutsideSubtree),
        ("district", "D1", accounts.OutsideSubtree),
        ("district", "D2", accounts.OutsideSubtree),
        ("finance", "SH", accounts.OutsideSubtree),
        ("system-admin", "D1", accounts.RoleMisplaced),
        ("emperor", "D1", accounts.UnknownRole),
    ],
)
def test_a_district_makes_no_other_accounts(
    make: Maker, district: Actor, role: str, code: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        make(district, role, code)


def test_a_bureau_makes_reviewers_of_its_groups_and_they_of_their_units(
    make: Maker, city: City
) -> None:
    bureau = city.person("bureau", "district", "B1")
    group = Actor.of(make(bureau, "district", "G1"))
    assert make(group, "grass-roots", "G1-1").role == "grass-roots"
    with pytest.raises(accounts.OutsideSubtree):
        make(group, "district", "G1")


@pytest.mark.parametrize("role", ["city-centre", "city-approver", "finance", "auditor"])
def test_city_staff_make_no_accounts(make: Maker, city: City, role: str) -> None:
    with pytest.raises(NotAllowed):
        make(city.person("someone", role, "SH"), "grass-roots", "D1-1")


def test_grass_roots_staff_make_no_accounts(make: Maker, city: City) -> None:
    with pytest.raises(NotAllowed):
        make(city.person("someone", "grass-roots", "D1-1"), "grass-roots", "D1-1")


@pytest.mark.parametrize("variant", ["Li.Ming", "ＬＩ.ming", "li.ming "])
def test_a_login_is_unique_without_regard_to_case_or_width(
    session: Session, clock: Clock, city: City, admin: Actor, variant: str
) -> None:
    unit = city.union("D1-1")
    accounts.create_account(session, admin, clock, "li.ming", "李明", "grass-roots", unit)
    with pytest.raises(accounts.LoginTaken):
        accounts.create_account(session, admin, clock, variant, "李明", "grass-roots", unit)


@pytest.mark.parametrize("login", ["", "a", "two words", "tab\tbed", "nul\0nul", "x" * 61])
def test_an_impossible_login_is_refused(
    session: Session, clock: Clock, city: City, admin: Actor, login: str
) -> None:
    with pytest.raises(accounts.BadLogin):
        accounts.create_account(
            session, admin, clock, login, "李明", "grass-roots", city.union("D1-1")
        )


def test_one_use_passwords_are_long_random_and_stored_hashed(
    session: Session, clock: Clock, city: City, admin: Actor
) -> None:
    account, secret = accounts.create_account(
        session, admin, clock, "li", "李明", "grass-roots", city.union("D1-1"), "13800001234"
    )
    assert len(secret.replace("-", "")) == 16
    assert secret not in account.password_hash
    assert passwords.matches(account.password_hash, secret)
    assert account.must_change_password
    assert account.phone == "13800001234"
    assert b"13800001234" not in (account.phone_sealed or b"")


@pytest.mark.parametrize("act", ["disable", "move", "reset", "delete"])
def test_what_ends_a_persons_sessions(
    session: Session, clock: Clock, city: City, district: Actor, act: str
) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    assert person.account_id
    token = sessions.open_session(session, clock.now(), person.account_id)
    assert is_in(session, clock, token)
    if act == "disable":
        accounts.disable_account(session, district, clock, person.account_id)
    elif act == "move":
        accounts.move_account(session, district, clock, person.account_id, city.union("D1-2"))
    elif act == "reset":
        accounts.reset_password(session, district, clock, person.account_id)
    else:
        accounts.delete_account(session, district, clock, person.account_id)
    assert not is_in(session, clock, token)


def test_enabling_again_does_not_wake_old_sessions(
    session: Session, clock: Clock, city: City, district: Actor
) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    assert person.account_id
    token = sessions.open_session(session, clock.now(), person.account_id)
    accounts.disable_account(session, district, clock, person.account_id)
    accounts.enable_account(session, district, clock, person.account_id)
    assert not is_in(session, clock, token)


def test_a_district_manages_nobody_beside_or_above_it(
    session: Session, clock: Clock, city: City, district: Actor
) -> None:
    others = [
        city.person("peer", "district", "D1"),
        city.person("sibling", "grass-roots", "D2-1"),
        city.person("centre", "city-centre", "SH"),
    ]
    for other in others:
        assert other.account_id
        with pytest.raises(accounts.UnknownAccount):
            accounts.reset_password(session, district, clock, other.account_id)


def test_a_person_is_not_moved_out_of_the_subtree(
    session: Session, clock: Clock, city: City, district: Actor
) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    assert person.account_id
    with pytest.raises(accounts.OutsideSubtree):
        accounts.move_account(session, district, clock, person.account_id, city.union("D2-1"))


def test_nobody_disables_themselves(session: Session, clock: Clock, admin: Actor) -> None:
    assert admin.account_id
    with pytest.raises(accounts.NotYourself):
        accounts.disable_account(session, admin, clock, admin.account_id)


def test_an_account_with_a_history_is_disabled_not_deleted(
    session: Session, clock: Clock, city: City, admin: Actor, district: Actor, make: Maker
) -> None:
    make(district, "grass-roots", "D1-1")
    assert district.account_id
    removal = accounts.delete_account(session, admin, clock, district.account_id)
    assert not removal.deleted
    assert session.get_one(Account, district.account_id).is_active is False


def test_an_account_that_did_nothing_is_deleted(
    session: Session, clock: Clock, city: City, admin: Actor
) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    assert person.account_id
    sessions.open_session(session, clock.now(), person.account_id)
    assert accounts.delete_account(session, admin, clock, person.account_id).deleted
    assert session.get(Account, person.account_id) is None


def test_a_new_password_ends_every_session(session: Session, clock: Clock, city: City) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    assert person.account_id
    token = sessions.open_session(session, clock.now(), person.account_id)
    own_password.change_password(session, person, clock, PASSWORD, NEW)
    assert not is_in(session, clock, token)
    account = session.get_one(Account, person.account_id)
    assert passwords.matches(account.password_hash, NEW)
    assert not account.must_change_password


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("wrong", NEW, own_password.WrongPassword),
        (PASSWORD, PASSWORD, own_password.SamePassword),
        (PASSWORD, "111111", passwords.PasswordLength),
        (PASSWORD, "Kp7#vQ2x!", passwords.PasswordLength),
        (PASSWORD, "x" * 65, passwords.PasswordLength),
        (PASSWORD, "1111111111", passwords.WeakPassword),
        (PASSWORD, "1234567890", passwords.WeakPassword),
        (PASSWORD, "password123", passwords.WeakPassword),
        (PASSWORD, "Q1w2e3r4t5", passwords.WeakPassword),
        (PASSWORD, "5201314520", passwords.WeakPassword),
        (PASSWORD, "quartz-LI.MING-kettle", passwords.PasswordNamesItsOwner),
        (PASSWORD, "quartz-李明-kettle", passwords.PasswordNamesItsOwner),
        (PASSWORD, "quartz-001234-kettle", passwords.PasswordNamesItsOwner),
    ],
)
def test_a_bad_new_password_is_refused(
    session: Session,
    clock: Clock,
    city: City,
    old: str,
    new: str,
    refusal: type[Exception],
) -> None:
    person = city.person("li.ming", "grass-roots", "D1-1")
    account = session.get_one(Account, person.account_id)
    account.name, account.phone = "李明", "13800001234"
    with pytest.raises(refusal):
        own_password.change_password(session, person, clock, old, new)
    assert passwords.matches(account.password_hash, PASSWORD)


def test_the_setting_asks_for_kinds_of_characters(
    session: Session, clock: Clock, city: City
) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    with pytest.raises(passwords.PasswordKinds):
        own_password.change_password(session, person, clock, PASSWORD, NEW, kinds=4)
    own_password.change_password(session, person, clock, PASSWORD, NEW.title(), kinds=4)


def test_full_width_typing_gives_the_same_password() -> None:
    assert passwords.matches(passwords.hashed("ｔａｎｇｌｅ－５８"), "tangle-58")


@pytest.mark.parametrize("stored", ["", "x", "111111", "$argon2id$broken"])
def test_a_malformed_hash_matches_nothing(stored: str) -> None:
    assert not passwords.matches(stored, "111111")


def test_every_act_on_an_account_is_recorded(
    session: Session, clock: Clock, city: City, admin: Actor
) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    assert person.account_id
    accounts.edit_account(session, admin, clock, person.account_id, name="李", phone="")
    accounts.move_account(session, admin, clock, person.account_id, city.union("D2-1"))
    accounts.disable_account(session, admin, clock, person.account_id)
    accounts.enable_account(session, admin, clock, person.account_id)
    accounts.reset_password(session, admin, clock, person.account_id)
    accounts.delete_account(session, admin, clock, person.account_id)
    of_person = select(AuditEntry.action).where(
        AuditEntry.entity == "account",
        AuditEntry.entity_id == person.account_id,
        AuditEntry.account_id == admin.account_id,
    )
    assert list(session.scalars(of_person.order_by(AuditEntry.id))) == [
        "edit account",
        "move account",
        "disable account",
        "enable account",
        "reset password",
        "delete account",
    ]


def test_a_reset_opens_a_locked_login_and_no_other(
    session: Session, clock: Clock, city: City, admin: Actor
) -> None:
    person = city.person("li", "grass-roots", "D1-1")
    city.person("wang", "grass-roots", "D1-1")
    assert person.account_id
    now, here = clock.now(), "192.0.2.1"
    for name in ("li", "wang"):
        tries = [login.knock(session, now, name, here) for _try in range(login.TRIES_PER_ACCOUNT)]
        assert not any(door.locked for door in tries)
        assert login.knock(session, now, name, here).locked
    _account, password = accounts.reset_password(session, admin, clock, person.account_id)
    door = login.knock(session, now, "ＬＩ", here)
    assert not door.locked
    assert login.password_opens(door, password)
    assert login.knock(session, now, "wang", here).locked


def test_a_command_acts_as_an_account_in_use(
    session: Session, clock: Clock, city: City, admin: Actor
) -> None:
    assert accounts.actor_named(session, "ADMIN") == admin
    with pytest.raises(accounts.UnknownAccount):
        accounts.actor_named(session, "nobody")
