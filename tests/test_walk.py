"""End to end: `flask up` in its own folder, then the use cases of clients, through the router."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import requests
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from heidi_services import SERVICES
from tests.faults.platform import Platform, wait_for
from tests.polling import TIMEOUT_SECONDS

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
FOR_ANY_USER = {
    "files": "/files",
    "auth": "/auth/me",
    "users": "/users/me",
    "notification": "/notifications/unread-count",
    "integration": "/integrations",
}
FOR_ADMIN = {"scheduler": "/schedules", "core": "/core/events"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(tmp_path_factory.mktemp("walk") / "home")
    running.start()
    yield running
    running.stop()
    wait_for(lambda: processes_of(running) == [], TIMEOUT_SECONDS, lambda: f"outlived Ctrl-C: {processes_of(running)}")


def processes_of(platform: Platform) -> list[str]:
    """Return the command lines that name the folder of the platform."""
    folder = str(platform.home)
    command_lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [" ".join(cmdline) for cmdline in command_lines if any(folder in part for part in cmdline)]


def command(platform: Platform, *argv: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    port = platform.url.rpartition(":")[2]
    env = os.environ | {"HEIDI_HOME": str(home or platform.home), "HEIDI_PORT": port}
    return subprocess.run(
        [sys.executable, "-m", *argv], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
    )


def api(platform: Platform, path: str) -> str:
    return f"{platform.url}/api/v1{path}"


def lines_with(platform: Platform, request_id: str, name: str) -> list[dict[str, Any]]:
    """Return the complete log lines of a program about a request."""
    lines = (platform.home / "logs" / f"{name}.log").read_text().rpartition("\n")[0].splitlines()
    return [json.loads(line) for line in lines if request_id in line]


def test_the_demonstration_succeeds(platform: Platform) -> None:
    result = command(platform, "heidi_standalone.demo")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"All 1[5-9] steps succeeded", result.stdout), result.stdout
    assert re.search(r"The schedule +http://\S+/console/schedules/[0-9a-f-]{36}", result.stdout), result.stdout


def test_the_demonstration_fails_with_the_step_that_fails(platform: Platform) -> None:
    elsewhere = platform.home.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mail").symlink_to(platform.home / "mail")
    (elsewhere / "admin.txt").write_text("admin@heidi.local\nnot the password\n")
    result = command(platform, "heidi_standalone.demo", home=elsewhere)
    assert result.returncode == 1
    assert "FAILED" in result.stdout, result.stdout + result.stderr
    assert "returned 401, invalid_credentials" in result.stdout


def test_sample_data_is_created_once(platform: Platform) -> None:
    first, second = command(platform, "flask", "seed"), command(platform, "flask", "seed")
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "created  heidi@alp.local" in first.stdout
    assert "created" not in second.stdout


def test_the_request_id_is_passed_from_the_router_to_the_worker(platform: Platform) -> None:
    admin, request_id = platform.sign_in(), f"walk-{uuid4().hex}"
    me = requests.get(api(platform, "/auth/me"), headers=admin, timeout=TIMEOUT_SECONDS).json()["data"]["id"]
    body = {"userId": me, "channel": "EMAIL", "subject": "A walk", "content": "From the router to the mail."}
    headers = admin | {"X-Request-ID": request_id}
    answer = requests.post(api(platform, "/notifications"), json=body, headers=headers, timeout=TIMEOUT_SECONDS)
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (202, request_id)
    events = platform.query(
        "SELECT type, request_id FROM outbox WHERE subject = %s ORDER BY id", answer.json()["data"]["id"]
    )
    assert events[0] == ("notification.queued", request_id)
    wait_for(lambda: lines_with(platform, request_id, "notification"), TIMEOUT_SECONDS, lambda: "no line in the log")
    assert lines_with(platform, request_id, "notification")[0]["status"] == 202

    def delivered() -> bool:
        rows = platform.query("SELECT type FROM outbox WHERE request_id = %s", request_id)
        return ("notification.sent",) in rows

    wait_for(delivered, TIMEOUT_SECONDS, lambda: "the event notification.sent does not carry the request's id")


def test_a_signed_out_token_is_rejected_by_all_seven_services_immediately(platform: Platform) -> None:
    admin = platform.sign_in()
    paths = FOR_ANY_USER | FOR_ADMIN

    def codes() -> dict[str, int]:
        responses = {
            name: requests.get(api(platform, path), headers=admin, timeout=TIMEOUT_SECONDS)
            for name, path in paths.items()
        }
        responses["city"] = requests.post(api(platform, "/cities"), headers=admin, json={}, timeout=TIMEOUT_SECONDS)
        return {name: response.status_code for name, response in responses.items()}

    assert codes() == dict.fromkeys(paths, 200) | {"city": 422}
    assert requests.post(api(platform, "/auth/logout"), headers=admin, timeout=TIMEOUT_SECONDS).status_code == 204
    assert codes() == dict.fromkeys(SERVICES, 401)


def test_every_service_is_reached_through_the_router_and_by_its_own_port(platform: Platform) -> None:
    for number, name in enumerate(SERVICES):
        inside = requests.get(f"http://127.0.0.1:{platform.base + number}/readyz", timeout=TIMEOUT_SECONDS)
        assert (inside.status_code, inside.json()["status"]) == (200, "ready"), inside.text
        document = requests.get(f"{platform.url}/docs/{name}/openapi.json", timeout=TIMEOUT_SECONDS).json()
        assert document["info"]["title"] == f"Heidi {name}"
        assert (
            requests.get(f"{platform.url}/docs/{name}/", timeout=TIMEOUT_SECONDS)
            .headers["Content-Type"]
            .startswith("text/html")
        )


def test_metrics_are_not_public(platform: Platform) -> None:
    assert requests.get(f"{platform.url}/metrics", timeout=TIMEOUT_SECONDS).status_code == 404
    inside = requests.get(f"http://127.0.0.1:{platform.base}/metrics", timeout=TIMEOUT_SECONDS)
    assert inside.status_code == 200
    assert "flask_http_request_duration_seconds" in inside.text or "http_request" in inside.text


def test_a_public_read_supports_conditional_requests(platform: Platform) -> None:
    matches = requests.get(api(platform, "/cities/search"), params={"q": "Maienfeld"}, timeout=TIMEOUT_SECONDS).json()[
        "data"
    ]
    cities = (
        matches or requests.get(api(platform, "/cities"), params={"limit": 1}, timeout=TIMEOUT_SECONDS).json()["data"]
    )
    url = api(platform, f"/cities/{cities[0]['id']}")
    first = requests.get(url, timeout=TIMEOUT_SECONDS)
    assert first.status_code == 200
    again = requests.get(url, headers={"If-None-Match": first.headers["ETag"]}, timeout=TIMEOUT_SECONDS)
    assert (again.status_code, again.content) == (304, b"")


CLIENTS, MESSAGES = 5, 30


def test_sockets_resume_without_a_gap_after_core_and_their_role_were_killed(platform: Platform) -> None:
    admin = platform.sign_in()
    me = requests.get(api(platform, "/auth/me"), headers=admin, timeout=TIMEOUT_SECONDS).json()["data"]["id"]
    sent: list[str] = []

    def send() -> None:
        body = {"userId": me, "channel": "IN_APP", "content": "Hello"}
        answer = requests.post(api(platform, "/notifications"), json=body, headers=admin, timeout=TIMEOUT_SECONDS)
        sent.append(answer.json()["data"]["id"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [SocketClient(platform, admin) for _ in range(CLIENTS)]
        running = [pool.submit(client.run) for client in clients]
        try:
            wait_for(
                lambda: all(client.last is not None for client in clients),
                TIMEOUT_SECONDS,
                lambda: "no socket was opened",
            )
            for number in range(MESSAGES):
                send()
                if number == MESSAGES // 3:
                    platform.kill("core")
                if number == MESSAGES // 2:
                    platform.kill("realtime")
            for client in clients:
                wait_for(lambda c=client: len(c.received) >= MESSAGES, TIMEOUT_SECONDS, lambda: f"{clients}")
        finally:
            for client in clients:
                client.is_stopped = True
    assert [future.result() for future in running] == [None] * CLIENTS
    for client in clients:
        assert [data["id"] for _, data in client.received if data["id"] in sent] == sorted(sent, key=client.order)
        positions = [position for position, _ in client.received]
        assert positions == sorted({*positions})


class SocketClient:
    """A client of the channel `inbox` through the router, which connects again and resumes until it is stopped."""

    def __init__(self, platform: Platform, headers: dict[str, str]) -> None:
        self.url = platform.url.replace("http:", "ws:") + "/api/v1/realtime"
        self.token = headers["Authorization"].removeprefix("Bearer ")
        self.received: list[tuple[int, dict[str, Any]]] = []
        self.last: int | None = None
        self.is_stopped = False

    def order(self, identity: str) -> int:
        return next(position for position, data in self.received if data["id"] == identity)

    def run(self) -> None:
        while not self.is_stopped:
            with suppress(OSError, WebSocketException), connect(self.url, open_timeout=TIMEOUT_SECONDS) as socket:
                self._follow(socket)

    def _follow(self, socket: ClientConnection) -> None:
        socket.send(json.dumps({"op": "authenticate", "token": self.token}))
        resume = {"op": "subscribe"} if self.last is None else {"op": "resume", "lastEventId": self.last}
        socket.send(json.dumps(resume | {"channel": "inbox"}))
        while not self.is_stopped:
            with suppress(TimeoutError):
                self._handle(json.loads(socket.recv(0.2)))

    def _handle(self, message: dict[str, Any]) -> None:
        if message["op"] == "subscribed" and self.last is None:
            self.last = message["id"]
        if message["op"] == "event":
            self.last = message["id"]
            self.received.append((message["id"], message["data"]))
