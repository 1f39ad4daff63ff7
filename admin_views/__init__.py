"""The screens that Flask-Admin generates, and where each stands in the menu."""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin

from admin_views.adjustments import AdjustmentView
from admin_views.allocations import AllocationView
from admin_views.applications import ApplicationView
from admin_views.bank_files import BankFileView
from admin_views.batches import BatchView
from admin_views.catalogues import CalendarView, CatalogueView, EntryView
from admin_views.dashboard import DashboardView
from admin_views.desk import DeskView
from admin_views.evidence import DuplicateView, HistoryView, RegistryView
from admin_views.experts import ExpertView
from admin_views.home import HomeView
from admin_views.menu import Lines, shell
from admin_views.money import BudgetView
from admin_views.organization import AccountView, OrganizationView
from admin_views.panels import PanelView
from admin_views.people import ApplicantView, CertificateView
from admin_views.programme_diff import ProgrammeDiffView
from admin_views.programme_move import ProgrammeMoveView
from admin_views.programmes import ClauseView, NoticeView, ProgrammeView, RevisionView
from admin_views.publicity import PublicityView
from admin_views.reasons import ReasonView
from admin_views.records import AuditView
from admin_views.requests import RequestView
from admin_views.scores import ScoreView
from admin_views.settings import VIEWS as SETTINGS
from admin_views.statements import StatementView
from admin_views.subjects import PatentView, ProjectView, RecognitionView, StudioView
from models.account import Account
from models.adjustment import Adjustment
from models.allocation import AllocationRun
from models.applicant import Applicant
from models.application import Application
from models.audit import AuditEntry
from models.base import N_
from models.calendar import CalendarDay
from models.catalogue import Catalogue, CatalogueEntry
from models.certificate import SkillCertificate
from models.decision import ReasonTemplate
from models.evidence import DuplicatePair, PastAward, RegistryCheck
from models.funding import Budget, PaymentBatch
from models.notice import Clause, Notice
from models.organization import Organization
from models.panel import Expert
from models.papers import BankFile
from models.patent import Patent
from models.programme import Programme, Revision
from models.project import Project
from models.studio import Studio, StudioRecognition
from portal import theme

MENU: Lines = (
    (
        "",
        (
            (N_("Home"), "admin.index", "home", "home:read"),
            (N_("Overview"), "dashboard.index", "chart-bar", "application:read"),
            (N_("Review desk"), "desk.index", "gavel", "application:decide"),
            (N_("Applications"), "application.index_view", "users", "application:read"),
            (N_("Imports"), "imports.upload", "upload", "application:import"),
        ),
    ),
    (
        N_("Assessment"),
        (
            (N_("My score sheets"), "score.index", "clipboard-check", "score:write"),
            (N_("Panels and lists"), "panel.index", "scale", "panel:read"),
            (N_("Public notices"), "publicity.index", "speakerphone", "publicity:read"),
            (N_("Experts"), "expert.index_view", "school", "expert:read"),
        ),
    ),
    (
        N_("People"),
        (
            (N_("Applicants"), "applicant.index_view", "users", "applicant:read"),
            (N_("Skill certificates"), "certificate.index_view", "certificate", "certificate:read"),
            (N_("Patents"), "patent.index_view", "bulb", "patent:read"),
            (N_("Innovation studios"), "studio.index_view", "users-group", "studio:read"),
            (N_("Titles of studios"), "recognition.index_view", "award", "studio:read"),
            (N_("Projects"), "project.index_view", "target", "project:read"),
        ),
    ),
    (
        N_("Evidence"),
        (
            (N_("Registry checks"), "registrycheck.index_view", "certificate", "registry:read"),
            (N_("Looks duplicate"), "duplicate.index_view", "users-group", "duplicate:read"),
            (N_("Earlier payments"), "pastaward.index_view", "receipt", "history:read"),
        ),
    ),
    (
        N_("Money"),
        (
            (N_("Budgets"), "budget.index_view", "coin-yuan", "budget:read"),
            (N_("Allocation runs"), "allocation.index_view", "coins", "allocation:read"),
            (N_("Payment batches"), "payment.index_view", "receipt", "payment:read"),
            (N_("Adjustments"), "adjustment.index_view", "refresh", "adjustment:read"),
            (N_("Bank files"), "bankfile.index_view", "file-spreadsheet", "bankfile:read"),
            (
                N_("Request of a union"),
                "unionrequest.index",
                "clipboard-list",
                "application:export",
            ),
            (N_("Statements"), "statement.index", "calculator", "statement:read"),
        ),
    ),
    (
        N_("Rules"),
        (
            (N_("Kept reasons"), "reason.index_view", "message", "reason:write"),
            (N_("Catalogues"), "catalogue.index_view", "list", "catalogue:read"),
            (N_("Catalogue entries"), "entry.index_view", "list", "catalogue:write"),
            (N_("Working-day calendar"), "calendar.index_view", "calendar", "catalogue:write"),
            (N_("Programmes"), "programme.index_view", "settings", "programme:read"),
            (N_("Revisions"), "revision.index_view", "settings", "programme:write"),
            (N_("Notices"), "notice.index_view", "settings", "programme:write"),
            (N_("Clauses"), "clause.index_view", "settings", "programme:write"),
            (N_("Windows"), "window.index_view", "settings", "programme:write"),
            (N_("Channels"), "channel.index_view", "settings", "programme:write"),
            (N_("Form fields"), "formfield.index_view", "settings", "programme:write"),
            (N_("Derived facts"), "derivedfact.index_view", "settings", "programme:write"),
            (
                N_("Required attachments"),
                "attachmentrule.index_view",
                "settings",
                "programme:write",
            ),
            (N_("Conditions"), "condition.index_view", "settings", "programme:write"),
            (N_("Award tiers"), "awardtier.index_view", "settings", "programme:write"),
            (N_("Bounds"), "bound.index_view", "settings", "programme:write"),
            (N_("Orders"), "orderkey.index_view", "settings", "programme:write"),
            (N_("Stages"), "stage.index_view", "settings", "programme:write"),
        ),
    ),
    (
        N_("Administration"),
        (
            (N_("Unions"), "organization.index_view", "building", "organization:read"),
            (N_("Accounts"), "account.index_view", "users", "account:read"),
            (N_("Audit trail"), "audit.index_view", "list", "audit:read"),
        ),
    ),
)

SCREENS = (
    (ApplicationView, Application, "application"),
    (ApplicantView, Applicant, "applicant"),
    (CertificateView, SkillCertificate, "certificate"),
    (PatentView, Patent, "patent"),
    (StudioView, Studio, "studio"),
    (RecognitionView, StudioRecognition, "recognition"),
    (ProjectView, Project, "project"),
    (ExpertView, Expert, "expert"),
    (RegistryView, RegistryCheck, "registrycheck"),
    (DuplicateView, DuplicatePair, "duplicate"),
    (HistoryView, PastAward, "pastaward"),
    (BudgetView, Budget, "budget"),
    (AllocationView, AllocationRun, "allocation"),
    (BatchView, PaymentBatch, "payment"),
    (AdjustmentView, Adjustment, "adjustment"),
    (BankFileView, BankFile, "bankfile"),
    (CatalogueView, Catalogue, "catalogue"),
    (EntryView, CatalogueEntry, "entry"),
    (CalendarView, CalendarDay, "calendar"),
    (ReasonView, ReasonTemplate, "reason"),
    (NoticeView, Notice, "notice"),
    (ClauseView, Clause, "clause"),
    (ProgrammeView, Programme, "programme"),
    (RevisionView, Revision, "revision"),
    *SETTINGS,
    (OrganizationView, Organization, "organization"),
    (AccountView, Account, "account"),
    (AuditView, AuditEntry, "audit"),
)


def register(app: Flask) -> None:
    """Attach the theme, the admin and all its views to *app*."""
    look = theme.register(app, lambda: shell(MENU))
    home = HomeView(name="", url="/", template="portal/home.html")
    admin = Admin(app, name="Jiangxin", theme=look, url="/", index_view=home)
    with app.app_context():
        for view, model, endpoint in SCREENS:
            admin.add_view(view(model, endpoint=endpoint, url=f"/{endpoint}"))
        admin.add_view(DashboardView(endpoint="dashboard", url="/dashboard"))
        admin.add_view(DeskView(endpoint="desk", url="/desk"))
        admin.add_view(ProgrammeMoveView(endpoint="programmemove", url="/programme-move"))
        admin.add_view(ProgrammeDiffView(endpoint="programmediff", url="/programme-diff"))
        admin.add_view(PanelView(endpoint="panel", url="/panel"))
        admin.add_view(ScoreView(endpoint="score", url="/score"))
        admin.add_view(PublicityView(endpoint="publicity", url="/publicity"))
        admin.add_view(RequestView(endpoint="unionrequest", url="/union-request"))
        admin.add_view(StatementView(endpoint="statement", url="/statement"))
