"""What keeps an expert from a case: the same unit, the same district, or their own word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.organization import Organization
from models.panel import DECLARED, OWN_DISTRICT, OWN_UNIT, Expert, ExpertConflict


class Conflicts:
    """The conflicts of some experts with some cases, read once.

    *panel* names the rules; what an expert declared always counts.
    """

    def __init__(
        self,
        session: Session,
        panel: Mapping[str, Any],
        experts: Sequence[Expert],
        cases: Sequence[Application],
    ) -> None:
        self._rules = set(panel.get("conflicts", ()))
        self._experts = experts
        self._declared = {
            (expert, case)
            for expert, case in session.execute(
                select(ExpertConflict.expert_id, ExpertConflict.application_id).where(
                    ExpertConflict.expert_id.in_([row.id for row in experts])
                )
            )
        }
        units = {case.organization_id for case in cases}
        self._names: dict[int, str] = {
            key: _tidy(name)
            for key, name in session.execute(
                select(Organization.id, Organization.name).where(Organization.id.in_(units))
            )
        }

    def of(self, expert: Expert, case: Application) -> str | None:
        """The conflict of *expert* with *case*, a key of ``CONFLICTS``; ``None`` when free."""
        if (expert.id, case.id) in self._declared:
            return DECLARED
        if OWN_UNIT in self._rules and self._is_own_unit(expert, case):
            return OWN_UNIT
        if OWN_DISTRICT in self._rules and self._is_own_district(expert, case):
            return OWN_DISTRICT
        return None

    def free(self, case: Application) -> list[Expert]:
        """The experts who may score *case*."""
        return [row for row in self._experts if self.of(row, case) is None]

    def _is_own_unit(self, expert: Expert, case: Application) -> bool:
        """By their union, or by the name of where they work."""
        if expert.organization_id == case.organization_id:
            return True
        return bool(expert.unit) and _tidy(expert.unit) == self._names.get(case.organization_id)

    def _is_own_district(self, expert: Expert, case: Application) -> bool:
        place = expert.organization
        return (
            place is not None
            and place.district_id is not None
            and place.district_id == case.district_id
        )


def _tidy(name: str) -> str:
    return "".join(name.split()).casefold()
