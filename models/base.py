"""The database handle, the base class of every table, and what refusals look like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from models import functions

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Item = TypeVar("Item")
BigId = BigInteger().with_variant(Integer, "sqlite")
_writing: ContextVar[bool] = ContextVar("writing", default=False)


def N_(text: str) -> str:  # noqa: N802 - the gettext convention for "translate later"
    """Mark *text* as a msgid; the screen or the command line translates it."""
    return text


class Refusal(Exception):
    """Work that is refused for a reason a person can read.

    Subclasses set ``message``, an English msgid; ``params`` fill its ``%(name)s`` places.
    Pages and commands translate it. Nothing has been written when one is raised.
    """

    message = N_("The request was refused.")

    def __init__(self, **params: Any) -> None:
        self.params = params
        super().__init__(self.message % params if params else self.message)


class Because(Refusal):
    """A reason that fills a place in another refusal's message: a msgid and its params."""

    def __init__(self, message: str, params: dict[str, Any] | None = None) -> None:
        self.message = message
        super().__init__(**(params or {}))


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, stored as naive UTC on both databases."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into naive UTC."""
        if value is None:
            return None
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the stored instant back as aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of all tables, with the naming convention that migrations rely on."""

    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

if TYPE_CHECKING:

    class Model(Base):
        """What every table derives from."""

        __abstract__ = True

else:
    Model = db.Model


class Versioned:
    """Adds ``version``, which every write raises, so that two people's edits never overwrite."""

    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")


def in_parts(values: Sequence[Item], size: int = 5_000) -> Iterator[Sequence[Item]]:
    """*values* in parts short enough for the parameters that one statement takes."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


@contextmanager
def writing() -> Iterator[None]:
    """Transactions begun inside take SQLite's write lock at once (BEGIN IMMEDIATE)."""
    token = _writing.set(True)
    try:
        yield
    finally:
        _writing.reset(token)


def begin_writing(writes: bool = True) -> None:
    """Say whether the rest of this context writes (a POST request, a command) or only reads.

    A server's thread serves one request after another in one context: each must say it.
    """
    _writing.set(writes)


@contextmanager
def impatient(connection: Connection) -> Iterator[None]:
    """On SQLite, *connection* gives up at once instead of waiting for another writer."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout={patience}")


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    if "sqlite3" not in type(connection).__module__:
        return
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",  # waiters are not served in turn: one of many may wait long
        "cache_size=-65536",
        "mmap_size=1073741824",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
    functions.register(connection)


@event.listens_for(Engine, "connect")
def _prepare_postgresql(connection: Any, _record: Any) -> None:
    if not type(connection).__module__.startswith("psycopg"):
        return
    # compiling the text of a policy takes seconds, for statements that take a tenth of them
    connection.autocommit = True
    connection.execute("SET jit = off")
    connection.autocommit = False


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")
