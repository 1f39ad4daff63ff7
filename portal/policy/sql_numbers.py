"""Numbers in SQL, the same on both databases: the nearest whole one, sums, the greatest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Double, cast
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class Nearest(FunctionElement[Any]):
    """The whole number nearest to a value; of two equally near the one further from nought."""

    name = "nearest"
    type = BigInteger()
    inherit_cache = True


def nearest(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """*value* as the nearest whole number: PostgreSQL alone would round 2.5 to 2."""
    return Nearest(value)


MILLIONTHS = 1_000_000
"""Numbers are added up in millionths: ten times 0.1 is 1, in whatever order rows are read."""


def in_millionths(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """*value* as a whole number of millionths."""
    return nearest(value * MILLIONTHS)


def of_millionths(value: ColumnElement[Any], by: int = 1) -> ColumnElement[Any]:
    """The number that so many millionths are, divided *by* a whole number in the same step."""
    return cast(value, Double) / float(MILLIONTHS * by)


class Greatest(FunctionElement[Any]):
    """The greatest of values that are all known."""

    name = "greatest"
    type = BigInteger()
    inherit_cache = True


def greatest(values: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The greatest of *values*, at least one and all known, in one row."""
    return Greatest(*values) if len(values) > 1 else values[0]


@compiles(Greatest, "sqlite")
def _greatest_sqlite(element: Greatest, compiler: Any, **options: Any) -> str:
    return f"max({compiler.process(element.clauses, **options)})"


@compiles(Greatest, "postgresql")
def _greatest_postgresql(element: Greatest, compiler: Any, **options: Any) -> str:
    return f"greatest({compiler.process(element.clauses, **options)})"


@compiles(Nearest, "sqlite")
def _nearest_sqlite(element: Nearest, compiler: Any, **options: Any) -> str:
    return f"CAST(round({compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(Nearest, "postgresql")
def _nearest_postgresql(element: Nearest, compiler: Any, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    return f"CAST(trunc(({value}) + sign({value}) * 0.5) AS BIGINT)"
