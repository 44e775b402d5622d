"""Monitors over HTTP: pings, alerts, history, badges, and the part of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_services.scheduler.models import Monitor, MonitorPing
from heidi_services.scheduler.service.monitors import erasure, overdue, pings
from tests.conftest import SignedIn
from tests.scheduler.conftest import emitted_events
from workers.periodic_tasks import PERIODIC_TASKS

URL = "/api/v1/schedules/monitors"
JSON = dict[str, Any]


@pytest.fixture
def operator(as_user: Callable[..., SignedIn]) -> SignedIn:
    return as_user(Role.ADMIN)


@pytest.fixture
def create(client: FlaskClient, operator: SignedIn) -> Callable[..., JSON]:
    def create(**changes: Any) -> JSON:
        body = {"name": "nightly backup", "every": "PT1H", "graceSeconds": 60} | changes
        response = client.post(URL, headers=operator.headers, json=body)
        assert response.status_code == 201, response.json
        created: JSON = response.json["data"]
        return created

    return create


@pytest.fixture
def read(client: FlaskClient, operator: SignedIn) -> Callable[..., Any]:
    def read(monitor: JSON, part: str = "") -> Any:
        return client.get(f"{URL}/{monitor['id']}{part}", headers=operator.headers).json["data"]

    return read


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def ping(client: FlaskClient, monitor: JSON, outcome: str = "", method: str = "GET", **options: Any) -> int:
    url = path_of(monitor["pingUrl"]) + (f"/{outcome}" if outcome else "")
    response = client.open(url, method=method, **options)
    response.close()
    return response.status_code


def move_back(monitor: JSON, by: timedelta) -> None:
    """Let time pass: move the times of a monitor into the past."""
    columns = ("last_ping_at", "started_at", "expected_at", "due_at")
    with transaction():
        values = {name: getattr(Monitor, name) - by for name in columns}
        db.session.execute(update(Monitor).where(Monitor.id == UUID(monitor["id"])).values(values))


def alerts() -> list[JSON]:
    return [
        event.data | {"userId": event.data["userId"], **event.decrypt_secret_data()}
        for event in emitted_events("notification.send")
    ]


@pytest.mark.parametrize(
    ("outcome", "status", "kind", "exit_status"),
    [
        ("", "UP", "SUCCESS", None),
        ("success", "UP", "SUCCESS", None),
        ("0", "UP", "SUCCESS", 0),
        ("fail", "DOWN", "FAIL", None),
        ("1", "DOWN", "FAIL", 1),
        ("255", "DOWN", "FAIL", 255),
        ("start", "NEW", "START", None),
        ("log", "NEW", "LOG", None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_ping_needs_no_token(
    client: FlaskClient,
    create: Callable[..., JSON],
    read: Callable[..., Any],
    method: str,
    outcome: str,
    status: str,
    kind: str,
    exit_status: int | None,
) -> None:
    monitor = create()
    assert ping(client, monitor, outcome, method) == 200
    assert read(monitor)["status"] == status
    (stored,) = read(monitor, "/pings")
    assert (stored["kind"], stored["exitStatus"], stored["method"]) == (kind, exit_status, method)


@pytest.mark.parametrize("outcome", ["256", "-1", "done", "٣", "1e1", "start/x"], ids=ascii)
def test_an_unknown_outcome_is_404_and_no_ping(
    client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any], outcome: str
) -> None:
    monitor = create()
    assert ping(client, monitor, outcome) == 404
    assert read(monitor, "/pings") == []


def test_a_wrong_key_is_404(client: FlaskClient, create: Callable[..., JSON]) -> None:
    monitor = create()
    for key in (str(uuid4()), monitor["id"], "x", monitor["badgeUrl"].rpartition("/")[2].removesuffix(".svg")):
        assert client.get(f"/ping/{key}").status_code == 404


def test_the_body_is_the_log_up_to_a_limit(
    client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    monitor = create()
    long = b"x" * (pings.MAX_BODY_BYTES + 3_000_000)
    bodies = [b"12 files copied", long, b"\xff\x00 not UTF-8", b""]
    for body in bodies:
        assert ping(client, monitor, method="POST", data=body) == 200
    stored = [read(monitor, f"/pings/{item['id']}") for item in reversed(read(monitor, "/pings"))]
    assert [item["isTruncated"] for item in stored] == [False, True, False, False]
    assert stored[0]["body"] == "12 files copied" and len(stored[1]["body"]) == pings.MAX_BODY_BYTES
    assert stored[2]["body"].endswith("not UTF-8") and stored[3]["body"] is None


def test_an_overdue_job_is_reported_to_every_recipient_and_so_is_its_recovery(
    app: Flask, client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    users = [str(uuid4()), str(uuid4())]
    recipients = [{"userId": users[0], "channel": "EMAIL"}, {"userId": users[1], "channel": "IN_APP"}]
    monitor = create(recipients=recipients)
    ping(client, monitor)
    move_back(monitor, timedelta(hours=1, seconds=30))
    overdue.detect_overdue()
    assert read(monitor)["status"] == "LATE" and alerts() == []
    move_back(monitor, timedelta(seconds=31))
    for _ in range(2):
        overdue.detect_overdue()
    assert read(monitor)["status"] == "DOWN"
    assert {(item["userId"], item["channel"], item["notificationType"]) for item in alerts()} == {
        (users[0], "EMAIL", "ERROR"),
        (users[1], "IN_APP", "ERROR"),
    }
    assert len(alerts()) == 2
    assert "no ping came" in alerts()[0]["content"]
    ping(client, monitor)
    assert [item["notificationType"] for item in alerts()] == ["ERROR"] * 2 + ["SUCCESS"] * 2
    changes = [(item["previousStatus"], item["status"], item["reason"]) for item in read(monitor, "/changes")]
    assert changes == [
        ("DOWN", "UP", "PING"),
        ("LATE", "DOWN", "OVERDUE"),
        ("UP", "LATE", "OVERDUE"),
        ("NEW", "UP", "PING"),
    ]
    assert [event.type for event in emitted_events("monitor.down") + emitted_events("monitor.up")] == [
        "monitor.down",
        "monitor.up",
    ]


def test_the_clock_looks_for_overdue_jobs_often_enough() -> None:
    (task,) = [task for task in PERIODIC_TASKS if task.name == "monitors"]
    assert task.every <= 2


def test_a_start_without_an_end_is_reported(
    client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    monitor = create(every="P1D")
    ping(client, monitor, "start")
    overdue.detect_overdue()
    assert read(monitor)["startedAt"] is not None
    move_back(monitor, timedelta(seconds=61))
    overdue.detect_overdue()
    assert read(monitor)["status"] == "DOWN"
    assert "did not report its end" in alerts()[0]["content"]


def test_after_a_restart_the_clock_reports_what_it_has_missed_once(
    app: Flask, client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(overdue, "BATCH_SIZE", 2)
    monitors = [create(name=f"job {number}") for number in range(5)]
    for monitor in monitors:
        ping(client, monitor)
        move_back(monitor, timedelta(days=2))
    app.extensions["heidi"].instances.clear()  # what a process remembers of the time
    for _ in range(2):
        overdue.detect_overdue()
    assert {read(monitor)["status"] for monitor in monitors} == {"DOWN"}
    assert len(alerts()) == 5


def test_nothing_is_reported_while_the_time_is_in_doubt(
    client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any], monkeypatch: Any
) -> None:
    monitor = create()
    ping(client, monitor)
    move_back(monitor, timedelta(days=1))
    guard = type("Doubtful", (), {"reason_to_hold": lambda self: "the clock is 1 h ahead"})
    monkeypatch.setattr(overdue, "clock_guard", guard)
    overdue.detect_overdue()
    assert read(monitor)["status"] == "UP"


def test_concurrent_pings_are_all_counted_and_change_the_status_once(
    app: Flask, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    monitor = create()
    statuses: list[int] = []
    threads = [Thread(target=lambda: statuses.append(ping(app.test_client(), monitor))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert read(monitor)["pingCount"] == 8
    assert sorted(item["number"] for item in read(monitor, "/pings")) == list(range(1, 9))
    assert len(read(monitor, "/changes")) == 1


def test_the_duration_of_runs_that_overlap(
    client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    monitor = create()
    first, second = uuid4(), uuid4()
    for outcome, run in (("start", first), ("start", second), ("", first), ("", second)):
        assert ping(client, monitor, outcome, query_string={"rid": str(run)}) == 200
    durations = {item["run"]: item["durationMs"] for item in read(monitor, "/pings") if item["kind"] == "SUCCESS"}
    assert durations[str(first)] >= 0 and durations[str(second)] >= 0
    assert read(monitor)["startedAt"] is None
    assert ping(client, monitor, query_string={"rid": "no-uuid"}) == 422


def test_old_pings_are_deleted(
    client: FlaskClient, create: Callable[..., JSON], read: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(pings, "KEPT_PINGS", 3)
    monkeypatch.setattr(pings, "TIDY_EVERY", 5)
    monitor = create()
    for _ in range(5):
        ping(client, monitor)
    assert [item["number"] for item in read(monitor, "/pings")] == [5, 4, 3]


def test_the_creator_is_notified_unless_there_are_other_recipients(
    create: Callable[..., JSON], operator: SignedIn
) -> None:
    assert create()["recipients"] == [{"userId": str(operator.user.id), "channel": "EMAIL"}]
    assert create(recipients=[])["recipients"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"every": "15 minutes"}, "/every"),
        ({"every": "PT1S"}, "/every"),
        ({"every": None}, "/every"),
        ({"cronExpression": "0 3 * * *"}, "/every"),
        ({"every": None, "cronExpression": "61 * * * *"}, "/cronExpression"),
        ({"timezone": "Europe/Berlim"}, "/timezone"),
        ({"graceSeconds": 0}, "/graceSeconds"),
        ({"recipients": [{"channel": "EMAIL"}]}, "/recipients/0/userId"),
        ({"name": "  "}, "/name"),
    ],
    ids=str,
)
def test_an_invalid_monitor_is_422(client: FlaskClient, operator: SignedIn, body: JSON, pointer: str) -> None:
    response = client.post(URL, headers=operator.headers, json={"name": "job", "every": "PT1H"} | body)
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json["errors"]]


def test_a_change_replaces_the_kind_of_times(
    client: FlaskClient, operator: SignedIn, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    monitor = create()
    ping(client, monitor)
    url, body = f"{URL}/{monitor['id']}", {"cronExpression": "0 3 * * *", "timezone": "Asia/Tokyo"}
    tag = client.get(url, headers=operator.headers).headers["ETag"]
    changed = client.patch(url, headers=operator.headers | {"If-Match": tag}, json=body)
    assert (changed.status_code, changed.json["data"]["every"]) == (200, None)
    assert datetime.fromisoformat(changed.json["data"]["expectedAt"]).astimezone(UTC).hour == 18
    assert client.patch(url, headers=operator.headers | {"If-Match": tag}, json={"name": "x"}).status_code == 412


def test_pause_resume_rotate_and_delete(
    client: FlaskClient, operator: SignedIn, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    monitor = create()
    ping(client, monitor)
    url = f"{URL}/{monitor['id']}"
    assert client.post(f"{url}/pause", headers=operator.headers).json["data"]["status"] == "PAUSED"
    move_back(monitor, timedelta(days=1))
    overdue.detect_overdue()
    assert read(monitor)["status"] == "PAUSED" and alerts() == []
    assert client.post(f"{url}/resume", headers=operator.headers).json["data"]["status"] == "NEW"
    rotated = client.post(f"{url}/rotate-key", headers=operator.headers).json["data"]
    assert (ping(client, monitor), ping(client, rotated)) == (404, 200)
    assert client.delete(url, headers=operator.headers).status_code == 204
    assert ping(client, rotated) == 404
    assert db.session.scalar(select(func.count()).select_from(MonitorPing)) == 0


def test_a_badge_shows_the_status_and_can_be_embedded(client: FlaskClient, create: Callable[..., JSON]) -> None:
    monitor = create(name="<backup>")
    ping(client, monitor)
    response = client.get(path_of(monitor["badgeUrl"]))
    assert response.mimetype == "image/svg+xml" and "&lt;backup&gt;: up" in response.text
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert monitor["pingUrl"].rpartition("/")[2] not in response.text
    assert client.get("/badge/x.svg").status_code == 404


def test_only_administrators_see_monitors(
    client: FlaskClient, as_user: Callable[..., SignedIn], create: Callable[..., JSON]
) -> None:
    monitor = create()
    user = as_user()
    for path in ("", f"/{monitor['id']}", f"/{monitor['id']}/pings", f"/{monitor['id']}/changes"):
        assert client.get(URL + path, headers=user.headers).status_code == 403


def test_an_erased_user_leaves_no_text_and_no_alert(
    client: FlaskClient, operator: SignedIn, create: Callable[..., JSON], read: Callable[..., Any]
) -> None:
    other = uuid4()
    own, foreign = create(description="of Ada"), create(recipients=[{"userId": str(other)}])
    ping(client, own, method="POST", data=b"by Ada")
    with transaction():
        db.session.execute(update(Monitor).where(Monitor.id == UUID(foreign["id"])).values(created_by=uuid4()))
        erasure.erase_monitors(operator.user.id)
        erasure.erase_monitors(other)
    assert (read(own)["name"], read(own)["description"], read(own)["recipients"]) == ("erased", None, [])
    assert read(own)["status"] == "PAUSED" and read(own, f"/pings/{read(own, '/pings')[0]['id']}")["body"] is None
    assert (read(foreign)["name"], read(foreign)["recipients"]) == ("nightly backup", [])
