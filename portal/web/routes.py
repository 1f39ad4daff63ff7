"""The gate: every endpoint is public, for whoever is signed in, or behind a permission.

What is none of these is closed. A Flask-Admin view says ``permission = "application"``: its
reading pages then need ``application:read``, its writing pages ``application:write``, unless its
``permissions`` names another for a method. Any other page is marked with ``@needs``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, abort, current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from portal.access import second_factor
from portal.access.permissions import NotAllowed, may
from portal.access.sessions import SignedIn
from portal.web.actor import config, maybe_signed_in

F = TypeVar("F", bound=Callable[..., Any])

PUBLIC = frozenset(
    {
        "static",
        "theme.static",
        "admin.static",
        "access.login",
        "healthz",
        "readyz",
        "publicnotice.shown",
    }
)
SIGNED_IN = frozenset(
    {"access.logout", "access.change_password", "access.second_factor", "ownaddress.edit"}
)
READING_PAGES = frozenset({"index", "index_view", "details_view", "ajax_lookup", "export"})
WRITING_PAGES = frozenset({"create_view", "edit_view", "delete_view", "action_view", "ajax_update"})

_LARGEST_NUMBER_DIGITS = 18


def register(app: Flask) -> None:
    """Put the gate before every request."""
    app.before_request(_refuse_nonsense)
    app.before_request(_gate)


def needs(permission: str) -> Callable[[F], F]:
    """Mark a page as needing *permission*."""

    def mark(page: F) -> F:
        page.needs = permission  # type: ignore[attr-defined]
        return page

    return mark


def permission_of(app: Flask, endpoint: str) -> str | None:
    """The permission that *endpoint* needs; ``None`` when nobody classified it."""
    page = app.view_functions.get(endpoint)
    marked = getattr(page, "needs", None)
    if marked is not None:
        return str(marked)
    view, name = getattr(page, "__self__", None), getattr(page, "__name__", "")
    return _permission_of_view(view, name)


def is_classified(app: Flask, endpoint: str) -> bool:
    """Whether the gate knows what to ask of *endpoint*."""
    return endpoint in PUBLIC | SIGNED_IN or permission_of(app, endpoint) is not None


def is_unfinished(who: SignedIn) -> bool:
    """Whether a page stands before all others for this person: a code, a new password."""
    return _unfinished(who) is not None


def _permission_of_view(view: object, name: str) -> str | None:
    special: dict[str, str] = getattr(view, "permissions", {})
    subject = getattr(view, "permission", None)
    if name in special:
        return special[name]
    if subject is not None and name in READING_PAGES:
        return f"{subject}:read"
    if subject is not None and name in WRITING_PAGES:
        return f"{subject}:write"
    return None


def _refuse_nonsense() -> None:
    """Numbers that no column holds and NUL bytes are bad requests, not errors of the database."""
    asked = [text for pair in request.args.items(multi=True) for text in pair]
    asked += [str(part) for part in (request.view_args or {}).values()]
    typed = [text for pair in request.form.items(multi=True) for text in pair]
    if any("\0" in text for text in asked + typed) or any(_is_huge(text) for text in asked):
        abort(400)


def _is_huge(text: str) -> bool:
    digits = text.strip().lstrip("+-").lstrip("0")
    return len(digits) > _LARGEST_NUMBER_DIGITS and digits.isdecimal()


def _gate() -> Response | None:
    endpoint = request.endpoint
    if endpoint is None or endpoint in PUBLIC:
        return None
    who = maybe_signed_in()
    if who is None:
        return _to_login()
    unfinished = _unfinished(who)
    if unfinished is not None:
        return None if endpoint in (unfinished, "access.logout") else redirect(url_for(unfinished))
    if endpoint in SIGNED_IN:
        return None
    permission = permission_of(current_app, endpoint)
    if permission is None or not may(who.actor, permission):
        raise NotAllowed()
    return None


def _to_login() -> Response:
    if request.method != "GET":
        return redirect(url_for("access.login"), 303)
    wanted = request.full_path.rstrip("?")
    return redirect(url_for("access.login", next=None if wanted == "/" else wanted))


def _unfinished(who: SignedIn) -> str | None:
    """The page that a person must pass before any other."""
    if who.lacks_code:
        return "access.second_factor"
    if who.must_change_password:
        return "access.change_password"
    required = config().require_totp and who.actor.role in second_factor.ROLES
    return "access.second_factor" if required and not who.has_second_factor else None
