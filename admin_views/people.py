"""人员: applicants and their certificates as their units recorded them.

They are read here and changed through the application's form, so that no change escapes review.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import url_for
from markupsafe import Markup
from sqlalchemy import ColumnElement
from sqlalchemy.orm import joinedload

from admin_views import searching
from admin_views.base import PortalModelView
from models.applicant import Applicant
from models.certificate import SkillCertificate
from portal.evidence.identifiers import mask_id, mask_phone
from portal.theme import cells
from portal.translations.words import lazy_gettext as _l


class ApplicantView(PortalModelView):
    """Applicants in the actor's subtree."""

    permission = "applicant"
    list_title = _l("Applicants")
    column_list = ("name", "organization", "sex", "birth_date", "is_union_member", "phone")
    column_details_list = (*column_list, "updated_at")
    column_labels: ClassVar[dict[str, Any]] = {
        "organization": _l("Unit"),
        "phone": _l("Mobile phone"),
    }
    form_columns = ("name",)
    list_loads = (joinedload(Applicant.organization),)
    list_phone: ClassVar[Any] = {"name": "title", "phone": "foot", "birth_date": "side"}
    list_search = staticmethod(searching.person_search)
    list_search_hint = _l("Name, ID number, phone or unit")

    def search_condition(self, kind: str, value: str) -> ColumnElement[bool]:
        """Searches here keep people."""
        return searching.on_people(kind, value)

    def cell_name(self, row: Applicant) -> Markup:
        """The name, opening the drawer, over the masked ID number."""
        opened = cells.link(url_for(".details_view", id=row.id), row.name)
        masked = cells.masked(mask_id(row.id_number or ""))
        return opened + Markup('<span class="jx-2">') + masked + Markup("</span>")

    def cell_phone(self, row: Applicant) -> Markup:
        """The masked phone number."""
        return cells.masked(mask_phone(row.phone)) if row.phone else Markup()


class CertificateView(PortalModelView):
    """Skill certificates in the actor's subtree."""

    permission = "certificate"
    list_title = _l("Skill certificates")
    column_list = ("number", "applicant", "organization", "occupation", "level", "issued_on")
    column_details_list = (*column_list, "previous_level", "previous_issued_on", "updated_at")
    column_labels: ClassVar[dict[str, Any]] = {
        "applicant": _l("Holder"),
        "organization": _l("Unit"),
    }
    form_columns = ("number",)
    list_loads = (
        joinedload(SkillCertificate.applicant),
        joinedload(SkillCertificate.organization),
    )
    list_phone: ClassVar[Any] = {"number": "foot", "applicant": "title", "level": "side"}
    list_search = staticmethod(searching.certificate_search)
    list_search_hint = _l("Certificate number")

    def search_condition(self, kind: str, value: str) -> ColumnElement[bool]:
        """Searches here keep certificates."""
        return searching.on_certificates(kind, value)
