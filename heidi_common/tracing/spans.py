"""Spans of the current trace. While tracing is off, these functions do nothing, and OpenTelemetry is not imported.

A trace travels between processes as a `traceparent` (W3C Trace Context): `00-<trace ID>-<span ID>-<flags>`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from heidi_common.config.sections.tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.trace import Span

log = logging.getLogger(__name__)
Kind: TypeAlias = Literal["internal", "server", "client", "producer", "consumer"]
Block: TypeAlias = "AbstractContextManager[Span | None]"
Attributes: TypeAlias = Mapping[str, Any]

_NOTHING: AbstractContextManager[None] = nullcontext()
_sdk: Any = None
"""The module `sdk`, once tracing is on."""


def start(process: str, settings: Tracing) -> None:
    """Turn tracing on for this process and those that it forks, if the settings say so.

    Args:
        process: The name of the process, such as `notification` or `relay`: the `service.name` of its spans.
        settings: The settings of tracing.
    """
    global _sdk
    if settings.traces_exporter == "none":
        return
    try:
        from heidi_common.tracing import sdk
    except ModuleNotFoundError as error:
        log.warning(
            "tracing is off: the extra `otel` is not installed (pip install '.[otel]')", extra={"missing": error.name}
        )
        return
    sdk.configure(process, settings)
    _sdk = sdk


def stop() -> None:
    """Turn tracing off, and export the spans that have ended."""
    global _sdk
    if _sdk is not None:
        _sdk.shut_down()
    _sdk = None


def flush() -> None:
    """Export the spans that have ended, before the process ends without its exit handlers."""
    if _sdk is not None:
        _sdk.flush()


def is_on() -> bool:
    """Whether this process traces."""
    return _sdk is not None


def is_sampled() -> bool:
    """Whether the current trace is recorded. False outside of a trace."""
    return _sdk is not None and _sdk.is_sampled()


def trace_id() -> str | None:
    """The ID of the current trace, 32 hex digits; None outside of a trace."""
    return None if _sdk is None else _sdk.trace_id()


def traceparent() -> str | None:
    """The current span, for another process; None outside of a trace."""
    return None if _sdk is None else _sdk.traceparent()


def is_current_trace(parent: str | None) -> bool:
    """Whether a span of another process belongs to the current trace."""
    current = trace_id()
    return current is not None and parent is not None and parent.split("-")[1] == current


def entry_span(name: str, kind: Kind, parent: str | None, attributes: Attributes | None = None) -> Block:
    """A span with which this process begins a trace or continues that of another process.

    Args:
        name: What happens, without IDs.
        kind: `server` for requests, `consumer` for messages.
        parent: The `traceparent` of the other process. Without it, a trace begins if the sampler selects it.
        attributes: By the names of OpenTelemetry's semantic conventions.
    """
    return _NOTHING if _sdk is None else _sdk.entry_span(name, kind, parent, attributes)


def span(name: str, kind: Kind = "internal", attributes: Attributes | None = None) -> Block:
    """A span within the current trace. Outside of a trace that is recorded, it does nothing."""
    return _NOTHING if _sdk is None or not _sdk.is_sampled() else _sdk.span(name, kind, attributes)


def continued(parent: str | None) -> AbstractContextManager[object]:
    """Continue the trace of `parent` in the block, without a span; without a parent, keep the current one."""
    return _NOTHING if _sdk is None or parent is None else _sdk.continued(parent)


def fail(failed: Span, reason: str) -> None:
    """Mark a span as failed, with a reason of few different values."""
    _sdk.fail(failed, reason)


def start_detached(name: str, kind: Kind, parent: str | None, attributes: Attributes | None = None) -> Span | None:
    """Start a span that is not the current one, and which the caller ends; None if its trace is not recorded."""
    return None if _sdk is None or parent is None else _sdk.start_detached(name, kind, parent, attributes)


def traceparent_of(started: Span) -> str:
    """The `traceparent` of a span that `start_detached` has started."""
    header: str = _sdk.traceparent_of(started)
    return header
