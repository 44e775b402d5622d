"""Avatars in a real browser: uploaded, shown, replaced and removed, for the own account and by an administrator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role, User
from heidi_services.files.models import File
from heidi_services.files.storage import Storage
from tests.conftest import SignedIn
from tests.files.conftest import stored_keys
from tests.files.test_processing import photo, work
from tests.polling import until

Open = Callable[..., Page]
AsUser = Callable[..., SignedIn]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "Ada & <b>.png"
    path.write_bytes(photo("PNG", (1600, 800)))
    return path


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#avatar-file", str(path))
    page.locator("#avatar-file").locator("xpath=ancestor::form").get_by_role("button", name="Upload").click()


def shown_width(image: Locator) -> int:
    """The width of the picture in pixels, once the browser has loaded it; 0 until then."""
    return int(image.evaluate("image => image.complete ? image.naturalWidth : 0"))


def avatar_of(user: SignedIn) -> File | None:
    db.session.rollback()
    return db.session.scalar(select(File).join(User, User.avatar_file_id == File.id).where(User.id == user.user.id))


def test_a_user_uploads_replaces_and_removes_a_picture(
    app: Flask, backend: Storage, open_as: Open, as_user: AsUser, picture: Path
) -> None:
    user = as_user()
    page = open_as(user)
    page.goto("/console/account/")
    upload(page, picture)
    expect(page.get_by_text("The picture is changed.")).to_be_visible()
    work()
    page.reload()
    image = page.get_by_role("img", name="Picture of")
    until(lambda: shown_width(image) == 128)
    assert len(stored_keys(backend)) == 4, "the picture and its renditions"
    first = avatar_of(user)
    assert first is not None and first.name == "Ada & _b_.png"
    picture.write_bytes(photo("JPEG", (300, 600)))
    upload(page, picture)
    expect(page.get_by_text("The picture is changed.")).to_be_visible()
    work()
    page.reload()
    until(lambda: shown_width(image) == 64)
    page.get_by_role("button", name="Remove the picture").click()
    expect(page.get_by_text("The picture is removed.")).to_be_visible()
    expect(image).to_have_count(0)
    assert avatar_of(user) is None


def test_a_file_that_is_not_a_picture_is_explained(app: Flask, open_as: Open, as_user: AsUser, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    page = open_as(as_user())
    page.goto("/console/account/")
    upload(page, tmp_path / "a.png")
    expect(page.get_by_text("Must be an image")).to_be_visible()


def test_an_administrator_uploads_a_picture_for_a_user(
    app: Flask, backend: Storage, open_as: Open, as_user: AsUser, picture: Path
) -> None:
    user = as_user()
    page = open_as(Role.ADMIN)
    page.goto(f"/console/people/{user.user.id}")
    page.get_by_text("Change the picture").click()
    upload(page, picture)
    expect(page.get_by_text("The picture is changed.")).to_be_visible()
    work()
    page.reload()
    until(lambda: shown_width(page.get_by_role("img", name="Picture of")) == 128)
    avatar = avatar_of(user)
    assert avatar is not None and avatar.user_id == user.user.id


def test_a_picture_that_is_scanned_first_is_chosen_afterwards(
    app: Flask,
    client: FlaskClient,
    open_as: Open,
    as_user: AsUser,
    picture: Path,
    reconfigure: Callable[..., None],
    clamd: str,
    tmp_path: Path,
) -> None:
    reconfigure(clamav_url=clamd, files_path=str(tmp_path / "stored"))
    user = as_user()
    page = open_as(user)
    page.goto("/console/account/")
    upload(page, picture)
    expect(page.get_by_text("The picture is being scanned for viruses.")).to_be_visible()
    assert avatar_of(user) is None
    work()
    page.reload()
    page.get_by_role("button", name="Use as picture").click()
    expect(page.get_by_text("The picture is changed.")).to_be_visible()
    until(lambda: shown_width(page.get_by_role("img", name="Picture of")) == 128)
