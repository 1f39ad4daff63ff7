"""What can never happen keeps a draft from being published, its place named."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from models.programme import AwardTier, Condition, Revision
from portal.access.accounts import system_actor
from portal.config import ROOT
from portal.policy.contradictions import contradictions
from portal.policy.packs import NotPublishable, draft, load_pack, publish
from seed.catalogues import load_all
from tests.support.cases import CLOCK, published

CODE = "sh-skill-2026"
LEVEL, ISSUED = "certificate.level", "certificate.issued_on"
PACKS = sorted((ROOT / "seed" / "programmes").glob("*.yaml"))


@pytest.fixture
def template() -> str:
    """The programme is in force."""
    return "stocked"


@pytest.fixture
def revision(session: Session) -> Revision:
    """A draft of the 2026 programme."""
    published(session)
    return draft(session, system_actor(session), CLOCK, CODE)


def _found(session: Session, revision: Revision) -> list[tuple[Any, ...]]:
    return [problem.path for problem in contradictions(session, revision)]


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_a_notice_does_not_contradict_itself(session: Session, path: Any) -> None:
    load_all(session, CLOCK)
    loaded = load_pack(session, system_actor(session), CLOCK, path)
    assert [(p.path, p.params) for p in contradictions(session, loaded)] == []


@pytest.mark.parametrize(
    "terms",
    [
        [[LEVEL, "is", "学徒"]],
        [[LEVEL, "one of", ["技师", "学徒"]]],
        [["application.channel", "is", "post"]],
        [[LEVEL, "is", "技师"], [LEVEL, "is", "高级工"]],
        [[LEVEL, "is", "技师"], [LEVEL, "one of", ["高级工", "高级技师"]]],
        [[ISSUED, "between", ["2026-02-01", "2026-01-01"]]],
        [[ISSUED, "after", "2026-02-01"], [ISSUED, "before", "2026-01-01"]],
        [[ISSUED, "before", "2026-01-01"], [ISSUED, "on or after", "2026-01-01"]],
        [[ISSUED, "between", ["2025-01-01", "2025-12-31"]], [ISSUED, "after", "2025-12-31"]],
        [["applicant.union_member", "is true"], ["applicant.union_member", "is false"]],
        [[LEVEL, "is empty"], [LEVEL, "is", "技师"]],
    ],
)
def test_terms_that_never_hold_are_named(
    session: Session, revision: Revision, terms: list[Any]
) -> None:
    row = revision.conditions[0]
    row.when = terms
    place = ("conditions", 0, "when", len(terms) - 1)
    assert _found(session, revision) == [place]
    row.when, row.require = [], {"all": terms}
    assert _found(session, revision) == [("conditions", 0, "require")]
    row.require = {"all": [terms[0], {"any": [terms[-1], *terms[1:-1]]}]}
    assert set(_found(session, revision)) == {("conditions", 0, "require")}


@pytest.mark.parametrize(
    "terms",
    [
        [[LEVEL, "is", "技师"], ["certificate.previous_level", "is", "高级工"]],
        [[LEVEL, "one of", ["技师", "高级工"]], [LEVEL, "is", "技师"]],
        [[ISSUED, "between", ["2026-01-01", "window.closes"]]],
        [[ISSUED, "on or after", "2026-01-01"], [ISSUED, "on or before", "2026-01-01"]],
        [[ISSUED, "after", "window.opens"], [ISSUED, "before", "2020-01-01"]],
        [[LEVEL, "is not", "技师"], [LEVEL, "is", "高级工"]],
        [[LEVEL, "is empty"]],
    ],
)
def test_terms_that_may_hold_are_left_alone(
    session: Session, revision: Revision, terms: list[Any]
) -> None:
    revision.conditions[0].when = terms
    assert _found(session, revision) == []
    revision.conditions[0].require = {"any": [*terms, [LEVEL, "is", "特级技师"]]}
    revision.conditions[0].when = []
    assert _found(session, revision) == []


def test_what_excludes_each_other_in_any_of_is_no_contradiction(
    session: Session, revision: Revision
) -> None:
    either = [[LEVEL, "is", "技师"], [LEVEL, "is", "高级工"]]
    revision.conditions[0].require = {"any": either}
    assert _found(session, revision) == []
    revision.conditions[0].require = {"at_least": 1, "of": either}
    assert _found(session, revision) == []


def test_a_tier_that_nobody_reaches_is_named(session: Session, revision: Revision) -> None:
    first = revision.tiers[0]
    behind = AwardTier(
        position=9, key="behind", title="后", clause="三", amount_fen=1,
        when=[*first.when, ["certificate.issuer", "is", "shanghai"]],
    )  # fmt: skip
    revision.tiers.append(behind)
    place = ("tiers", "rows", len(revision.tiers) - 1)
    assert _found(session, revision) == [place]
    revision.choose = "highest"
    assert _found(session, revision) == []


def test_a_contradiction_is_not_published(session: Session, revision: Revision) -> None:
    terms = [[LEVEL, "is", "技师"], [LEVEL, "is", "高级工"]]
    revision.conditions.append(
        Condition(
            position=99,
            key="never",
            clause="一",
            says="x",
            when=terms,
            require=None,
            otherwise="ask",
        )
    )
    session.flush()
    with pytest.raises(NotPublishable, match="conditions"):
        publish(session, system_actor(session), CLOCK, CODE)
