"""申报: the application grid, its form, its drawer, its decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from flask import abort, jsonify, request, url_for
from flask_admin import expose
from markupsafe import Markup
from sqlalchemy import select, true
from werkzeug.wrappers import Response

from admin_views import application_acts as acts
from admin_views import application_cells as made
from admin_views import application_forms as forms
from admin_views.act_outcome import Outcomes
from admin_views.answer_filter import AnswerFilter
from admin_views.answer_filter import offered as answers_offered
from admin_views.application_detail import detail
from admin_views.application_files import PERMISSIONS as FILES
from admin_views.application_files import Attachments
from admin_views.application_intake import Intake
from admin_views.application_money import CALCULATOR, Calculator, to_calculator
from admin_views.application_money import PERMISSIONS as MONEY
from admin_views.base import PortalModelView
from admin_views.bearers import PERMISSIONS as BEARERS
from admin_views.bearers import BearerPages
from admin_views.choices import districts, programmes, worded
from admin_views.filters import ListFilter, equals, equals_number
from admin_views.listing import ListTab
from admin_views.payees import PERMISSIONS as PAYEES
from admin_views.payees import PayeePages
from admin_views.searching import application_search
from admin_views.work_filters import WORK_FILTERS, mine, stands
from models.application import (
    APPROVED,
    HELD,
    PAID,
    REFUSED,
    RETURNED,
    STATES,
    VERDICTS,
    WAITING,
    Application,
)
from models.base import db
from models.evidence import RESULTS
from portal.access import audit
from portal.access.permissions import may
from portal.evidence.duplicates import looks_duplicate
from portal.review.deadlines import DUE_SOON, OVERDUE
from portal.review.registry_checks import standing_at
from portal.review.standing import not_own
from portal.theme import cells
from portal.theme.pages import Detail
from portal.theme.shapes import Action, Tool
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.exports import start_export

WORK_TABS = ("mine", "overdue", "due")
"""The tabs that show until when each case should be decided."""
NONE = "none"
"""Chosen to see the cases that no authority was asked about."""
REVEALED = ("id_number", "phone", "account")
DECIDING = (
    "action_view", "confirm", "outcome", "act_progress", "outcome_sheet", "undo_act", "go_on_act",
    "acts", "stage_view",
)  # fmt: skip
"""The pages that belong to whoever decides."""


def _tiers() -> Iterable[tuple[str, str]]:
    return made.book().tiers()


def _registry(value: str) -> Any:
    return standing_at("" if value == NONE else value)


def _registry_results() -> list[tuple[str, str]]:
    return [*worded(RESULTS), (NONE, _("No check at all"))]


class ApplicationView(
    Intake, Attachments, Calculator, PayeePages, BearerPages, Outcomes, PortalModelView
):
    """Every application in the actor's subtree."""

    permission = "application"
    opens_create = True
    opens_edit = True
    organization_of = "organization_id"

    list_title = _l("Applications")
    column_list = (
        "number", "applicant", "organization", "subject", "level", "verdict",
        "amount_fen", "status",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {
        "number": _l("Number"),
        "applicant": _l("Applicant"),
        "organization": _l("District / unit"),
        "subject": _l("Applied for"),
        "level": _l("Level"),
        "verdict": _l("Verdict"),
        "status": _l("Status"),
    }
    form_columns = ("number",)
    list_phone: ClassVar[Any] = {
        "number": "foot", "applicant": "title", "level": "side", "amount_fen": "side",
        "status": "side", "subject": "hide",
    }  # fmt: skip
    list_phone_labels = False
    list_sums = ("amount_fen",)
    list_sorts: ClassVar[dict[str, str]] = {"number": "id"}
    list_search = staticmethod(application_search)
    list_search_hint = _l("Name, number, certificate or patent, ID, phone, card or unit")
    list_empty = _l("Applications appear here once a unit enters or imports them.")
    list_tabs = (
        ListTab("all", _l("All"), lambda: ()),
        ListTab("mine", _l("Waiting for me"), mine),
        ListTab("held", _l("To be confirmed"), lambda: [
            Application.state == WAITING, Application.verdict == HELD]),
        ListTab("overdue", _l("Overdue"), lambda: [stands(OVERDUE)]),
        ListTab("due", _l("Due soon"), lambda: [stands(DUE_SOON)]),
        ListTab("duplicate", _l("Looks duplicate"), lambda: [
            Application.state.in_((WAITING, RETURNED, APPROVED)), looks_duplicate()]),
        ListTab("returned", _l("Returned"), lambda: [Application.state == RETURNED]),
        ListTab("decided", _l("Decided"), lambda: [
            Application.state.in_((APPROVED, PAID, REFUSED))]),
    )  # fmt: skip
    list_filters = (
        ListFilter("programme", _l("Programme"), equals_number(Application.programme_id),
                   programmes),
        ListFilter("state", _l("State"), equals(Application.state), lambda: worded(STATES)),
        ListFilter("stage", _l("Stage"), equals(Application.stage_key),
                   lambda: made.book().stage_titles().items()),
        *WORK_FILTERS,
        ListFilter("verdict", _l("Verdict"), equals(Application.verdict),
                   lambda: worded(VERDICTS)),
        ListFilter("registry", _l("Registry result"), _registry, _registry_results),
        AnswerFilter("answer", _l("Answer on the form"), lambda _value: true(),
                     answers_offered),
        ListFilter("tier", _l("Level"), equals(Application.tier_key), _tiers),
        ListFilter("district", _l("District"), equals_number(Application.district_id), districts),
        ListFilter("from", _l("Submitted from"), lambda day: Application.submitted_on >= day,
                   kind="date"),
        ListFilter("to", _l("Submitted to"), lambda day: Application.submitted_on <= day,
                   kind="date"),
    )  # fmt: skip

    @property
    def permissions(self) -> dict[str, str]:
        """Deciding needs more than reading; revealing is its own permission."""
        decides = dict.fromkeys(DECIDING, "application:decide")
        special = {
            "reveal": "applicant:reveal",
            "export_rows": "application:export",
            "export_full": "applicant:reveal",
            "withdraw": "application:write",
        }
        return super().permissions | decides | special | FILES | MONEY | PAYEES | BEARERS

    def load(self, ids: Sequence[int]) -> list[Any]:
        """One joined statement for the page, and the due days where the list is about work."""
        rows = made.load(ids)
        if request.args.get("tab") in WORK_TABS or request.args.get("due"):
            made.load_dues(rows)
        return rows

    def actions(self) -> Sequence[Action]:
        """The decisions, for whoever decides at some stage."""
        if not may(current_actor(), "application:decide"):
            return ()
        owed = Action(CALCULATOR, _("Shares and matches"), icon="coin-yuan", direct=True)
        return [*acts.actions(), owed]

    def tools(self) -> list[Tool]:
        """Entering, importing and exporting."""
        found = []
        if may(current_actor(), "application:export"):
            url = url_for(".export_rows", **self.state_of(request.args))
            found.append(Tool(_("Export"), url, icon="table-export", post=True))
            found += self._more_sheets()
        if may(current_actor(), "matching:read"):
            url = url_for(".calculator", **self.state_of(request.args))
            found.append(Tool(_("Shares and matches"), url, icon="coin-yuan"))
        if may(current_actor(), "application:decide"):
            found.append(Tool(_("My decisions"), url_for(".acts"), icon="history"))
        if may(current_actor(), "application:import"):
            found.append(Tool(_("Import"), url_for("imports.upload"), icon="table-import"))
        return [*found, *super().tools()]

    def _more_sheets(self) -> list[Tool]:
        """Identifiers in full for those who may see them, and the summary of one programme."""
        state = self.state_of(request.args)
        found = []
        if may(current_actor(), "applicant:reveal"):
            url = url_for(".export_full", **state)
            found.append(Tool(_("Export in full"), url, icon="id"))
        code = made.book().programme_code(state.get("programme", ""))
        if code:
            found.append(Tool(_("Summary"), url_for("exports.summary", code=code), icon="sum"))
        return found

    def cell_number(self, row: Any) -> Markup:
        """The number, opening the drawer."""
        return made.number(row)

    def cell_applicant(self, row: Any) -> Markup:
        """Name and masked ID number."""
        return made.person(row)

    def cell_organization(self, row: Any) -> Markup:
        """District over unit."""
        return cells.pair(row.district or "", row.unit)

    def cell_subject(self, row: Any) -> Markup:
        """The trade, or the title of patent, studio or project, over its number."""
        return cells.pair(row.subject_name or "", row.subject_number or "")

    def cell_level(self, row: Any) -> Markup | str:
        """Level over day of issue."""
        return made.level(row)

    def cell_verdict(self, row: Any) -> Markup:
        """Verdict over clause."""
        return made.verdict(row)

    def cell_status(self, row: Any) -> Markup:
        """The programme's own status word."""
        return made.status(row)

    def row_label(self, row: Any) -> str:
        """The number."""
        return str(row.number)

    def row_fen(self, row: Any) -> int:
        """The amount, for the sum of chosen rows."""
        return int(row.amount_fen)

    def row_flagged(self, row: Any) -> bool:
        """Anything not plainly eligible."""
        return bool(row.missed or row.asked)

    def details_of(self, model: Application) -> Detail:
        """The case with its findings and timeline."""
        waits = model.state == WAITING and model.stage_key in made.book().acting_on(
            current_actor().role
        )
        mine = select(Application.id).where(Application.id == model.id, not_own(current_actor()))
        allowed = may(current_actor(), "application:decide") and waits and db.session.scalar(mine)
        return detail(model, acts.actions() if allowed else [])

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Freeze what was chosen, or work out its money."""
        if request.form.get("action") == CALCULATOR:
            return to_calculator()
        return acts.freeze_chosen(self)

    @expose("/confirm/<token>", methods=("GET", "POST"))
    def confirm(self, token: str) -> Any:
        """Show the frozen set and decide it."""
        return acts.confirm_page(self, token)

    @expose("/outcome/<token>")
    def outcome(self, token: str) -> Any:
        """Tell what was done."""
        return self.outcome_page(token)

    @expose("/outcome/<token>/progress")
    def act_progress(self, token: str) -> Any:
        """How far a large act is."""
        return self.progress_of(token)

    @expose("/outcome/<token>/sheet")
    def outcome_sheet(self, token: str) -> Any:
        """What was not done, as a sheet."""
        return self.sheet_of(token)

    @expose("/outcome/<token>/undo", methods=("POST",))
    def undo_act(self, token: str) -> Any:
        """Take an act back."""
        return self.take_back(token)

    @expose("/outcome/<token>/on", methods=("POST",))
    def go_on_act(self, token: str) -> Any:
        """Go on with an act whose work stopped."""
        return self.continue_act(token)

    @expose("/acts/")
    def acts(self) -> Any:
        """What this person decided of late."""
        return self.acts_page()

    @expose("/full", methods=("GET", "POST"))
    def export_full(self) -> Any:
        """The same sheet with identifiers in full, for a reason that is kept."""
        back = url_for(".index_view", **self.state_of(request.args))
        form = forms.ExportReason()
        if request.method == "POST" and form.validate():
            return start_export(self.matching(), back)
        return self.render(
            self.edit_template,
            form=form,
            form_opts=None,
            return_url=back,
            form_title=_("Export in full"),
            form_lead=_("ID, phone, card and account numbers stand in the sheet unmasked."),
        )

    @expose("/sheet", methods=("POST",))
    def export_rows(self) -> Any:
        """The cases of this list as a sheet."""
        return start_export(self.matching(), url_for(".index_view", **self.state_of(request.args)))

    @expose("/reveal/<int:row_id>/<what>", methods=("POST",))
    def reveal(self, row_id: int, what: str) -> Response | tuple[Response, int]:
        """Show one identifier in full, for a reason that is kept."""
        reason = request.form.get("reason", "").strip()[:200]
        if what not in REVEALED:
            abort(404)
        application = self.get_one(str(row_id))
        if len(reason) < 2:
            return jsonify(error=_("Please give a reason.")), 400
        owner = application if what == "account" else application.applicant
        value = getattr(owner, what)
        audit.record(
            db.session(), current_actor(), clock().now(), "applicant:reveal", "application",
            application.id, reason=reason, details={"what": what},
            organization_id=application.organization_id,
        )  # fmt: skip
        db.session.commit()
        return jsonify(value=value or "")
