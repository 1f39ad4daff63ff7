"""Two districts at work in the 2026 programme, and all that belongs to the first of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Flask
from sqlalchemy import select

from models.account import Account, SavedView
from models.application import Application
from models.audit import AuditEntry
from models.base import db
from models.decision import PASS
from models.exchange import Job, SheetImport
from models.funding import PaymentBatch
from models.organization import Organization
from models.programme import Revision
from models.types import Fen, new_row_key
from portal.access.actor import Actor
from portal.exchange import uploads
from portal.funding.budget import set_budget
from portal.funding.payout import make_batch
from portal.review.decide import decide
from portal.review.selections import freeze_seen
from tests.conftest import City
from tests.support.cases import CLOCK, cells, entered, published

PEOPLE = {
    "importer": ("city-centre", "SH"),
    "centre": ("city-centre", "SH"),
    "approver": ("city-approver", "SH"),
    "finance": ("finance", "SH"),
    "auditor": ("auditor", "SH"),
    "clerk-jia": ("district", "D1"),
    "unit-jia": ("grass-roots", "D1-1"),
    "clerk-yi": ("district", "D2"),
    "unit-yi": ("grass-roots", "D2-1"),
}
UNIONS = ("D1", "D1-1", "D1-2")
SCREENS = {
    "application": Application.district_id,
    "account": Account.organization_id,
    "organization": Organization.id,
    "payment": PaymentBatch.district_id,
    "audit": AuditEntry.organization_id,
}
VIEW = "金雀的视图"
FEW = 3
"""Ids of a screen that are worth trying."""


@dataclass
class Loot:
    """What district 甲 holds: ids by screen, keys of its people's work, and its words."""

    ids: dict[str, list[int]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    searches: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    own: dict[str, int] = field(default_factory=dict)


def two_districts(app: Flask, town: City) -> Loot:
    """Let both districts work, in the current session; gives what belongs to 甲."""
    people = {login: town.person(login, *place) for login, place in PEOPLE.items()}
    revision = published(db.session())
    jia = _enter(people["importer"], revision, town.union("D1-1"), 100, "金雀")
    yi = _enter(people["importer"], revision, town.union("D2-1"), 200, "乙人")
    found = Loot(own={"application": yi[0]})
    for ids, place in ((jia, "jia"), (yi, "yi")):
        acts = [
            _pass(people[login], ids[1])
            for login in (f"unit-{place}", f"clerk-{place}", "centre", "approver")
        ]
        found.keys.setdefault("outcome", acts[0])
    set_budget(db.session(), people["finance"], CLOCK, revision.programme, Fen(9_000_00))
    for code in ("D1", "D2"):
        batch = make_batch(
            db.session(), people["finance"], CLOCK, revision.programme, town.union(code)
        )
        found.own["payment"] = batch.id
    _work_of_jia(app, people, revision, jia[0], found)
    _note(town, found)
    return found


def _enter(
    actor: Actor, revision: Revision, unit: Organization, serial: int, name: str
) -> list[int]:
    forms = [cells(unit, serial + n, applicant__name=f"{name}{'一二'[n]}") for n in (0, 1)]
    return entered(db.session(), actor, revision, forms)


def _pass(actor: Actor, row_id: int) -> str:
    case = db.session.get_one(Application, row_id, populate_existing=True)
    chosen = freeze_seen(db.session(), actor, CLOCK, PASS, {row_id: case.version})
    outcome = decide(db.session(), actor, CLOCK, chosen, PASS)
    assert outcome.decided == 1
    return chosen.row_key


def _work_of_jia(
    app: Flask, people: dict[str, Actor], revision: Revision, row_id: int, found: Loot
) -> None:
    """A frozen choice, a saved view, a sheet that was entered and an export."""
    clerk, now = people["clerk-jia"], CLOCK.now()
    view = SavedView(account_id=clerk.account_id, screen="application", title=VIEW, query={})
    sheet = SheetImport(
        row_key=new_row_key(), account_id=clerk.account_id, programme_id=revision.programme_id,
        subject="certificate", file_name="金雀.xlsx", digest="0" * 64, state="applied",
        created_at=now,
    )  # fmt: skip
    job = Job(
        row_key=new_row_key(), account_id=clerk.account_id, kind="export", title="金雀",
        state="done", created_at=now,
    )  # fmt: skip
    db.session.add_all([view, sheet, job])
    db.session.flush()
    home = app.extensions["portal_config"].home
    uploads.refused(home, sheet.row_key).write_text("金雀")
    uploads.export(home, job.row_key).write_text("金雀")
    chosen = freeze_seen(db.session(), people["unit-jia"], CLOCK, PASS, {row_id: 1})
    found.keys |= {"selection": chosen.row_key, "sheet": sheet.row_key, "job": job.row_key}
    found.numbers["view"] = view.id


def _note(town: City, found: Loot) -> None:
    """The ids of 甲's rows and every word that stands in them."""
    inside = [town.unions[code] for code in UNIONS]
    for screen, owner in SCREENS.items():
        rows = select(owner.class_.id).where(owner.in_(inside)).order_by(owner.class_.id)
        found.ids[screen] = list(db.session.scalars(rows.limit(FEW)))
    cases = db.session.scalars(
        select(Application).where(Application.district_id == town.unions["D1"])
    ).all()
    found.ids["applicant"] = [case.applicant_id for case in cases]
    found.ids["certificate"] = [case.certificate_id for case in cases if case.certificate_id]
    found.numbers |= {"district": town.unions["D1"], "unit": town.unions["D1-1"]}
    found.words = {town.union(code).name for code in UNIONS} | {"金雀", VIEW}
    found.words |= {login for login in PEOPLE if login.endswith("jia")}
    batches = select(PaymentBatch).where(PaymentBatch.district_id == town.unions["D1"])
    found.words |= {batch.number for batch in db.session.scalars(batches)}
    for case in cases:
        assert case.certificate is not None
        who = case.applicant
        told = [case.number, case.certificate.number, who.name, who.phone, who.id_number]
        found.searches += [str(word) for word in told]
    found.words |= set(found.searches)
