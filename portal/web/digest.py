"""What each kind of work is called and where its rows are; the daily digest as a mail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import current_app, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.base import N_
from models.programme import Revision
from portal.calendar import calendar_of
from portal.clock import SHANGHAI, Clock
from portal.config import Config, Mail
from portal.jobs import round_of
from portal.mailing import connected, message
from portal.review.digests import Mailed, Rules, Sent, send_all
from portal.review.todo import CAP
from portal.theme.shapes import Tone
from portal.translations.words import gettext as _

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """A kind of work: its words, the list that shows just these rows, and how a tile looks."""

    label: str
    endpoint: str
    query: Mapping[str, str] = field(default_factory=dict)
    icon: str = "clock"
    tone: Tone = "info"


_GRID = "application.index_view"
LINES: dict[str, Line] = {
    "mine": Line(N_("Waiting for me"), _GRID, {"tab": "mine"}),
    "mine_overdue": Line(
        N_("Waiting for me, overdue"), _GRID, {"tab": "mine", "due": "overdue"},
        "alert-triangle", "bad",
    ),
    "mine_soon": Line(
        N_("Waiting for me, due soon"), _GRID, {"tab": "mine", "due": "soon"},
        "calendar-due", "warn",
    ),
    "mine_held": Line(
        N_("Waiting for me, to be confirmed"), _GRID, {"tab": "mine", "verdict": "held"},
        "alert-triangle", "warn",
    ),
    "overdue": Line(
        N_("Overdue everywhere"), _GRID, {"tab": "overdue"}, "alert-triangle", "bad"
    ),
    "returned": Line(
        N_("Returned for correction"), _GRID, {"tab": "returned"}, "arrow-back-up", "plain"
    ),
    "duplicates": Line(
        N_("Looks duplicate"), _GRID, {"tab": "duplicate"}, "users-group", "warn"
    ),
    "registry": Line(
        N_("Differs from the registry"), _GRID, {"state": "waiting", "registry": "differs"},
        "certificate", "warn",
    ),
    "objections": Line(
        N_("Open objections"), "publicity.index", {}, "speakerphone", "warn"
    ),
    "pay_overdue": Line(
        N_("Instalments overdue"), _GRID, {"instalment": "overdue"}, "coin-yuan", "bad"
    ),
    "pay_soon": Line(
        N_("Instalments due soon"), _GRID, {"instalment": "soon"}, "coin-yuan", "warn"
    ),
    "batches_late": Line(
        N_("Payment batches overdue"), "payment.index_view", {"tab": "late"}, "receipt", "bad"
    ),
    "batches_confirm": Line(
        N_("Payment batches to confirm"), "payment.index_view", {"tab": "confirm"},
        "receipt", "warn",
    ),
    "adjustments": Line(
        N_("Adjustments to approve"), "adjustment.index_view", {"tab": "proposed"},
        "receipt", "warn",
    ),
    "sheets": Line(N_("Score sheets to fill in"), "score.index", {}, "clipboard-check"),
}  # fmt: skip
"""The kinds of ``portal.review.todo`` in the order in which they are told."""


def rules(session: Session) -> Rules:
    """By what the numbers of today are counted."""
    revisions = session.scalars(
        select(Revision)
        .options(
            selectinload(Revision.stages),
            selectinload(Revision.instalments),
            selectinload(Revision.allocations),
            selectinload(Revision.channels),
            selectinload(Revision.payments),
        )
        .order_by(Revision.id)
    )
    return Rules(calendar_of(session), revisions.all())


def shown(count: int) -> str:
    """A count that stopped at the cap says so."""
    return f"{CAP:,}+" if count > CAP else f"{count:,}"


def send(session: Session, clock: Clock, config: Config, mail: Mail) -> Sent:
    """Send what is still to be sent today. Raises ``OSError`` where the server is not there."""
    with current_app.test_request_context(base_url=config.public_url), connected(mail) as server:

        def deliver(digest: Mailed) -> None:
            subject, text = words(digest.numbers)
            name = f"digest.{digest.day}.{digest.account_key}"
            server.send_message(message(mail, digest.to, subject, text, name))

        return send_all(session, clock, rules(session), deliver)


def words(numbers: Mapping[str, int]) -> tuple[str, str]:
    """Subject and text of a digest: counts and links, nothing personal."""
    told = [(LINES[key], shown(numbers[key])) for key in LINES if key in numbers]
    first = "，".join(f"{_(line.label)} {count}" for line, count in told[:2])
    subject = f"{_('Jiangxin grants')}：{first}"
    lines = [
        f"{_(line.label)}：{count}\n  {url_for(line.endpoint, _external=True, **line.query)}"
        for line, count in told
    ]
    home = f"{_('Home')}：{url_for('admin.index', _external=True)}"
    end = _("This mail is sent once a day. Who does not want it clears the address in the portal.")
    return subject, "\n\n".join([*lines, home, end]) + "\n"


@round_of
def send_in_the_morning(session: Session, clock: Clock) -> None:
    """The worker's part: on working days, from the configured hour on."""
    config: Config = current_app.extensions["portal_config"]
    hour = clock.now().astimezone(SHANGHAI).hour
    working = calendar_of(session).is_working(clock.today())
    session.rollback()
    if config.mail is None or not working or hour < config.digest_hour:
        return
    try:
        done = send(session, clock, config, config.mail)
    except OSError as error:
        session.rollback()
        log.warning("no digest was sent, the mail server is away: %s", type(error).__name__)
        return
    if done.sent or done.failed:
        log.info("digests: %s sent, %s refused", done.sent, done.failed)
