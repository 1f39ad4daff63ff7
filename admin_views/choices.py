"""Pairs of value and word, as filters and select fields offer them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from wtforms.fields.choices import SelectChoice

from models.base import db
from models.organization import Organization
from models.programme import Programme
from portal.access.scope import visible
from portal.translations.words import gettext as _
from portal.web.actor import current_actor

Pairs = list[tuple[str, str]]


def offered(pairs: Iterable[tuple[Any, Any]]) -> list[SelectChoice]:
    """The choices of a select field."""
    return [SelectChoice(value, str(word)) for value, word in pairs]


def worded(words: Mapping[str, str]) -> Pairs:
    """Each key of *words* with its msgid, translated."""
    return [(key, _(word)) for key, word in words.items()]


def programmes() -> Pairs:
    """Every programme by its id."""
    rows = db.session.execute(select(Programme.id, Programme.title).order_by(Programme.id))
    return [(str(row_id), title) for row_id, title in rows]


def districts() -> Pairs:
    """The districts and bureaus that this person sees, by their ids."""
    rows = db.session.execute(
        select(Organization.id, Organization.name)
        .where(visible(Organization, current_actor()), Organization.depth == 1)
        .order_by(Organization.code)
    )
    return [(str(row_id), name) for row_id, name in rows]
