"""Monitors of jobs that run elsewhere, in the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from heidi_common.identity.models import Role
from heidi_console.forms.durations import short, short_iso
from tests.conftest import SignedIn
from tests.console.examples import monitor
from tests.notification.conftest import Post

Open = Callable[..., Page]
API = "/api/v1/schedules/monitors"


def stored(app: Flask, admin: SignedIn) -> dict[str, Any]:
    """The only monitor."""
    (row,) = app.test_client().get(API, headers=admin.headers).json["data"]
    return dict(row)


def test_a_monitor_is_created_and_its_job_reports(app: Flask, open_as: Open, as_user: Callable[..., SignedIn]) -> None:
    admin, other = as_user(Role.ADMIN, email="admin@example.org"), as_user(email="other@example.org")
    page = open_as(admin)
    page.goto("/console/schedules/")
    page.get_by_role("link", name="Monitors").click()
    page.get_by_role("link", name="New monitor").click()
    page.get_by_label("Name").fill("Backup")
    page.get_by_label("Interval", exact=True).fill("1h 30m")
    page.get_by_label("Grace time").fill("soon")
    page.get_by_label("Notify").fill("admin@example.org\nother@example.org IN_APP")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#grace-error")).to_contain_text("such as 15m")
    page.get_by_label("Grace time").fill("600 s")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The monitor is saved.")).to_be_visible()
    row = stored(app, admin)
    assert (row["every"], row["graceSeconds"]) == ("PT1H30M", 600)
    assert row["recipients"] == [
        {"userId": str(admin.user.id), "channel": "EMAIL"},
        {"userId": str(other.user.id), "channel": "IN_APP"},
    ]
    expect(page.get_by_text(f"curl -fsS -m 10 --retry 5 {row['pingUrl']}").first).to_be_visible()
    app.test_client().post(urlsplit(row["pingUrl"]).path, data=b"done")
    page.reload()
    expect(page.locator(".lead").get_by_text("Up")).to_be_visible()
    page.locator(".rows a").first.click()
    expect(page.get_by_text("done")).to_be_visible()


def test_a_monitor_is_changed_to_times_paused_resumed_and_deleted(
    app: Flask, open_as: Open, as_user: Callable[..., SignedIn], post: Post
) -> None:
    admin = as_user(Role.ADMIN)
    page = open_as(admin)
    page.goto(monitor(admin, post))
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Interval", exact=True)).to_have_value("1d")
    expect(page.get_by_label("Grace time")).to_have_value("1h 30m")
    page.get_by_label("at times").check()
    page.get_by_label("Cron expression").fill("99 3 * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#cron_expression-error")).to_contain_text("99")
    page.get_by_label("Cron expression").fill("30 3 * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The monitor is saved.")).to_be_visible()
    assert (stored(app, admin)["every"], stored(app, admin)["cronExpression"]) == (None, "30 3 * * *")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("The monitor is paused.")).to_be_visible()
    assert stored(app, admin)["status"] == "PAUSED"
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("The monitor waits for the next ping.")).to_be_visible()
    before = stored(app, admin)["pingUrl"]
    page.get_by_role("button", name="Replace the ping URL").click()
    page.get_by_role("dialog").get_by_role("button", name="Replace the ping URL").click()
    expect(page.get_by_text("The ping URL is replaced.")).to_be_visible()
    assert stored(app, admin)["pingUrl"] != before
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No monitors yet.")).to_be_visible()


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1m"), (5400, "1h 30m"), (90_061, "1d 1h 1m 1s"), (604_800, "7d"), (0, "")]
)
def test_durations_are_short(seconds: int, text: str) -> None:
    assert short(seconds) == text


@pytest.mark.parametrize(("iso", "text"), [("PT90M", "1h 30m"), ("P2W", "14d"), ("P1DT12H", "1d 12h"), (None, "")])
def test_durations_of_the_api_are_short(iso: str | None, text: str) -> None:
    assert short_iso(iso) == text
