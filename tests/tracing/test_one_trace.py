"""One trace from the router to the provider's call, over real processes, received by a real collector."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from flask import Flask
from pytest_httpserver import HTTPServer
from uuid_utils.compat import uuid7

from heidi_common.config.settings import Settings
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import MachineClient, User
from heidi_common.jwt import tokens
from heidi_services import SERVICES
from heidi_standalone.servers.nginx import Router
from tests.conftest import ROOT, _empty
from tests.gunicorn_server import WebProcess
from tests.notification.mailserver import MailServer, mail_server
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from tests.process_environment import process_environment
from tests.standalone.conftest import running
from tests.tracing.collector import Collector, Span, running_collector

COMMANDS = {
    "relay": ("-m", "workers.relay"),
    "worker": ("-m", "dramatiq", "workers.main:setup", "--processes", "1", "--threads", "2"),
}
CLIENT_TRACE, CLIENT_SPAN = "a" * 31 + "1", "b" * 15 + "2"
MESSAGES = "/api/v1/notifications"


@dataclass(frozen=True)
class Traced:
    """A router, a service, the relay and a worker that trace."""

    url: str
    collector: Collector
    mail: MailServer
    logs: Path

    def log_lines(self, process: str) -> list[dict[str, object]]:
        lines = (self.logs / process).read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def provider() -> Iterator[HTTPServer]:
    """A server with the API of Twilio."""
    with HTTPServer(host="127.0.0.1") as server:
        response = {"sid": "SM1", "status": "queued"}
        server.expect_request(re.compile("/2010-04-01/Accounts/.*/Messages.json")).respond_with_json(response, 201)
        yield server


@pytest.fixture(scope="module")
def traced(
    sender: object, settings: Settings, provider: HTTPServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traced")
    with running_collector() as collector, mail_server() as mail:
        options = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a%20b",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "HEARTBEAT_FOLDER": str(folder),
            "SMTP_URL": mail.url,
            "SMS_PROVIDERS": "twilio",
            "TWILIO_URL": provider.url_for("").rstrip("/"),
            "TWILIO_ACCOUNT_SID": "AC1",
            "TWILIO_AUTH_TOKEN": "secret",
            "TWILIO_FROM": "+4930000000",
            "LOG_LEVEL": "INFO",
            "LOG_FORMAT": "json",
        }
        processes = []
        service = WebProcess("notification", settings, **options)
        addresses = dict.fromkeys(SERVICES, "127.0.0.1:1") | {"notification": service.url.removeprefix("http://")}
        nginx = Router(folder / "nginx", free_port(), addresses)
        nginx.prepare()
        try:
            for name, command in COMMANDS.items():
                with (folder / name).open("wb") as log:
                    env = process_environment(settings, **options)
                    processes.append(subprocess.Popen([sys.executable, *command], cwd=ROOT, env=env, stderr=log))
            with running(nginx) as router:
                yield Traced(router.url, collector, mail, folder)
        finally:
            service.kill()
            for process in processes:
                process.terminate()
                process.wait(TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def sender(platform: Flask) -> tuple[str, dict[str, str]]:
    """The ID of a user and the headers of a client, on empty tables. No test empties them while the processes run."""
    with platform.app_context():
        _empty()
        user = User(id=uuid7(), email="ann@example.test", email_verified_at=utcnow(), phone="+4930123456")
        client = MachineClient(id=uuid7(), name="machine", secret_hash="-", scopes=["notifications:write"])
        with transaction():
            db.session.add_all([user, client])
        token = tokens.sign(str(client.id), "access", {"scope": "notifications:write"})
        return str(user.id), {"Authorization": f"Bearer {token}"}


@pytest.fixture
def send(traced: Traced, sender: tuple[str, dict[str, str]]) -> Callable[..., str]:
    """Send a message through the router; returns the ID of the request."""
    user_id, client = sender

    def post(channel: str, **headers: str) -> str:
        body = {"userId": user_id, "channel": channel, "content": "a secret text"}
        response = requests.post(traced.url + MESSAGES, json=body, headers=client | headers, timeout=TIMEOUT_SECONDS)
        assert response.status_code == 202, response.text
        return str(response.headers["X-Request-ID"])

    return post


def chain(spans: list[Span], last: Span) -> list[Span]:
    """A span and its parents, the first one of the trace first."""
    by_id = {span.id: span for span in spans}
    path = [last]
    while path[0].parent in by_id:
        path.insert(0, by_id[path[0].parent])
    return path


def ids_of(spans: list[Span]) -> set[str]:
    return {span.id for span in spans}


def wait_for(traced: Traced, matches: Callable[[Span], bool]) -> Span:
    until(lambda: any(matches(span) for span in traced.collector.spans))
    return next(span for span in traced.collector.spans if matches(span))


PATH = [
    ("notification", f"POST {MESSAGES}", "server"),
    ("relay", "relay notification.queued", "producer"),
    ("worker", "process deliver_notification", "consumer"),
]


def test_an_e_mail_is_one_trace_from_the_router_to_the_mail_server(traced: Traced, send: Callable[..., str]) -> None:
    request_id = send("EMAIL")
    last = wait_for(traced, lambda span: span.name == "SMTP")
    until(lambda: len(chain(traced.collector.trace(last.trace), last)) == 4)
    path = chain(traced.collector.trace(last.trace), last)
    assert [(span.process, span.name, span.kind) for span in path] == [*PATH, ("worker", "SMTP", "client")]
    assert path[0].parent == "", "the service's span is the first one of the trace"
    assert last.trace == request_id, "the router has drawn the ID"
    assert path[0].attributes["http.response.status_code"] == 202
    assert path[0].attributes["heidi.request_id"] == request_id


def test_an_sms_is_one_trace_from_the_client_to_the_providers_call(
    traced: Traced, send: Callable[..., str], provider: HTTPServer
) -> None:
    send("SMS", traceparent=f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01")
    last = wait_for(
        traced, lambda span: span.trace == CLIENT_TRACE and span.attributes.get("server.address") is not None
    )
    until(lambda: len(chain(traced.collector.trace(CLIENT_TRACE), last)) == 4)
    path = chain(traced.collector.trace(CLIENT_TRACE), last)
    assert [(span.process, span.name, span.kind) for span in path] == [*PATH, ("worker", "POST", "client")]
    assert path[0].parent == CLIENT_SPAN
    assert last.attributes["http.response.status_code"] == 201
    headers = [request.headers for request, _ in provider.log]
    assert f"00-{CLIENT_TRACE}-{last.id}-01" in [header.get("traceparent") for header in headers]


def test_statements_are_in_the_trace_without_their_values(traced: Traced, send: Callable[..., str]) -> None:
    trace = send("EMAIL")
    wait_for(traced, lambda span: span.trace == trace and span.name == "SMTP")
    until(lambda: any("UPDATE notifications" in str(span.attributes) for span in traced.collector.trace(trace)))
    until(
        lambda: {span.parent for span in traced.collector.trace(trace)} <= ids_of(traced.collector.trace(trace)) | {""}
    )
    statements = [span for span in traced.collector.trace(trace) if span.attributes.get("db.system.name")]
    assert {span.process for span in statements} == {"notification", "worker"}
    texts = " ".join(str(span.attributes.get("db.query.text")) for span in statements)
    assert "INSERT INTO outbox" in texts and "a secret text" not in texts
    assert "" not in {span.parent for span in statements}


def test_a_client_that_does_not_want_a_trace_gets_none(traced: Traced, send: Callable[..., str]) -> None:
    unsampled = "c" * 32
    send("EMAIL", traceparent=f"00-{unsampled}-{CLIENT_SPAN}-00")
    sampled = send("EMAIL")
    wait_for(traced, lambda span: span.trace == sampled and span.name == "SMTP")
    until(lambda: len(traced.mail.mails) >= 2)
    assert traced.collector.trace(unsampled) == []


def test_the_routers_log_lines_have_the_id_of_the_trace(traced: Traced) -> None:
    trace = "e" * 32
    headers = {"traceparent": f"00-{trace}-{CLIENT_SPAN}-01"}
    requests.get(f"{traced.url}/api/v1/nothing", headers=headers, timeout=TIMEOUT_SECONDS)
    until(lambda: any(line.get("traceId") == trace for line in traced.log_lines("nginx.log")))
    assert [line["status"] for line in traced.log_lines("nginx.log") if line.get("traceId") == trace] == [404]


def test_the_collector_gets_the_configured_headers(traced: Traced, send: Callable[..., str]) -> None:
    trace = send("EMAIL")
    wait_for(traced, lambda span: span.trace == trace)
    assert {headers["x-tenant"] for headers in traced.collector.headers} == {"a b"}
