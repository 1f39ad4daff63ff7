"""The list page of every screen, built from the declaration: columns, tabs, filters, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import abort, jsonify, redirect, request
from flask_admin import expose
from flask_babel import format_datetime
from markupsafe import Markup
from sqlalchemy import ColumnElement, select
from werkzeug.wrappers import Response

from admin_views import searching, views
from admin_views.filters import ListFilter
from admin_views.paging import CAP, SIZES, Cursor, Order, Page, capped_count, page_of, sums
from models.base import db
from portal.access.scope import visible
from portal.theme import cells
from portal.theme.shapes import (
    Action,
    Chip,
    Choice,
    Column,
    Count,
    Empty,
    Filter,
    Grid,
    Pager,
    Phone,
    Tab,
    Tool,
)
from portal.translations.words import gettext as _
from portal.web.actor import current_actor

STATE = ("tab", "s", "sort", "size")
"""What the URL keeps beside the filters."""


@dataclass(frozen=True)
class ListTab:
    """A preset of a list: what it keeps, within what the actor sees."""

    key: str
    label: Any
    keeps: Callable[[], Sequence[ColumnElement[bool]]]
    counted: bool = True


class Listing:
    """What ``PortalModelView`` adds to a list page. See the class attributes for declarations.

    ``list_phone`` places columns on a phone's card, the others stand there with their label
    unless ``list_phone_labels`` is off; ``list_sums`` names amount columns to total, in which rows
    of the states ``list_unsummed`` do not count;
    ``list_loads`` are loader options, so that a page costs a fixed number of statements.
    """

    model: Any
    column_list: Any
    permission: ClassVar[str]

    list_title: ClassVar[Any] = ""
    list_tabs: ClassVar[Sequence[ListTab]] = ()
    list_filters: ClassVar[Sequence[ListFilter]] = ()
    list_phone: ClassVar[Mapping[str, Phone]] = {}
    list_phone_labels: ClassVar[bool] = True
    list_sums: ClassVar[Sequence[str]] = ()
    list_unsummed: ClassVar[Sequence[str]] = ()
    list_loads: ClassVar[Sequence[Any]] = ()
    list_sorts: ClassVar[Mapping[str, str]] = {}
    list_order: ClassVar[tuple[str, bool]] = ("id", True)
    list_search: ClassVar[Callable[[str], searching.Search | None] | None] = None
    list_search_hint: ClassVar[Any] = ""
    list_actions: ClassVar[Sequence[Action]] = ()
    list_empty: ClassVar[Any] = ""

    @expose("/")
    def index_view(self) -> Any:
        """The list; a search of a session that has ended is left out of its address."""
        args = self._asked()
        if args.get("s") and not searching.is_known(args["s"]):
            return redirect(self._url(_without(self.state_of(args), "s")))
        return self.render(self.list_template, grid=self.grid())  # type: ignore[attr-defined]

    @expose("/counts")
    def counts(self) -> Response:
        """How many rows each tab has, capped; of one tab alone for the sidebar of any page."""
        only = request.args.get("only")
        found = {
            tab.key: capped_count(db.session(), self.model.id, [self._scope(), *tab.keeps()])
            for tab in self.list_tabs
            if tab.counted and only in (None, tab.key)
        }
        return jsonify(counts=found)

    @expose("/totals")
    def totals(self) -> Response:
        """How many rows match and what they sum to; no sum where counting stopped."""
        where = self.matching()
        count = capped_count(db.session(), self.model.id, where)
        columns = {name: getattr(self.model, name) for name in self.list_sums}
        capped = count > CAP
        counted = [self.model.state.not_in(self.list_unsummed)] if self.list_unsummed else []
        found = {} if capped else sums(db.session(), self.model.id, [*where, *counted], columns)
        return jsonify(count=min(count, CAP), capped=capped, sums=found)

    @expose("/search", methods=("POST",))
    def search_view(self) -> Response:
        """Remember what to look for and show the list; nothing personal goes into the URL."""
        if self.list_search is None:
            abort(404)
        text = request.form.get("q", "")[:200]
        token = searching.remember(type(self).list_search(text)) if text.strip() else ""  # type: ignore[misc]
        state = {"s": token} if token else {}
        return redirect(self._url(state))  # type: ignore[return-value]

    @expose("/views", methods=("POST",))
    def save_view(self) -> Response:
        """Keep this list's filters under a name of one's own."""
        views.save(self._screen(), request.form.get("label", ""), request.form.get("url", ""))
        return redirect(views.safe(request.form.get("url", ""), self._url({})))  # type: ignore[return-value]

    @expose("/views/drop", methods=("POST",))
    def drop_view(self) -> Response:
        """Forget a saved view."""
        views.drop(self._screen(), request.args.get("id", ""))
        return redirect(self._url({}))  # type: ignore[return-value]

    def matching(self, args: Mapping[str, str] | None = None) -> list[ColumnElement[bool]]:
        """The conditions of the list as its URL (or *args*) asks for it, scope first."""
        args = self._asked() if args is None else args
        where = [self._scope(), *self._tab(args).keeps()]
        where += [f.condition(args[f.name]) for f in self.list_filters if args.get(f.name)]
        if args.get("s"):
            where.append(self.search_condition(*searching.recalled(args["s"])))
        return where

    def search_condition(self, kind: str, value: str) -> ColumnElement[bool]:
        """What a search of *kind* for *value* keeps on this list."""
        return searching.on_applications(kind, value)

    def grid(self) -> Grid:
        """Everything the list page draws."""
        args = self._asked()
        size = self._size(args)
        order = self._order(args)
        page = page_of(db.session(), self.model.id, self.matching(), order, _cursor(args), size)
        rows = self.load(page.ids)
        columns, actions, state = self._columns(rows, args), self.actions(), self.state_of(args)
        shown_filters = (self._filter(f, args) for f in self.list_filters if f.offered)
        offered = [item for item in shown_filters if _offers(item)]
        shown = {made.name for made in offered}
        here = self._url(state)
        return Grid(
            title=str(self.list_title),
            columns=columns,
            rows=[self._row(row, columns, bool(actions)) for row in rows],
            pager=self._pager(page, size, state),
            empty=self._empty(state),
            tabs=self._tabs(args),
            saved=views.saved(self._screen(), self._url({}), here),
            save_url=self.get_url(".save_view"),  # type: ignore[attr-defined]
            tools=self.tools(),
            filters=offered,
            filter_url=self._url({}),
            keep={name: text for name, text in state.items() if name not in shown},
            chips=self._chips(state),
            clear_url=self._url({k: state[k] for k in ("tab",) if k in state}),
            search_url=self.get_url(".search_view") if self.list_search else "",  # type: ignore[attr-defined]
            search=searching.shown(args.get("s", "")),
            search_hint=str(self.list_search_hint),
            actions=actions,
            action_url=self.get_url(".action_view"),  # type: ignore[attr-defined]
            here=here,
            totals_url=self.get_url(".totals", **state),  # type: ignore[attr-defined]
            note=self.note(),
        )

    def load(self, ids: Sequence[int]) -> list[Any]:
        """The rows of a page in the order of *ids*, everything the cells need loaded."""
        found = db.session.scalars(
            select(self.model).where(self.model.id.in_(ids)).options(*self.list_loads)
        )
        by_id = {row.id: row for row in found}
        return [by_id[row_id] for row_id in ids if row_id in by_id]

    def cell(self, row: Any, name: str) -> Markup | str:
        """One cell: by the method ``cell_<name>`` or by what the column's ``info`` says."""
        own = getattr(self, f"cell_{name}", None)
        if own is not None:
            made: Markup = own(row)
            return made
        value = getattr(row, name)
        info = self._info(name)
        if info.get("widget") == "yuan":
            return cells.amount(value)
        if "choices" in info and value is not None:
            word = info["choices"].get(value, value)
            return _(word)
        return _shown(value)

    def label_of(self, name: str) -> str:
        """The heading of a column, from its ``info``."""
        labels = getattr(self, "column_labels", None) or {}
        label = labels.get(name, name)
        return str(label)

    def tools(self) -> list[Tool]:
        """The buttons at the top right."""
        if not self.can_create:  # type: ignore[attr-defined]
            return []
        url = self.get_url(".create_view")  # type: ignore[attr-defined]
        return [Tool(_("Add"), url, icon="plus", main=True)]

    def actions(self) -> Sequence[Action]:
        """What can be done with the chosen rows."""
        return self.list_actions

    def note(self) -> Markup | str:
        """What stands above the table."""
        return ""

    def row_value(self, row: Any) -> str:
        """What a POST sends for a row: its id and the version that was seen."""
        return f"{row.id}:{getattr(row, 'version', 1)}"

    def row_label(self, row: Any) -> str:
        """What a screen reader calls the row."""
        return str(row)

    def row_fen(self, row: Any) -> int:
        """What a chosen row adds to the sum of the bar, in fen."""
        return 0

    def row_flagged(self, row: Any) -> bool:
        """Whether a chosen row needs a second look."""
        return False

    def _row(self, row: Any, columns: Sequence[Column], choosable: bool) -> Markup:
        return cells.row(
            self.row_value(row),
            [self._linked(row, name) for name in self.column_list],
            columns,
            label=self.row_label(row),
            fen=self.row_fen(row),
            flagged=self.row_flagged(row),
            choosable=choosable,
        )

    def _linked(self, row: Any, name: str) -> str:
        """The first column opens the row."""
        cell = self.cell(row, name)
        if name is not self.column_list[0] or "<a " in cell:
            return cell
        return cells.link(self.get_url(".details_view", id=row.id), cell)  # type: ignore[attr-defined]

    def _asked(self) -> Mapping[str, str]:
        """What the URL asks for, each name once."""
        return request.args.to_dict()

    def _columns(self, rows: Sequence[Any], args: Mapping[str, str]) -> list[Column]:
        sorted_by, descending = self._sorting(args)
        if self.list_unsummed:
            rows = [row for row in rows if row.state not in self.list_unsummed]
        made = []
        for name in self.column_list:
            summed = name in self.list_sums
            made.append(
                Column(
                    key=name,
                    label=self.label_of(name),
                    sort_url=self._sort_url(name, args),
                    sorted=("desc" if descending else "asc") if name == sorted_by else "",
                    end=summed or self._info(name).get("widget") == "yuan",
                    phone=self.list_phone.get(name, "line"),
                    total=name if summed else "",
                    labelled=self.list_phone_labels and self.list_phone.get(name) is None,
                    page_total=sum(getattr(row, name) or 0 for row in rows) if summed else None,
                )
            )
        return made

    def _info(self, name: str) -> dict[str, Any]:
        column = getattr(self.model, name, None)
        return getattr(column, "info", None) or {}

    def _scope(self) -> ColumnElement[bool]:
        return visible(self.model, current_actor())

    def _tab(self, args: Mapping[str, str]) -> ListTab:
        wanted = args.get("tab", "")
        for tab in self.list_tabs:
            if tab.key == wanted:
                return tab
        if wanted:
            abort(400)
        return self.list_tabs[0] if self.list_tabs else ListTab("", "", lambda: ())

    def _tabs(self, args: Mapping[str, str]) -> list[Tab]:
        now = self._tab(args).key
        url = self.get_url(".counts")  # type: ignore[attr-defined]
        return [
            Tab(
                str(tab.label),
                self._url({"tab": tab.key} if place else {}),
                tab.key == now,
                Count(tab.key, url) if tab.counted else None,
            )
            for place, tab in enumerate(self.list_tabs)
        ]

    def _filter(self, item: ListFilter, args: Mapping[str, str]) -> Filter:
        value = args.get(item.name, "")
        offered: Iterable[tuple[str, str]] = item.choices() if item.choices else ()
        choices = [Choice(key, str(word), key == value) for key, word in offered]
        if item.kind == "select":
            choices.insert(0, Choice("", _("All"), not value))
        return Filter(item.name, str(item.label), item.kind, choices, value)

    def _chips(self, state: Mapping[str, str]) -> list[Chip]:
        chips = [
            Chip(str(f.label), f.word(state[f.name]), self._url(_without(state, f.name)))
            for f in self.list_filters
            if state.get(f.name)
        ]
        if state.get("s"):
            text = searching.shown(state["s"])
            chips.append(Chip(_("Search"), text, self._url(_without(state, "s"))))
        return chips

    def state_of(self, args: Mapping[str, str]) -> dict[str, str]:
        """What of *args* a list's URL keeps: tab, search, order, size and filters."""
        names = [*STATE, *(f.name for f in self.list_filters)]
        return {name: args[name] for name in names if args.get(name)}

    def _url(self, state: Mapping[str, str]) -> str:
        base: str = self.get_url(".index_view")  # type: ignore[attr-defined]
        return f"{base}?{urlencode(state)}" if state else base

    def _pager(self, page: Page, size: int, state: dict[str, str]) -> Pager:
        first, last = self._url(state), self._url(state | {"end": "1"})
        before = self._url(state | {"before": str(page.ids[0])}) if page.ids else ""
        after = self._url(state | {"after": str(page.ids[-1])}) if page.ids else ""
        sizes = [Choice(self._url(state | {"size": str(n)}), str(n), n == size) for n in SIZES]
        return Pager(
            first_url=first if page.has_previous else "",
            previous_url=before if page.has_previous else "",
            next_url=after if page.has_next else "",
            last_url=last if page.has_next else "",
            sizes=sizes,
        )

    def _empty(self, state: Mapping[str, str]) -> Empty:
        if state:
            return Empty(
                _("Nothing matches"),
                _("Take away a filter or search for something else."),
                self._url({}),
                _("Show all"),
            )
        return Empty(_("Nothing here yet"), str(self.list_empty))

    def _size(self, args: Mapping[str, str]) -> int:
        text = args.get("size", str(SIZES[0]))
        if text not in map(str, SIZES):
            abort(400)
        return int(text)

    def _sorting(self, args: Mapping[str, str]) -> tuple[str, bool]:
        text = args.get("sort", "")
        if not text:
            return self.list_order
        name = text.removeprefix("-")
        if name not in self.list_sorts:
            abort(400)
        return name, text.startswith("-")

    def _order(self, args: Mapping[str, str]) -> Order:
        name, descending = self._sorting(args)
        return Order(getattr(self.model, self.list_sorts.get(name, name)), descending)

    def _sort_url(self, name: str, args: Mapping[str, str]) -> str:
        if name not in self.list_sorts:
            return ""
        now, descending = self._sorting(args)
        down = not descending if now == name else True
        return self._url(self.state_of(args) | {"sort": f"-{name}" if down else name})

    def _screen(self) -> str:
        return str(self.endpoint)  # type: ignore[attr-defined]


def _cursor(args: Mapping[str, str]) -> Cursor:
    numbers = {name: args[name] for name in ("after", "before") if args.get(name)}
    if any(not text.isdecimal() for text in numbers.values()):
        abort(400)
    after, before = (int(numbers[n]) if n in numbers else None for n in ("after", "before"))
    return Cursor(after, before, args.get("end") == "1")


def _offers(item: Filter) -> bool:
    """Whether a filter has anything to choose between."""
    return item.kind != "select" or len(item.choices) > 2


def _without(state: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in state.items() if key != name}


def _shown(value: Any) -> Markup | str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return format_datetime(value, "yyyy-MM-dd HH:mm")
    if isinstance(value, date):
        return cells.day(value)
    return str(value)
