"""核验: checks against authorities, cases that look like the same, payments of earlier years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, ClassVar

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, DateField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from admin_views import evidence_cells as shown
from admin_views import searching
from admin_views.base import PortalModelView
from admin_views.choices import programmes, worded
from admin_views.filters import ListFilter, equals
from admin_views.listing import ListTab
from models.applicant import Applicant
from models.application import APPROVED, RETURNED, STATES, WAITING, Application, Attachment
from models.base import Refusal, db
from models.evidence import (
    BY_HAND,
    CHECKED,
    RESULTS,
    SETTLED,
    DuplicatePair,
    PastAward,
    RegistryCheck,
)
from portal.access.permissions import may
from portal.access.scope import visible
from portal.evidence.comparison import FIELDS, compare
from portal.evidence.duplicates import is_open
from portal.evidence.identifiers import certificate_key, mask_id, tidy
from portal.evidence.patents import patent_key
from portal.evidence.registry import FiledRegistry
from portal.exchange.registry_sheets import write_list
from portal.review.registry_checks import (
    TO_LOOK_INTO,
    Finding,
    ask_registry,
    is_latest,
    kinds_of,
    latest,
    record,
    waiting_unchecked,
)
from portal.review.settling import decisions_of, may_settle, settle
from portal.theme import cells
from portal.theme.evidence import Alike, Said
from portal.theme.pages import Detail, Fact, Section
from portal.theme.shapes import Tool
from portal.translations.words import gettext as _
from portal.translations.words import lazy_gettext as _l
from portal.translations.words import told
from portal.web.actor import clock, config, current_actor
from portal.web.downloads import sheet_answer
from portal.web.errors import words_of

UNDECIDED = (WAITING, RETURNED, APPROVED)


def _to_look_into() -> Sequence[Any]:
    """The latest checks of cases not paid yet that found something."""
    cases = select(Application.id).where(Application.state.in_(UNDECIDED))
    return [
        RegistryCheck.result.in_(TO_LOOK_INTO),
        is_latest(),
        RegistryCheck.application_id.in_(cases),
    ]


class ExportForm(FlaskForm):
    """Which cases go to which authority."""

    kind = SelectField(_l("What is checked"))
    programme = SelectField(_l("Programme"))
    unchecked = BooleanField(_l("Only cases that nobody checked yet"), default=True)
    reason = StringField(
        _l("Reason for ID numbers in full"),
        description=_l("Without a reason they are masked; the reason is kept."),
    )


class RegistryView(PortalModelView):
    """Every check of a case in the actor's subtree; a new one is added, none is changed."""

    permission = "registry"
    list_title = _l("Registry checks")
    column_list = (
        "application", "applicant", "kind", "result", "differs", "source", "checked_on", "who",
    )  # fmt: skip
    column_details_list = (*column_list, "way", "note", "made_at")
    column_labels: ClassVar[dict[str, Any]] = {
        "application": _l("Number"),
        "applicant": _l("Applicant"),
        "differs": _l("Differs in"),
        "who": _l("Checked by"),
    }
    form_columns = ("kind",)
    list_phone: ClassVar[Any] = {
        "application": "foot", "applicant": "title", "result": "side", "who": "hide",
    }  # fmt: skip
    list_empty = _l("Checks appear here once an authority was asked.")
    list_loads = (
        joinedload(RegistryCheck.application).joinedload(Application.applicant),
        joinedload(RegistryCheck.account),
    )
    list_tabs = (
        ListTab("look", _l("To look into"), _to_look_into),
        ListTab("latest", _l("Latest of each"), lambda: [is_latest()]),
        ListTab("all", _l("All"), lambda: ()),
    )
    list_filters = (
        ListFilter("kind", _l("What is checked"), equals(RegistryCheck.kind),
                   lambda: worded(CHECKED)),
        ListFilter("result", _l("Registry result"), equals(RegistryCheck.result),
                   lambda: worded(RESULTS)),
    )  # fmt: skip

    @property
    def permissions(self) -> dict[str, str]:
        """Asking and recording need more than reading."""
        acts = ("record", "ask", "export_list")
        return super().permissions | dict.fromkeys(acts, "registry:write")

    def tools(self) -> list[Tool]:
        """The list for the authority, and its answers."""
        if not may(current_actor(), "registry:write"):
            return []
        return [
            Tool(_("Export the list to check"), url_for(".export_list"), icon="table-export"),
            Tool(_("Import answers"), url_for("answers.upload"), icon="table-import"),
        ]

    def cell_application(self, row: RegistryCheck) -> Markup:
        """The case, opening in the drawer."""
        url = url_for("application.details_view", id=row.application_id)
        return cells.link(url, row.application.number)

    def cell_applicant(self, row: RegistryCheck) -> str:
        """Whose case it is."""
        return row.application.applicant.name

    def cell_result(self, row: RegistryCheck) -> Markup:
        """The result as a chip."""
        return shown.result(row.result)

    def cell_differs(self, row: RegistryCheck) -> str:
        """The fields in which the two differ."""
        labels = {field.key: field.label for field in FIELDS[row.kind]}
        wrong = [item["field"] for item in row.compared if item["state"] == "differs"]
        return "、".join(_(labels.get(key, key)) for key in wrong)

    def cell_who(self, row: RegistryCheck) -> str:
        """Who recorded it."""
        return row.account.name if row.account else _("System")

    def details_of(self, model: RegistryCheck) -> Detail:
        """The check with every field beside what the form said."""
        plain = super().details_of(model)
        compared = Section(_("Comparison"), [Fact(_("Fields"), shown.comparison(model))])
        title = f"{model.application.number} {_(CHECKED[model.kind])}"
        return Detail(title=title, sections=[*plain.sections, compared])

    @expose("/record", methods=("GET", "POST"))
    def record(self) -> Any:
        """Record by hand what an authority says of one case."""
        case, kind = self._of_case()
        form = _check_form(case, kind)
        there = url_for("application.details_view", id=case.id)
        if request.method == "POST" and form.validate() and self._recorded(case, kind, form):
            return redirect(there)
        return self.render(
            "portal/registry_check.html",
            form=form,
            form_opts=None,
            return_url=there,
            fieldsets=_check_parts(kind),
            form_title=f"{_(CHECKED[kind])}：{case.number} {case.applicant.name}",
            form_lead=_("Type what the authority says; leave empty what it does not say."),
            ask_url=url_for(".ask", application=case.id, kind=kind) if _answers(kind) else "",
        )

    @expose("/ask", methods=("POST",))
    def ask(self) -> Any:
        """Ask the registry that answers by number."""
        case, kind = self._of_case()
        registry, session = FiledRegistry(config().registry_folder), db.session()
        try:
            made = ask_registry(session, current_actor(), clock(), registry, kind, [case.id])
            session.commit()
            for check in made:
                flash(_("The registry says: %(result)s", result=_(RESULTS[check.result])))
        except Refusal as refusal:
            session.rollback()
            flash(words_of(refusal), "error")
        return redirect(url_for("application.details_view", id=case.id))

    @expose("/list", methods=("GET", "POST"))
    def export_list(self) -> Any:
        """The cases that go to an authority, as a sheet."""
        form = ExportForm()
        form.kind.choices = _offered(CHECKED)[1:]
        form.programme.choices = _offered(dict(programmes()), _("All"))
        if request.method == "POST" and form.validate():
            return self._list(form)
        return self.render(
            self.edit_template,
            form=form,
            form_opts=None,
            return_url=url_for(".index_view"),
            form_title=_("Export the list to check"),
            form_lead=_("The authority fills in the columns on the right and sends it back."),
        )

    def _list(self, form: ExportForm) -> Response:
        session, actor, kind = db.session(), current_actor(), str(form.kind.data)
        where: list[Any] = []
        if form.programme.data:
            where.append(Application.programme_id == int(form.programme.data))
        if form.unchecked.data:
            where.append(Application.id.in_(waiting_unchecked(actor, kind)))
        target, reason = BytesIO(), (form.reason.data or "").strip()
        write_list(session, actor, clock(), kind, where, target, told, reason=reason)
        session.commit()
        return sheet_answer(target, f"{_(CHECKED[kind])}.xlsx")

    def _of_case(self) -> tuple[Application, str]:
        """The case and the kind that the address names, if there is such a thing to check."""
        text, kind = request.args.get("application", ""), request.args.get("kind", "")
        if not text.isdecimal():
            abort(404)
        case = db.session.scalar(
            select(Application).where(
                Application.id == int(text), visible(Application, current_actor())
            )
        )
        if case is None or kind not in kinds_of(case):
            abort(404)
        return case, kind

    def _recorded(self, case: Application, kind: str, form: Any) -> bool:
        answer = {row.key: form[f"said_{row.key}"].data or "" for row in FIELDS[kind]}
        file = form.attachment.data if "attachment" in form else ""
        finding = Finding(
            case.id, form.result.data, answer, form.note.data or "", int(file) if file else None
        )
        session = db.session()
        try:
            record(
                session, current_actor(), clock(), kind, BY_HAND, form.source.data or "",
                [finding], form.checked_on.data,
            )  # fmt: skip
            session.commit()
        except Refusal as refusal:
            session.rollback()
            flash(words_of(refusal), "error")
            return False
        flash(_("The check was recorded."), "success")
        return True


def _answers(kind: str) -> bool:
    """Whether a file of the kind lies in the registry's folder."""
    folder = config().registry_folder
    return any((folder / f"{kind}.{suffix}").is_file() for suffix in ("csv", "json"))


def _check_form(case: Application, kind: str) -> Any:
    """The form of one check: an input a field, what the case says beneath it."""
    results = _offered(RESULTS, _("By the fields"))
    fields: dict[str, Any] = {
        "source": StringField(_("Authority"), default=_last_source(case, kind)),
        "checked_on": DateField(_("Checked on"), default=clock().today()),
        "result": SelectField(_("Result"), choices=results),
    }
    ours = {row["field"]: row["ours"] for row in compare(case, kind, {})}
    for row in FIELDS[kind]:
        hint = _("The form says: %(value)s", value=_worded(row, ours[row.key]))
        label = _(row.label)
        if row.choices:
            offered = _offered(row.choices)
            fields[f"said_{row.key}"] = SelectField(label, choices=offered, description=hint)
        else:
            fields[f"said_{row.key}"] = StringField(label, description=hint)
    fields["note"] = TextAreaField(_("Evidence"))
    files = _files(case)
    if files:
        fields["attachment"] = SelectField(
            _("Evidence file"), choices=[SelectChoice("", ""), *files]
        )
    return type("CheckForm", (FlaskForm,), fields)()


def _check_parts(kind: str) -> list[tuple[str, list[str]]]:
    said = [f"said_{row.key}" for row in FIELDS[kind]]
    return [
        (_("Check"), ["source", "checked_on", "result"]),
        (_("What the authority says"), said),
        (_("Evidence"), ["note", "attachment"]),
    ]


def _worded(row: Any, value: str) -> str:
    return _(row.choices[value]) if value in row.choices else value or _("not stated")


def _last_source(case: Application, kind: str) -> str:
    """Whom this person asked last about the kind."""
    mine = (
        select(RegistryCheck.source)
        .where(RegistryCheck.kind == kind, RegistryCheck.account_id == current_actor().account_id)
        .order_by(RegistryCheck.id.desc())
        .limit(1)
    )
    before = latest(db.session(), case).get(kind)
    return before.source if before else db.session.scalar(mine) or ""


def _offered(words: Mapping[str, str], none: str = "") -> list[SelectChoice]:
    """*words* to choose from, and nothing."""
    return [SelectChoice("", none), *(SelectChoice(key, _(word)) for key, word in words.items())]


def _files(case: Application) -> list[SelectChoice]:
    rows = select(Attachment.id, Attachment.file_name).where(
        Attachment.application_id == case.id, Attachment.removed_at.is_(None)
    )
    return [SelectChoice(str(row.id), row.file_name) for row in db.session.execute(rows)]


def _signs(key: str) -> ColumnElement[bool]:
    return DuplicatePair.signs.contains(f",{key},", autoescape=True)


class DuplicateView(PortalModelView):
    """Pairs whose later case is in the actor's subtree."""

    permission = "duplicate"
    list_title = _l("Looks duplicate")
    column_list = ("application", "other", "signs", "payment", "settled", "found_at")
    column_labels: ClassVar[dict[str, Any]] = {
        "application": _l("Application"),
        "other": _l("Looks like"),
        "payment": _l("Payment of the earlier one"),
    }
    form_columns = ("signs",)
    list_phone: ClassVar[Any] = {
        "application": "title", "settled": "side", "found_at": "hide",
    }  # fmt: skip
    list_empty = _l("Applications that look like another one appear here.")
    list_loads = (
        joinedload(DuplicatePair.application).joinedload(Application.applicant),
        joinedload(DuplicatePair.application).joinedload(Application.programme),
        joinedload(DuplicatePair.other).joinedload(Application.applicant),
        joinedload(DuplicatePair.other).joinedload(Application.programme),
        joinedload(DuplicatePair.past),
    )
    list_tabs = (
        ListTab("open", _l("To be settled"), lambda: [is_open()]),
        ListTab("settled", _l("Settled"), lambda: [DuplicatePair.settled.is_not(None)]),
        ListTab("all", _l("All"), lambda: [DuplicatePair.signs != ""]),
    )
    list_filters = (ListFilter("sign", _l("Looks alike by"), _signs, lambda: worded(shown.SIGNS)),)

    @property
    def permissions(self) -> dict[str, str]:
        """Settling needs more than reading."""
        return super().permissions | {"settle": "duplicate:decide"}

    def cell_application(self, row: DuplicatePair) -> Markup:
        """The later case, opening the comparison where this person may settle it."""
        case = row.application
        url = url_for(".details_view", id=row.id)
        told = f"{case.applicant.name} · {_(STATES[case.state])} · {case.programme.title}"
        below = Markup('<span class="jx-2">{}</span>').format(told)
        return cells.link(url, case.number) + below

    def cell_other(self, row: DuplicatePair) -> Markup:
        """The earlier case or payment."""
        if row.other is not None:
            return shown.case_link(row.other, _sees_other(row))
        return shown.past_words(row.past, shown.seen_past(row.past)) if row.past else Markup()

    def cell_signs(self, row: DuplicatePair) -> str:
        """Why they look alike."""
        return shown.signs(row)

    def cell_payment(self, row: DuplicatePair) -> str:
        """What was paid for the earlier one."""
        return shown.payment(row, _sees_other(row))

    def cell_settled(self, row: DuplicatePair) -> Markup:
        """What a person said of it."""
        return shown.settled(row)

    def details_of(self, model: DuplicatePair) -> Detail:
        """The pair, with a way to settle it."""
        plain = super().details_of(model)
        facts = list(plain.sections[0].facts)
        if may_settle(db.session(), current_actor(), model):
            there = url_for(".settle", id=model.id)
            facts.append(
                Fact(_("Settle"), cells.link(there, _("Compare and settle"), drawer=False))
            )
        return Detail(title=model.application.number, sections=[Section("", facts)])

    @expose("/settle", methods=("GET", "POST"))
    def settle(self) -> Any:
        """The two side by side; a person says whether they are the same."""
        pair = self.get_one(request.args.get("id", ""))
        if not may_settle(db.session(), current_actor(), pair):
            flash(_("Who settles this must see both cases and have entered neither."), "error")
            return redirect(url_for(".index_view"))
        if request.method == "POST" and self._settled(pair):
            return redirect(url_for(".index_view"))
        return self.render("portal/duplicate.html", alike=_alike(pair))

    def _settled(self, pair: DuplicatePair) -> bool:
        form, session = request.form, db.session()
        try:
            settle(
                session, current_actor(), clock(), pair, form.get("settled", ""),
                form.get("reason", ""), form.get("mark", ""),
            )  # fmt: skip
            session.commit()
        except Refusal as refusal:
            session.rollback()
            flash(words_of(refusal), "error")
            return False
        flash(_("Settled: %(word)s", word=_(SETTLED[form["settled"]])), "success")
        return True


def _sees_other(pair: DuplicatePair) -> bool:
    if pair.other_id is not None:
        return pair.other_id in shown.seen_ids([pair.other_id])
    return shown.seen_past(pair.past)


def _alike(pair: DuplicatePair) -> Alike:
    other: Application | PastAward | None = pair.other or pair.past
    assert other is not None
    later, earlier = shown.sides(pair, other)
    return Alike(
        title=_("Are these the same?"),
        signs=shown.signs(pair),
        later=later,
        earlier=earlier,
        said=[
            Said(
                _(SETTLED[row.settled]),
                row.account.name if row.account else _("System"),
                row.decided_at.date().isoformat(),
                row.reason,
            )
            for row in decisions_of(db.session(), pair)
        ],
        choices=[(key, _(word)) for key, word in SETTLED.items()],
        mark=pair.mark,
        back_url=url_for("duplicate.index_view"),
        reason=request.form.get("reason", ""),
        chosen=request.form.get("settled", ""),
    )


def past_search(typed: str) -> searching.Search:
    """An ID number by its index, else a number or a name."""
    found = tidy(typed).upper()
    if len(found) == 18 and found[:17].isdecimal():
        return searching.Search("person", Applicant.id_number.index(found).hex(), mask_id(found))
    return searching.record_search(typed)


class HistoryView(PortalModelView):
    """Payments from before the system in the actor's subtree."""

    permission = "history"
    list_title = _l("Earlier payments")
    column_list = (
        "title", "year", "name", "number", "occupation", "level", "amount_fen", "paid_on",
        "organization",
    )  # fmt: skip
    column_details_list = (*column_list, "file_name", "made_at")
    column_labels: ClassVar[dict[str, Any]] = {"organization": _l("Union")}
    form_columns = ("name",)
    list_phone: ClassVar[Any] = {
        "name": "title", "title": "foot", "amount_fen": "side", "year": "side",
        "organization": "hide",
    }  # fmt: skip
    list_sums = ("amount_fen",)
    list_loads = (joinedload(PastAward.organization),)
    list_search = staticmethod(past_search)
    list_search_hint = _l("Name, ID number, certificate or patent number")
    list_empty = _l("Payments of years before the system appear here once they are imported.")
    list_filters = (
        ListFilter("year", _l("Year"), lambda value: PastAward.year == int(value),
                   lambda: _years()),
    )  # fmt: skip

    def tools(self) -> list[Tool]:
        """The import, for whoever may."""
        if not may(current_actor(), "history:import"):
            return []
        return [Tool(_("Import"), url_for("history.upload"), icon="table-import", main=True)]

    def search_condition(self, kind: str, value: str) -> ColumnElement[bool]:
        """Searches here keep payments."""
        if kind == "person":
            return PastAward.id_number_index == bytes.fromhex(value)
        keys = {certificate_key(value), patent_key(value)} - {""}
        return or_(PastAward.number_key.in_(keys), PastAward.name.contains(value, autoescape=True))

    def cell_name(self, row: PastAward) -> Markup:
        """Name over masked ID number."""
        masked = mask_id(row.id_number or "")
        return cells.pair(row.name, cells.masked(masked) if masked else "", strong=True)


def _years() -> list[tuple[str, str]]:
    rows = db.session.scalars(select(PastAward.year).distinct().order_by(PastAward.year.desc()))
    return [(str(year), str(year)) for year in rows]
