"""规则 · 资金分配: to whom what is short goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from admin_views.policy_rows import HINTS, PolicyRowView
from admin_views.rule_fields import MapField, YuanField
from models.allocation import TIER
from portal.policy.allocations import IDENTITIES
from portal.policy.facts import CODE, TEXT
from portal.policy.vocabulary import Vocabulary
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l


class AllocationRuleView(PolicyRowView):
    """资金分配."""

    section, stem = "allocations", "pool-"
    list_title = _l("Allocation")
    column_list = ("title", "key", "revision", "clause", "method", "budget_fen", "places")
    form_columns = (
        "title", "clause", "method", "budget_fen", "budget_rule", "places", "places_rule", "per",
        "within", "rest", "soft", "tiers", "when", "reading",
    )  # fmt: skip
    fields: ClassVar[dict[str, Any]] = {
        "budget_fen": YuanField, "budget_rule": MapField, "places_rule": MapField,
    }  # fmt: skip
    arguments: ClassVar[dict[str, dict[str, Any]]] = {
        "budget_rule": {"editor": "cell"}, "places_rule": {"editor": "cell"},
    }  # fmt: skip
    column_descriptions: ClassVar[dict[str, Any]] = HINTS | {
        "budget_fen": _l("What each pool has; empty where a table says it or only places count."),
        "budget_rule": _l("Where each pool has its own: the cell of a catalogue's entry."),
        "places": _l("How many cases a pool has room for; empty for as many as the money reaches."),
        "per": _l("None means one pool for all cases; at most two."),
        "tiers": _l("Only awards of these tiers; none means all."),
    }

    def offers(self, words: Vocabulary) -> dict[str, Iterable[Any]]:
        """What a pool may be made for each of."""
        facts = [
            (word.key, word.label)
            for word in words.facts.values()
            if word.key in IDENTITIES
            or (word.kind in (CODE, TEXT) and not word.is_key and not word.row)
        ]
        return {"per": [(TIER, _("Award tier")), *facts]}
