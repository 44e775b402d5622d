"""OpenTelemetry's SDK. The standard variables `OTEL_*` configure its sampler, its limits and its exporter.

The provider, with the thread that exports, is created by the first span of a process: gunicorn and Dramatiq fork.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import Lock, local

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from heidi_common.config.sections.tracing import Tracing
from heidi_common.tracing.spans import Attributes, Kind

_W3C = TraceContextTextMapPropagator()
_KINDS = {kind.name.lower(): kind for kind in SpanKind}
_EMPTY = context.Context()
_BEGUN_BY_ROUTER = re.compile(r"00-(([0-9a-f]{16})[0-9a-f]{16})-\2-[0-9a-f]{2}")
_configured: tuple[str, Tracing] = ("heidi", Tracing())
_provider: TracerProvider | None = None
_tracer: Tracer | None = None
_lock = Lock()


class _TraceIds(RandomIdGenerator):
    """A trace that begins at the router has the ID that the router has drawn."""

    def __init__(self) -> None:
        self.drawn = local()

    def generate_trace_id(self) -> int:
        return self.drawn.__dict__.pop("trace_id", None) or super().generate_trace_id()


_ids = _TraceIds()


def configure(process: str, settings: Tracing) -> None:
    """Set what the provider of this process is created with."""
    global _configured
    shut_down()
    _configured = (process, settings)


def tracer() -> Tracer:
    """The tracer of this process. The first call creates it, with the thread that exports."""
    global _provider, _tracer
    if _tracer is None:
        with _lock:
            if _tracer is None:
                process, settings = _configured
                _provider = TracerProvider(_sampler(settings), _resource(process), id_generator=_ids)
                _provider.add_span_processor(BatchSpanProcessor(_exporter(settings)))
                _tracer = _provider.get_tracer("heidi")
    return _tracer


def _resource(process: str) -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence."""
    own = {
        "service.name": process,
        "service.namespace": "heidi",
        "service.version": version("heidi-services"),
    }
    return Resource.create(own | dict(OTELResourceDetector().detect().attributes))


def _sampler(settings: Tracing) -> Sampler:
    parent_based, name = settings.otel_traces_sampler.rpartition("parentbased_")[1:]
    fixed = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}
    root = fixed.get(name) or TraceIdRatioBased(settings.otel_traces_sampler_arg)
    return ParentBased(root) if parent_based else root


def _exporter(settings: Tracing) -> SpanExporter:
    if settings.traces_exporter == "console":
        return ConsoleSpanExporter()
    return OTLPSpanExporter(settings.traces_endpoint, headers=dict(settings.otel_exporter_otlp_headers))


def shut_down() -> None:
    """Export what has ended, and end the thread. The next span would create another provider."""
    global _provider, _tracer
    ended, _provider, _tracer = _provider, None, None
    if ended is not None:
        ended.shutdown()


def flush() -> None:
    """Export what has ended, in at most 5 seconds."""
    if _provider is not None:
        _provider.force_flush(5000)


def is_sampled() -> bool:
    """Whether the current span is recorded."""
    return trace.get_current_span().get_span_context().trace_flags.sampled


def trace_id() -> str | None:
    """The ID of the current trace."""
    current = trace.get_current_span().get_span_context()
    return f"{current.trace_id:032x}" if current.is_valid else None


def traceparent() -> str | None:
    """The current span as a header."""
    current = trace.get_current_span().get_span_context()
    return _header(current) if current.is_valid else None


def traceparent_of(started: Span) -> str:
    """A span as a header."""
    return _header(started.get_span_context())


def _header(span_context: SpanContext) -> str:
    return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-{span_context.trace_flags:02x}"


class Entered:
    """A span that is the current one in a `with` block. Slots and methods, since a generator costs a request more.

    What the block raises is the status of the span, by the name of the exception only: its text can contain personal
    data.
    """

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, span: Span, below: context.Context | None = None) -> None:
        self._span, self._context = span, trace.set_span_in_context(span, below)

    def __enter__(self) -> Span:
        self._token = context.attach(self._context)
        return self._span

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        context.detach(self._token)
        if kind is not None:
            fail(self._span, kind.__qualname__)
        self._span.end()


def entry_span(name: str, kind: Kind, parent: str | None, attributes: Attributes | None) -> Entered:
    """A span below that of another process, or the first one of a trace."""
    below = _extract(parent)
    return Entered(tracer().start_span(name, below, _KINDS[kind], attributes), below)


def _extract(parent: str | None) -> context.Context:
    """The context of a `traceparent`; an empty one if it is missing or malformed.

    The router begins a trace with the first half of the trace ID as the ID of a span, because it records no span of its
    own: then the span of this process is the first one, and the sampler decides about the trace.
    """
    if not parent:
        return _EMPTY
    begun = _BEGUN_BY_ROUTER.fullmatch(parent)
    if begun is None:
        return _W3C.extract({"traceparent": parent}, context=_EMPTY)
    _ids.drawn.trace_id = int(begun[1], 16)
    return _EMPTY


def span(name: str, kind: Kind, attributes: Attributes | None) -> Entered:
    """A span below the current one."""
    return Entered(tracer().start_span(name, None, _KINDS[kind], attributes))


def fail(failed: Span, reason: str) -> None:
    """Mark a span as failed."""
    failed.set_attribute("error.type", reason)
    failed.set_status(Status(StatusCode.ERROR))


@contextmanager
def continued(parent: str) -> Iterator[None]:
    """Make the span of another process the current one."""
    token = context.attach(_W3C.extract({"traceparent": parent}, context=_EMPTY))
    try:
        yield
    finally:
        context.detach(token)


def start_detached(name: str, kind: Kind, parent: str, attributes: Attributes | None) -> Span | None:
    """Start a span below that of another process; None if that is not recorded."""
    if not int(parent[-2:], 16) & TraceFlags.SAMPLED:
        return None
    below = _W3C.extract({"traceparent": parent}, context=_EMPTY)
    return tracer().start_span(name, below, _KINDS[kind], attributes)
