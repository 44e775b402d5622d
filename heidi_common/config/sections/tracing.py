"""Settings of tracing: the variables of OpenTelemetry that every process uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from heidi_common.config.declaration import setting
from heidi_common.config.parsers import base_url, one_of, url, words

SAMPLERS = (
    *("always_on", "always_off", "traceidratio"),
    *("parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
)


def ratio(raw: str) -> float:
    """A number from 0 to 1."""
    value = float(raw)
    if not 0 <= value <= 1:
        raise ValueError("must be from 0 to 1")
    return value


def headers(raw: str) -> Mapping[str, str]:
    """HTTP headers, `name=value`, separated by commas; values are percent-encoded."""
    pairs = [word.partition("=") for word in words(raw)]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError("must be `name=value`, separated by commas")
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


@dataclass(frozen=True, kw_only=True)
class Tracing:
    """Tracing.

    Requires the extra `otel`; see [tracing.md](tracing.md). OpenTelemetry's SDK also reads its other variables, such as
    `OTEL_SERVICE_NAME`, `OTEL_BSP_SCHEDULE_DELAY` and `OTEL_EXPORTER_OTLP_CERTIFICATE`.
    """

    otel_traces_exporter: str = setting(
        "OTEL_TRACES_EXPORTER",
        parse=one_of("otlp", "console", "none"),
        default="",
        help="Where spans are sent: `otlp` (protobuf over HTTP), `console` (stdout) or `none`. Unset: `otlp` if an "
        "endpoint is set, otherwise `none`.",
    )
    otel_exporter_otlp_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        parse=base_url,
        default="",
        help="The URL of the collector, such as `http://collector:4318`; spans are sent to its path `/v1/traces`.",
    )
    otel_exporter_otlp_traces_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        parse=url("http", "https"),
        default="",
        help="The whole URL to which spans are sent, instead of `OTEL_EXPORTER_OTLP_ENDPOINT`.",
    )
    otel_exporter_otlp_headers: Mapping[str, str] = setting(
        "OTEL_EXPORTER_OTLP_HEADERS",
        parse=headers,
        default={},
        in_repr=False,
        help="Headers for the collector, such as `Authorization=Bearer%20...`, separated by commas.",
    )
    otel_traces_sampler: str = setting(
        "OTEL_TRACES_SAMPLER",
        parse=one_of(*SAMPLERS),
        default="parentbased_always_on",
        help="Which traces are recorded. The `parentbased_` ones follow the decision in a client's `traceparent`.",
    )
    otel_traces_sampler_arg: float = setting(
        "OTEL_TRACES_SAMPLER_ARG",
        parse=ratio,
        default=1.0,
        help="The share of the traces that a `traceidratio` sampler records, 0 to 1.",
    )
    otel_resource_attributes: str = setting(
        "OTEL_RESOURCE_ATTRIBUTES",
        default="",
        help="Attributes of all spans, such as `deployment.environment.name=production`, separated by commas.",
    )

    @property
    def traces_endpoint(self) -> str:
        """The URL to which spans are sent."""
        base = self.otel_exporter_otlp_endpoint or "http://localhost:4318"
        return self.otel_exporter_otlp_traces_endpoint or f"{base}/v1/traces"

    @property
    def traces_exporter(self) -> str:
        """`otlp` or `console`; `none` if there is no tracing, as with a sampler that records nothing."""
        if self.otel_traces_sampler == "always_off":
            return "none"
        has_endpoint = self.otel_exporter_otlp_endpoint or self.otel_exporter_otlp_traces_endpoint
        return self.otel_traces_exporter or ("otlp" if has_endpoint else "none")
