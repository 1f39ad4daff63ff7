"""Batches on the command line: cancelled, accounts corrected, a bank's file, statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from models.base import begin_writing, db
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
