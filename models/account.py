"""Who may log in: accounts, their sessions and daily mails, and the counters against guessers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, ForeignKey, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization
from models.types import JSON, Sealed


class Account(Versioned, Model):
    """A member of staff. ``login`` is unique without regard to case or width (``login_key``).

    To ``email``, if there is one, goes the daily digest.
    """

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    login: Mapped[str] = mapped_column(String(60), info={"label": N_("Account")})
    login_key: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60), info={"label": N_("Name")})
    role: Mapped[str] = mapped_column(String(30), info={"label": N_("Role")})
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Union")}
    )
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    email_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    password_hash: Mapped[str] = mapped_column(String(200))
    password_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    one_use_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    must_change_password: Mapped[bool] = mapped_column(Boolean, default=True)
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    totp_last_step: Mapped[int] = mapped_column(BigId, default=0)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True, info={"label": N_("In use")})
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Created")})

    organization: Mapped[Organization] = relationship()
    phone = Sealed("phone")
    email = Sealed("email")
    totp = Sealed("totp")

    def __str__(self) -> str:
        return self.name


class LoginSession(Model):
    """One logged-in browser, known by the SHA-256 of its random id."""

    __tablename__ = "login_session"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(45), default="")
    second_factor: Mapped[bool] = mapped_column(Boolean, default=False)

    account: Mapped[Account] = relationship()


class LoginFailure(Model):
    """Failures counted per bucket: one account across addresses, or one address."""

    __tablename__ = "login_failure"

    bucket: Mapped[str] = mapped_column(String(100), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SavedView(Model):
    """A person's own filter of a list, kept beside the tabs. ``query`` holds nothing personal."""

    __tablename__ = "saved_view"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    screen: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(40))
    query: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)


WAITS, SENDING, SENT, EMPTY = "waits", "sending", "sent", "empty"


class Digest(Model):
    """What an account was told on a day, once: ``numbers`` by kind of work, nothing personal.

    ``state`` waits to be tried (again), is being sent since ``claimed_at``, was sent, or had
    nothing to tell. ``tries`` counts how often the server refused it.
    """

    __tablename__ = "digest"
    __table_args__ = (UniqueConstraint("account_id", "day"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    day: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(String(10), default=WAITS)
    numbers: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
