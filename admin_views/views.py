"""A person's own saved views of a list."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import url_for
from sqlalchemy import Select, delete, func, select

from models.account import SavedView as Row
from models.base import db
from portal.theme.shapes import SavedView
from portal.web.actor import current_actor

MOST, LONGEST = 20, 40
_SAFE = re.compile(r"/(?![/\\])[^\\\x00-\x1f]*")
_NOT_KEPT = ("s", "after", "before", "end")


def saved(screen: str, base: str, here: str) -> list[SavedView]:
    """The person's views of *screen*, as links."""
    rows = db.session.scalars(_own(screen).order_by(Row.id))
    return [_link(row, screen, base, here) for row in rows]


def save(screen: str, label: str, url: str) -> None:
    """Keep the filters of *url* as *label*; a search is personal and never kept."""
    label = " ".join(label.split())[:LONGEST]
    held = db.session.scalar(select(func.count()).select_from(_own(screen).subquery()))
    if not label or (held or 0) >= MOST:
        return
    pairs = parse_qsl(urlsplit(url).query)[:20]
    query = {key[:40]: value[:80] for key, value in pairs if key not in _NOT_KEPT}
    account = current_actor().account_id
    db.session.add(Row(account_id=account, screen=screen, title=label, query=query))
    db.session.commit()


def drop(screen: str, row_id: str) -> None:
    """Forget one of the person's own views."""
    if row_id.isdecimal():
        mine = Row.account_id == current_actor().account_id
        db.session.execute(delete(Row).where(Row.id == int(row_id), mine, Row.screen == screen))
        db.session.commit()


def safe(url: str, otherwise: str) -> str:
    """*url* when it is a path of this site, else *otherwise*."""
    return url if _SAFE.fullmatch(url) else otherwise


def _own(screen: str) -> Select[tuple[Row]]:
    return select(Row).where(Row.account_id == current_actor().account_id, Row.screen == screen)


def _link(row: Row, screen: str, base: str, here: str) -> SavedView:
    url = f"{base}?{urlencode(row.query)}" if row.query else base
    return SavedView(row.title, url, url == here, url_for(f"{screen}.drop_view", id=row.id))
