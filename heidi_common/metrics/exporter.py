"""Prometheus: requests by prometheus-flask-exporter, the platform's own gauges read at the moment of the scrape."""

from __future__ import annotations

import os

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY
from prometheus_flask_exporter import PrometheusMetrics

from heidi_common.jwt.guards import public
from heidi_common.metrics.platform_collector import PlatformCollector

blueprint = Blueprint("metrics", __name__)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being served now", multiprocess_mode="livesum")
ERRORS = Counter("http_errors_total", "Answers with status 4xx or 5xx", ["service", "route", "status"])


def counter(name: str, about: str, *labels: str) -> Counter:
    """A counter of one's own; safe under several processes."""
    return Counter(name, about, labels)


def gauge(name: str, about: str, *labels: str) -> Gauge:
    """A gauge of one's own, summed over live processes."""
    return Gauge(name, about, labels, multiprocess_mode="livesum")


def histogram(name: str, about: str, *labels: str, buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS) -> Histogram:
    """A histogram of one's own, in seconds unless its name says otherwise."""
    return Histogram(name, about, labels, buckets=buckets)


def init_metrics(app: Flask) -> None:
    """Count, time and show errors and requests in flight; the labels are routes, never paths with ids."""
    registry = CollectorRegistry()
    PrometheusMetrics(
        app, path=None, group_by="url_rule", registry=_default_registry(registry), excluded_paths=["/metrics"]
    )
    app.before_request(lambda: IN_FLIGHT.inc())
    app.teardown_request(lambda _error: IN_FLIGHT.dec())
    app.after_request(_count_errors)
    app.register_blueprint(blueprint)


def _default_registry(fallback: CollectorRegistry) -> CollectorRegistry:
    """Tests make many apps in one process; only the first may use the global registry."""
    return fallback if "flask_http_request_total" in getattr(REGISTRY, "_names_to_collectors", {}) else REGISTRY


def _count_errors(response: Response) -> Response:
    if response.status_code >= 400:
        route = request.url_rule.rule if request.url_rule else "none"
        ERRORS.labels(current_app.name, route, response.status_code).inc()
    return response


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """Everything of all processes of this service, and the gauges of the platform."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # prometheus_client reads it, too: it decides the kind of its values
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        body = generate_latest(registry)
    else:
        body = generate_latest(REGISTRY)
    own = CollectorRegistry()
    own.register(PlatformCollector())
    return Response(body + generate_latest(own), mimetype="text/plain; version=0.0.4")
