"""Runs of all schedules, cancel, run again, the calendar of the coming week."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_console.components.calendar import coming_week
from heidi_services.scheduler.models import ScheduleRun
from tests.conftest import SignedIn
from tests.console.examples import run, schedule
from tests.notification.conftest import Post

OpenAs = Callable[..., Page]


def status_of_run() -> str:
    db.session.expire_all()
    return str(db.session.scalars(select(ScheduleRun.status)).one())


def test_a_run_is_cancelled_and_queued_again(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn], post: Post
) -> None:
    admin = as_user(Role.ADMIN)
    run(admin, post)
    page = open_as(admin)
    page.goto("/console/schedules/runs?status=QUEUED")
    page.get_by_role("main").get_by_role("link", name="Nightly").click()
    page.get_by_role("button", name="Cancel run").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    expect(page.get_by_text("The run is cancelled.")).to_be_visible()
    assert status_of_run() == "CANCELLED"
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("The run is queued again.")).to_be_visible()
    assert status_of_run() == "QUEUED"


def test_the_calendar_leads_to_a_schedule(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn], post: Post
) -> None:
    admin = as_user(Role.ADMIN)
    path = schedule(admin, post)
    page = open_as(admin)
    page.goto("/console/schedules/week")
    links = page.get_by_role("link", name="Nightly")
    assert links.count() in (6, 7), "daily at 3:00, today perhaps not any more"
    expect(page.locator(".week")).to_contain_text("03:00")
    links.first.click()
    expect(page).to_have_url(path)


@pytest.mark.parametrize("kind", [{"every": "PT2H"}, {"at": "2099-01-01T00:00:00Z"}], ids=["every", "at"])
def test_a_schedule_without_a_cron_expression_is_changed(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn], kind: dict[str, str]
) -> None:
    admin = as_user(Role.ADMIN)
    body = {"name": "Rare", "action": "event.emit", "payload": {"type": "custom.x"}} | kind
    created = app.test_client().post("/api/v1/schedules", json=body, headers=admin.headers).json["data"]
    page = open_as(admin)
    page.goto(f"/console/schedules/{created['id']}/edit")
    page.get_by_label("Description").fill("A description")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The schedule is saved.")).to_be_visible()
    stored = app.test_client().get(f"/api/v1/schedules/{created['id']}", headers=admin.headers).json["data"]
    assert (stored["description"], stored["every"], stored["at"]) == ("A description", created["every"], created["at"])


def test_a_calendar_has_seven_days_and_says_where_it_is_cut() -> None:
    now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    daily = {"times": [f"2027-03-{day:02}T03:00:00Z" for day in range(2, 12)]}
    often = {"times": [f"2027-03-01T{12 + minute // 60:02}:{minute % 60:02}:00Z" for minute in range(100)]}
    days = coming_week([({"name": "daily"}, daily), ({"name": "often"}, often), ({"name": "unavailable"}, None)], now)
    assert [len(day.entries) for day in days] == [1, 1, 1, 1, 1, 1, 1]
    assert days[0].entries[0].is_cut and not days[1].entries[0].is_cut
    assert days[6].date.isoformat() == "2027-03-07"


def test_a_schedule_gets_an_interval_tags_calendars_a_limit_and_recipients(
    app: Flask, open_as: OpenAs, as_user: Callable[..., SignedIn]
) -> None:
    admin, other = as_user(Role.ADMIN, email="admin@example.org"), as_user(email="other@example.org")
    page = open_as(admin)
    page.goto("/console/schedules/new?action=event.emit")
    page.get_by_label("Name", exact=True).fill("Billing")
    page.get_by_label("Tags").fill("billing, nightly")
    page.get_by_label("in intervals").check()
    page.get_by_label("Interval", exact=True).fill("2h")
    page.get_by_label("Counted from").fill("2026-01-01T00:30")
    page.get_by_label("Not on the holidays of").fill("DE-BY ECB")
    page.get_by_label("Not on these dates").fill("2027-12-24 2027-12-31")
    page.get_by_label("Type").fill("custom.billing")
    page.get_by_label("Runs at the same time").fill("2")
    page.get_by_label("If the limit is reached").select_option("REPLACE")
    page.get_by_label("Together with").fill("billing")
    page.get_by_label("Notify of failures").fill("admin@example.org IN_APP\nother@example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The schedule is saved.")).to_be_visible()
    row = app.test_client().get("/api/v1/schedules?tag=billing", headers=admin.headers).json["data"][0]
    assert (
        row
        | {
            "kind": "EVERY",
            "every": "PT2H",
            "anchorAt": "2026-01-01T00:30:00.000Z",
            "tags": ["billing", "nightly"],
            "holidayCalendars": ["DE-BY", "ECB"],
            "excludedDates": ["2027-12-24", "2027-12-31"],
            "concurrencyLimit": 2,
            "concurrencyPolicy": "REPLACE",
            "concurrencyKey": "billing",
            "onFailure": {"userId": str(admin.user.id), "channel": "IN_APP"},
            "alertRecipients": [{"userId": str(other.user.id), "channel": "EMAIL"}],
        }
        == row
    )
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Notify of failures")).to_have_value("admin@example.org IN_APP\nother@example.org")
    page.get_by_label("once").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#at-error")).to_be_visible()
    page.get_by_label("Time", exact=True).fill("2099-05-04T10:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The schedule is saved.")).to_be_visible()
    row = app.test_client().get("/api/v1/schedules?tag=billing", headers=admin.headers).json["data"][0]
    assert (row["kind"], row["at"], row["every"]) == ("AT", "2099-05-04T10:00:00.000Z", None)
    assert len(row["alertRecipients"]) == 1
