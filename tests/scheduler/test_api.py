"""The scheduler's HTTP contract."""

from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.interceptors import open_streams
from heidi_services.scheduler.models import Schedule
from heidi_services.scheduler.service.runs import executor
from tests.polling import until
from tests.scheduler.conftest import MakeSchedule, body, emitted_events, runs_of

BASE = "/api/v1/schedules"
FIELDS = {
    *("kind", "at", "every", "anchorAt", "excludedDates", "holidayCalendars", "tags", "alertRecipients"),
    "notifyOnRecovery",
    *("concurrencyLimit", "concurrencyKey", "concurrencyPolicy"),
    *("id", "name", "description", "cronExpression", "timezone", "action", "payload", "isEnabled", "startAt", "endAt"),
    *("misfirePolicy", "misfireWindowSeconds", "overlapPolicy", "onFailure", "maxAttempts", "timeoutSeconds"),
    *("jitterSeconds", "lastRun", "lastRunStatus", "nextRun", "runCount", "createdAt", "updatedAt"),
}
OWNER = "01890000-0000-7000-8000-000000000001"
RUN_FIELDS = {
    *("id", "scheduleId", "scheduledFor", "startedAt", "finishedAt", "status", "trigger", "attempt", "result"),
    *("error", "durationMs", "missedFrom", "missedSlots", "cancelRequested", "reruns"),
}


def create(client: FlaskClient, admin: dict[str, str], **changes: Any) -> dict[str, Any]:
    response = client.post(BASE, json=body(**changes), headers=admin)
    assert response.status_code == 201, response.json
    data: dict[str, Any] = response.json["data"]
    return data


def test_a_schedule_is_created_and_read_back(client: FlaskClient, admin: dict[str, str]) -> None:
    created = create(client, admin, onFailure={"userId": OWNER, "channel": "IN_APP"})
    assert set(created) == FIELDS
    assert created["nextRun"].endswith("Z") and created["runCount"] == 0 and created["isEnabled"] is True
    assert created["onFailure"] == {"userId": OWNER, "channel": "IN_APP"}
    response = client.get(f"{BASE}/{created['id']}", headers=admin)
    assert response.json["data"] == created
    assert response.headers["ETag"]
    again = client.get(f"{BASE}/{created['id']}", headers=admin | {"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"cronExpression": "60 * * * *"}, "/cronExpression"),
        ({"cronExpression": "0 0 30 2 *"}, "/cronExpression"),
        ({"cronExpression": "R"}, "/cronExpression"),
        ({"cronExpression": "*/30 2 * 3 0L"}, "/cronExpression"),
        ({"cronExpression": 5}, "/cronExpression"),
        ({"timezone": "Europe/Bern"}, "/timezone"),
        ({"timezone": "../../etc/passwd"}, "/timezone"),
        ({"name": ""}, "/name"),
        ({"name": "a\x00b"}, "/name"),
        ({"action": "shell.run"}, "/action"),
        ({"payload": {"type": "user.deleted"}}, "/payload/type"),
        ({"payload": {"type": "custom.x\n"}}, "/payload/type"),
        ({"payload": {}}, "/payload/type"),
        ({"payload": {"type": "custom.x", "else": 1}}, "/payload/else"),
        ({"action": "http.request", "payload": {"url": "file:///etc/passwd"}}, "/payload/url"),
        ({"action": "http.request", "payload": {"url": "http://a:b@c.test/"}}, "/payload/url"),
        (
            {"action": "http.request", "payload": {"url": "http://c.test/", "headers": {"X-A": "a\r\nB: c"}}},
            "/payload/headers",
        ),
        ({"action": "notification.send", "payload": {"userId": "x", "channel": "FAX"}}, "/payload/userId"),
        ({"action": "notification.send", "payload": {"category": "Foo Bar"}}, "/payload/category"),
        ({"action": "core.operation", "payload": {"type": "make-coffee"}}, "/payload/type"),
        (
            {"action": "core.operation", "payload": {"type": "onboard-user", "input": {"email": "nonsense"}}},
            "/payload/input/email",
        ),
        (
            {"action": "core.operation", "payload": {"type": "offboard-user", "input": {}}},
            "/payload/input/userId",
        ),
        (
            {"action": "http.request", "payload": {"url": "http://c.test/", "headers": {"X-A": " b"}}},
            "/payload/headers",
        ),
        ({"action": "http.request", "payload": {"url": "http://10.0.0.1/"}}, "/payload/url"),
        ({"action": "http.request", "payload": {"url": "https://[::1]/"}}, "/payload/url"),
        ({"action": "http.request", "payload": {"url": "http://169.254.169.254/latest/"}}, "/payload/url"),
        ({"action": "http.request", "payload": {"url": "https://c.test/\x7f"}}, "/payload/url"),
        (
            {"action": "http.request", "payload": {"url": "https://c.test/", "timeoutSeconds": 61}},
            "/payload/timeoutSeconds",
        ),
        ({"startAt": "2027-01-02T00:00:00Z", "endAt": "2027-01-01T00:00:00Z"}, "/endAt"),
        ({"startAt": "2100-01-01T03:00:00Z", "endAt": "2100-01-01T22:00:00Z"}, "/endAt"),
        ({"cronExpression": "0 0 1 1 *", "startAt": "2099-06-01T00:00:00Z", "endAt": "2099-12-31T00:00:00Z"}, "/endAt"),
        ({"endAt": "9999-12-31T23:59:59Z"}, "/endAt"),
        ({"endAt": "2026-01-01T00:00:00Z"}, "/endAt"),
        ({"name": " \t"}, "/name"),
        ({"startAt": "2027-01-02T00:00:00"}, "/startAt"),
        ({"maxAttempts": 0}, "/maxAttempts"),
        ({"maxAttempts": 2**63 - 1}, "/maxAttempts"),
        ({"timeoutSeconds": 100000}, "/timeoutSeconds"),
        ({"jitterSeconds": -1}, "/jitterSeconds"),
        ({"misfirePolicy": "SOMETIMES"}, "/misfirePolicy"),
        ({"overlapPolicy": "MAYBE"}, "/overlapPolicy"),
        ({"onFailure": {"email": "a@b.test"}}, "/onFailure/email"),
        ({"isEnabled": "yes"}, "/isEnabled"),
        ({"nextRun": "2027-01-01T00:00:00Z"}, "/nextRun"),
        ({"else": 1}, "/else"),
    ],
)
def test_an_invalid_schedule_is_422_and_names_the_field(
    client: FlaskClient, admin: dict[str, str], changes: dict[str, Any], pointer: str
) -> None:
    response = client.post(BASE, json=body(**changes), headers=admin)
    assert response.status_code == 422, response.json
    assert pointer in [error["pointer"] for error in response.json["errors"]]
    assert client.get(BASE, headers=admin).json["data"] == []


def test_a_schedule_that_has_ended_can_be_changed_but_not_to_end_in_the_past(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    url = f"{BASE}/{create(client, admin)['id']}"
    with transaction():
        db.session.execute(update(Schedule).values(end_at=utcnow() - timedelta(days=1)))
    assert client.patch(url, json={"name": "ended"}, headers=admin).status_code == 200
    response = client.patch(url, json={"endAt": "2026-01-01T00:00:00Z"}, headers=admin)
    assert response.json["errors"] == [{"pointer": "/endAt", "detail": "Must be in the future."}]


def test_a_change_that_leaves_no_occurrence_is_rejected_and_changes_nothing(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    window = {"startAt": "2100-01-01T00:00:00Z", "endAt": "2100-01-03T00:00:00Z"}
    created = create(client, admin, timezone="UTC", **window)
    url = f"{BASE}/{created['id']}"
    for change in ({"cronExpression": "0 0 1 6 *"}, {"startAt": "2100-01-02T03:00:00Z"}):
        response = client.patch(url, json=change, headers=admin)
        assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/endAt"), change
    assert client.get(url, headers=admin).json["data"] == created


def test_the_timeout_of_a_schedule_is_not_shorter_than_that_of_its_request(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    payload = {"url": "https://c.test/", "timeoutSeconds": 20}
    url = f"{BASE}/{create(client, admin, action='http.request', payload=payload, timeoutSeconds=20)['id']}"
    response = client.patch(url, json={"timeoutSeconds": 19}, headers=admin)
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/payload/timeoutSeconds")
    assert client.patch(url, json={"timeoutSeconds": 30}, headers=admin).status_code == 200


def test_a_schedule_that_would_be_rejected_today_can_still_be_renamed_and_disabled(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    url = f"{BASE}/{create(client, admin)['id']}"
    with transaction():
        db.session.execute(update(Schedule).values(action="http.request", payload={"url": "http://10.0.0.1/"}))
    assert client.patch(url, json={"name": "old"}, headers=admin).status_code == 200
    with transaction():
        db.session.execute(update(Schedule).values(timezone="Europe/Atlantis"))
    assert client.patch(url, json={"name": "older"}, headers=admin).status_code == 200
    assert client.post(f"{url}/disable", headers=admin).json["data"]["isEnabled"] is False
    assert client.post(f"{url}/enable", headers=admin).json["errors"][0]["pointer"] == "/timezone"
    assert client.get(f"{url}/upcoming", headers=admin).json["errors"][0]["pointer"] == "/timezone"
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    assert client.post(f"{url}/backfill", json=span, headers=admin).json["errors"][0]["pointer"] == "/timezone"


def test_a_wrong_expression_and_a_wrong_zone_are_both_named(client: FlaskClient, admin: dict[str, str]) -> None:
    response = client.post(BASE, json=body(cronExpression="x", timezone="y"), headers=admin)
    assert {error["pointer"] for error in response.json["errors"]} == {"/cronExpression", "/timezone"}


def test_only_administrators_and_machines_with_the_scope_may_edit(
    client: FlaskClient, as_user: Any, as_client: Any
) -> None:
    assert client.get(BASE).status_code == 401
    for role in (Role.USER, Role.MODERATOR):
        assert client.post(BASE, json=body(), headers=as_user(role).headers).status_code == 403
    assert client.post(BASE, json=body(), headers=as_client("notifications:write")).status_code == 403
    assert client.post(BASE, json=body(), headers=as_client("schedules:write")).status_code == 201


def test_a_list_is_paged_filtered_and_sorted(client: FlaskClient, admin: dict[str, str]) -> None:
    for name in ("b", "a", "c"):
        create(client, admin, name=name, isEnabled=name != "c")
    first = client.get(f"{BASE}?sort=name&limit=2&total=true", headers=admin).json
    assert [item["name"] for item in first["data"]] == ["a", "b"]
    assert first["meta"]["total"] == 3 and first["meta"]["hasMore"] is True
    rest = client.get(f"{BASE}?sort=name&limit=2&cursor={first['meta']['nextCursor']}", headers=admin).json
    assert [item["name"] for item in rest["data"]] == ["c"]
    assert [item["name"] for item in client.get(f"{BASE}?isEnabled=false", headers=admin).json["data"]] == ["c"]
    assert client.get(f"{BASE}?colour=red", headers=admin).json["errors"][0]["pointer"] == "/query/colour"


def test_a_change_moves_the_next_run_and_a_stale_one_is_412(client: FlaskClient, admin: dict[str, str]) -> None:
    created = create(client, admin)
    url = f"{BASE}/{created['id']}"
    tag = client.get(url, headers=admin).headers["ETag"]
    # Not 03:00: on the day whose 02:30 is skipped, the schedule runs at 03:00.
    changed = client.patch(url, json={"cronExpression": "0 4 * * *"}, headers=admin | {"If-Match": tag})
    assert changed.status_code == 200 and changed.json["data"]["nextRun"] != created["nextRun"]
    stale = client.patch(url, json={"name": "x"}, headers=admin | {"If-Match": tag})
    assert stale.status_code == 412
    assert client.delete(url, headers=admin | {"If-Match": tag}).status_code == 412
    invalid = client.patch(url, json={"action": "core.operation"}, headers=admin)
    assert invalid.status_code == 422
    assert client.get(url, headers=admin).json["data"]["name"] == created["name"]


def test_the_etag_of_another_schedule_does_not_match(client: FlaskClient, admin: dict[str, str]) -> None:
    first, second = (f"{BASE}/{create(client, admin)['id']}" for _ in range(2))
    foreign = client.get(second, headers=admin).headers["ETag"]
    assert client.patch(first, json={"name": "x"}, headers=admin | {"If-Match": foreign}).status_code == 412
    assert client.delete(first, headers=admin | {"If-Match": foreign}).status_code == 412


def test_a_schedule_can_be_deleted_and_is_gone(client: FlaskClient, admin: dict[str, str]) -> None:
    url = f"{BASE}/{create(client, admin)['id']}"
    assert client.delete(url, headers=admin).status_code == 204
    for path in ("", "/runs", "/upcoming"):
        assert client.get(url + path, headers=admin).status_code == 404
    for path in ("/run", "/enable", "/disable"):
        assert client.post(url + path, headers=admin).status_code == 404


def test_a_disabled_schedule_has_no_next_run_until_it_is_enabled(client: FlaskClient, admin: dict[str, str]) -> None:
    created = create(client, admin, startAt="2100-01-01T00:00:00Z")
    url = f"{BASE}/{created['id']}"
    assert client.post(f"{url}/disable", headers=admin).json["data"]["nextRun"] is None
    assert client.get(f"{url}/upcoming", headers=admin).json["data"]["times"] == []
    assert client.post(f"{url}/enable", headers=admin).json["data"]["nextRun"] == created["nextRun"]


def test_a_manual_run_is_202_and_can_be_read(client: FlaskClient, admin: dict[str, str]) -> None:
    url = f"{BASE}/{create(client, admin)['id']}"
    response = client.post(f"{url}/run", headers=admin)
    assert response.status_code == 202
    run = response.json["data"]
    assert set(run) == RUN_FIELDS
    assert (run["status"], run["trigger"], run["attempt"]) == ("QUEUED", "MANUAL", 0)
    executor.execute_run(emitted_events("schedule.execute")[0].id)
    done = client.get(f"{url}/runs/{run['id']}", headers=admin).json["data"]
    assert (done["status"], done["attempt"]) == ("SUCCEEDED", 1)
    assert done["durationMs"] is not None
    assert [item["id"] for item in client.get(f"{url}/runs?status=SUCCEEDED", headers=admin).json["data"]] == [
        run["id"]
    ]
    assert client.get(f"{url}/runs?status=FAILED", headers=admin).json["data"] == []
    schedule = client.get(url, headers=admin).json["data"]
    assert (schedule["lastRunStatus"], schedule["runCount"], schedule["lastRun"]) == ("SUCCEEDED", 1, done["startedAt"])


def test_a_run_of_another_schedule_is_404(client: FlaskClient, admin: dict[str, str]) -> None:
    first, second = create(client, admin)["id"], create(client, admin)["id"]
    run = client.post(f"{BASE}/{first}/run", headers=admin).json["data"]["id"]
    assert client.get(f"{BASE}/{second}/runs/{run}", headers=admin).status_code == 404
    assert client.get(f"{BASE}/{first}/runs/{uuid4()}", headers=admin).status_code == 404


def test_waiting_is_limited_and_returns_the_state_of_the_run(client: FlaskClient, admin: dict[str, str]) -> None:
    url = f"{BASE}/{create(client, admin)['id']}/run"
    assert client.post(f"{url}?wait=0.3", headers=admin).json["data"]["status"] == "QUEUED"
    assert client.post(f"{url}?wait=26", headers=admin).status_code == 422
    assert client.post(f"{url}?wait=nan", headers=admin).status_code == 422


def test_waiting_requests_are_limited_for_each_user(
    client: FlaskClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_id = create(client, admin)["id"]
    url = f"{BASE}/{schedule_id}/run"
    for _ in range(2):
        assert client.post(f"{url}?wait=0.1", headers=admin).status_code == 202
    runs = len(runs_of(schedule_id))
    monkeypatch.setattr(open_streams, "STREAMS_PER_USER", 0)
    rejected = client.post(f"{url}?wait=1", headers=admin)
    assert (rejected.status_code, rejected.json["code"]) == (429, "too_many_requests")
    assert len(runs_of(schedule_id)) == runs, "a rejected request has created a run"
    assert client.post(url, headers=admin).status_code == 202, "a request that does not wait is not limited"


def test_a_backfill_counts_its_runs_and_fills_only_gaps(client: FlaskClient, admin: dict[str, str]) -> None:
    created = create(client, admin, cronExpression="0 12 * * *", timezone="UTC")
    url = f"{BASE}/{created['id']}/backfill"
    span = {"from": "2026-01-01T12:00:00Z", "to": "2026-01-03T12:00:00Z"}
    first = client.post(url, json=span, headers=admin)
    assert (first.status_code, first.json["data"]) == (202, {"runs": 3, "slots": 3})
    wider = client.post(url, json=span | {"to": "2026-01-05T11:00:00Z"}, headers=admin)
    assert wider.json["data"] == {"runs": 1, "slots": 4}
    assert [run.trigger for run in runs_of(created["id"])] == ["BACKFILL"] * 4


@pytest.mark.parametrize(
    ("span", "pointer"),
    [
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "/to"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2190-01-01T00:00:00Z"}, "/to"),
        ({"from": "1990-01-02T00:00:00Z", "to": "2020-01-01T00:00:00Z"}, "/to"),
        ({"from": "0001-01-01T00:00:00Z", "to": "2020-01-01T00:00:00Z"}, "/from"),
        ({"from": "2026-01-02T00:00:00Z"}, "/to"),
    ],
)
def test_a_backfill_of_an_empty_future_or_too_long_period_is_422(
    client: FlaskClient, admin: dict[str, str], span: dict[str, str], pointer: str
) -> None:
    url = f"{BASE}/{create(client, admin, cronExpression='@hourly')['id']}/backfill"
    response = client.post(url, json=span, headers=admin)
    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == pointer


def test_a_backfill_begins_no_earlier_than_its_schedule(client: FlaskClient, admin: dict[str, str]) -> None:
    created = create(client, admin, cronExpression="0 12 * * *", timezone="UTC", startAt="2026-01-03T12:00:00Z")
    span = {"from": "2026-01-01T12:00:00Z", "to": "2026-01-04T12:00:00Z"}
    response = client.post(f"{BASE}/{created['id']}/backfill", json=span, headers=admin)
    assert response.json["data"] == {"runs": 2, "slots": 2}


def test_a_preview_has_a_description_local_times_and_clock_change_notes(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    preview = {"cronExpression": "30 2 * * *", "timezone": "Europe/Berlin", "count": 2, "from": "2027-03-27T12:00:00Z"}
    response = client.post(f"{BASE}/preview", json=preview, headers=admin)
    assert response.status_code == 200
    result = response.json["data"]
    assert result["description"] == "at 02:30 every day, Europe/Berlin"
    assert result["times"] == ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"]
    assert result["notes"][0].startswith("2027-03-28: 02:30 is skipped")
    assert result["notes"][1].startswith("2027-10-31: 02:30 occurs twice")
    result = client.post(f"{BASE}/preview", json=preview | {"lang": "de-AT"}, headers=admin).json["data"]
    assert result["description"] == "jeden Tag um 02:30 Uhr, Europe/Berlin"
    assert result["notes"][0].startswith("2027-03-28: 02:30 entfällt")


@pytest.mark.parametrize("language", ["deutsch!", "d", "x" * 65, "de\u0000"])
def test_a_preview_in_something_that_is_no_language_is_422(
    client: FlaskClient, admin: dict[str, str], language: str
) -> None:
    preview = {"cronExpression": "* * * * *", "lang": language}
    response = client.post(f"{BASE}/preview", json=preview, headers=admin)
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/lang")
    created = create(client, admin)
    upcoming = client.get(f"{BASE}/{created['id']}/upcoming", query_string={"lang": language}, headers=admin)
    assert upcoming.status_code == 422


@pytest.mark.parametrize(
    ("timing", "description"),
    [
        ({"cronExpression": "0 9 * * 1-5"}, "montags bis freitags um 09:00 Uhr, UTC"),
        (
            {"every": "PT2H", "anchorAt": "2099-01-01T00:00:00Z"},
            "alle 2 Stunden, gezählt ab 2099-01-01T00:00:00Z",
        ),
        ({"at": "2099-01-01T00:00:00Z"}, "einmal um 2099-01-01T00:00:00Z, UTC"),
    ],
    ids=["cron", "every", "at"],
)
def test_upcoming_times_are_described_in_the_language(
    client: FlaskClient, admin: dict[str, str], timing: dict[str, str], description: str
) -> None:
    requested = {name: value for name, value in body(timezone="UTC").items() if name != "cronExpression"} | timing
    created = client.post(BASE, json=requested, headers=admin).json["data"]
    upcoming = client.get(f"{BASE}/{created['id']}/upcoming?lang=de", headers=admin).json["data"]
    assert upcoming["description"] == description


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_preview_beyond_the_calendar_is_422(client: FlaskClient, admin: dict[str, str], start: str) -> None:
    response = client.post(f"{BASE}/preview", json={"cronExpression": "* * * * *", "from": start}, headers=admin)
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/from")


def test_upcoming_times_are_within_start_and_end(client: FlaskClient, admin: dict[str, str]) -> None:
    times = {"startAt": "2100-01-01T00:00:00Z", "endAt": "2100-01-03T00:00:00Z"}
    created = create(client, admin, cronExpression="0 0 * * *", timezone="UTC", **times)
    upcoming = client.get(f"{BASE}/{created['id']}/upcoming?count=10", headers=admin).json["data"]
    assert upcoming["times"] == [f"2100-01-0{day}T00:00:00Z" for day in (1, 2, 3)]
    assert created["nextRun"] == "2100-01-01T00:00:00.000Z"


def test_every_action_has_a_json_schema(client: FlaskClient, admin: dict[str, str]) -> None:
    actions = client.get(f"{BASE}/actions", headers=admin).json["data"]
    assert [action["name"] for action in actions] == [
        "notification.send",
        "http.request",
        "event.emit",
        "integration.sync",
        "core.operation",
    ]
    assert actions[1]["payload"]["required"] == ["url"]
    assert set(actions[0]["payload"]["properties"]) >= {"userId", "channel", "content", "template", "variables"}


def test_a_repeated_idempotency_key_creates_one_run(
    client: FlaskClient, admin: dict[str, str], schedule: MakeSchedule
) -> None:
    schedule_id = schedule(overlap_policy="ALLOW")
    keyed = admin | {"Idempotency-Key": "once"}
    first = client.post(f"{BASE}/{schedule_id}/run", headers=keyed)
    replayed = client.post(f"{BASE}/{schedule_id}/run", headers=keyed)
    assert first.json["data"]["id"] == replayed.json["data"]["id"]
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert len(runs_of(schedule_id)) == 1


def test_waiting_with_an_idempotency_key_returns_the_ended_run(
    app: Flask, client: FlaskClient, admin: dict[str, str]
) -> None:
    url = f"{BASE}/{create(client, admin)['id']}"

    def work() -> None:
        with app.app_context():
            until(lambda: emitted_events("schedule.execute"))
            executor.execute_run(emitted_events("schedule.execute")[0].id)
            db.session.remove()

    worker = Thread(target=work)
    worker.start()
    response = client.post(f"{url}/run?wait=25", headers=admin | {"Idempotency-Key": "k"})
    worker.join()
    assert (response.status_code, response.json["data"]["status"]) == (202, "SUCCEEDED")


def test_a_run_changes_the_etag_of_its_schedule_but_not_updated_at(client: FlaskClient, admin: dict[str, str]) -> None:
    created = create(client, admin)
    url = f"{BASE}/{created['id']}"
    tag = client.get(url, headers=admin).headers["ETag"]
    client.post(f"{url}/run", headers=admin)
    executor.execute_run(emitted_events("schedule.execute")[0].id)
    again = client.get(url, headers=admin | {"If-None-Match": tag})
    assert again.status_code == 200
    assert again.json["data"]["runCount"] == 1
    assert again.json["data"]["updatedAt"] == created["updatedAt"]
