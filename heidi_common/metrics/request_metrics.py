"""prometheus-flask-exporter's metrics of requests, measured with less work."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from flask import Flask, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_flask_exporter import PrometheusMetrics

from heidi_common.runtime import current_request, current_state

UNMEASURED = ("/metrics", "/healthz", "/readyz")
"""Paths that only monitoring requests: probes are not traffic, and would hide errors among it."""
SERVER_ERRORS = (500, 502, 503, 504, 507)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests in progress", multiprocess_mode="livesum")

LONG_POLL = "?wait"
"""Added to the route of a request that has waited for a result, as its client wanted: its duration is not slowness."""


def measure_as_long_poll() -> None:
    """Measure the duration of the current request under the route with `?wait`."""
    current_state().is_long_poll = True


class RequestMetrics(PrometheusMetrics):  # type: ignore[misc]
    """The library's default metrics under the same names, with hooks that look up each set of labels only once.

    The library's own hooks look up every label in every request, which takes longer than counting.
    Labels are routes, never paths, which contain IDs.

    Args:
        app: The app to measure.
        registry: The registry of the metrics.
    """

    def __init__(self, app: Flask, registry: CollectorRegistry) -> None:
        super().__init__(app, path=None, group_by="url_rule", registry=registry)

    def export_defaults(self, *_: Any, app: Flask | None = None, **__: Any) -> None:
        """Create the metrics and register the hooks (called by the library)."""
        app = app or self.app
        self.info("flask_exporter_info", "Information about the Prometheus Flask exporter", version=self.version)
        durations = Histogram(
            "flask_http_request_duration_seconds",
            "Flask HTTP request duration in seconds",
            ("method", "url_rule", "status"),
            registry=self.registry,
        )
        requests = self._counter("flask_http_request_total", "Total number of HTTP requests")
        exceptions = "Total number of HTTP requests which resulted in an exception"
        self._exceptions = self._counter("flask_http_request_exceptions_total", exceptions)
        # The metrics themselves keep a child for each set of labels, so the caches need no limit of their own.
        self._duration_of, self._requests_of = cache(durations.labels), cache(requests.labels)
        self._start_at_zero()
        app.before_request(self._begin)
        app.after_request(self._finish)
        app.teardown_request(self._end)

    def _start_at_zero(self) -> None:
        """Export the errors that have not happened: a rate shows the first one only if the series was 0 before."""
        for method in METHODS:
            for status in SERVER_ERRORS:
                self._requests_of(method, status)

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(name, about, ("method", "status"), registry=self.registry)

    def _begin(self) -> None:
        current_state().metrics_started = time.perf_counter()
        IN_FLIGHT.inc()

    def _finish(self, response: Response) -> Response:
        self._measure(response.status_code)
        return response

    def _measure(self, status: int) -> None:
        """Measure a request once. One that another hook has answered before `_begin` is only counted."""
        state, current = current_state(), current_request()
        if "is_measured" in state or current.path in UNMEASURED:
            return
        state.is_measured = True
        if "metrics_started" in state:
            route = current.url_rule.rule if current.url_rule else "None"
            if "is_long_poll" in state:
                route += LONG_POLL
            seconds = max(time.perf_counter() - state.metrics_started, 0)
            self._duration_of(current.method, route, status).observe(seconds)
        self._requests_of(current.method, status).inc()

    def _end(self, error: BaseException | None) -> None:
        if "metrics_started" in current_state():
            IN_FLIGHT.dec()
        if error and current_request().path not in UNMEASURED:
            self._exceptions.labels(current_request().method, 500).inc()
            self._measure(500)
