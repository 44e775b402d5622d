"""One-off schedules, intervals, excluded dates, tags, selections, and several recipients of alerts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.scheduler.misfire import MissedSlots, count_slots, plan_slots, slots_after
from heidi_services.scheduler.models import Schedule, ScheduleRun
from heidi_services.scheduler.service import dispatch
from heidi_services.scheduler.service.runs import executor, manual_runs, reaper
from tests.scheduler.conftest import MakeSchedule, body, emitted_events, runs_of, set_next
from tests.scheduler.test_misfire import Timetable

BASE = "/api/v1/schedules"
START = datetime(2027, 3, 26, 9, 7, 30, tzinfo=UTC)


def timing(**times: Any) -> dict[str, Any]:
    request = body(**times)
    del request["cronExpression"]
    return request | times


def create(client: FlaskClient, admin: dict[str, str], **times: Any) -> Any:
    return client.post(BASE, json=timing(**times), headers=admin)


def in_future(**delta: float) -> str:
    return (
        (datetime.now(UTC).replace(microsecond=0) + timedelta(**delta))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def test_a_one_off_schedule_runs_once(client: FlaskClient, admin: dict[str, str]) -> None:
    at = in_future(hours=30)
    data = create(client, admin, at=at).json["data"]
    assert (data["kind"], data["at"], data["cronExpression"], data["every"]) == ("AT", at, "", None)
    assert data["nextRun"] == at
    preview = client.get(f"{BASE}/{data['id']}/upcoming", headers=admin).json["data"]
    assert preview["description"].startswith("once at ") and len(preview["times"]) == 1
    past = datetime.now(UTC).replace(microsecond=0)
    with transaction():
        db.session.execute(update(Schedule).values(at=past, next_run=past))
    for _ in range(2):
        dispatch.dispatch_due()
    assert [run.scheduled_for for run in runs_of(UUID(data["id"]))] == [past]
    assert db.session.get_one(Schedule, UUID(data["id"]), populate_existing=True).next_run is None


@pytest.mark.parametrize("every", ["PT1M", "PT90S", "PT1H30M", "P1D", "P2W", "P1DT12H"])
def test_an_interval_is_counted_from_its_anchor(client: FlaskClient, admin: dict[str, str], every: str) -> None:
    anchor = in_future(days=2)
    data = create(client, admin, every=every, startAt=anchor).json["data"]
    assert (data["kind"], data["anchorAt"], data["nextRun"]) == ("EVERY", anchor, anchor)
    times = client.get(f"{BASE}/{data['id']}/upcoming?count=4", headers=admin).json["data"]["times"]
    instants = [datetime.fromisoformat(at) for at in times]
    steps = {later - earlier for earlier, later in pairwise(instants)}
    assert len(steps) == 1 and instants[0] == datetime.fromisoformat(anchor)


def test_intervals_do_not_drift_when_they_are_dispatched_late() -> None:
    timetable = Timetable(kind="EVERY", cron_expression="", every="PT25M", anchor_at=START)
    now = START + timedelta(days=40, minutes=13)
    slots = plan_slots(timetable, START, now)
    newest = START + timedelta(minutes=25) * ((now - START) // timedelta(minutes=25))
    assert (slots.newest, slots.next_run) == (newest, newest + timedelta(minutes=25))
    assert slots.missed == MissedSlots(START, newest - timedelta(minutes=25), (newest - START) // timedelta(minutes=25))


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({}, "/cronExpression"),
        ({"cronExpression": ""}, "/cronExpression"),
        ({"at": "2020-02-02T02:02:02Z"}, "/at"),
        ({"at": "2090-02-02T02:02:02Z", "every": "PT5M"}, "/every"),
        ({"cronExpression": "@daily", "at": "2090-02-02T02:02:02Z"}, "/at"),
        ({"every": "PT59S"}, "/every"),
        ({"every": "P1M"}, "/every"),
        ({"every": "PT"}, "/every"),
        ({"every": "15m"}, "/every"),
        ({"every": "P367D"}, "/every"),
        ({"every": "PT5M", "kind": "CRON"}, "/kind"),
        ({"at": "2090-12-25T08:00:00Z", "holidayCalendars": ["DE"]}, "/at"),
        ({"cronExpression": "0 8 1 1 *", "holidayCalendars": ["FR"]}, "/holidayCalendars"),
        ({"cronExpression": "@daily", "holidayCalendars": ["XX"]}, "/holidayCalendars"),
        ({"cronExpression": "@daily", "holidayCalendars": ["DE-XY"]}, "/holidayCalendars"),
        ({"cronExpression": "@daily", "excludedDates": ["2027-02-30"]}, "/excludedDates/0"),
        ({"cronExpression": "@daily", "tags": ["Not Good"]}, "/tags/0"),
    ],
)
def test_times_that_cannot_be_used_are_rejected(
    client: FlaskClient, admin: dict[str, str], times: dict[str, Any], field: str
) -> None:
    response = create(client, admin, **times)
    assert response.status_code == 422
    assert field in {error["pointer"] for error in response.json["errors"]}, response.json


def test_the_kind_changes_with_the_field(client: FlaskClient, admin: dict[str, str]) -> None:
    url = f"{BASE}/{client.post(BASE, json=body(), headers=admin).json['data']['id']}"
    for change, kind in (
        ({"every": "PT10M"}, "EVERY"),
        ({"name": "renamed"}, "EVERY"),
        ({"at": in_future(days=1)}, "AT"),
        ({"cronExpression": "@hourly"}, "CRON"),
    ):
        response = client.patch(url, json=change, headers=admin)
        assert response.json["data"]["kind"] == kind, response.json
    assert (response.json["data"]["at"], response.json["data"]["every"]) == (None, None)
    assert client.patch(url, json={"cronExpression": ""}, headers=admin).status_code == 422
    same = {"cronExpression": "@hourly", "kind": "CRON", "at": None, "every": None}
    assert client.patch(url, json=same, headers=admin).status_code == 200


@pytest.mark.parametrize(
    ("times", "calendars"),
    [
        ({"cron_expression": "30 7 * * *"}, ("DE-BY", "ECB")),
        ({"cron_expression": "*/20 * * * *"}, ("US-CA",)),
        ({"kind": "EVERY", "cron_expression": "", "every": "PT7H", "anchor_at": START}, ("AT",)),
    ],
)
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Anchorage"])
def test_excluded_dates_have_no_slots_and_are_counted_so(
    times: dict[str, Any], calendars: tuple[str, ...], zone: str
) -> None:
    dates = ("2027-04-01", "2027-10-31")
    table = Timetable(timezone=zone, holiday_calendars=calendars, excluded_dates=dates, **times)
    every_day = Timetable(timezone=zone, **times)
    end = START + timedelta(days=300)
    slots = list(takewhile(lambda at: at <= end, slots_after(table, START)))
    without = list(takewhile(lambda at: at <= end, slots_after(every_day, START)))
    days = {at.astimezone(ZoneInfo(zone)).date().isoformat() for at in slots}
    assert not days & set(dates) and set(slots) < set(without)
    assert "2027-12-25" not in days
    assert count_slots(table, START, end) == len(slots)


def test_a_public_holiday_is_skipped(client: FlaskClient, admin: dict[str, str]) -> None:
    data = create(
        client,
        admin,
        cronExpression="0 9 * * *",
        timezone="Europe/Berlin",
        holidayCalendars=["DE"],
        startAt="2090-12-24T00:00:00Z",
    ).json["data"]
    times = client.get(f"{BASE}/{data['id']}/upcoming?count=3", headers=admin).json["data"]["times"]
    assert [at[:10] for at in times] == ["2090-12-24", "2090-12-27", "2090-12-28"]


def test_schedules_are_found_by_tag_and_kind(client: FlaskClient, admin: dict[str, str]) -> None:
    create(client, admin, every="PT5M", tags=["billing", "nightly"], name="first")
    create(client, admin, cronExpression="@daily", tags=["billing"], name="second")
    create(client, admin, cronExpression="@daily", name="third")

    def names(query: str) -> list[str]:
        rows = client.get(f"{BASE}?sort=name&{query}", headers=admin).json["data"]
        return [row["name"] for row in rows]

    assert names("tag=billing") == ["first", "second"]
    assert names("tag=nightly") == names("kind=EVERY") == ["first"]
    assert names("tag=billing&kind=CRON&q=SEC") == ["second"]


def test_a_selection_is_paused_and_resumed(client: FlaskClient, admin: dict[str, str]) -> None:
    ids = [
        create(client, admin, cronExpression="@daily", tags=["a" if n else "b"]).json["data"]["id"] for n in range(3)
    ]

    def call(verb: str, **selection: Any) -> Any:
        return client.post(f"{BASE}/{verb}", json=selection, headers=admin)

    assert call("pause", tag="a").json["data"] == {"schedules": 2}
    assert call("pause", tag="a").json["data"] == {"schedules": 0}
    states = [client.get(f"{BASE}/{item}", headers=admin).json["data"]["isEnabled"] for item in ids]
    assert states == [True, False, False]
    assert call("resume", ids=[ids[1], str(uuid4())]).json["data"] == {"schedules": 1}
    assert client.get(f"{BASE}/{ids[1]}", headers=admin).json["data"]["nextRun"]
    assert call("pause", q="nightly", action="event.emit").json["data"] == {"schedules": 2}
    assert call("pause").status_code == 422


def end_badly(schedule_id: UUID) -> None:
    run = manual_runs.run_now(schedule_id, requested_by=uuid4())
    now = datetime.now(UTC)
    expired = {"status": "RUNNING", "attempts": 1, "locked_until": now, "started_at": now}
    with transaction():
        db.session.execute(update(ScheduleRun).where(ScheduleRun.id == run.id).values(**expired))
    reaper.reap_expired()


def test_all_recipients_are_notified_of_failure_and_recovery(schedule: MakeSchedule) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    recipients = [
        {"user_id": str(second), "channel": "IN_APP"},
        {"user_id": str(third)},
        {"user_id": str(second), "channel": "IN_APP"},
    ]
    alerts = {"on_failure": {"user_id": str(first)}, "alert_recipients": recipients, "notify_on_recovery": True}
    schedule_id = schedule(**alerts)
    executor.execute_run(manual_runs.run_now(schedule_id, requested_by=uuid4()).id)
    assert emitted_events("notification.send") == []
    end_badly(schedule_id)
    failed = emitted_events("notification.send")
    assert {event.user_id for event in failed} == {first, second, third} and len(failed) == 3
    for _ in range(2):
        executor.execute_run(manual_runs.run_now(schedule_id, requested_by=uuid4()).id)
    recovered = [event for event in emitted_events("notification.send") if event.data["notificationType"] == "SUCCESS"]
    assert {event.user_id for event in recovered} == {first, second, third} and len(recovered) == 3
    assert "recovered" in recovered[0].decrypt_secret_data()["subject"]


def test_missed_slots_of_an_interval_are_a_range(schedule: MakeSchedule) -> None:
    anchor = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=10)
    schedule_id = schedule(kind="EVERY", cron_expression="", every="PT5M", anchor_at=anchor, is_enabled=True)
    set_next(schedule_id, anchor)
    dispatch.dispatch_due()
    missed, newest = runs_of(schedule_id)
    assert missed.missed_from == anchor and missed.missed_slots == 120
    assert newest.scheduled_for == anchor + timedelta(hours=10)
    assert (missed.status, newest.status) == ("MISSED", "QUEUED")
