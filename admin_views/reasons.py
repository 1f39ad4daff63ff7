"""退回与不予资助的常用理由: words that reviewers reuse, whatever the programme."""

from __future__ import annotations

from typing import Any, ClassVar

from admin_views.base import PortalModelView
from admin_views.choices import worded
from admin_views.filters import ListFilter, equals
from models.decision import REASONED, ReasonTemplate
from portal.translations.words import lazy_gettext as _l


class ReasonView(PortalModelView):
    """The kept reasons, in their order."""

    permission = "reason"
    opens_create = True
    opens_edit = True
    opens_delete = True
    list_title = _l("Kept reasons")
    column_list = ("says", "outcome", "position")
    form_columns = ("outcome", "says", "position")
    list_phone: ClassVar[Any] = {"says": "title", "outcome": "side"}
    list_order = ("position", False)
    list_filters = (
        ListFilter("for", _l("For"), equals(ReasonTemplate.outcome), lambda: worded(REASONED)),
    )
    list_empty = _l("Reviewers pick these where a reason is asked.")
