"""Links for people without an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_services.files.models import FileLink
from heidi_services.files.service import cleanup
from heidi_services.files.storage import Storage
from tests.conftest import SignedIn


class Linked:
    """A user's file."""

    def __init__(self, client: FlaskClient, user: SignedIn, file: dict[str, Any]) -> None:
        self.client, self.user, self.path = client, user, f"/api/v1/files/{file['id']}"

    def link(self, **body: Any) -> tuple[str, str]:
        """Create a link; returns its ID and the path of its URL."""
        response = self.client.post(f"{self.path}/links", json=body, headers=self.user.headers)
        assert response.status_code == 201, response.json
        data = response.json["data"]
        return data["id"], data["url"].removeprefix("http://heidi.test")

    def status(self) -> dict[str, Any]:
        data: dict[str, Any] = self.client.get(self.path, headers=self.user.headers).json["data"]
        return data


@pytest.fixture
def linked(local: Any, client: FlaskClient, as_user: Any, send: Any) -> Linked:
    user = as_user()
    return Linked(client, user, send(user, b"content", name="a.txt").json["data"])


def test_a_link_needs_no_account_and_saves_the_file(linked: Linked) -> None:
    _, path = linked.link(expiresIn=60)
    response = linked.client.get(path)
    assert response.status_code == 200 and response.data == b"content"
    assert response.headers["Content-Disposition"] == 'attachment; filename="a.txt"'
    assert (
        response.headers["Cache-Control"] == "private, no-cache"
        and "sandbox" in response.headers["Content-Security-Policy"]
    )
    assert linked.client.get(path, headers={"Range": "bytes=0-2"}).data == b"con"
    assert linked.status()["visibility"] == "LINK"


def test_a_link_works_with_each_backend(backend: Storage, client: FlaskClient, as_user: Any, send: Any) -> None:
    user = as_user()
    linked = Linked(client, user, send(user, b"content").json["data"])
    response = client.get(linked.link()[1])
    assert response.status_code in (200, 302)


def test_a_link_ends(linked: Linked) -> None:
    _, path = linked.link(expiresIn=60)
    with transaction():
        db.session.execute(update(FileLink).values(expires_at=utcnow() - timedelta(seconds=1)))
    assert linked.client.get(path).status_code == 404
    cleanup.delete_expired_links()
    assert db.session.scalar(select(func.count()).select_from(FileLink)) == 1
    with transaction():
        db.session.execute(update(FileLink).values(expires_at=utcnow() - timedelta(days=31)))
    cleanup.delete_expired_links()
    assert db.session.scalar(select(func.count()).select_from(FileLink)) == 0


def test_the_number_of_downloads_is_limited(linked: Linked) -> None:
    link_id, path = linked.link(downloads=2)
    tag = linked.client.get(path).headers["ETag"]
    assert linked.client.head(path).status_code == 200
    assert linked.client.get(path, headers={"Range": "bytes=3-"}).status_code == 206
    for headers in ({}, {"Range": "bytes=1-"}, {"If-None-Match": tag}):
        assert linked.client.get(path, headers=headers).status_code == 404
    [listed] = linked.client.get(f"{linked.path}/links", headers=linked.user.headers).json["data"]
    assert (listed["id"], listed["downloads"], listed["maxDownloads"], "url" in listed) == (link_id, 2, 2, False)


def test_a_link_can_be_revoked(linked: Linked, as_user: Any) -> None:
    (first, path), (_, other_path) = linked.link(), linked.link()
    url = f"{linked.path}/links/{first}"
    assert linked.client.delete(url, headers=as_user().headers).status_code == 404
    assert linked.client.delete(url, headers=linked.user.headers).status_code == 204
    assert linked.client.delete(url, headers=linked.user.headers).status_code == 404
    assert linked.client.get(path).status_code == 404 and linked.client.get(other_path).status_code == 200


def test_links_do_not_work_while_the_file_is_private_or_deleted(linked: Linked) -> None:
    _, path = linked.link()
    for visibility, status in {"PRIVATE": 404, "LINK": 200, "PUBLIC": 200}.items():
        linked.client.patch(linked.path, json={"visibility": visibility}, headers=linked.user.headers)
        assert linked.client.get(path).status_code == status
    assert linked.client.delete(linked.path, headers=linked.user.headers).status_code == 204
    assert linked.client.get(path).status_code == 404


@pytest.mark.parametrize(
    "body", [{"expiresIn": 0}, {"expiresIn": 40_000_000}, {"downloads": 0}, {"downloads": "2"}, {"x": 1}]
)
def test_an_invalid_link_is_rejected(linked: Linked, body: dict[str, Any]) -> None:
    response = linked.client.post(f"{linked.path}/links", json=body, headers=linked.user.headers)
    assert response.status_code == 422
