"""Totals of lists: exact for short lists, the planner's estimate for long ones, so that their cost does not grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Select, func, literal, select

from heidi_common.database.session import db

EXACT_UP_TO = 10_000
"""Longer lists are counted only on request. Counting this many rows takes about 2 ms."""

TotalRequest: TypeAlias = bool | Literal["exact"]
"""What a client requests: no total, a total that may be an estimate, or an exact one."""


@dataclass(frozen=True)
class Total:
    """The number of items of a list, and whether it is an estimate."""

    count: int
    is_estimate: bool = False


def count_rows(
    statement: Select[Any], values: Mapping[str, Any] | None = None, *, requested: TotalRequest = True
) -> Total:
    """Count the rows of a statement.

    Args:
        statement: The list. Its order and its columns have no effect.
        values: The values of the statement's parameters, by name.
        requested: `"exact"` counts all rows, however long that takes.

    Returns:
        The exact number up to EXACT_UP_TO. Above, the planner's estimate, which is as good as the last ANALYZE.
    """
    counting = _counting(_rows(statement)) if requested == "exact" else capped_count(statement)
    count = db.session.scalar(counting, dict(values or {})) or 0
    return Total(count) if requested == "exact" else total_of(count, statement, values)


def capped_count(statement: Select[Any]) -> Select[int]:
    """Build a statement that counts the rows of another one, up to EXACT_UP_TO + 1; its column is `number`."""
    return _counting(_rows(statement).limit(EXACT_UP_TO + 1))


def total_of(count: int, statement: Select[Any], values: Mapping[str, Any] | None) -> Total:
    """Return the total of a statement of which `capped_count` has counted `count` rows."""
    if count <= EXACT_UP_TO:
        return Total(count)
    return Total(max(count, _estimate(statement, values)), is_estimate=True)


def _rows(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(None).with_only_columns(literal(1), maintain_column_froms=True)


def _counting(rows: Select[Any]) -> Select[int]:
    return select(func.count().label("number")).select_from(rows.subquery())


def _estimate(statement: Select[Any], values: Mapping[str, Any] | None) -> int:
    """Ask the planner how many rows it expects. The statement is planned, not executed."""
    compiled = _rows(statement).compile(db.engine, compile_kwargs={"render_postcompile": True})
    parameters = compiled.construct_params(dict(values or {}))
    plan = db.session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", parameters).scalar_one()
    return int(plan[0]["Plan"]["Plan Rows"])
