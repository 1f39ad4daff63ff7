"""拨付方式: by which way a programme's money goes, and with which papers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from admin_views.policy_rows import HINTS, PolicyRowView
from admin_views.rule_fields import Several
from models.sharing import PAPERS
from portal.policy.vocabulary import Vocabulary
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l


class PaymentRuleView(PolicyRowView):
    """拨付方式."""

    section, stem = "payments", "way-"
    list_title = _l("Ways of payment")
    column_list = ("title", "key", "revision", "clause", "route")
    form_columns = ("title", "clause", "route", "channels", "papers", "due", "reading")
    fields: ClassVar[dict[str, Any]] = {"papers": Several}
    arguments: ClassVar[dict[str, dict[str, Any]]] = {"due": {"editor": "due", "scope": "batch"}}
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "channels": _l("Cases of these channels; none means all. The first row that fits counts."),
        "papers": _l("A batch is paid once these are there."),
    }

    def offers(self, words: Vocabulary) -> dict[str, Iterable[Any]]:
        """The papers that there are."""
        return {"papers": [(key, _(word)) for key, word in PAPERS.items()]}
