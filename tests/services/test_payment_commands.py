"""Batches on the command line: cancelled, accounts corrected, a bank's file, statements."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from models.base import begin_writing, db
from models.certificate import SkillCertificate
from seed.bank_files import bank_files
from tests.services.test_commands import CODE, Office, approved, office

__all__ = ["approved", "office"]
FINANCE = ("--as", "finance")


@pytest.fixture
def batch(app: Flask, approved: Office) -> str:
    """A batch of two people, and the templates of the seed."""
    with app.app_context():
        begin_writing()
        db.session.add_all(bank_files())
        db.session.commit()
        begin_writing(False)
    approved.does("funding", "budget", CODE, "2500", *FINANCE)
    return str(approved.does("funding", "pay", CODE, "--district", "D1", *FINANCE)["batch"])


def test_a_batch_is_cancelled_and_stated(approved: Office, batch: str, tmp_path: Path) -> None:
    file = tmp_path / "bank.csv"
    bank = ("funding", "bank", batch, str(file), "--template")
    assert approved.refuses(*bank, "没有", *FINANCE) == "NoSuchTemplate"
    done = approved.does(*bank, bank_files()[0].title, *FINANCE)
    assert done["people"] == 2
    assert len(file.read_text(encoding="utf-8-sig").splitlines()) == 3
    cancel = ("funding", "cancel", batch, "--reason")
    assert approved.refuses(*cancel, "x", *FINANCE) == "NoReason"
    assert approved.refuses(*cancel, "名单有误", "--as", "district") == "NotAllowed"
    assert approved.does(*cancel, "名单有误", *FINANCE)["state"] == "cancelled"
    found = approved.does("funding", "statement", "--programme", CODE, *FINANCE)
    assert found["balances"]
    assert [row["closing_fen"] for row in found["summaries"]] == [0]
    assert [row["kind"] for row in found["entries"]] == ["commit", "cancel"]
    state = ("funding", "statement")
    assert approved.refuses(*state, "--month", "x", *FINANCE) == "BadMonth"
    assert approved.refuses(*state, "--application", "S26-9", *FINANCE) == "NoSuchApplication"
    assert approved.refuses(*state, "--as", "approver") == "NotAllowed"
    for wrong in ("nan", "1.234", "-1"):
        approved.misuses("funding", "confirm", batch, "--yuan", wrong, *FINANCE)
    assert approved.does("verify")["ok"]


def test_an_account_is_corrected_where_no_money_is_on_its_way(approved: Office, batch: str) -> None:
    account = ("funding", "account", "S26-000001", "--reason", "卡已注销", "--card")
    assert approved.refuses(*account, "6210949999999990", *FINANCE) == "NotCorrectable"
    approved.does("funding", "cancel", batch, "--reason", "卡已注销", *FINANCE)
    assert approved.refuses(*account, "12", *FINANCE) == "WrongCells"
    assert approved.refuses(*account, "6210941234567897", *FINANCE) == "SameAccount"
    assert approved.refuses(*account, "6210949999999990", "--as", "district") == "NotAllowed"
    done = approved.does(*account, "6210949999999990", *FINANCE)
    assert done == {"application": "S26-000001", "paid_to": "card", "state": "approved"}
    assert approved.does("verify")["ok"]


def test_a_later_finding_is_adjusted_by_two_people(
    app: Flask, approved: Office, batch: str
) -> None:
    with app.app_context():
        begin_writing()
        first = update(SkillCertificate).where(SkillCertificate.id == 1)
        db.session.execute(first.values(issued_on=date(2019, 3, 1)))
        db.session.commit()
        begin_writing(False)
    found = approved.does("funding", "affected", CODE, "--as", "approver")
    (row,) = found["rows"]
    assert (found["cases"], row["out_fen"], row["payers_fen"]) == (1, 1000_00, {"SH": -1000_00})
    number, adjust = row["number"], ("funding", "adjust")
    wanted = (*adjust, "propose", CODE, number, "--reason", "证书已注销")
    assert approved.refuses(*wanted, "--as", "approver") == "NotAllowed"
    assert approved.does(*wanted, *FINANCE)["proposed"] == 1
    assert approved.refuses(*adjust, "approve", number, *FINANCE) == "NothingToAdjust"
    assert approved.does(*adjust, "approve", number, "--as", "approver")["decided"] == 1
    received = (*adjust, "received", number, "--yuan", "1000", "--reason", "退回", *FINANCE)
    assert approved.refuses(*received) == "NotOutYet"
    cancel = (*adjust, "cancel", number, "--reason", "弄错了")
    assert approved.refuses(*cancel, *FINANCE) == "OwnAdjustment"
    assert approved.does(*cancel, "--as", "approver")["state"] == "cancelled"
    assert approved.refuses(*adjust, "approve", "S26-9", "--as", "approver") == "NoSuchAdjustment"
    assert approved.does("verify")["ok"]
