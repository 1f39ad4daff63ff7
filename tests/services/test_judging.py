"""Judging a set and judging one case are the same statement, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import Application
from models.catalogue import Catalogue, CatalogueEntry, CatalogueTerm
from models.certificate import SkillCertificate
from models.decision import DecisionBatch, Override
from models.notice import Notice
from models.programme import (
    AwardTier,
    Bound,
    Condition,
    FormField,
    OrderKey,
    Programme,
    Revision,
    Window,
)
from portal.clock import Clock
from portal.policy.check import problems
from portal.policy.compile import compile_policy
from portal.policy.explain import explain
from portal.policy.judge import judge, summary
from tests.conftest import City

OPENS, CLOSES = date(2030, 3, 1), date(2030, 5, 31)
LEVELS, ISSUERS, TRADES = ("low", "mid", "high"), ("home", "away", "nation"), ("t0", "t1", "t9")


@pytest.fixture
def revision(session: Session, city: City) -> Revision:
    """A programme with a condition of each outcome, three tiers and a bound."""
    _catalogue(session)
    notice = Notice(key="X1", title="n", issuer="i", issued_on=OPENS, basis=[], version=1)
    programme = Programme(
        code="x-1",
        title="x",
        family="x",
        year=2030,
        subject="skill_certificate",
        number_prefix="X-",
        notice=notice,
        version=1,
    )
    found = Revision(programme=programme, number=1, choose="first", version=1)
    _rows(found)
    session.add(found)
    session.flush()
    return found


def _rows(found: Revision) -> None:
    found.windows = [Window(position=1, key="w", opens_on=OPENS, closes_on=CLOSES)]
    found.fields = [
        FormField(
            position=1,
            key="field.opinion",
            section="s",
            label="意见",
            kind="choice",
            choices={"yes": "同意", "no": "不同意"},
        )
    ]
    found.conditions = [
        _condition(1, "member", [["applicant.union_member", "is true"]], "refuse"),
        _condition(
            2,
            "issued",
            [
                ["certificate.issued_on", "between", ["2028-01-01", "window.closes"]],
                ["certificate.issued_on", "on or before", "application.submitted_on"],
            ],
            "refuse",
        ),
        _condition(
            3,
            "opinion",
            [["field.opinion", "is", "yes"]],
            "ask",
            when=[["certificate.issuer", "one of", ["away", "nation"]]],
        ),
        _condition(4, "trade", [["certificate.occupation", "in table", "trades"]], "note"),
    ]
    found.tiers = [
        AwardTier(
            position=n,
            key=level,
            title=level,
            amount_fen=n * 100_00,
            when=[["certificate.level", "is", level]],
        )
        for n, level in enumerate(LEVELS, 1)
    ]
    found.bounds = [
        Bound(
            position=1,
            key="two-each",
            says="",
            counts="awarded",
            per=["person"],
            within="programme",
            at_most=2,
            over="refuse",
            when=[],
        )
    ]


def _condition(
    position: int, key: str, terms: list[Any], otherwise: str, when: list[Any] | None = None
) -> Condition:
    return Condition(
        position=position,
        key=key,
        says=key,
        require={"all": terms},
        otherwise=otherwise,
        when=when or [],
    )


def _catalogue(session: Session) -> None:
    table = Catalogue(key="trades", family="t", title="t", kind="occupation", version=1)
    session.add(table)
    session.flush()
    for n in range(2):
        entry = CatalogueEntry(
            catalogue_id=table.id, position=n, code=f"c{n}", title=f"t{n}", version=1
        )
        session.add(entry)
        session.flush()
        session.add(CatalogueTerm(catalogue_id=table.id, entry_id=entry.id, term=f"t{n}"))
    session.flush()


def _case(session: Session, city: City, revision: Revision, serial: int, **facts: Any) -> int:
    """One waiting case with *facts*; gives its id."""
    base = {"version": 1, "updated_at": Clock().now()}
    unit = city.unions["D1-1"]
    who = facts.get("person", serial)
    found = session.scalar(select(Applicant).where(Applicant.name == f"p{who}"))
    if found is None:
        found = Applicant(
            organization_id=unit,
            name=f"p{who}",
            details={},
            row_key=f"p{who}",
            is_union_member=facts.get("member", True),
            **base,
        )
        found.id_number = f"{who:018d}"
        session.add(found)
        session.flush()
    paper = SkillCertificate(
        organization_id=unit,
        applicant_id=found.id,
        number=f"n{serial}",
        number_key=f"n{serial}",
        occupation="t",
        occupation_term=facts.get("trade", "t0"),
        level=facts.get("level", "low"),
        issuer=facts.get("issuer", "home"),
        issued_on=facts.get("issued", OPENS),
        **base,
    )
    session.add(paper)
    session.flush()
    opinion = facts.get("opinion")
    values = {
        "row_key": f"a{serial}",
        "number": f"X-{serial}",
        "programme_id": revision.programme_id,
        "revision_id": revision.id,
        "window_id": revision.windows[0].id,
        "family": "x",
        "channel": "unit",
        "organization_id": unit,
        "applicant_id": found.id,
        "certificate_id": paper.id,
        "state": facts.get("state", "waiting"),
        "sequence": serial,
        "submitted_on": facts.get("submitted", CLOSES),
        "claim_key": f"n{serial}",
        "claims": True,
        "amount_fen": 0,
        "fields": {"opinion": opinion} if opinion else {},
        "created_at": Clock().now(),
        **base,
    }
    return int(
        session.execute(insert(Application).values(values).returning(Application.id)).scalar_one()
    )


def _seen(session: Session, case: int) -> Application:
    session.expire_all()
    return session.get_one(Application, case)


@pytest.mark.parametrize(
    ("facts", "verdict", "missed", "asked"),
    [
        ({}, "eligible", "", ""),
        ({"member": False}, "ineligible", ",member,", ""),
        ({"member": None}, "held", "", ",member,"),
        ({"issued": date(2027, 12, 31)}, "ineligible", ",issued,", ""),
        ({"issued": date(2028, 1, 1)}, "eligible", "", ""),
        ({"issued": CLOSES}, "eligible", "", ""),
        ({"issued": CLOSES, "submitted": CLOSES - timedelta(1)}, "ineligible", ",issued,", ""),
        ({"issuer": "away"}, "held", "", ",opinion,"),
        ({"issuer": "away", "opinion": "no"}, "held", "", ",opinion,"),
        ({"issuer": "away", "opinion": "yes"}, "eligible", "", ""),
        ({"issuer": "away", "member": False}, "ineligible", ",member,", ",opinion,"),
        ({"trade": "t9"}, "eligible", "", ""),
        ({"level": "unheard of"}, "ineligible", ",tier,", ""),
    ],
)
def test_a_case_is_judged_by_its_facts(
    session: Session,
    city: City,
    revision: Revision,
    facts: dict[str, Any],
    verdict: str,
    missed: str,
    asked: str,
) -> None:
    case = _case(session, city, revision, 1, **facts)
    judge(session, revision)
    found = _seen(session, case)
    assert (found.verdict, found.missed, found.asked) == (verdict, missed, asked)
    assert (found.amount_fen == 0) == (verdict == "ineligible")


def test_the_third_of_one_person_is_refused(
    session: Session, city: City, revision: Revision
) -> None:
    cases = [_case(session, city, revision, n, person=7) for n in (1, 2, 3)]
    judge(session, revision)
    assert [_seen(session, case).verdict for case in cases] == [
        "eligible",
        "eligible",
        "ineligible",
    ]
    assert _seen(session, cases[2]).missed == ",two-each,"


def test_an_earlier_case_that_asks_reserves_its_place(
    session: Session, city: City, revision: Revision
) -> None:
    first = _case(session, city, revision, 1, person=7, issuer="away")
    second, third, fourth = (_case(session, city, revision, n, person=7) for n in (2, 3, 4))
    judge(session, revision)
    verdicts = [_seen(session, case).verdict for case in (first, second, third, fourth)]
    assert verdicts == ["held", "eligible", "held", "ineligible"]


def test_an_approved_case_holds_its_place_before_earlier_ones(
    session: Session, city: City, revision: Revision
) -> None:
    first, second = (_case(session, city, revision, n, person=7) for n in (1, 2))
    for n in (3, 4):
        _case(session, city, revision, n, person=7, state="approved")
    judge(session, revision)
    assert [_seen(session, case).verdict for case in (first, second)] == [
        "ineligible",
        "ineligible",
    ]


def test_awards_of_the_family_hold_places(session: Session, city: City, revision: Revision) -> None:
    older = Revision(programme=revision.programme, number=2, choose="first", version=1)
    _rows(older)
    session.add(older)
    session.flush()
    for n in (1, 2):
        _case(session, city, older, n, person=7, state="paid")
    late = _case(session, city, revision, 3, person=7)
    other = _case(session, city, revision, 4, person=8)
    judge(session, revision)
    assert (_seen(session, late).verdict, _seen(session, other).verdict) == (
        "ineligible",
        "eligible",
    )


def test_an_override_passes_what_asks_until_it_is_void(
    session: Session, city: City, revision: Revision
) -> None:
    case = _case(session, city, revision, 1, issuer="away")
    _pass(session, revision, case, "opinion")
    judge(session, revision)
    assert _seen(session, case).verdict == "eligible"
    session.execute(update(Override).values(voided_at=Clock().now()))
    judge(session, revision)
    assert _seen(session, case).verdict == "held"


@pytest.mark.parametrize(("over", "verdict"), [("ask", "eligible"), ("wait", "held")])
def test_a_person_passes_what_a_bound_asks_but_makes_no_place(
    session: Session, city: City, revision: Revision, over: str, verdict: str
) -> None:
    revision.bounds[0].over = over
    session.flush()
    cases = [_case(session, city, revision, n, person=7) for n in (1, 2, 3)]
    judge(session, revision)
    assert (_seen(session, cases[2]).verdict, _seen(session, cases[2]).asked) == (
        "held",
        ",two-each,",
    )
    _pass(session, revision, cases[2], "two-each")
    judge(session, revision)
    assert _seen(session, cases[2]).verdict == verdict


def test_a_person_settles_a_tier_in_doubt(session: Session, city: City, revision: Revision) -> None:
    revision.tiers[0].when = [["field.opinion", "is", "yes"]]
    session.flush()
    case = _case(session, city, revision, 1, level="mid")
    judge(session, revision)
    assert (_seen(session, case).verdict, _seen(session, case).asked) == ("held", ",tier,")
    _pass(session, revision, case, "tier")
    judge(session, revision)
    found = _seen(session, case)
    assert (found.verdict, found.tier_key, found.amount_fen) == ("eligible", "mid", 200_00)


def _pass(session: Session, revision: Revision, case: int, key: str) -> None:
    """A person passed the finding *key* of a case."""
    act = DecisionBatch(outcome="pass", decided_at=Clock().now())
    session.add(act)
    session.flush()
    session.add(
        Override(
            application_id=case,
            condition_key=key,
            revision_id=revision.id,
            batch_id=act.id,
            reason="seen",
            made_at=Clock().now(),
        )
    )
    session.flush()


def test_a_decided_case_is_never_rejudged(session: Session, city: City, revision: Revision) -> None:
    case = _case(session, city, revision, 1, state="approved", member=False)
    judge(session, revision)
    assert _seen(session, case).verdict is None


def test_one_case_and_the_whole_agree(session: Session, city: City, revision: Revision) -> None:
    random = Random(4)
    revision.orders = [
        OrderKey(position=1, key="late", fact="certificate.issued_on", descending=True)
    ]
    session.flush()
    for serial in range(1, 121):
        _case(
            session,
            city,
            revision,
            serial,
            person=random.randrange(40),
            member=random.choice([True, True, True, False, None]),
            level=random.choice(LEVELS),
            issuer=random.choice(ISSUERS),
            trade=random.choice(TRADES),
            issued=OPENS - timedelta(random.randrange(1000)),
            opinion=random.choice([None, "yes", "no"]),
            state=random.choice(["waiting", "waiting", "returned", "approved"]),
        )
    whole = {row["id"]: dict(row) for row in _all(session, revision)}
    assert {row["verdict"] for row in whole.values()} == {"eligible", "held", "ineligible"}
    for case, row in whole.items():
        only = select(Application.id).where(Application.id == case)
        alone = session.execute(compile_policy(revision, only=only).statement).mappings().one()
        assert dict(alone) == row


def _all(session: Session, revision: Revision) -> Any:
    return session.execute(compile_policy(revision).statement).mappings()


def test_an_explanation_cites_facts_in_the_words_of_the_form(
    session: Session, city: City, revision: Revision
) -> None:
    case = _case(session, city, revision, 1, issuer="away", opinion="no")
    found = explain(session, session.get_one(Application, case))
    assert found is not None
    opinion = next(item for item in found.findings if item.key == "opinion")
    assert (found.verdict, opinion.state) == ("held", "missed")
    assert opinion.facts == [("Issuer", "away"), ("意见", "不同意")]


def test_the_summary_counts_by_verdict_and_tier(
    session: Session, city: City, revision: Revision
) -> None:
    _case(session, city, revision, 1, level="mid")
    _case(session, city, revision, 2, issuer="away")
    judge(session, revision)
    found = summary(session, revision.programme)
    assert (found["eligible"], found["held"], found["ineligible"]) == (1, 1, 0)
    assert (found["eligible_fen"], found["held_fen"]) == (200_00, 100_00)


@pytest.mark.parametrize(
    "term",
    [
        ["no.fact", "is", "x"],
        ["person", "is", "x"],
        ["certificate.level", "at least", "x"],
        ["certificate.level", "is"],
        ["certificate.issued_on", "after", "2030-02-30"],
        ["applicant.union_member", "is true", True],
        ["certificate.issued_on", "between", ["2030-01-01"]],
        "certificate.level",
    ],
)
def test_a_term_that_cannot_compile_is_named(
    session: Session, city: City, revision: Revision, term: Any
) -> None:
    revision.conditions[0].require = {"all": [term]}
    found = problems(revision)
    assert [problem.path for problem in found][:1] == [("conditions", 0, "require")]
