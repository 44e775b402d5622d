"""Prometheus metrics at `/metrics`: requests, errors, and the metrics that services define.

`request_metrics.py` measures requests with prometheus-flask-exporter; `platform_collector.py` reads the gauges of the
platform at each scrape.
"""

from __future__ import annotations

import os
from functools import cache

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import REGISTRY

from heidi_common.jwt.guards import public
from heidi_common.metrics.metric_files import ReadableFilesCollector
from heidi_common.metrics.platform_collector import PlatformCollector
from heidi_common.metrics.request_metrics import RequestMetrics

blueprint = Blueprint("metrics", __name__)
ERRORS = Counter("http_errors_total", "Responses with status 4xx or 5xx", ["service", "route", "status"])
_errors_of = cache(ERRORS.labels)


def counter(name: str, about: str, *labels: str) -> Counter:
    """Define a counter.

    Args:
        name: The name of the metric; by convention it ends in `_total`.
        about: The help text.
        labels: The names of its labels.

    Returns:
        A counter of this process; `/metrics` shows the sum over all processes of the service.
    """
    return Counter(name, about, labels)


def gauge(name: str, about: str, *labels: str) -> Gauge:
    """Define a gauge.

    Args:
        name: The name of the metric, with its unit (`_seconds`, `_bytes`).
        about: The help text.
        labels: The names of its labels.

    Returns:
        A gauge of this process; `/metrics` shows the sum over the processes that are alive.
    """
    return Gauge(name, about, labels, multiprocess_mode="livesum")


def histogram(name: str, about: str, *labels: str, buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS) -> Histogram:
    """Define a histogram.

    Args:
        name: The name of the metric, with its unit (`_seconds`, `_bytes`).
        about: The help text.
        labels: The names of its labels.
        buckets: The upper bounds of the buckets, in ascending order; by default 5 ms to 10 s.

    Returns:
        A histogram of this process; `/metrics` shows the sum over all processes of the service.
    """
    return Histogram(name, about, labels, buckets=buckets)


def init_metrics(app: Flask) -> None:
    """Measure the requests of an app and register `/metrics`."""
    RequestMetrics(app, _default_registry(CollectorRegistry()))
    app.after_request(_count_errors)
    app.register_blueprint(blueprint)


def _default_registry(fallback: CollectorRegistry) -> CollectorRegistry:
    """Tests create many apps in one process; only the first can register its metrics in the global registry."""
    # prometheus_client 0.26 offers no other way to ask a registry for a name.
    return fallback if "flask_http_request_total" in getattr(REGISTRY, "_names_to_collectors", {}) else REGISTRY


def _count_errors(response: Response) -> Response:
    if response.status_code >= 400:
        route = request.url_rule.rule if request.url_rule else "none"
        _errors_of(current_app.name, route, response.status_code).inc()
    return response


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """The metrics of all processes of this service, and the gauges of the platform."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # prometheus_client reads it too, when it is imported
        ReadableFilesCollector(registry)  # type: ignore[no-untyped-call]
        body = generate_latest(registry)
    else:
        body = generate_latest(REGISTRY)
    platform = CollectorRegistry()
    platform.register(PlatformCollector())
    return Response(body + generate_latest(platform), mimetype="text/plain; version=0.0.4")
