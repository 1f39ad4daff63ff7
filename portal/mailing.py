"""Mail goes out: one connection to the server for all that is to be sent."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from portal.config import Mail

PATIENCE = 20.0
"""Seconds that the server gets to answer."""
_GONE = (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError)


def is_refusal(error: OSError) -> bool:
    """Whether the server is there and does not want this one message."""
    return isinstance(error, smtplib.SMTPException) and not isinstance(error, _GONE)


@contextmanager
def connected(mail: Mail) -> Iterator[smtplib.SMTP]:
    """A connection to the server of *mail*, logged in. Raises ``OSError``."""
    secure = ssl.create_default_context()
    if mail.security == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            mail.host, mail.port, timeout=PATIENCE, context=secure
        )
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=PATIENCE)
    with server:
        if mail.security == "starttls":
            server.starttls(context=secure)
        if mail.user:
            server.login(mail.user, mail.password)
        yield server


def message(mail: Mail, to: str, subject: str, text: str, name: str) -> EmailMessage:
    """A plain message. The same *name* makes the same Message-ID, by which copies are known."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = mail.sender, to, subject
    made["Message-ID"] = f"<{name}@{mail.sender.rpartition('@')[2].strip('<> ')}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    return made
