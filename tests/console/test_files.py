"""Files in a real browser: upload in slices with progress, preview, links, quarantine, attaching to a message.

With `backend`, a test runs with a folder and with S3, where downloads are redirections to another origin.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_console.pages import downloads
from heidi_services.files.models import File, StoredObject
from heidi_services.files.storage import Storage
from heidi_services.notification.models import Notification
from tests.conftest import SignedIn
from tests.console.conftest import Served
from tests.files.test_processing import photo, work


def choose(page: Page, *paths: Path) -> None:
    page.goto("/console/files/")
    page.set_input_files("#file", [str(path) for path in paths])
    page.get_by_role("button", name="Upload").click()


def downloaded(page: Page, url: str) -> bytes:
    """What a browser saves that follows a link."""
    page.goto("/console/sign-in")
    with page.expect_download() as downloading:
        page.evaluate("url => { window.location.href = url }", url)
    return Path(downloading.value.path()).read_bytes()


def services_url(served: Served) -> str:
    """The URL of the services."""
    return str(served.app.extensions["heidi"].settings.peer_url)


def test_files_are_uploaded_in_slices_and_downloaded(
    app: Flask,
    backend: Storage,
    open_as: Callable[..., Page],
    as_user: Callable[..., SignedIn],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(downloads, "RANGE_BYTES", 400_000)
    content = os.urandom(1_300_000)
    (tmp_path / "Grö<b>ße.bin").write_bytes(content)
    (tmp_path / "empty.txt").write_bytes(b"")
    page = open_as(as_user(Role.USER))
    choose(page, tmp_path / "Grö<b>ße.bin", tmp_path / "empty.txt")
    expect(page.locator("#uploads li")).to_have_text([re.compile("Uploaded"), re.compile("Uploaded")])
    expect(page.locator("#file-list")).to_contain_text("empty.txt")
    page.locator("#uploads a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ße")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    assert Path(downloading.value.path()).read_bytes() == content


def test_a_file_that_is_too_large_is_explained(
    app: Flask,
    open_as: Callable[..., Page],
    as_user: Callable[..., SignedIn],
    tmp_path: Path,
    reconfigure: Callable[..., None],
) -> None:
    reconfigure(files_max_bytes=1000)
    (tmp_path / "large.bin").write_bytes(bytes(2000))
    page = open_as(as_user(Role.USER))
    choose(page, tmp_path / "large.bin")
    expect(page.locator("#uploads [role=status]")).to_contain_text("must not exceed 1000 bytes")


def test_an_image_has_a_preview_and_links(
    app: Flask,
    backend: Storage,
    served: Served,
    open_as: Callable[..., Page],
    as_user: Callable[..., SignedIn],
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").write_bytes(photo("PNG"))
    page = open_as(as_user(Role.USER))
    choose(page, tmp_path / "a.png")
    expect(page.locator("#uploads li")).to_have_text(re.compile("Uploaded"))
    work()
    page.locator("#uploads a").click()
    image = page.get_by_role("img", name="Preview of a.png")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 512)
    page.get_by_label("Downloads").fill("2")
    page.get_by_role("button", name="Create a link").click()
    expect(page.get_by_text("it is not shown again")).to_be_visible()
    link = re.search(r"http://heidi\.test(/api/v1/files/links/[^\s<\"]+)", page.content())
    assert link
    assert downloaded(open_as(None), services_url(served) + link[1]) == photo("PNG")
    page.goto(page.url.replace("/links/new", ""))
    assert "/api/v1/files/links/" not in page.content()
    page.get_by_role("button", name="Revoke").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The link no longer works.")).to_be_visible()


def test_a_quarantined_file_can_only_be_deleted(
    app: Flask, open_as: Callable[..., Page], as_user: Callable[..., SignedIn], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("x")
    page = open_as(as_user(Role.USER))
    choose(page, tmp_path / "a.txt")
    expect(page.locator("#uploads li")).to_have_text(re.compile("Uploaded"))
    with transaction():
        db.session.execute(update(StoredObject).values(scan_status="INFECTED"))
    page.goto("/console/files/?status=QUARANTINED")
    expect(page.get_by_role("table")).to_contain_text("Quarantined")
    page.get_by_role("link", name="a.txt").click()
    expect(page.get_by_text("A virus was detected")).to_be_visible()
    expect(page.get_by_role("link", name="Download")).to_have_count(0)
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The file was deleted.")).to_be_visible()
    assert db.session.scalar(select(File.id)) is None


def test_a_file_is_attached_to_a_message(
    app: Flask, open_as: Callable[..., Page], as_user: Callable[..., SignedIn], client: Any
) -> None:
    admin = as_user(Role.ADMIN)
    client.post("/api/v1/files?name=report.txt", data=b"Hello", headers=admin.headers)
    page = open_as(admin)
    page.goto(f"/console/messages/new?user={admin.user.email}")
    page.get_by_label("Text", exact=True).last.fill("Here it is")
    page.get_by_label("Attachments").select_option(label="report.txt")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The message is accepted.")).to_be_visible()
    assert page.url.endswith(f"/console/messages/{db.session.scalars(select(Notification.id)).one()}")
    db.session.rollback()
    assert [item["name"] for item in db.session.scalars(select(Notification.attachments)).one() or ()] == ["report.txt"]
