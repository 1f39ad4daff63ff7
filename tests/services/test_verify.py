"""``flask verify`` names each violation that somebody could plant past the database's guards."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from models.decision import REJECT
from models.types import Fen
from portal.funding.budget import set_budget
from portal.funding.payout import make_batch, mark_paid, mark_transferred
from portal.verify import violations
from tests.conftest import City
from tests.services.test_decide import ROUTE, Desk, desk
from tests.support.cases import CLOCK
from tests.support.money import hand_in

__all__ = ["desk"]
TODAY = CLOCK.today()
NO_BYTES = "decode('00', 'hex')"
SAME_DECISION = (
    "batch_id, account_id, outcome, to_stage, to_state, reason, version, revision_id, verdict, "
    "tier_key, amount_fen, decided_at"
)
CASES = {
    "a case whose decisions are gone": (
        ["DELETE FROM decision WHERE application_id = :waiting"],
        [
            "review: application S26-0* stands at waiting, its decisions say None",
            "review: application S26-0* has None decisions, 1 audit entries",
        ],
    ),
    "a refused case brought back to life": (
        ["UPDATE application SET state = 'waiting', claims = true WHERE id = :refused"],
        ["review: application S26-0* stands at waiting, its decisions say refused"],
    ),
    "an amount raised after the approval": (
        ["UPDATE application SET amount_fen = amount_fen + 1 WHERE id = :approved"],
        ["review: application S26-0* changed after it was decided"],
    ),
    "a tier changed after the approval": (
        ["UPDATE application SET tier_key = 'x' WHERE id = :approved"],
        ["review: application S26-0* changed after it was decided"],
    ),
    "a verdict changed after the approval": (
        ["UPDATE application SET verdict = 'held' WHERE id = :approved"],
        ["review: application S26-0* changed after it was decided"],
    ),
    "a decision that starts somewhere else": (
        ["UPDATE decision SET from_stage = 'unit' WHERE application_id = :waiting"],
        ["review: decision * of S26-0* does not start where the last one ended"],
    ),
    "a stage that was skipped": (
        [
            (
                "UPDATE decision SET to_stage = 'centre' "
                "WHERE application_id = :passed AND outcome = 'pass'"
            ),
            "UPDATE application SET stage_key = 'centre' WHERE id = :passed",
        ],
        ["review: application S26-0* passed from unit to centre, off its route"],
    ),
    "an approval before the last stage": (
        [
            (
                "UPDATE decision SET to_state = 'approved' WHERE application_id = :passed "
                "AND outcome = 'pass'"
            ),
            "UPDATE application SET state = 'approved' WHERE id = :passed",
        ],
        ["review: application S26-0* passed from unit to district, off its route"],
    ),
    "a case decided by who entered it": (
        [
            (
                "UPDATE application SET created_by_id = "
                "(SELECT id FROM account WHERE login = 'district') WHERE id = :approved"
            )
        ],
        ["review: application S26-0* was decided by the person who entered it"],
    ),
    "a case decided by who had corrected it": (
        [
            (
                "UPDATE decision SET account_id = "
                "(SELECT id FROM account WHERE login = 'district') "
                "WHERE application_id = :approved AND outcome = 'submit'"
            )
        ],
        ["review: application S26-0* was decided by the person who entered it"],
    ),
    "a decision without its audit entry": (
        [
            (
                f"INSERT INTO decision (application_id, from_stage, {SAME_DECISION}) "
                f"SELECT application_id, to_stage, {SAME_DECISION} FROM decision "
                "WHERE application_id = :waiting"
            )
        ],
        ["review: application S26-0* has 2 decisions, 1 audit entries"],
    ),
    "a claim given up by a live case": (
        ["UPDATE application SET claims = false WHERE id = :waiting"],
        ["review: the claim of application S26-0* does not fit its state"],
    ),
    "a ledger entry without postings": (
        [
            (
                "INSERT INTO ledger_entry (key, kind, programme_id, made_at) "
                "SELECT 'x', 'pay', id, '2026-08-03' FROM programme"
            )
        ],
        ["ledger: entry x does not balance (0 fen)"],
    ),
    "money out of nothing": (
        [
            (
                "INSERT INTO ledger_entry (key, kind, programme_id, made_at) "
                "SELECT 'x', 'pay', id, '2026-08-03' FROM programme"
            ),
            (
                "INSERT INTO ledger_posting (entry_id, programme_id, payer_id, purse, amount_fen) "
                "SELECT e.id, e.programme_id, o.id, 'paid', 7 FROM ledger_entry e, organization o "
                "WHERE e.key = 'x' AND o.code IN ('SH', 'D1')"
            ),
        ],
        ["ledger: entry x does not balance (14 fen)"],
    ),
    "a person more in a batch than it pays": (
        ["UPDATE payment_batch SET payments_count = payments_count + 1"],
        ["payment: batch S26-P0001 says 100000 fen, its payments come to 100000"],
    ),
    "a batch total that its payments do not reach": (
        ["UPDATE payment_batch SET total_fen = 1"],
        [
            "payment: batch S26-P0001 says 1 fen, its payments come to 100000",
        ],
    ),
    "a budget that says too little was spent": (
        ["UPDATE budget SET spent_fen = spent_fen - 1"],
        ["budget: programme *, payer SH: spent 99999 of 900000 fen, the ledger took 100000"],
    ),
    "a budget that was overspent": (
        ["UPDATE budget SET cap_fen = 5"],
        ["budget: programme *, payer SH: spent 100000 of 5 fen, the ledger took 100000"],
    ),
    "a batch that says less of the city's budget than it took": (
        ["UPDATE payment_batch SET budget_fen = 1"],
        ["budget: programme *: batches took 1 fen from the city's, the ledger 100000"],
    ),
    "money in another purse": (
        ["UPDATE ledger_posting SET purse = 'committed' WHERE purse = 'paid'"],
        ["ledger: the postings of batch S26-P0001 do not match its payments"],
    ),
    "a person paid by another district's batch": (
        [
            (
                "UPDATE application SET district_id = "
                "(SELECT id FROM organization WHERE code = 'D2') WHERE id = :paid"
            )
        ],
        ["payment: application S26-0* does not agree with its batch S26-P0001"],
    ),
    "a case marked paid without a payment": (
        [
            "UPDATE application SET state = 'paid' WHERE id = :approved",
            (
                "UPDATE decision SET to_state = 'paid', outcome = 'pay' "
                "WHERE application_id = :approved AND to_state = 'approved'"
            ),
        ],
        ["payment: application S26-0* is paid, which its payments do not say"],
    ),
    "an earlier approval passed over": (
        ["UPDATE decision SET id = id - 1000 WHERE application_id = :approved"],
        ["payment: application S26-0* was approved before one that was paid first"],
    ),
    "an audit entry that was rewritten": (
        ["UPDATE audit_entry SET reason = 'x' WHERE id = 2"],
        ["audit: the entries of seal 2 were changed"],
    ),
    "an audit entry that was removed": (
        ["DELETE FROM audit_entry WHERE id = 2"],
        ["audit: the entries of seal 2 were changed"],
    ),
    "a seal that was removed": (
        ["DELETE FROM audit_seal WHERE id = 2"],
        [
            "audit: seal 2 is missing",
            "audit: seal 3 does not follow the link before it",
            "audit: 1 entries belong to no seal",
        ],
    ),
    "a seal that was forged": (
        [f"UPDATE audit_seal SET mac = {NO_BYTES} WHERE id = 2"],
        [
            "audit: seal 2 does not follow the link before it",
            "audit: seal 3 does not follow the link before it",
        ],
    ),
    "a chain cut short": (
        ["UPDATE audit_head SET seal_id = seal_id + 1"],
        ["audit: the chain ends at seal *, its head says *"],
    ),
    "an audit entry of no seal": (
        [
            (
                "INSERT INTO audit_entry (seal_id, at, action, entity, outcome, reason, address, "
                "details) VALUES (999999, '2026-08-03', 'x', 'x', 'done', '', '', '{}')"
            )
        ],
        ["audit: 1 entries belong to no seal"],
    ),
    "another person's account number": (
        [
            (
                "UPDATE application SET account_sealed = "
                "(SELECT account_sealed FROM application WHERE id = :paid) WHERE id = :waiting"
            )
        ],
        ["sealed: application * account does not open"],
    ),
    "an account number that is gone": (
        ["UPDATE application SET account_sealed = NULL WHERE id = :waiting"],
        ["sealed: application * account does not open"],
    ),
    "an account number found under another": (
        [f"UPDATE application SET account_index = {NO_BYTES} WHERE id = :waiting"],
        ["sealed: application * account does not match its index"],
    ),
    "an index that is gone": (
        [
            (
                "UPDATE applicant SET phone_index = NULL "
                "WHERE id = (SELECT applicant_id FROM application WHERE id = :waiting)"
            )
        ],
        ["sealed: applicant * phone does not match its index"],
    ),
}


@pytest.fixture
def ids(desk: Desk, city: City) -> dict[str, int]:
    """One case of each standing, in a database that keeps its promises."""
    finance = city.person("finance", "finance", "SH")
    paid, approved, passed, waiting, refused = desk.enter(5)
    for who in ROUTE:
        desk.decide(who, [paid])
    desk.decide("unit", [passed])
    desk.decide("unit", [refused], REJECT, reason="不是会员")
    programme = desk.revision.programme
    set_budget(desk.session, finance, CLOCK, programme, Fen(9_000_00))
    batch = make_batch(desk.session, finance, CLOCK, programme, city.union("D1"))
    mark_transferred(desk.session, finance, CLOCK, batch, TODAY)
    hand_in(desk.session, finance, desk.people["centre"], CLOCK, batch)
    mark_paid(desk.session, finance, CLOCK, batch, TODAY)
    for who in ROUTE:
        desk.decide(who, [approved])
    assert list(violations(desk.session)) == []
    return {
        "paid": paid, "approved": approved, "passed": passed, "waiting": waiting,
        "refused": refused,
    }  # fmt: skip


def test_each_planted_violation_is_named_and_no_other(desk: Desk, ids: dict[str, int]) -> None:
    wrong = {}
    for name, (statements, sentences) in CASES.items():
        planted = desk.session.begin_nested()
        _plant(desk.session, ids, statements)
        found = list(violations(desk.session))
        planted.rollback()
        if not _are(found, sentences):
            wrong[name] = found
    assert wrong == {}
    assert list(violations(desk.session)) == []


def _are(found: list[str], sentences: list[str]) -> bool:
    """Whether *found* are *sentences*, in which ``*`` stands for a number."""
    patterns = [re.escape(sentence).replace(r"\*", r"[-\d]+") for sentence in sentences]
    return len(found) == len(patterns) and all(
        any(re.fullmatch(pattern, sentence) for sentence in found) for pattern in patterns
    )


def test_the_command_tells_sound_from_broken(desk: Desk, ids: dict[str, int], city: City) -> None:
    desk.session.commit()
    runner = city.app.test_cli_runner()
    sound = runner.invoke(args=["verify", "--json"])
    assert (sound.exit_code, json.loads(sound.output)) == (0, {"ok": True, "violations": []})
    statements, _sentences = CASES["a case decided by who entered it"]
    _plant(desk.session, ids, statements)
    desk.session.commit()
    broken = runner.invoke(args=["verify", "--json"])
    told = json.loads(broken.output)
    assert (broken.exit_code, told["ok"], len(told["violations"])) == (1, False, 1)
    assert "was decided by the person who entered it" in told["violations"][0]


def _plant(session: Session, ids: dict[str, int], statements: list[str]) -> None:
    """Run *statements* as somebody would who owns the database, with every guard taken away."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("ALTER TABLE budget DROP CONSTRAINT ck_budget_within_cap"))
    else:
        session.execute(text("PRAGMA ignore_check_constraints = ON"))
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for guard in session.scalars(text(guards)).all():
            session.execute(text(f'DROP TRIGGER "{guard}"'))
        statements = [statement.replace(NO_BYTES, "x'00'") for statement in statements]
    for statement in statements:
        names = re.findall(r":(\w+)", statement)
        session.execute(text(statement), {name: ids[name] for name in names})
    session.expire_all()
