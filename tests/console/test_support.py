"""What administrators do with accounts, imports and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import select, text, update

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, Session
from heidi_console.pages import audit as audit_page
from heidi_services.notification.enums import Channel
from heidi_services.notification.service.recipients import suppressions
from tests.auth.helpers import login, register_verified
from tests.conftest import SignedIn
from tests.console.conftest import COOKIE, Served, start_session
from workers.users import import_users

Open = Callable[..., Page]
AsUser = Callable[..., SignedIn]
CSV = b"email,firstName\nada@example.org,Ada\nnonsense,Bob\n"


def test_a_stolen_account_is_signed_out_with_a_reason(
    app: Flask, client: FlaskClient, open_as: Open, as_user: AsUser
) -> None:
    ada = as_user(email="ada@example.test", first_name="Ada")
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{ada.user.id}")
    page.get_by_role("button", name="Sign out everywhere").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Sign out everywhere").click()
    expect(dialog).to_be_visible()  # the reason is required
    dialog.get_by_label("Reason").fill("The user reports a stolen account.")
    dialog.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("The user is signed out.")).to_be_visible()
    assert client.get("/api/v1/auth/me", headers=ada.headers).status_code == 401


def test_a_second_factor_and_one_session_are_removed(app: Flask, open_as: Open, as_user: AsUser) -> None:
    ada = as_user(email="ada@example.test")
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{ada.user.id}")
    for button, done in (("End", "The user is signed out."), ("Remove second factor", "Second factor not found.")):
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("dialog").get_by_label("Reason").fill("Lost.")
        page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_text(done)).to_be_visible()


def test_an_old_session_signs_in_again_and_comes_back(
    app: Flask, client: FlaskClient, open_as: Open, as_user: AsUser
) -> None:
    data = register_verified(client)
    ada = as_user(email="bob@example.test")
    with transaction():
        db.session.execute(text("UPDATE users SET role = 'ADMIN' WHERE email = 'ada@example.test'"))
    assert data
    page = open_as(None)
    page.goto(f"/console/sign-in?next=/console/people/{ada.user.id}")
    _sign_in(page, "ada@example.test")
    with transaction():
        db.session.execute(update(Session).values(created_at=utcnow() - timedelta(minutes=11)))
    _end_sessions(page)
    page.get_by_role("button", name="Sign in again").click()
    expect(page.get_by_label("E-mail address")).to_have_value("ada@example.test")
    _sign_in(page, None)
    expect(page).to_have_url(f"/console/people/{ada.user.id}")
    _end_sessions(page)
    expect(page.get_by_text("The user is signed out.")).to_be_visible()


def _sign_in(page: Page, email: str | None) -> None:
    if email:
        page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("violet-harbour-91-lantern")
    page.get_by_role("button", name="Sign in").click()


def _end_sessions(page: Page) -> None:
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("Stolen.")
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()


def test_the_data_of_a_user_is_exported_with_a_reason(app: Flask, open_as: Open, as_user: AsUser) -> None:
    ada = as_user(email="ada@example.test", first_name="Ada")
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{ada.user.id}")
    page.get_by_role("button", name="Export data").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("GDPR request 7")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Export data").click()
    exported = json.loads(download.value.path().read_text())
    assert exported["user"]["email"] == "ada@example.test"
    expect(dialog).to_be_hidden()
    page.reload()
    expect(page.get_by_text("Reason: GDPR request 7")).to_be_visible()


def test_a_moderator_cannot_export_data(served: Served, as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(served.app.config, "WTF_CSRF_ENABLED", False)
    client, ada = served.app.test_client(), as_user()
    client.set_cookie(COOKIE, start_session(served, as_user(Role.MODERATOR)))
    headers, form = {"Sec-Fetch-Site": "same-origin"}, {"reason": "curious"}
    assert client.post(f"/console/people/{ada.user.id}/export", data=form, headers=headers).status_code == 403


def test_the_account_shows_what_the_user_does_not_receive(
    app: Flask, client: FlaskClient, open_as: Open, as_user: AsUser
) -> None:
    ada = as_user(email="ada@example.test")
    muted = {
        "preferences": [{"category": "marketing", "channel": "EMAIL", "enabled": False}],
        "quietHours": {"start": "22:00", "end": "06:00", "timezone": "Europe/Zurich"},
    }
    client.put("/api/v1/notifications/preferences", json=muted, headers=ada.headers)
    suppressions.add_suppression(Channel.EMAIL, ada.user.email, reason="bounced", actor=None)
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{ada.user.id}")
    expect(page.get_by_text("marketing (E-mail)")).to_be_visible()
    expect(page.get_by_text("22:00 – 06:00 Europe/Zurich")).to_be_visible()
    expect(page.locator(".notice.warn")).to_contain_text("Nothing is sent to ada@example.test: It bounced")


def test_the_trail_says_who_changed_a_role(app: Flask, client: FlaskClient, open_as: Open, as_user: AsUser) -> None:
    ada, boss = as_user(email="ada@example.test"), as_user(Role.ADMIN, email="boss@example.test")
    client.patch(f"/api/v1/users/{ada.user.id}", json={"role": "MODERATOR"}, headers=boss.headers)
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{ada.user.id}")
    expect(page.get_by_text("role: User → Moderator")).to_be_visible()
    expect(page.get_by_text("by boss@example.test")).to_be_visible()
    page.get_by_role("link", name="All entries about this user").click()
    row = page.locator("tbody tr", has_text="user_updated")
    expect(row).to_contain_text("role: User → Moderator")
    expect(row).to_contain_text("boss@example.test")


def test_the_trail_names_machine_clients(
    app: Flask, client: FlaskClient, open_as: Open, as_client: Callable[..., dict[str, str]]
) -> None:
    body = {"email": "new@example.test", "password": "violet-harbour-91-lantern"}
    created = client.post("/api/v1/users", json=body, headers=as_client("users:write")).json["data"]
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{created['id']}")
    expect(page.get_by_text("by client machine")).to_be_visible()
    page.get_by_role("link", name="All entries about this user").click()
    page.get_by_role("link", name="client machine").click()
    expect(page.get_by_role("heading", name="Clients", level=1)).to_be_visible()


def test_an_import_shows_its_progress_and_the_line_with_an_error(app: Flask, open_as: Open) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/people/")
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_role("link", name="Import people").click()
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".field.wrong")).to_contain_text("Choose a file")
    page.get_by_label("File").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": CSV})
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#progress")).to_contain_text("Waiting")
    db.session.rollback()  # begins a transaction that is later than the import
    import_users(page.url.rpartition("/")[2])
    expect(page.locator("#progress")).to_contain_text("Succeeded")  # without a reload
    page.get_by_role("link", name="Rejected 1").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("3")
    expect(page.locator("tbody tr")).to_contain_text("email:")


def test_a_file_that_is_rejected_is_explained_at_its_field(app: Flask, open_as: Open) -> None:
    page = open_as(Role.MODERATOR)
    page.goto("/console/places/imports/new")
    page.get_by_label("Or paste the rows").fill("name;country\nUster;CH")
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".field.wrong")).to_contain_text("latitude")
    expect(page.get_by_label("Or paste the rows")).to_have_value("name;country\nUster;CH")


def test_an_import_is_cancelled(app: Flask, open_as: Open) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/console/people/imports/new")
    page.get_by_label("Or paste the rows").fill(CSV.decode())
    page.get_by_role("button", name="Import").click()
    page.get_by_role("button", name="Cancel import").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel import").click()
    expect(page.get_by_text("The import is cancelled.")).to_be_visible()


def test_the_audit_trail_is_verified_in_several_steps(
    app: Flask, client: FlaskClient, open_as: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_verified(client)
    for _ in range(3):
        login(client, password="not-her-password")
    monkeypatch.setattr(audit_page, "SECONDS", 0.0)
    steps: list[int] = []
    get = audit_page.calls.get

    def in_small_parts(path: str, **params: Any) -> Any:
        if path.endswith("/integrity"):
            steps.append(params["from"])
            params["limit"] = 2
        return get(path, **params)

    monkeypatch.setattr(audit_page.calls, "get", in_small_parts)
    page = open_as(Role.ADMIN)
    page.goto("/console/audit/")
    page.get_by_role("link", name="Integrity").click()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("All entries are intact.")).to_be_visible()
    assert steps[:3] == [1, 3, 5]


def test_a_broken_chain_is_reported_with_its_position(app: Flask, client: FlaskClient, open_as: Open) -> None:
    register_verified(client)
    login(client)
    with transaction():
        db.session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        db.session.execute(update(Audit).where(Audit.position == 2).values(outcome="failure"))
        db.session.execute(text("ALTER TABLE audit ENABLE TRIGGER USER"))
    page = open_as(Role.ADMIN)
    page.goto("/console/audit/integrity")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("The chain is broken at entry 2")).to_be_visible()


def test_the_audit_trail_is_filtered_by_address_and_exported(
    app: Flask, client: FlaskClient, open_as: Open, served: Served
) -> None:
    register_verified(client)
    login(client)
    page = open_as(Role.ADMIN)
    page.goto("/console/audit/")
    page.get_by_label("By (e-mail or ID)").fill("nobody@example.test")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No user has this address")).to_be_visible()
    page.get_by_label("By (e-mail or ID)").fill("ada@example.test")
    page.get_by_label("Since").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr", has_text="authn_login_success").first).to_contain_text("ada@example.test")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("position,at,action") and any("authn_login_success" in line for line in lines)
    assert len(lines) - 1 == len(db.session.scalars(select(Audit.position).where(Audit.actor.is_not(None))).all())


def test_a_user_gets_a_link_to_choose_a_new_password(app: Flask, open_as: Open, as_user: AsUser) -> None:
    person = as_user(email="ada@example.test")
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{person.user.id}")
    page.get_by_role("button", name="E-mail a link to choose a new password").click()
    page.get_by_role("dialog").get_by_role("button", name="E-mail a link to choose a new password").click()
    expect(page.get_by_text("The link to choose a new password is on its way.")).to_be_visible()
    requested = select(Audit.target).where(Audit.action == "authn_password_forgot")
    assert db.session.scalars(requested).all() == [str(person.user.id)]
