"""Past events are replayed from the console."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Page, expect

from heidi_common.identity.models import Role


def test_a_replay_is_requested_watched_and_cancelled(app: Flask, open_as: Callable[..., Page]) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/events/")
    page.get_by_role("link", name="Replays").click()
    page.get_by_role("link", name="Replay past events").click()
    page.get_by_label("Subscriber", exact=True).select_option("renew_overview")
    page.get_by_label("Types").fill("city.created")
    page.get_by_label("From").fill("2026-01-01T00:00")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("#types-error")).to_contain_text("user.*")
    page.get_by_label("Types").fill("user.created user.deleted")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("The replay has started.")).to_be_visible()
    expect(page.get_by_role("heading", name="Replay to renew_overview")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".lead").get_by_text("Cancelled")).to_be_visible()
    page.goto("/console/events/replays?status=CANCELLED")
    expect(page.get_by_role("row", name="renew_overview")).to_contain_text("user.created user.deleted")
