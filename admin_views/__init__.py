"""The screens that Flask-Admin generates, and where each stands in the menu."""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin

from admin_views.applications import ApplicationView
from admin_views.home import HomeView
from admin_views.menu import Line, shell
from models.application import Application
from models.base import N_
from portal import theme

MENU: list[tuple[str, list[Line]]] = [
    (
        "",
        [
            (N_("Home"), "admin.index", "home", "home:read"),
            (N_("Applications"), "application.index_view", "users", "application:read"),
        ],
    ),
]


def register(app: Flask) -> None:
    """Attach the theme, the admin and all its views to *app*."""
    look = theme.register(app, lambda: shell(MENU))
    home = HomeView(name="", url="/", template="portal/home.html")
    admin = Admin(app, name="Jiangxin", theme=look, url="/", index_view=home)
    admin.add_view(ApplicationView(Application, endpoint="application", url="/application"))
