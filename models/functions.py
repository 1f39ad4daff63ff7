"""SQL functions that both databases compute alike: the draw of a lottery, a part of a sum.

PostgreSQL has them built in; SQLite gets them when it connects (``models.base``).
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class drawn(GenericFunction[str]):  # noqa: N801 - read as a function of SQL
    """The SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""

    type = String()
    inherit_cache = True


class part_of(GenericFunction[int]):  # noqa: N801
    """``part_of(amount, pool, whole)``: amount × pool ÷ whole, rounded down; whole numbers of any
    size, none of them negative."""

    type = BigInteger()
    inherit_cache = True


def draw_of(text: str) -> str:
    """What ``drawn`` gives."""
    return hashlib.sha256(text.encode()).hexdigest()


def whole_part(amount: int, pool: int, whole: int) -> int:
    """What ``part_of`` gives."""
    return amount * pool // whole


def register(connection: Any) -> None:
    """Teach a raw SQLite connection what PostgreSQL knows."""
    connection.create_function("drawn", 1, draw_of, deterministic=True)
    connection.create_function("part_of", 3, whole_part, deterministic=True)


@compiles(drawn, "postgresql")
def _drawn(element: Any, compiler: Any, **kwargs: Any) -> str:
    (text,) = (compiler.process(each, **kwargs) for each in element.clauses)
    return f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"


@compiles(part_of, "postgresql")
def _part_of(element: Any, compiler: Any, **kwargs: Any) -> str:
    amount, pool, whole = (compiler.process(each, **kwargs) for each in element.clauses)
    return f"div(({amount})::numeric * ({pool})::numeric, ({whole})::numeric)::bigint"
