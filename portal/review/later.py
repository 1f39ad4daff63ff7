"""What was done since with the cases of an act: who keeps it from being taken back, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from models.account import Account
from models.base import N_
from models.decision import OUTCOMES, Decision, Selection, SelectionItem
from models.funding import Payment, PaymentBatch
from models.publicity import NoticeEntry, PublicNotice
from portal.review.standing import UNDONE

_IN_BATCH, _ON_NOTICE = "in_batch", "on_notice"
_LATER = OUTCOMES | {_IN_BATCH: N_("In a payment batch"), _ON_NOTICE: N_("On public notice")}
"""What may have been done with a case after it was decided."""


@dataclass(frozen=True)
class Later:
    """What keeps cases of an act from being taken back: the last that was done with them.

    ``who`` is empty where the portal did it; ``what`` is a msgid, ``cases`` how many they are.
    """

    what: str
    who: str
    at: datetime
    cases: int


def acted_since(session: Session, selection: Selection) -> Later | None:
    """What somebody did since with cases that the act on *selection* decided, the newest first."""
    acts = union_all(*_later_acts(selection)).subquery()
    cases = session.scalar(select(func.count(acts.c.case.distinct())))
    last = session.execute(
        select(acts.c.what, acts.c.at, Account.name)
        .outerjoin(Account, Account.id == acts.c.account)
        .order_by(acts.c.at.desc())
        .limit(1)
    ).one_or_none()
    return Later(_LATER[last.what], last.name or "", last.at, cases or 0) if last else None


def _later_acts(selection: Selection) -> list[Select[Any]]:
    """Decisions, payments and running notices of the cases of *selection* that it decided."""
    mine = aliased(Decision)
    own = (
        select(mine.id, mine.application_id)
        .join(
            SelectionItem,
            (SelectionItem.batch_id == mine.batch_id)
            & (SelectionItem.application_id == mine.application_id),
        )
        .where(
            SelectionItem.selection_id == selection.id,
            SelectionItem.skipped.is_distinct_from(UNDONE),
        )
        .subquery()
    )

    def acts(what: Any, case: Any, account: Any, at: Any) -> Select[Any]:
        named = (what.label("what"), case.label("case"), account.label("account"), at.label("at"))
        return select(*named).join(own, own.c.application_id == case)

    decided = acts(
        Decision.outcome, Decision.application_id, Decision.account_id, Decision.decided_at
    )
    paid = acts(
        literal(_IN_BATCH), Payment.application_id, PaymentBatch.made_by_id, PaymentBatch.made_at
    )
    noticed = acts(
        literal(_ON_NOTICE),
        NoticeEntry.application_id,
        PublicNotice.account_id,
        PublicNotice.opened_at,
    )
    return [
        decided.where(Decision.id > own.c.id),
        paid.join(PaymentBatch, PaymentBatch.id == Payment.batch_id),
        noticed.join(PublicNotice, PublicNotice.id == NoticeEntry.notice_id).where(
            NoticeEntry.ended_on.is_(None)
        ),
    ]
