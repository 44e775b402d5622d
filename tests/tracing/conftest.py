from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from heidi_common.config.sections.tracing import Tracing
from heidi_common.tracing import spans
from tests.tracing.collector import Collector, running_collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture
def trace_process(collector: Collector) -> Iterator[Callable[..., None]]:
    """Turn tracing on in this process: `trace_process(otel_traces_sampler="always_off")`."""

    def start(**settings: object) -> None:
        spans.start("test", Tracing(otel_exporter_otlp_endpoint=collector.url, **settings))  # type: ignore[arg-type]

    yield start
    spans.stop()
