"""目录: catalogues and their entries; pasted tables, compared editions, who uses what."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from admin_views.base import PortalModelView
from admin_views.filters import ListFilter, equals_number
from admin_views.yaml_field import LinesField, NumbersField
from models.base import Refusal, db
from models.calendar import CalendarDay
from models.catalogue import Catalogue, CatalogueEntry
from portal.access.permissions import may
from portal.policy.catalogue_tables import parse_table
from portal.policy.catalogues import apply_table, compare, settle, used_by
from portal.theme.pages import Detail, Fact, Section
from portal.theme.shapes import Tool
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.web.actor import clock, current_actor
from portal.web.errors import words_of


def _editions() -> list[tuple[str, str]]:
    rows = db.session.execute(select(Catalogue.id, Catalogue.title).order_by(Catalogue.id))
    return [(str(row_id), title) for row_id, title in rows]


class CatalogueView(PortalModelView):
    """The catalogues."""

    permission = "catalogue"
    opens_create = True
    opens_edit = True
    list_title = _l("Catalogues")
    column_list = ("title", "key", "kind", "year", "source", "entries")
    column_labels: ClassVar[dict[str, Any]] = {"entries": _l("Entries")}
    form_columns = ("key", "title", "family", "year", "kind", "source")
    list_phone: ClassVar[Any] = {"title": "title", "entries": "side"}

    @property
    def permissions(self) -> dict[str, str]:
        """Pasting writes, comparing reads."""
        return super().permissions | {"paste": "catalogue:write", "compare": "catalogue:read"}

    def cell_entries(self, row: Catalogue) -> str:
        """How many entries are in use."""
        count = select(func.count()).where(
            CatalogueEntry.catalogue_id == row.id, CatalogueEntry.retired_on.is_(None)
        )
        return str(db.session.execute(count).scalar_one())

    def tools(self) -> list[Tool]:
        """Pasting and comparing stand beside adding."""
        found = [Tool(_("Compare editions"), url_for(".compare"), icon="list")]
        if may(current_actor(), "catalogue:write"):
            found.append(Tool(_("Paste a table"), url_for(".paste"), icon="upload"))
        return [*found, *super().tools()]

    def details_of(self, model: Catalogue) -> Detail:
        """The entries, and the programmes that use the catalogue."""
        shown = super().details_of(model)
        entries = [Fact(f"{row.position}. {row.code}", _entry_words(row)) for row in model.entries]
        uses = [Fact(programme.title, key) for programme, key in used_by(db.session(), model)]
        return Detail(
            title=shown.title,
            sections=[
                *shown.sections,
                Section(_("Used by"), uses or [Fact(_("No programme"), "")]),
                Section(_("Entries"), entries),
            ],
            edit_url=shown.edit_url,
            page_url=shown.page_url,
        )

    @expose("/paste", methods=("GET", "POST"))
    def paste(self) -> Any:
        """Paste a table, look at it, apply it."""
        wanted = request.values.get("catalogue", "")
        found = self.get_one(wanted) if wanted else None
        table = parse_table(request.form.get("table", "")[:200_000]) if request.form else None
        if found is not None and table and table.rows and request.form.get("apply"):
            try:
                apply_table(db.session(), current_actor(), clock(), found, table.rows)
                db.session.commit()
                flash(_("The catalogue was replaced by the pasted table."), "success")
                return redirect(url_for(".details_view", id=found.id))
            except Refusal as refusal:
                db.session.rollback()
                flash(words_of(refusal), "error")
        return self.render(
            "portal/catalogue_paste.html",
            catalogues=_editions(),
            chosen=wanted,
            text=request.form.get("table", ""),
            table=table,
        )

    @expose("/compare")
    def compare(self) -> Any:
        """Two editions side by side."""
        old, new = request.args.get("old", ""), request.args.get("new", "")
        found = compare(self.get_one(old), self.get_one(new)) if old and new else None
        return self.render(
            "portal/catalogue_compare.html", catalogues=_editions(), old=old, new=new, found=found
        )


class EntryView(PortalModelView):
    """The entries of every catalogue, in the order of their source."""

    permission = "catalogue"
    opens_create = True
    opens_edit = True
    list_title = _l("Catalogue entries")
    column_list = (
        "title", "code", "catalogue", "position", "category", "mark", "aliases", "retired_on",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {"catalogue": _l("Catalogue")}
    form_columns = (
        "catalogue", "position", "code", "title", "category", "mark", "rank", "aliases",
        "cells", "retired_on",
    )  # fmt: skip
    form_overrides: ClassVar[dict[str, Any]] = {"aliases": LinesField, "cells": NumbersField}
    column_descriptions: ClassVar[dict[str, Any]] = {
        "cells": _l("Numbers that rules look up, one a line: name, colon, number."),
    }
    list_loads = (joinedload(CatalogueEntry.catalogue),)
    list_phone: ClassVar[Any] = {"title": "title", "code": "side"}
    list_filters = (
        ListFilter("catalogue", _l("Catalogue"), equals_number(CatalogueEntry.catalogue_id),
                   _editions),
    )  # fmt: skip
    list_order = ("id", False)

    def cell_aliases(self, row: CatalogueEntry) -> str:
        """Other spellings."""
        return "、".join(row.aliases or ())

    def before_write(self, form: Any, model: CatalogueEntry, is_created: bool) -> None:
        """An entry takes the place it was given; rules look it up by its spellings."""
        settle(db.session(), model)


def _entry_words(row: CatalogueEntry) -> str:
    words = [row.title, row.category, row.mark]
    if row.retired_on:
        words.append(_("retired on %(day)s", day=row.retired_on))
    return " · ".join(word for word in words if word)


class CalendarView(PortalModelView):
    """The days off and the worked weekends of each year."""

    permission = "catalogue"
    opens_create = True
    opens_edit = True
    opens_delete = True
    list_title = _l("Working-day calendar")
    column_list = ("day", "kind", "title")
    form_columns = ("day", "kind", "title")
    list_phone: ClassVar[Any] = {"day": "title", "kind": "side"}
    list_order = ("day", True)
    list_filters = (
        ListFilter("from", _l("From"), lambda day: CalendarDay.day >= day, kind="date"),
        ListFilter("to", _l("To"), lambda day: CalendarDay.day <= day, kind="date"),
    )
