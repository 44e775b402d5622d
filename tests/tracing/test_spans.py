"""What spans contain, how traces are continued and sampled, and that nothing happens without the extra."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from dramatiq import Message
from dramatiq.broker import MessageProxy
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.app import base_app, build_app
from heidi_common.config.settings import Settings
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.logger.causes import Cause
from heidi_common.logger.json_lines import log_fields
from heidi_common.messaging.events import NotificationQueued
from heidi_common.messaging.outbox import OutboxEvent, emit
from heidi_common.tracing import spans
from heidi_services import SERVICES
from tests.conftest import ROOT
from tests.process_environment import process_environment
from tests.tracing.collector import Collector, Span
from workers.batching import hints, process_each
from workers.broker import AppContext, make_broker
from workers.relay import relay_batch

TraceProcess = Callable[..., None]
TRACE, SPAN = "a" * 31 + "1", "b" * 15 + "2"
PARENT = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"
BEGUN_BY_ROUTER = f"00-{TRACE}-{TRACE[:16]}-01"


def is_sampled(header: str | None) -> bool:
    assert header is not None
    return bool(int(header[-2:], 16) & 1)


def received(collector: Collector) -> list[Span]:
    spans.flush()
    return collector.spans


@pytest.fixture
def traced_client(app: Flask, settings: Settings, trace_process: TraceProcess) -> Iterator[FlaskClient]:
    """A client of an app that traces."""
    trace_process()
    traced = build_app(settings, SERVICES["notification"], SERVICES["city"])
    yield traced.test_client()
    with traced.app_context():
        db.engine.dispose()


def test_a_trace_that_the_router_begins_has_its_id_and_no_other_parent(
    collector: Collector, trace_process: TraceProcess
) -> None:
    trace_process()
    with spans.entry_span("GET", "server", BEGUN_BY_ROUTER):
        assert spans.trace_id() == TRACE
    (span,) = received(collector)
    assert (span.trace, span.parent) == (TRACE, "")


@pytest.mark.parametrize(
    ("sampler", "parent", "recorded"),
    [
        ("parentbased_always_on", None, True),
        ("parentbased_always_on", UNSAMPLED, False),
        ("parentbased_always_off", BEGUN_BY_ROUTER, False),
        ("parentbased_always_off", PARENT, True),
        ("parentbased_traceidratio", BEGUN_BY_ROUTER, False),
        ("traceidratio", PARENT, False),
        ("always_on", UNSAMPLED, True),
    ],
)
def test_the_sampler_decides_about_traces_that_begin_here(
    collector: Collector, trace_process: TraceProcess, sampler: str, parent: str | None, recorded: bool
) -> None:
    trace_process(otel_traces_sampler=sampler, otel_traces_sampler_arg=0.0)
    with spans.entry_span("GET", "server", parent), spans.span("inner"):
        header = spans.traceparent()
    assert is_sampled(header) is recorded
    assert [span.name for span in received(collector)] == (["inner", "GET"] if recorded else [])


def test_a_sampler_that_records_nothing_turns_tracing_off(trace_process: TraceProcess) -> None:
    trace_process(otel_traces_sampler="always_off")
    assert not spans.is_on()


@pytest.mark.parametrize(
    "parent", ["", "x", "00-0-0-00", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", f"{PARENT},{PARENT}"]
)
def test_a_malformed_parent_begins_a_new_trace(collector: Collector, trace_process: TraceProcess, parent: str) -> None:
    trace_process()
    with spans.entry_span("GET", "server", parent):
        assert spans.trace_id() not in (None, TRACE)
    assert [span.parent for span in received(collector)] == [""]


def test_an_error_is_recorded_without_its_text(collector: Collector, trace_process: TraceProcess) -> None:
    trace_process()
    with pytest.raises(ValueError), spans.entry_span("GET", "server", None):
        raise ValueError("ann@example.org")
    (span,) = received(collector)
    assert (span.failed, span.attributes) == (True, {"error.type": "ValueError"})


def test_spans_outside_of_a_recorded_trace_do_nothing(collector: Collector, trace_process: TraceProcess) -> None:
    trace_process()
    with spans.span("lonely") as span:
        assert span is None
    assert received(collector) == []


@pytest.mark.parametrize(
    ("path", "name", "shown"),
    [
        ("/api/v1/notifications/unsubscribe/a-secret", "/api/v1/notifications/unsubscribe/<token>", None),
        ("/api/v1/cities?search=a-secret", "/api/v1/cities", None),
        ("/api/v1/nothing?token=a-secret", None, "/api/v1/nothing"),
    ],
)
def test_a_request_is_recorded_without_tokens_and_queries(
    traced_client: FlaskClient, collector: Collector, path: str, name: str | None, shown: str | None
) -> None:
    response = traced_client.get(path, headers={"traceparent": PARENT})
    (span,) = [span for span in received(collector) if span.kind == "server"]
    assert span.name == f"GET {name}" if name else "GET"
    assert span.attributes["url.path"] == name or shown
    assert (span.trace, span.parent, span.attributes["http.response.status_code"]) == (
        TRACE,
        SPAN,
        response.status_code,
    )
    assert "a-secret" not in str(received(collector))


def test_probes_are_not_recorded(traced_client: FlaskClient, collector: Collector) -> None:
    traced_client.get("/healthz", headers={"traceparent": PARENT})
    assert received(collector) == []


def test_prepared_statements_have_their_text(
    app: Flask, settings: Settings, collector: Collector, trace_process: TraceProcess
) -> None:
    trace_process()
    traced = base_app(settings, "test")
    statement = CompiledStatement(text("SELECT CAST(:value AS text)"), prepared=True)
    with traced.app_context():
        with spans.entry_span("job", "consumer", None):
            assert [tuple(row) for row in statement.all(value="a-secret")] == [("a-secret",)]
        db.session.remove()
        db.engine.dispose()
    texts = [span.attributes.get("db.query.text") for span in received(collector) if span.kind == "client"]
    assert "SELECT CAST(%(value)s AS text)" in texts and "a-secret" not in str(texts)


def queue(parent: str | None) -> UUID:
    with spans.entry_span("request", "server", parent), transaction():
        return emit(NotificationQueued(id=uuid4(), about_user=uuid4(), channel="IN_APP"))


class Broker:
    """A broker that keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[Message[None]] = []

    def enqueue(self, message: Message[None]) -> None:
        self.messages.append(message)


def test_rows_that_share_a_message_stay_in_their_traces(
    app: Flask, settings: Settings, collector: Collector, trace_process: TraceProcess
) -> None:
    trace_process()
    traces = [f"{number:032x}" for number in range(1, 10)]
    for trace in traces:
        queue(f"00-{trace}-{SPAN}-01")
    broker = Broker()
    relay_batch(broker, lambda events: None)  # type: ignore[arg-type]
    message = broker.messages[0]
    assert len(message.args) == 2
    context, seen = AppContext(settings), list[str | None]()
    context.app = app
    proxy = MessageProxy(Message.decode(message.encode()))
    context.before_process_message(make_broker(settings.broker_url), proxy)
    process_each(proxy.args, lambda row_id: seen.append(spans.trace_id()))
    context.after_process_message(make_broker(settings.broker_url), proxy)
    assert seen == traces[:2]
    by_id = {span.id: span for span in received(collector)}
    processed = [span for span in by_id.values() if span.name == "process deliver_notification"]
    assert [by_id[span.parent].name for span in processed] == ["relay notification.queued"] * 2


def test_the_decision_not_to_record_reaches_the_worker(
    app: Flask, collector: Collector, trace_process: TraceProcess
) -> None:
    trace_process()
    event_id = queue(UNSAMPLED)
    stored = db.session.get_one(OutboxEvent, event_id).traceparent
    assert stored is not None and stored[3:35] == TRACE and not is_sampled(stored)
    broker = Broker()
    relay_batch(broker, lambda events: None)  # type: ignore[arg-type]
    assert [message.options["traceparent"] for message in broker.messages] == [stored]
    assert received(collector) == []


def test_messages_of_the_previous_release_are_processed(
    app: Flask, settings: Settings, collector: Collector, trace_process: TraceProcess
) -> None:
    trace_process()
    (message,) = hints("core", "some_actor", [("1", Cause("r1"))])
    assert message.options == {"request_id": "r1"}, "without a trace, messages are as they were"
    context = AppContext(settings)
    context.app = app
    broker, proxy = make_broker(settings.broker_url), MessageProxy(message)
    context.before_process_message(broker, proxy)
    assert spans.trace_id() is not None
    context.after_process_message(broker, proxy)
    assert [(span.name, span.parent) for span in received(collector)] == [("process some_actor", "")]


def test_log_lines_have_the_id_of_the_trace(
    trace_process: TraceProcess, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from heidi_common.logger.json_lines import JsonLineHandler

    trace_process()
    logger = logging.getLogger("traced.lines")
    monkeypatch.setattr(logger.root, "handlers", [JsonLineHandler("test")])
    logger.setLevel(logging.INFO)
    with spans.entry_span("GET", "server", PARENT):
        logger.info("slow way")
        log_fields(logger, "fast way", {"status": 200})
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["traceId"] for line in lines] == [TRACE, TRACE]


WITHOUT_EXTRA = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name=name)
if {missing}:
    sys.meta_path.insert(0, Missing())
import wsgi, workers.broker
from heidi_common.tracing import spans
with spans.entry_span("GET", "server", None), spans.span("x"):
    assert spans.trace_id() is spans.traceparent() is None
assert "heidi_common.tracing.sdk" not in sys.modules
assert not ({missing} and any(name.startswith("opentelemetry") for name in sys.modules))
"""


@pytest.mark.parametrize("missing", [False, True])
def test_nothing_of_tracing_is_imported_without_extra_or_endpoint(settings: Settings, missing: bool) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"} if missing else {}
    env = process_environment(settings, LOG_LEVEL="WARNING", PYTHONPATH=str(ROOT), **endpoint)
    command = [sys.executable, "-c", WITHOUT_EXTRA.format(missing=missing)]
    result = subprocess.run(command, env=env, cwd=Path(ROOT), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert ("the extra `otel` is not installed" in result.stderr) is missing
