"""The pages of a person's own account: log in, second factor, new password, log out."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import segno
from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user
from markupsafe import Markup

from models.base import Refusal, db
from portal.access import accounts, audit, login, own_password, passwords, second_factor, sessions
from portal.access.sessions import SignedIn
from portal.translations.words import gettext as _
from portal.web.actor import (
    address,
    clock,
    config,
    load_person,
    maybe_signed_in,
    signed_in,
)
from portal.web.errors import words_of
from portal.web.routes import is_unfinished

HOME = "/"
pages = Blueprint("access", __name__)
_INSIDE = re.compile(r"/(?![/\\])[^\\\x00-\x1f]*")


def register(app: Flask) -> None:
    """Add the pages."""
    app.register_blueprint(pages)


def safe_next(text: str) -> str:
    """*text* when it is an address of this portal, else the home page."""
    return text if _INSIDE.fullmatch(text) else HOME


@pages.route("/login", methods=["GET", "POST"], endpoint="login")
def log_in() -> ResponseReturnValue:
    """Ask for account and password; one answer for every way of being wrong."""
    wanted = safe_next(request.values.get("next", HOME))
    if request.method == "GET":
        return redirect(wanted) if maybe_signed_in() else _login_page(wanted)
    name, password = request.form.get("account", ""), request.form.get("password", "")
    refusal = _try(name, password)
    if refusal is None:
        return redirect(wanted, 303)
    return _login_page(wanted, name, words_of(refusal)), 422


@pages.post("/logout")
def logout() -> ResponseReturnValue:
    """End this browser's session."""
    who = signed_in()
    sessions.revoke(db.session(), clock().now(), who.session_id)
    audit.record(db.session(), who.actor, clock().now(), "log out", "account", who.account_id)
    db.session.commit()
    session.clear()
    return redirect(url_for("access.login"), 303)


@pages.route("/account/password", methods=["GET", "POST"])
def change_password() -> ResponseReturnValue:
    """Choose a new password; the only page open to a person with a one-use one."""
    if request.method == "GET":
        return _password_page([])
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    if new != again:
        return _password_page([("again", _("The two new passwords differ."))]), 422
    who = signed_in()
    try:
        own_password.change_password(
            db.session(), who.actor, clock(), old, new, config().password_kinds
        )
    except Refusal as refusal:
        db.session.rollback()
        field = "old" if isinstance(refusal, own_password.WrongPassword) else "new"
        return _password_page([(field, words_of(refusal))]), 422
    _enter(who.account_id, who.second_factor)
    db.session.commit()
    flash(_("Your password was changed."), "success")
    return redirect(HOME, 303)


@pages.route("/account/second-factor", methods=["GET", "POST"], endpoint="second_factor")
def show_second_factor() -> ResponseReturnValue:
    """Give the code of the second factor, or set it up."""
    who = signed_in()
    if who.has_second_factor and who.second_factor:
        return redirect(HOME, 303)
    if request.method == "GET":
        return _code_page(who)
    refusal = _try_code(who, request.form.get("code", ""))
    if refusal is not None:
        return _code_page(who, words_of(refusal)), 422
    return redirect(HOME, 303)


def _try(name: str, password: str) -> Refusal | None:
    """Log in, or give the refusal. The try is on record before the password is looked at."""
    now = clock().now()
    door = login.knock(db.session(), now, name, address())
    db.session.commit()
    if not login.password_opens(door, password):
        nobody = accounts.system_actor(db.session())
        refusal = login.refusal_of(db.session(), now, door, nobody)
        db.session.commit()
        return refusal
    try:
        token = login.admit(db.session(), now, door, password, config().password_days)
    except login.OneUsePasswordSpent as spent:
        db.session.rollback()
        return spent
    db.session.commit()
    _carry(token)
    return None


def _try_code(who: SignedIn, code: str) -> Refusal | None:
    real_time = datetime.now(UTC)  # the phone knows no pinned clock
    door = login.knock(db.session(), clock().now(), who.login, address())
    db.session.commit()
    if door.locked:
        return login.LockedOut(minutes=login.LOCK.seconds // 60)
    try:
        if who.has_second_factor:
            second_factor.use_code(db.session(), who, real_time, code)
        else:
            second_factor.enrol(db.session(), who, real_time, code)
    except second_factor.WrongCode as wrong:
        db.session.rollback()
        return wrong
    login.forgive(db.session(), clock().now(), door.login_bucket, door.address)
    sessions.revoke(db.session(), clock().now(), who.session_id)
    _enter(who.account_id, second_factor_shown=True)
    db.session.commit()
    return None


def _enter(account_id: int, second_factor_shown: bool) -> None:
    """Open a new browser session in place of the one just ended."""
    now = clock().now()
    _carry(sessions.open_session(db.session(), now, account_id, address(), second_factor_shown))


def _carry(token: str) -> None:
    """Give the browser its new id; nothing of the session before survives but messages."""
    session.clear()
    person = load_person(token)
    assert person is not None
    login_user(person)


def _login_page(wanted: str, name: str = "", error: str = "") -> str:
    return render_template(
        "portal/login.html",
        action_url=url_for("access.login"),
        account=name,
        next="" if wanted == HOME else wanted,
        error=error,
    )


def _password_page(errors: list[tuple[str, str]]) -> str:
    return render_template(
        "portal/change_password.html",
        action_url=url_for("access.change_password"),
        forced=signed_in().must_change_password,
        rules=_rules(),
        errors=errors,
        back_url=HOME,
    )


def _rules() -> list[str]:
    rules = [
        words_of(passwords.PasswordLength(shortest=passwords.SHORTEST, longest=passwords.LONGEST)),
        words_of(passwords.PasswordNamesItsOwner()),
        _("Several unrelated words or characters are best; common passwords are refused."),
    ]
    kinds = config().password_kinds
    return rules + ([words_of(passwords.PasswordKinds(kinds=kinds))] if kinds else [])


def _code_page(who: SignedIn, error: str = "") -> str:
    setting_up = not who.has_second_factor
    return render_template(
        "portal/totp.html",
        action_url=url_for("access.second_factor"),
        error=error,
        qr=_picture(who) if setting_up else None,
        secret=second_factor.proposed_secret(who) if setting_up else "",
        back_url="" if is_unfinished(who) else HOME,
    )


def _picture(who: SignedIn) -> Markup:
    issuer = _("Jiangxin")
    code = segno.make(second_factor.provisioning_address(who, issuer), micro=False)
    return Markup(code.svg_inline(omitsize=True, border=2))  # noqa: S704 - segno escapes what it draws
