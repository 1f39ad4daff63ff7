"""记录: the audit trail, read-only."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from admin_views.base import PortalModelView
from admin_views.filters import ListFilter
from models.account import Account
from models.audit import AuditEntry
from models.base import db
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l


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
        return _(row.action)

    def cell_details(self, row: AuditEntry) -> str:
        """What changed."""
        return json.dumps(row.details, ensure_ascii=False) if row.details else ""
