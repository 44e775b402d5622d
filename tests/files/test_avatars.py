"""Avatars: own images among the files, shown at a URL that stays the same."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, User
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.files.models import StoredObject
from heidi_services.users.service import deleted_files
from tests.conftest import SignedIn
from tests.files.conftest import stored_keys
from tests.files.test_processing import photo, work

ME = "/api/v1/users/me"


def upload(client: FlaskClient, user: SignedIn, content: bytes | None = None, query: str = "") -> str:
    data = photo("PNG", (300, 200)) if content is None else content
    response = client.post(f"/api/v1/files?name=me.png{query}", data=data, headers=user.headers)
    assert response.status_code == 201, response.json
    work()
    return str(response.json["data"]["id"])


def choose(client: FlaskClient, user: SignedIn, file_id: str | None, path: str = ME, **headers: str) -> Any:
    return client.patch(path, json={"avatarFileId": file_id}, headers={**user.headers, **headers})


def shown(client: FlaskClient, of: SignedIn, by: SignedIn | None = None, query: str = "", **headers: str) -> Any:
    own = by.headers if by else {}
    return client.get(f"/api/v1/files/avatars/{of.user.id}{query}", headers={**own, **headers})


def test_users_choose_one_of_their_images(local: Any, client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    user = as_user()
    file_id = upload(client, user)
    version = client.get(ME, headers=user.headers).headers["ETag"]
    changed = choose(client, user, file_id, **{"If-Match": version})
    assert (changed.status_code, changed.json["data"]["avatarFileId"]) == (200, file_id)
    assert choose(client, user, file_id, **{"If-Match": version}).status_code == 412
    response = shown(client, user, user)
    assert response.status_code == 200 and response.headers["Content-Type"] == "image/webp"
    assert response.headers["Cache-Control"] == "private, no-cache" and "sandbox" in str(response.headers)
    with Image.open(io.BytesIO(response.data)) as image:
        assert image.size == (128, 85)
    tag = response.headers["ETag"]
    assert shown(client, user, user, **{"If-None-Match": tag}).status_code == 304
    assert shown(client, user, user, "?size=512").headers["ETag"] != tag
    assert shown(client, user, user, "?size=7").status_code == 422
    other = upload(client, user, photo("PNG", (50, 50)))
    assert choose(client, user, other).status_code == 200
    assert shown(client, user, user, **{"If-None-Match": tag}).status_code == 200
    assert client.get(f"{ME}/export", headers=user.headers).json["data"]["user"]["avatarFileId"] == other
    assert choose(client, user, None).json["data"]["avatarFileId"] is None
    missing = shown(client, user, user)
    assert (missing.status_code, missing.json["code"]) == (404, "no_avatar")
    assert client.get(f"/api/v1/files/{other}", headers=user.headers).status_code == 200


@pytest.mark.parametrize("case", ["missing", "of another user", "public of another user", "text", "broken", "infected"])
def test_other_files_are_rejected(local: Any, client: FlaskClient, as_user: Callable[..., SignedIn], case: str) -> None:
    user, stranger = as_user(), as_user()
    if case == "missing":
        file_id = str(uuid4())
    elif "another" in case:
        file_id = upload(client, stranger, query="&visibility=PUBLIC" if "public" in case else "")
    else:
        content = {"text": b"hello", "broken": photo("PNG")[:200], "infected": None}[case]
        file_id = upload(client, user, content)
    if case == "infected":
        with transaction():
            db.session.execute(update(StoredObject).values(scan_status="INFECTED"))
    response = choose(client, user, file_id)
    assert response.status_code == 422, response.json
    assert response.json["errors"][0]["pointer"] == "/avatarFileId"
    assert client.get(ME, headers=user.headers).json["data"]["avatarFileId"] is None


def test_an_image_that_is_being_scanned_must_wait(
    local: Any, client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    user = as_user()
    file_id = upload(client, user)
    with transaction():
        db.session.execute(update(StoredObject).values(scan_status="PENDING"))
    response = choose(client, user, file_id)
    assert (response.status_code, response.json["code"]) == (409, "scanning") and response.headers["Retry-After"]


def test_those_who_may_read_the_account_see_its_avatar(
    local: Any, client: FlaskClient, as_user: Callable[..., SignedIn], as_client: Callable[..., Any]
) -> None:
    user, stranger = as_user(), as_user()
    file_id = upload(client, user)
    choose(client, user, file_id)
    for role in (Role.ADMIN, Role.MODERATOR):
        assert shown(client, user, as_user(role)).status_code == 200
    path = f"/api/v1/files/avatars/{user.user.id}"
    assert client.get(path, headers=as_client("files:read")).status_code == 200
    assert client.get(path, headers=as_client("users:read")).status_code == 404
    assert shown(client, user, stranger).status_code == 404 and shown(client, user).status_code == 404
    assert shown(client, user, Authorization="Bearer x").status_code == 401
    client.patch(f"/api/v1/files/{file_id}", json={"visibility": "PUBLIC"}, headers=user.headers)
    public = shown(client, user)
    assert public.status_code == 200 and public.headers["Cache-Control"] == "public, max-age=300"
    assert public.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_administrators_choose_for_others_an_image_of_that_user(
    local: Any, client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    admin, user = as_user(Role.ADMIN), as_user()
    path = f"/api/v1/users/{user.user.id}"
    assert choose(client, admin, upload(client, admin), path).status_code == 422
    file_id = upload(client, admin, query=f"&userId={user.user.id}")
    assert choose(client, as_user(Role.MODERATOR), file_id, path).status_code == 403
    assert choose(client, admin, file_id, path).status_code == 200
    assert client.get(ME, headers=user.headers).json["data"]["avatarFileId"] == file_id


def test_a_deleted_file_is_no_longer_the_avatar(
    local: Any, client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    user, other = as_user(), as_user()
    avatar, kept = upload(client, user), upload(client, other)
    choose(client, user, avatar)
    choose(client, other, kept)
    for file_id, owner in ((avatar, user), (upload(client, user, b"x"), user)):
        assert client.delete(f"/api/v1/files/{file_id}", headers=owner.headers).status_code == 204
    assert shown(client, user, user).status_code == 404
    db.session.rollback()
    events = list(db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "file.deleted")))
    selected = deleted_files.filter_avatars(events)
    assert [event.subject for event in events if event.id in selected] == [avatar]
    for event in events:
        deleted_files.clear_avatar(event)
    db.session.rollback()
    avatars = dict(db.session.execute(select(User.id, User.avatar_file_id)).all())
    assert avatars[user.user.id] is None and avatars[other.user.id] == UUID(kept)


def test_erasure_removes_the_avatar(local: Any, client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    admin, user = as_user(Role.ADMIN), as_user()
    choose(client, user, upload(client, user))
    assert client.post(f"/api/v1/users/{user.user.id}/erase", json={}, headers=admin.headers).status_code == 202
    db.session.rollback()
    assert db.session.scalar(select(User.avatar_file_id).where(User.id == user.user.id)) is None
    assert shown(client, user, admin).status_code == 404


@pytest.mark.parametrize("backend", ["s3"], indirect=True)
def test_an_avatar_in_s3_is_redirected_or_sent(
    backend: Any, client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    user = as_user()
    file_id = upload(client, user)
    choose(client, user, file_id)
    response = shown(client, user, user)
    assert response.status_code == 302
    stored = requests.get(response.location, timeout=10)
    assert stored.headers["Content-Type"] == "image/webp"
    sent = shown(client, user, user, "?redirect=false")
    assert (sent.status_code, sent.data, sent.headers["Content-Type"]) == (200, stored.content, "image/webp")
    tag = sent.headers["ETag"]
    assert shown(client, user, user, "?redirect=false", **{"If-None-Match": tag}).status_code == 304
    path = f"/api/v1/files/{file_id}/content?redirect=false"
    assert client.get(f"{path}&size=128", headers=user.headers).data == stored.content
    rejected = client.get(path, headers=user.headers)
    assert (rejected.status_code, rejected.json["errors"][0]["pointer"]) == (422, "/query/redirect")


@pytest.mark.parametrize("backend", ["s3"], indirect=True)
def test_an_image_that_the_bucket_lacks_is_an_error(
    backend: Any, client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    user = as_user()
    file_id = upload(client, user)
    for key in stored_keys(backend):
        backend.delete(key)
    response = client.get(f"/api/v1/files/{file_id}/content?size=128&redirect=false", headers=user.headers)
    assert (response.status_code, response.json["code"]) == (503, "storage_unavailable")


def test_graphql_shows_and_changes_the_avatar(
    local: Any, client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    user = as_user()
    file_id = upload(client, user)
    mutation = "mutation($id: UUID) { updateMe(input: {avatarFileId: $id}) { avatarFileId } }"
    body = {"query": mutation, "variables": {"id": file_id}}
    response = client.post("/api/v1/graphql", json=body, headers=user.headers)
    assert response.json["data"]["updateMe"]["avatarFileId"] == file_id, response.json
