"""记录: the audit trail, read-only."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from admin_views.base import PortalModelView
from admin_views.filters import ListFilter
from models.account import Account
from models.audit import AuditEntry
from models.base import N_, db
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l

ACTIONS = {
    "log in": N_("Signed in"),
    "log out": N_("Signed out"),
    "change password": N_("Changed their password"),
    "enrol second factor": N_("Enrolled a second factor"),
    "create account": N_("Created an account"),
    "edit account": N_("Changed an account"),
    "move account": N_("Moved an account"),
    "delete account": N_("Deleted an account"),
    "enable account": N_("Enabled an account"),
    "disable account": N_("Disabled an account"),
    "reset password": N_("Reset a password"),
    "create union": N_("Created a union"),
    "change union": N_("Changed a union"),
    "move union": N_("Moved a union"),
    "application:submit": N_("Submitted"),
    "application:edit": N_("Edited an application"),
    "application:withdraw": N_("Withdrew an application"),
    "application:pass": N_("Passed"),
    "application:return": N_("Returned"),
    "application:reject": N_("Did not fund"),
    "application:pay": N_("Paid out"),
    "application:account": N_("Corrected an account"),
    "application:come-back": N_("Recorded that a payment came back"),
    "application:undo": N_("Took a decision back"),
    "application:bearer": N_("Chose a payer"),
    "application:place": N_("Gave up its place in the order"),
    "application:attach": N_("Added a file"),
    "application:detach": N_("Removed a file"),
    "application:open_file": N_("Opened a file"),
    "application:move": N_("Moved to other rules"),
    "application:import": N_("Imported a sheet"),
    "application:export": N_("Exported applications"),
    "applicant:reveal": N_("Showed an identifier in full"),
    "registry:check": N_("Recorded a registry check"),
    "registry:export": N_("Exported a list to check"),
    "duplicate:settle": N_("Settled a duplicate"),
    "history:import": N_("Imported earlier payments"),
    "budget:write": N_("Set a budget"),
    "application:grant": N_("Granted money"),
    "allocation:try": N_("Tried an allocation"),
    "allocation:settle": N_("Made an allocation final"),
    "allocation:discard": N_("Put an allocation aside"),
    "allocation:export": N_("Took the record of an allocation"),
    "adjustment:propose": N_("Proposed an adjustment"),
    "adjustment:approve": N_("Approved an adjustment"),
    "adjustment:lapse": N_("A recovery lapsed: its payment came back"),
    "adjustment:refuse": N_("Did not approve an adjustment"),
    "adjustment:cancel": N_("Cancelled an adjustment"),
    "adjustment:receive": N_("Recorded money that came in"),
    "application:adjust": N_("Adjusted an award"),
    "payment:make": N_("Made a payment batch"),
    "payment:transfer": N_("Marked as transferred"),
    "payment:cancel": N_("Cancelled a payment batch"),
    "payment:paper": N_("Gave a paper of a batch"),
    "payment:export": N_("Took a payment list"),
    "payment:bank": N_("Took a bank file"),
    "statement:read": N_("Took a statement"),
    "matching:read": N_("Took a calculation of shares"),
    "bankfile:create": N_("Added a bank file"),
    "bankfile:edit": N_("Changed a bank file"),
    "bankfile:delete": N_("Removed a bank file"),
    "reason:create": N_("Added a kept reason"),
    "reason:edit": N_("Changed a kept reason"),
    "reason:delete": N_("Removed a kept reason"),
    "catalogue:replace": N_("Replaced a catalogue"),
    "catalogue:create": N_("Created a catalogue"),
    "catalogue:edit": N_("Changed a catalogue"),
    "catalogue:delete": N_("Removed from a catalogue"),
    "catalogue:calendar": N_("Loaded a calendar"),
    "panel:assign": N_("Gave a case to an expert"),
    "panel:declare": N_("Noted a conflict"),
    "panel:void": N_("Put a score sheet aside"),
    "panel:score": N_("Handed in a score sheet"),
    "expert:create": N_("Added an expert"),
    "expert:edit": N_("Changed an expert"),
    "application:fill": N_("Filled in a stage"),
    "publicity:open": N_("Opened a public notice"),
    "publicity:close": N_("Closed a public notice"),
    "publicity:object": N_("Noted an objection"),
    "publicity:look-into": N_("Looked into an objection"),
    "publicity:uphold": N_("Upheld an objection"),
    "publicity:dismiss": N_("Dismissed an objection"),
    "programme:load": N_("Loaded a programme"),
    "programme:start": N_("Began a programme"),
    "programme:draft": N_("Made a draft"),
    "programme:publish": N_("Published a programme"),
    "programme:move-cases": N_("Moved applications to the rules in force"),
    "programme:move": N_("Moved a rule up or down"),
    "programme:create": N_("Added a rule"),
    "programme:edit": N_("Changed a rule"),
    "programme:delete": N_("Removed a rule"),
}
ENTITIES = {
    "account": N_("Account"),
    "organization": N_("Union"),
    "application": N_("Application"),
    "sheet_import": N_("Import"),
    "registry_check": N_("Registry check"),
    "duplicate_pair": N_("Looks duplicate"),
    "past_award": N_("Earlier payment"),
    "public_notice": N_("Public notice"),
    "expert": N_("Expert"),
    "budget": N_("Budget"),
    "payment_batch": N_("Payment batch"),
    "bank_file": N_("Bank file"),
    "ledger": N_("Ledger"),
    "catalogue": N_("Catalogue"),
    "catalogue_entry": N_("Catalogue entry"),
    "calendar_day": N_("Calendar day"),
    "programme": N_("Programme"),
    "revision": N_("Revision"),
    "notice": N_("Notice"),
    "clause": N_("Clause"),
    "window": N_("Window"),
    "channel": N_("Channel"),
    "form_field": N_("Form field"),
    "condition": N_("Condition"),
    "award_tier": N_("Award tier"),
    "bound": N_("Bound"),
    "order_key": N_("Order"),
    "stage": N_("Stage"),
    "allocation": N_("Allocation"),
    "allocation_run": N_("Allocation run"),
    "adjustment": N_("Adjustment"),
    "share": N_("Share"),
    "instalment": N_("Instalment"),
    "payment_rule": N_("Way of payment"),
    "derived_fact": N_("Derived fact"),
    "attachment_rule": N_("Required attachment"),
    "applicant": N_("Applicant"),
    "reason_template": N_("Kept reason"),
}


class AuditView(PortalModelView):
    """Who did what, newest first."""

    permission = "audit"
    list_title = _l("Audit trail")
    column_list = ("at", "who", "action", "entity", "entity_id", "reason", "address")
    column_details_list = (*column_list, "details")
    column_labels: ClassVar[dict[str, Any]] = {"who": _l("Who"), "details": _l("Details")}
    form_columns = ("action",)
    list_phone: ClassVar[Any] = {"at": "title", "who": "side", "address": "hide"}
    list_filters = (ListFilter("from", _l("From"), lambda day: AuditEntry.at >= day, kind="date"),)

    def cell_who(self, row: AuditEntry) -> str:
        """The name of who acted."""
        if row.account_id is None:
            return _("System")
        found = db.session.get(Account, row.account_id)
        return found.name if found else str(row.account_id)

    def cell_action(self, row: AuditEntry) -> str:
        """What was done, in words."""
        return _(ACTIONS.get(row.action, row.action))

    def cell_entity(self, row: AuditEntry) -> str:
        """The kind of record, in words."""
        return _(ENTITIES.get(row.entity, row.entity))

    def cell_details(self, row: AuditEntry) -> str:
        """What changed."""
        return json.dumps(row.details, ensure_ascii=False) if row.details else ""
