"""Who sends this request. One indexed query finds out; a minute passes before it is written."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app, g, request
from flask_login import LoginManager, UserMixin, current_user
from sqlalchemy.exc import OperationalError

from models.base import db, impatient, writing
from portal.access import sessions
from portal.access.actor import Actor
from portal.access.sessions import SignedIn
from portal.clock import Clock
from portal.config import Config


class Person(UserMixin):
    """A signed-in person as Flask-Login carries them; its id is the cookie's random one."""

    def __init__(self, who: SignedIn, token: str) -> None:
        self.who = who
        self._token = token

    def get_id(self) -> str:
        """What the cookie keeps."""
        return self._token


def register(app: Flask) -> None:
    """Let Flask-Login find people in our own table."""
    manager = LoginManager()
    manager.session_protection = None
    manager.user_loader(load_person)
    manager.init_app(app, add_context_processor=False)
    app.teardown_appcontext(_touch)


def current_actor() -> Actor:
    """The actor of this request, which the gate has let in."""
    return signed_in().actor


def signed_in() -> SignedIn:
    """The person of this request; only behind the gate."""
    return cast(Person, current_user).who


def maybe_signed_in() -> SignedIn | None:
    """The person of this request, or ``None`` for a stranger."""
    return current_user.who if current_user.is_authenticated else None


def clock() -> Clock:
    """The clock that pages give to services."""
    return cast(Clock, current_app.extensions["portal_clock"])


def config() -> Config:
    """What the environment decided."""
    return cast(Config, current_app.extensions["portal_config"])


def address() -> str:
    """The browser's address as far as we believe it."""
    return request.remote_addr or ""


def load_person(token: str) -> Person | None:
    """The person whose cookie holds *token*."""
    now = clock().now()
    who = sessions.find(db.session(), now, token, address())
    if who is None:
        return None
    if who.is_due(now):
        g.seen_session_id = who.session_id
    return Person(who, token)


def _touch(_error: BaseException | None) -> None:
    """Write last seen after the page's own transaction; when a writer is busy, next time."""
    session_id = g.pop("seen_session_id", None)
    if session_id is None:
        return
    db.session.remove()
    try:
        with writing(), db.engine.connect() as connection, impatient(connection):
            sessions.touch(connection, clock().now(), session_id)
            connection.commit()
    except OperationalError:
        current_app.logger.info("last seen was not written: the database is busy")
