"""申请单: what a union asks for in a window, counted and printed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import BaseView, expose

from admin_views.choices import Pairs, districts, programmes
from models.base import Refusal, db
from models.organization import Organization
from models.programme import Programme, Revision
from portal.exchange.request_sheet import write_request
from portal.funding.requests import Request, choices_of, request_of
from portal.policy.judge import in_force
from portal.theme.statement import RequestPage
from portal.translations.words import gettext as _
from portal.translations.words import told
from portal.web.actor import current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of


class RequestView(BaseView):
    """The request of one union."""

    permission = "application"

    @property
    def permissions(self) -> dict[str, str]:
        """Whoever may export the cases."""
        return {"index": "application:export", "sheet": "application:export"}

    @expose("/")
    def index(self) -> Any:
        """The counts and the two amounts, to print and seal."""
        programme, district = _asked()
        found = _found(programme, district)
        revision = in_force(db.session(), programme) if programme else None
        page = RequestPage(
            programmes=programmes(),
            districts=districts(),
            windows=[(row.key, row.title or row.key) for row in revision.windows]
            if revision
            else [],
            fields=_fields(revision),
            programme=str(programme.id) if programme else "",
            district=str(district.id) if district else "",
            window=request.args.get("window", ""),
            by=request.args.get("by", ""),
            title=programme.title if programme else "",
            request=found,
            sheet_url=url_for(".sheet", **request.args.to_dict()),
        )
        return self.render("portal/request.html", page=page)

    @expose("/sheet")
    def sheet(self) -> Any:
        """The same as a sheet, where it adds up."""
        programme, district = _asked()
        found, target = _found(programme, district), BytesIO()
        if programme is None or found is None:
            return redirect(url_for(".index"))
        try:
            write_request(found, programme.title, target, told)
        except Refusal as refusal:
            flash(words_of(refusal), "error")
            return redirect(url_for(".index", **request.args.to_dict()))
        return sheet_answer(target, f"{programme.code}-{_('Request')}.xlsx")


def _found(programme: Programme | None, district: Organization | None) -> Request | None:
    if programme is None or district is None:
        return None
    window, by = request.args.get("window", "")[:40], request.args.get("by", "")[:60]
    return request_of(db.session(), current_actor(), programme, district, window, by)


def _asked() -> tuple[Programme | None, Organization | None]:
    programme, district = _one("programme", programmes()), _one("district", districts())
    return (
        db.session.get(Programme, programme) if programme else None,
        db.session.get(Organization, district) if district else None,
    )


def _one(name: str, offered: Pairs) -> int | None:
    """What was chosen, or the first that is offered."""
    text = request.args.get(name, "")
    chosen = text if text in dict(offered) else next((value for value, _word in offered), "")
    return int(chosen) if chosen else None


def _fields(revision: Revision | None) -> Pairs:
    return [(row.key, row.label) for row in choices_of(revision)] if revision else []
