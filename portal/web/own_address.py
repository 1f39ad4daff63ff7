"""Where a person is written to once a day."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.base import Refusal, db
from portal.access.addresses import own_address, set_own_address
from portal.translations.words import gettext as _
from portal.web.actor import clock, config, current_actor
from portal.web.errors import words_of

pages = Blueprint("ownaddress", __name__)


def register(app: Flask) -> None:
    """Add the page."""
    app.register_blueprint(pages)


@pages.route("/account/address", methods=["GET", "POST"], endpoint="edit")
def edit() -> ResponseReturnValue:
    """Show and change one's own address."""
    if request.method == "GET":
        return _page(own_address(db.session(), current_actor()))
    typed = request.form.get("email", "")
    try:
        set_own_address(db.session(), current_actor(), clock(), typed)
        db.session.commit()
    except Refusal as refusal:
        db.session.rollback()
        return _page(typed, words_of(refusal)), 422
    flash(_("Your mail address was saved."), "success")
    return redirect(url_for("admin.index"), 303)


def _page(address: str, error: str = "") -> str:
    return render_template(
        "portal/own_address.html",
        action_url=url_for(".edit"),
        address=address,
        error=error,
        is_sent=config().mail is not None,
        back_url=url_for("admin.index"),
    )
