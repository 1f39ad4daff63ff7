"""对账单: statements of the ledger by programme, district, person and month."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import BaseView, expose
from sqlalchemy import select

from admin_views.batch_words import city_id
from admin_views.choices import districts, programmes
from models.base import N_, Refusal, db
from models.funding import PaymentBatch
from portal.access.permissions import may
from portal.access.scope import visible
from portal.clock import SHANGHAI
from portal.exchange.statement_sheet import write_statement
from portal.funding.ledger import PURSES
from portal.funding.statement import (
    KINDS,
    MOVES,
    Line,
    Statement,
    Wanted,
    application_called,
    month_of,
    statement_of,
)
from portal.theme.statement import StatementPage
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

SHOWN = 200


class NotOffered(Refusal):
    """The programme or the union is none that this person may choose."""

    message = N_("This programme or union is not among those offered. Choose one of the lists.")


class NoSuchCase(Refusal):
    """The number is no application that this person sees."""

    message = N_("There is no application with the number %(number)s.")


class StatementView(BaseView):
    """Statements and the month end."""

    permission = "statement"

    @property
    def permissions(self) -> dict[str, str]:
        """Both read."""
        return {"index": "statement:read", "sheet": "statement:read"}

    @expose("/")
    def index(self) -> Any:
        """The month's summary and its lines."""
        try:
            found = statement_of(db.session(), current_actor(), _wanted(), SHOWN)
        except Refusal as refusal:
            flash(words_of(refusal), "error")
            return redirect(url_for(".index"))
        return self.render("portal/statement.html", page=_page(found))

    @expose("/sheet")
    def sheet(self) -> Any:
        """All lines as a sheet."""
        session, actor, target = db.session(), current_actor(), BytesIO()
        try:
            found = statement_of(session, actor, _wanted())
        except Refusal as refusal:
            flash(words_of(refusal), "error")
            return redirect(url_for(".index"))
        title = f"{_('Statement')}{_month()}"
        write_statement(session, actor, clock(), found, title, target, told)
        session.commit()
        return sheet_answer(target, f"{title}.xlsx")


def _month() -> str:
    """The month that is asked for; all months where it is said to be empty."""
    return request.args.get("month", f"{clock().today():%Y-%m}")[:7]


def _wanted() -> Wanted:
    number = request.args.get("number", "").strip()[:40]
    case = application_called(db.session(), current_actor(), number) if number else None
    if number and case is None:
        raise NoSuchCase(number=number)
    return Wanted(
        programme_id=_one_of("programme", programmes()),
        district_id=_one_of("district", _payees()),
        application_id=case.id if case else None,
        month=month_of(_month()),
    )


def _one_of(name: str, offered: list[tuple[str, str]]) -> int | None:
    text = request.args.get(name, "")
    if text and text not in dict(offered):
        raise NotOffered()
    return int(text) if text else None


def _payees() -> list[tuple[str, str]]:
    """Districts that this person sees, and for the city what goes straight to people."""
    own = [(city_id(), _("Straight to people's accounts"))] if current_actor().depth == 0 else []
    return [*districts(), *own]


def _page(found: Statement) -> StatementPage:
    args = request.args
    numbers = {line.batch for line in found.lines}
    batches = select(PaymentBatch.number, PaymentBatch.id).where(
        PaymentBatch.number.in_(numbers), visible(PaymentBatch, current_actor())
    )
    ids = dict(db.session.execute(batches).all())
    return StatementPage(
        programmes=programmes(),
        districts=_payees(),
        programme=args.get("programme", ""),
        district=args.get("district", ""),
        number=args.get("number", ""),
        month=_month(),
        moves=[_(PURSES[purse]) for purse in MOVES],
        purses=[_(word) for word in PURSES.values()],
        summaries=[] if args.get("number") else found.summaries,
        lines=[_line(line, ids) for line in found.lines],
        totals=list(found.totals.values()),
        rest=found.rest,
        balances=found.balances,
        tells_budgets=may(current_actor(), "budget:read"),
        sheet_url=url_for(".sheet", **{**args.to_dict(), "month": _month()}),
    )


def _line(line: Line, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "day": line.at.astimezone(SHANGHAI).date(),
        "kind": _(KINDS[line.kind]),
        "batch": line.batch,
        "url": url_for("payment.details_view", id=ids[line.batch]),
        "district": line.district,
        "payer": line.payer,
        "fen": list(line.purses.values()),
    }
