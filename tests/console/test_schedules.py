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
