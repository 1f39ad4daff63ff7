"""The calculator: who owes what, in whose eyes, with what weights; and its command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.organization import Organization
from models.types import Fen
from portal.access.accounts import create_account, system_actor
from portal.access.actor import Actor
from portal.funding.adjusting import decide_adjustments
from portal.funding.budget import set_budget
from portal.funding.matching import BadWeight, NoSuchShare, Owed, check_shares, matching
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.funding.proposing import propose_amount
from portal.funding.recovering import receive
from tests.support.walk import Walk


@pytest.fixture
def walk(session: Session, tmp_path: Path) -> Walk:
    """One patent of Beijing worth 3,000 yuan, half and half."""
    return Walk(session, tmp_path, "bj-patent-2022")


def _finance(session: Session) -> Actor:
    return replace(system_actor(session), role="finance")


def test_it_counts_what_may_be_funded_and_writes_nothing(session: Session, walk: Walk) -> None:
    before = session.scalar(select(func.count(AuditEntry.id)))
    found = matching(session, _finance(session), walk.scene.revision.programme)
    assert {row.key: (row.cases, row.fen, row.paid) for row in found.rows} == {
        "city": (1, 1_500_00, 0),
        "district": (1, 1_500_00, 0),
    }
    assert not session.new
    assert not session.dirty
    assert session.scalar(select(func.count(AuditEntry.id))) == before


@pytest.mark.parametrize(
    ("instead", "shares"),
    [
        ({"district": 2}, (1_000_00, 2_000_00)),
        ({"city": 3, "district": 4}, (1_285_71, 1_714_29)),
        ({"nobody": 5}, (1_500_00, 1_500_00)),
    ],
)
def test_other_weights_are_tried(
    session: Session, walk: Walk, instead: dict[str, int], shares: tuple[int, int]
) -> None:
    found = matching(session, _finance(session), walk.scene.revision.programme, None, instead)
    owed = {row.key: row.fen for row in found.rows}
    assert (owed["city"], owed["district"]) == shares
    assert sum(owed.values()) == 3_000_00


@pytest.mark.parametrize("weight", [0, -1, 1_001])
def test_a_weight_that_is_none_is_refused(session: Session, walk: Walk, weight: int) -> None:
    with pytest.raises(BadWeight):
        matching(session, _finance(session), walk.scene.revision.programme, None, {"city": weight})


def test_a_share_that_is_none_is_refused(session: Session, walk: Walk) -> None:
    with pytest.raises(NoSuchShare):
        check_shares(walk.scene.revision.programme, ["city", "nope"])


def test_everyone_sees_their_own_part_alone(session: Session, walk: Walk) -> None:
    union = walk.scene.places["D"]
    own = Actor(1, "own", "district", union.id, union.path, union.depth)
    other = replace(own, path="/1/999999/", organization_id=999_999)
    programme = walk.scene.revision.programme
    assert [row.fen for row in matching(session, own, programme).rows] == [1_500_00, 1_500_00]
    assert matching(session, other, programme).rows == []


def test_chosen_cases_alone_are_counted(session: Session, walk: Walk) -> None:
    nobody = select(Application.id).where(Application.id == -1)
    programme = walk.scene.revision.programme
    assert matching(session, _finance(session), programme, nobody).rows == []
    district = session.get_one(Organization, walk.case.district_id)
    own = select(Application.id).where(Application.district_id == district.id)
    names = {row.district for row in matching(session, _finance(session), programme, own).rows}
    assert names == {district.name}


@pytest.mark.plain
def test_what_came_in_again_is_not_with_its_people(session: Session, walk: Walk) -> None:
    clock, programme = walk.book.after, walk.scene.revision.programme
    finance, approver = _person(walk, "finance"), _person(walk, "city-approver")
    set_budget(session, finance, clock, programme, Fen(5_000_00))
    walk.pass_by("grass-roots", "district", "city-approver")
    batch = make_batch(session, finance, clock, programme, walk.scene.places["D"])
    for step in (mark_transferred, mark_paid):
        step(session, finance, clock, batch, clock.today())
    made = propose_amount(session, finance, clock, walk.case, -1_000_01, "复核后更正")
    decide_adjustments(session, approver, clock, [made.id], approve=True)
    assert _paid(session, walk) == {"city": 1_500_00, "district": 1_500_00}
    for fen in (100_01, 900_00):
        receive(session, finance, clock, made, fen, clock.today(), "已退回")
    assert _paid(session, walk) == {"city": 1_000_00, "district": 999_99}
    assert {row.key: row.fen for row in _rows(session, walk)} == _paid(session, walk)


def _person(walk: Walk, role: str) -> Actor:
    city = walk.session.get_one(Organization, 1)
    system = system_actor(walk.session)
    made, _password = create_account(walk.session, system, walk.book.after, role, role, role, city)
    return Actor.of(made)


def _rows(session: Session, walk: Walk) -> list[Owed]:
    return matching(session, _finance(session), walk.scene.revision.programme).rows


def _paid(session: Session, walk: Walk) -> dict[str, int]:
    return {row.key: row.paid for row in _rows(session, walk)}
