"""What operators and users do, from the first click to the effect in the platform."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from heidi_common.identity.models import Role
from heidi_services.scheduler.service.runs.executor import execute_run
from heidi_standalone.servers.mail_sink import MaildirHandler
from tests.auth.helpers import register_verified
from tests.conftest import SignedIn
from tests.console.accessibility import violations
from tests.console.conftest import Served
from tests.notification.conftest import delivered
from tests.notification.mailserver import mail_server

OpenAs = Callable[..., Page]
AsUser = Callable[..., SignedIn]


def test_a_user_is_deactivated_signed_out_at_once_and_activated(
    app: Flask, client: FlaskClient, open_as: OpenAs, as_user: AsUser
) -> None:
    ada = as_user(email="ada@example.test", first_name="Ada")
    page = open_as(Role.ADMIN)
    page.goto("/console/people/")
    page.get_by_label("Name or e-mail address").fill("ada@")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Ada").click()
    assert client.get("/api/v1/auth/me", headers=ada.headers).status_code == 200
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("deactivated and signed out")).to_be_visible()
    assert client.get("/api/v1/auth/me", headers=ada.headers).status_code == 401
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("The account is active.")).to_be_visible()


def test_a_second_factor_is_enrolled_from_the_page(
    app: Flask, client: FlaskClient, open_as: OpenAs, served: Served
) -> None:
    register_verified(client)
    page = open_as(None)
    page.goto("/console/sign-in?next=/console/account/")
    page.get_by_label("E-mail address").fill("ada@example.test")
    page.get_by_label("Password").fill("violet-harbour-91-lantern")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.get_by_alt_text("QR code of the second factor")).to_be_visible()
    assert violations(page) == []
    secret = page.locator("form .ident code").inner_text()
    page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)
    assert violations(page) == []
    page.get_by_role("link", name="Continue").click()
    expect(page.get_by_text("10 recovery codes are left.")).to_be_visible()
    page.get_by_role("button", name="New recovery codes").click()
    page.get_by_role("dialog").get_by_role("button", name="New recovery codes").click()
    expect(page.locator(".codes li")).to_have_count(10)


def test_a_schedule_is_typed_in_by_keyboard_and_started(app: Flask, client: FlaskClient, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/schedules/new?action=event.emit")
    page.get_by_label("Name").focus()
    page.keyboard.type("Nightly report")
    page.get_by_label("Cron expression").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("30 2 * * *")
    expect(page.locator("#preview")).to_contain_text("02:30")
    page.get_by_label(re.compile("^Type")).focus()
    page.keyboard.type("custom.report")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The schedule is saved.")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#run").get_by_text("Queued")).to_be_visible()
    execute_run(UUID(page.url.rpartition("/")[2]))
    expect(page.locator("#run").get_by_text("Succeeded")).to_be_visible()


def test_a_cron_expression_is_described_in_german(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN, locale="de")
    page.goto("/console/schedules/new?action=event.emit")
    page.get_by_label("Cron-Ausdruck").fill("30 2 * * 1")
    expect(page.locator("#preview")).to_contain_text("montags um 02:30 Uhr, UTC")
    page.get_by_label("Name").fill("Wochenbericht")
    page.get_by_label(re.compile("^Typ|^Art")).fill("custom.report")
    page.get_by_role("button", name="Speichern").click()
    expect(page.get_by_text("montags um 02:30 Uhr, UTC")).to_be_visible()
    page.goto("/console/schedules/monitors/new")
    page.get_by_label("zu Zeitpunkten").check()
    page.get_by_label("Cron-Ausdruck").fill("0 4 * * *")
    expect(page.locator("#preview")).to_contain_text("jeden Tag um 04:00 Uhr, UTC")


def test_a_wrong_payload_is_explained_at_its_field(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/schedules/new?action=event.emit")
    page.get_by_label("Name").fill("Wrong")
    page.get_by_label(re.compile("^Type")).fill("not custom")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".field.wrong")).to_have_count(1)
    expect(page.get_by_label("Name")).to_have_value("Wrong")


def test_a_machine_client_is_created_and_revoked(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/clients/new")
    page.get_by_label("Name").fill("billing")
    page.get_by_label("users:read").check()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("It is not shown again.")).to_be_visible()
    page.goto("/console/clients/")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The client is revoked.")).to_be_visible()


def test_an_endpoint_is_created_and_its_secret_shown_once(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/webhooks/new")
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("Endpoint").fill("http://127.0.0.1:9/hook")
    page.get_by_label("Event types").fill("notification.sent")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("Signing secret, to verify what we send you")).to_be_visible()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Endpoint").fill("http://127.0.0.1:9/moved")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("http://127.0.0.1:9/moved")).to_be_visible()
    expect(page.get_by_text("notification.sent")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(".notice.bad")).to_be_visible()


def test_a_template_is_written_and_its_email_arrives(
    app: Flask, open_as: OpenAs, reconfigure: Callable[..., None], tmp_path: Path
) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/templates/new")
    page.get_by_label("Name").fill("order-shipped")
    page.get_by_label("Subject").fill("Order {{ number }}")
    page.get_by_role("textbox", name="Text").fill("Hello {{ name }}")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Variables for the preview").fill('{"number": "7", "name": "<b>Ada</b>"}')
    expect(page.locator("#preview")).to_contain_text("Hello <b>Ada</b>")
    page.get_by_role("button", name="Send a test to yourself").click()
    expect(page.get_by_text("The test is on its way to you.")).to_be_visible()
    with mail_server(cast(Any, MaildirHandler(tmp_path))) as sink:
        reconfigure(smtp_url=sink.url, mail_sink_folder=str(tmp_path))
        assert delivered(UUID(page.url.rpartition("/")[2])).status == "SENT"
    expect(page.locator("#heading").get_by_text("Sent")).to_be_visible()
    page.get_by_role("link", name="Mail", exact=True).click()
    page.get_by_role("link", name="Order 7").click()
    expect(page.locator(".message-text")).to_contain_text("Hello <b>Ada</b>")


def test_preferences_are_saved(app: Flask, open_as: OpenAs) -> None:
    page = open_as(Role.USER)
    page.goto("/console/account/preferences")
    page.get_by_label("marketing, E-mail").uncheck()
    page.get_by_label("From").fill("22:00")
    page.get_by_label("Until", exact=True).fill("06:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your preferences are saved.")).to_be_visible()
    page.goto("/console/account/preferences")
    expect(page.get_by_label("marketing, E-mail")).not_to_be_checked()
    expect(page.get_by_label("From")).to_have_value("22:00")
