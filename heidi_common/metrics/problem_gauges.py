"""Gauges that the models of a service define: any service exposes them, since all use the same database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import Connection, Select


class ProblemGauge(NamedTuple):
    """A gauge whose value a statement selects: one row with one number."""

    name: str
    about: str
    statement: Select[Any]


_gauges: list[ProblemGauge] = []


def problem_gauge(name: str, about: str, statement: Select[Any]) -> None:
    """Define a gauge of the whole platform.

    Args:
        name: The name of the metric without the prefix `heidi_`.
        about: The help text.
        statement: Selects the value. It runs at every scrape, so an index must answer it.
    """
    _gauges.append(ProblemGauge(name, about, statement))


def read_problem_gauges(connection: Connection) -> Iterable[GaugeMetricFamily]:
    """Read the gauges of all services, in the connection's transaction."""
    for gauge in _gauges:
        value = connection.execute(gauge.statement).scalar_one()
        yield GaugeMetricFamily(f"heidi_{gauge.name}", gauge.about, value=float(value or 0))
