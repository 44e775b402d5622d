"""The metrics of requests: the names and labels of prometheus-flask-exporter, each request counted once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics

from heidi_common.metrics.request_metrics import IN_FLIGHT, UNMEASURED, RequestMetrics, measure_as_long_poll


def measured_app(metrics: Callable[[Flask, CollectorRegistry], object]) -> tuple[Flask, CollectorRegistry]:
    app, registry = Flask("measured"), CollectorRegistry()
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.before_request
    def reject() -> Any:
        from flask import request

        return ("", 204) if request.method == "OPTIONS" else None

    metrics(app, registry)
    app.add_url_rule("/cities/<name>", "city", lambda name: {"name": name}, methods=["GET", "POST"])
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    for path in UNMEASURED:
        app.add_url_rule(path, path, lambda: "")
    return app, registry


def library(app: Flask, registry: CollectorRegistry) -> object:
    return PrometheusMetrics(app, path=None, group_by="url_rule", registry=registry, excluded_paths=list(UNMEASURED))


def exported(registry: CollectorRegistry) -> dict[Any, float | None]:
    """All samples except those that depend on durations, and errors that have not happened."""
    return {
        (sample.name, *sorted(sample.labels.items())): None if "_sum" in sample.name else sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith(("_created", "_bucket")) and (sample.value or "_sum" in sample.name)
    }


def send_requests(app: Flask) -> None:
    client = app.test_client()
    for _ in range(3):
        client.get("/cities/berlin")
        client.get("/cities/paris")
    client.post("/cities/paris")
    client.get("/nowhere")
    client.get("/broken")
    for path in UNMEASURED:
        client.get(path)
    client.options("/cities/paris")


def test_the_metrics_are_those_of_the_library() -> None:
    (expected_app, expected), (app, registry) = measured_app(library), measured_app(RequestMetrics)
    send_requests(expected_app)
    send_requests(app)
    assert exported(registry) == exported(expected)
    assert any(value == 6 for value in exported(registry).values())


def test_an_exception_that_no_handler_turns_into_a_response_is_counted() -> None:
    results = []
    for metrics in (library, RequestMetrics):
        app, registry = measured_app(metrics)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        with pytest.raises(ZeroDivisionError):
            app.test_client().get("/broken")
        results.append(exported(registry))
    assert results[0] == results[1]
    assert any(key[0] == "flask_http_request_exceptions_total" and value == 1 for key, value in results[1].items())


def test_no_request_remains_in_flight() -> None:
    def in_flight() -> float:
        return next(iter(IN_FLIGHT.collect())).samples[0].value

    before = in_flight()
    app, _ = measured_app(RequestMetrics)
    app.add_url_rule("/flight", "flight", lambda: {"inFlight": in_flight() - before})
    assert app.test_client().get("/flight").get_json() == {"inFlight": 1}
    send_requests(app)
    assert in_flight() == before


def test_the_first_server_error_is_an_increase_and_probes_are_not_traffic() -> None:
    app, registry = measured_app(RequestMetrics)

    def errors() -> float | None:
        return registry.get_sample_value("flask_http_request_total", {"method": "GET", "status": "500"})

    assert errors() == 0
    app.test_client().get("/broken")
    assert errors() == 1
    for path in UNMEASURED:
        app.test_client().get(path)
    assert registry.get_sample_value("flask_http_request_total", {"method": "GET", "status": "200"}) is None


def test_a_long_poll_is_measured_apart_from_the_other_requests_of_its_route() -> None:
    app, registry = measured_app(RequestMetrics)

    @app.route("/runs")
    def runs() -> str:
        from flask import request

        if "wait" in request.args:
            measure_as_long_poll()
        return ""

    app.test_client().get("/runs")
    app.test_client().get("/runs?wait=5")

    def number(route: str) -> float | None:
        labels = {"method": "GET", "url_rule": route, "status": "200"}
        return registry.get_sample_value("flask_http_request_duration_seconds_count", labels)

    assert (number("/runs"), number("/runs?wait")) == (1, 1)
