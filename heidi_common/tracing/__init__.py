"""Tracing with OpenTelemetry, an optional extra (`otel`). Without it, or without its settings, nothing is imported.

spans: begin, continue and describe spans; every function does nothing while tracing is off.
sdk: the only module that imports OpenTelemetry. `spans.start` loads it.
"""
