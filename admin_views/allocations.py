"""资金 · 资金分配: runs that give out what is short; districts see their own cases."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from admin_views.allocation_words import page_of, sections
from admin_views.base import PortalModelView
from admin_views.choices import offered, programmes, worded
from admin_views.filters import ListFilter, equals, equals_number
from admin_views.rule_fields import YuanField
from admin_views.steps import Stepping
from models.allocation import LOTTERY, RUN_STATES, TRIAL, AllocationRun
from models.base import Refusal, db
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.programme import Programme, Revision
from models.types import Fen
from portal.access.permissions import may
from portal.exchange.allocation_sheet import write_allocation
from portal.funding.allocation import MOST_SEED, row_of, rows_in_force, try_out
from portal.funding.allocation_list import pool_names, pools_of
from portal.funding.granting import MOST_PLACES, discard, raise_pool, settle
from portal.theme import cells
from portal.theme.pages import Detail
from portal.theme.shapes import Action
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told
from portal.web.actor import clock, current_actor
from portal.web.downloads import sheet_answer

_MARKS = {TRIAL: "waiting", "final": "passed"}
_APART = "|"


class AllocationView(Stepping, PortalModelView):
    """Runs of the allocation rows of programmes: tried, looked at, made final."""

    permission = "allocation"
    list_title = _l("Allocation runs")
    details_modal = False
    details_template = "portal/allocation.html"
    column_list = (
        "number", "programme", "row_key", "window_key", "method", "state", "cases", "granted",
        "granted_fen", "made_at",
    )  # fmt: skip
    column_labels: ClassVar[dict[str, Any]] = {
        "programme": _l("Programme"),
        "row_key": _l("Allocation"),
    }
    form_columns = ("number",)
    list_loads = (
        joinedload(AllocationRun.programme),
        joinedload(AllocationRun.revision).selectinload(Revision.allocations),
        joinedload(AllocationRun.revision).selectinload(Revision.windows),
    )
    list_phone: ClassVar[Any] = {
        "number": "foot", "row_key": "title", "granted_fen": "side", "state": "side",
        "made_at": "hide",
    }  # fmt: skip
    list_filters = (
        ListFilter("programme", _l("Programme"), equals_number(AllocationRun.programme_id),
                   programmes),
        ListFilter("state", _l("State"), equals(AllocationRun.state), lambda: worded(RUN_STATES)),
    )  # fmt: skip
    list_empty = _l("Finance tries an allocation of a programme whose rules have one.")

    @property
    def permissions(self) -> dict[str, str]:
        """Trying and settling are finance's; the record is the city's."""
        acts = ("create_view", "action_view", "act", "settle", "discard", "enlarge")
        return (
            super().permissions
            | dict.fromkeys(acts, "allocation:write")
            | {"sheet": "allocation:export"}
        )

    @property
    def can_create(self) -> bool:
        """Finance tries."""
        return may(current_actor(), "allocation:write")

    def actions(self) -> tuple[Action, ...]:
        """A run is acted on from its own page."""
        return ()

    def cell_state(self, row: AllocationRun) -> Any:
        """The state as a badge."""
        return cells.status(_(RUN_STATES[row.state]), _MARKS.get(row.state, "closed"))

    def cell_row_key(self, row: AllocationRun) -> str:
        """The rule by its title."""
        return row_of(row).title

    def cell_window_key(self, row: AllocationRun) -> str:
        """The window by its title."""
        named = (w.title or w.key for w in row.revision.windows if w.key == row.window_key)
        return next(named, "")

    def new_form_class(self) -> Any:
        """A rule in force, and of which window; a seed for a lottery."""
        seed = _l("For a lottery; left empty, one is drawn and recorded.")
        fields = {
            "what": SelectField(_l("Allocation"), choices=offered(_offers())),
            "seed": StringField(_l("Seed"), [Optional(), Length(max=MOST_SEED)], description=seed),
        }
        return type("AllocationForm", (FlaskForm,), fields)

    def make(self, form: Any) -> AllocationRun:
        """Try it through the service."""
        programme_id, row_key, window_key = form.what.data.split(_APART)
        programme = db.session.get_one(Programme, int(programme_id))
        seed = (form.seed.data or "").strip()
        return try_out(db.session(), current_actor(), clock(), programme, row_key, window_key, seed)

    def get_save_return_url(self, model: Any, is_created: bool = False) -> Any:
        """A new trial is looked at."""
        return url_for(".details_view", id=model.id)

    def details_of(self, model: AllocationRun) -> Detail:
        """The record, what its pools come to, and the next step."""
        return Detail(
            title=f"{row_of(model).title} · {model.number}",
            subtitle=model.programme.title,
            sections=sections(model),
            value=f"{model.id}:{model.version}",
            actions=self._steps(model),
            action_url=url_for(".act"),
            page_url=url_for(".details_view", id=model.id),
        )

    def render(self, template: str, **kwargs: Any) -> Any:
        """The page also lists the cases; the form of a new run tries and saves nothing."""
        if template == self.create_template:
            kwargs["form_submit"] = _("Try")
        if template == self.details_template:
            kwargs["page"] = page_of(kwargs["model"], request.args.get("pool"))
        return super().render(template, **kwargs)

    @expose("/act", methods=("POST",))
    def act(self) -> Any:
        """From a button of the page to its step."""
        run = self.get_one(request.form.get("rowid", "").partition(":")[0])
        action = request.form.get("action", "")
        if action not in ("settle", "discard", "enlarge"):
            return redirect(url_for(".details_view", id=run.id))
        return redirect(url_for(f".{action}", row_id=run.id))

    @expose("/settle/<int:row_id>", methods=("GET", "POST"))
    def settle(self, row_id: int) -> Any:
        """Make a trial final, once the person has read what that does."""
        run = self.get_one(row_id)
        form = FlaskForm()

        def do() -> Response:
            settle(db.session(), current_actor(), clock(), run)
            flash(_("Run %(number)s is final.", number=run.number), "success")
            return redirect(url_for(".details_view", id=run.id))

        told_sum = {"count": f"{run.granted:,}", "fen": cells.yuan(run.granted_fen)}
        lead = _("%(count)s applications are granted %(fen)s yuan. This stays.", **told_sum)
        return self._step(run, form, do, _("Make final"), lead)

    @expose("/discard/<int:row_id>", methods=("GET", "POST"))
    def discard(self, row_id: int) -> Any:
        """Put a trial aside."""
        run = self.get_one(row_id)

        def do() -> Response:
            discard(db.session(), current_actor(), clock(), run)
            flash(_("Run %(number)s was put aside.", number=run.number), "success")
            return redirect(url_for(".details_view", id=run.id))

        lead = _("Nobody is granted anything by it; it stays in the list.")
        return self._step(run, FlaskForm(), do, _("Put aside"), lead)

    @expose("/enlarge/<int:row_id>", methods=("GET", "POST"))
    def enlarge(self, row_id: int) -> Any:
        """Try again with more in one pool, for a reason."""
        run = self.get_one(row_id)
        form = _raise_form(run)()

        def do() -> Response:
            more, places = Fen(form.fen.data or 0), form.places.data or 0
            made = raise_pool(
                db.session(), current_actor(), clock(), run, form.pool.data, more, places,
                form.reason.data,
            )  # fmt: skip
            flash(_("Tried again as %(number)s.", number=made.number), "success")
            return redirect(url_for(".details_view", id=made.id))

        lead = _("A new trial is made; this one is put aside. The reason stays in the record.")
        return self._step(run, form, do, _("Raise a pool"), lead)

    @expose("/sheet/<int:row_id>")
    def sheet(self, row_id: int) -> Any:
        """The record as a sheet."""
        run, target = self.get_one(row_id), BytesIO()
        write_allocation(db.session(), current_actor(), clock(), run, target, told)
        db.session.commit()
        return sheet_answer(target, f"{run.number}.xlsx")

    def _step(self, run: AllocationRun, form: Any, do: Any, title: str, lead: str) -> Any:
        back = url_for(".details_view", id=run.id)
        heading = f"{run.number} · {title}"
        return self.step(form, do, heading, lead, back, ends=Refusal, submit=title)

    def _steps(self, run: AllocationRun) -> list[Action]:
        if run.state != TRIAL or not may(current_actor(), "allocation:write"):
            return []
        steps = [Action("settle", _("Make final"), icon="check", tone="main")]
        if row_of(run).soft:
            steps.append(Action("enlarge", _("Raise a pool"), icon="arrow-up"))
        return [*steps, Action("discard", _("Put aside"), icon="x", tone="refuse")]


def _offers() -> Iterator[tuple[str, str]]:
    """Every allocation rule in force, for each window where its pools are of a window."""
    for programme in db.session.scalars(select(Programme).order_by(Programme.id.desc())):
        for row in rows_in_force(db.session(), programme):
            name = f"{programme.title} · {row.title}"
            if row.method == LOTTERY:
                name += f"（{_('Lottery')}）"
            if row.within != "window":
                yield _APART.join((str(programme.id), row.key, "")), name
                continue
            revision = next(r for r in programme.revisions if r.id == row.revision_id)
            for window in revision.windows:
                value = _APART.join((str(programme.id), row.key, window.key))
                yield value, f"{name} · {window.title or window.key}"


def _raise_form(run: AllocationRun) -> Any:
    pools = pools_of(db.session(), current_actor(), run)
    names = pool_names(db.session(), run, pools)
    choices = [(pool.pool, names[pool.pool] or _("All cases")) for pool in pools]
    fields = {
        "pool": SelectField(_("Pool"), choices=offered(choices)),
        "fen": YuanField(_("More money (yuan)")),
        "places": IntegerField(_("More places"), [Optional(), NumberRange(min=0, max=MOST_PLACES)]),
        "reason": TextAreaField(
            _("Reason"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)]
        ),
    }
    return type("RaiseForm", (FlaskForm,), fields)
