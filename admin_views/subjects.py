"""What programmes pay for beside certificates: patents, studios and projects.

They change through the form of an application, like certificates; the titles that a studio was
given are kept here.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload
from wtforms import SelectField

from admin_views import searching
from admin_views.base import PortalModelView
from admin_views.choices import offered
from models.application import Application
from models.base import db
from models.patent import LEGAL_STATUSES, PATENT_KINDS, Patent
from models.programme import FormField
from models.project import Project
from models.studio import Studio, StudioRecognition
from portal.access.permissions import NotAllowed
from portal.access.scope import visible
from portal.policy.subjects import PATENT, PROJECT, STUDIO, Record, link_of
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import current_actor


class RecordView(PortalModelView):
    """Base of the records that application forms fill."""

    record: Record
    list_search = staticmethod(searching.record_search)

    def search_condition(self, kind: str, value: str) -> ColumnElement[bool]:
        """Searches here keep records by number or name."""
        return searching.on_records(self.record, value)

    def worded(self, name: str, row: Any) -> str:
        """A code of *row* in the words of the newest form that asked for it."""
        value = getattr(row, self.record.columns[name])
        if value is None:
            return ""
        asked = (
            select(FormField.choices)
            .join(Application, Application.revision_id == FormField.revision_id)
            .where(
                FormField.key == f"{self.record.prefix}.{name}",
                link_of(self.record) == row.id,
            )
            .order_by(FormField.id.desc())
            .limit(1)
        )
        return str((db.session.scalar(asked) or {}).get(value, value))


class PatentView(RecordView):
    """Patents in the actor's subtree."""

    permission = "patent"
    record = PATENT
    list_title = _l("Patents")
    column_list = ("number", "title", "applicant", "organization", "patent_class", "granted_on")
    column_details_list = (
        *column_list, "kind", "office", "legal_status", "is_first_inventor",
        "is_service_invention", "is_applied", "updated_at",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {
        "applicant": _l("First inventor"),
        "organization": _l("Unit"),
    }
    form_columns = ("number",)
    list_loads = (joinedload(Patent.applicant), joinedload(Patent.organization))
    list_phone: ClassVar[Any] = {"number": "foot", "title": "title", "granted_on": "side"}
    list_search_hint = _l("Patent number or title")

    def cell_patent_class(self, row: Patent) -> str:
        """The class in the form's words."""
        return self.worded("class", row)

    def cell_kind(self, row: Patent) -> str:
        """The kind in words."""
        return _(PATENT_KINDS.get(row.kind or "", row.kind or ""))

    def cell_legal_status(self, row: Patent) -> str:
        """The legal status in words."""
        return _(LEGAL_STATUSES.get(row.legal_status or "", row.legal_status or ""))


class StudioView(RecordView):
    """Innovation studios in the actor's subtree."""

    permission = "studio"
    record = STUDIO
    list_title = _l("Innovation studios")
    column_list = ("name", "applicant", "organization", "category", "level", "founded_on")
    column_details_list = (*column_list, "speciality", "updated_at")
    column_labels: ClassVar[dict[str, Any]] = {
        "applicant": _l("Leader"),
        "organization": _l("Unit"),
    }
    form_columns = ("name",)
    list_loads = (joinedload(Studio.applicant), joinedload(Studio.organization))
    list_phone: ClassVar[Any] = {"name": "title", "category": "side"}
    list_search_hint = _l("Name of the studio")

    def cell_category(self, row: Studio) -> str:
        """The category in the form's words."""
        return self.worded("category", row)

    def cell_level(self, row: Studio) -> str:
        """The level in the form's words."""
        return self.worded("level", row)


class RecognitionView(PortalModelView):
    """The titles that studios were given, by level and year."""

    permission = "studio"
    opens_create = True
    opens_edit = True
    list_title = _l("Titles of studios")
    column_list = ("studio", "title", "level", "year", "issuer", "organization")
    column_labels: ClassVar[dict[str, Any]] = {
        "studio": _l("Studio"),
        "organization": _l("Unit"),
    }
    form_columns = ("title", "level", "year", "issuer")
    list_loads = (
        joinedload(StudioRecognition.studio),
        joinedload(StudioRecognition.organization),
    )
    list_phone: ClassVar[Any] = {"studio": "title", "year": "side"}

    def get_create_form(self) -> Any:
        """A new title also names its studio."""
        form = super().get_create_form()
        form.studio = SelectField(_l("Studio"), choices=[])
        return form

    def create_form(self, obj: Any = None) -> Any:
        """Offered are the studios that the actor sees."""
        form = super().create_form(obj)
        form.studio.choices = offered(self._studios())
        return form

    def before_write(self, form: Any, model: Any, is_created: bool) -> None:
        """The studio is one of theirs, and the title belongs to its unit."""
        if not is_created:
            return
        chosen = form.studio.data or ""
        if chosen not in dict(self._studios()):
            raise NotAllowed()
        studio = db.session.get_one(Studio, int(chosen))
        model.studio_id, model.organization_id = studio.id, studio.organization_id

    def _studios(self) -> list[tuple[str, str]]:
        rows = db.session.scalars(
            select(Studio).where(visible(Studio, current_actor())).order_by(Studio.name)
        )
        return [(str(row.id), row.name) for row in rows]


class ProjectView(RecordView):
    """Projects in the actor's subtree."""

    permission = "project"
    record = PROJECT
    list_title = _l("Projects")
    column_list = (
        "title", "studio", "organization", "total_cost_fen", "approved_on", "planned_finish",
    )  # fmt: skip
    column_details_list = (
        *column_list, "applicant", "start_funds_fen", "accepted_on", "updated_at",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {
        "applicant": _l("Person in charge"),
        "studio": _l("Studio"),
        "organization": _l("Unit"),
    }
    form_columns = ("title",)
    list_loads = (
        joinedload(Project.applicant),
        joinedload(Project.organization),
        joinedload(Project.studio),
    )
    list_phone: ClassVar[Any] = {"title": "title", "total_cost_fen": "side"}
    list_search_hint = _l("Title of the project")
