"""Uploads and downloads, with each backend of storage."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.files.models import File, FileUsage, StoredObject
from heidi_services.files.storage import Storage
from heidi_services.files.storage.local import LocalStorage
from tests.files.conftest import clean, stored_keys

CONTENTS = {
    "empty": b"",
    "one byte": b"x",
    "text": "Grüße\n".encode() * 100,
    "line breaks like those of a boundary": b"\r\n--" * 50_000,
    "2 MiB": os.urandom(2 * 1024 * 1024 + 17),
    "9 MiB": os.urandom(9 * 1024 * 1024),
}


def body_of(response: Any) -> bytes:
    return response.content if hasattr(response, "content") else response.data


@pytest.mark.parametrize("form", [True, False], ids=["form", "raw"])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_file_comes_back_as_it_was_sent(
    backend: Storage, client: FlaskClient, as_user: Any, send: Any, download: Any, content: bytes, form: bool
) -> None:
    user = as_user()
    if form:
        response = send(user, content, name="report.bin")
    else:
        response = client.post("/api/v1/files?name=report.bin", data=content, headers=user.headers)
    assert response.status_code == 201, response.text
    file = response.json["data"]
    assert response.location.endswith(f"/api/v1/files/{file['id']}")
    assert file["bytes"] == len(content) and file["sha256"] == hashlib.sha256(content).hexdigest()
    assert (file["name"], file["status"], file["visibility"]) == ("report.bin", "READY", "PRIVATE")
    received = download(user, file["id"])
    assert received.status_code == 200 and body_of(received) == content
    listed = client.get("/api/v1/files", headers=user.headers).json["data"]
    assert listed == [file] and client.get(f"/api/v1/files/{file['id']}", headers=user.headers).json["data"] == file


def test_a_part_of_a_file_can_be_downloaded(backend: Storage, as_user: Any, send: Any, download: Any) -> None:
    user = as_user()
    file_id = send(user, bytes(range(200))).json["data"]["id"]
    for header, expected in {
        "bytes=0-9": bytes(range(10)),
        "bytes=190-": bytes(range(190, 200)),
        "bytes=-5": bytes(range(195, 200)),
        "bytes=100-9999": bytes(range(100, 200)),
    }.items():
        response = download(user, file_id, Range=header)
        assert response.status_code == 206 and body_of(response) == expected, header
    assert download(user, file_id, Range="bytes=500-").status_code == 416


def test_chunks_of_unknown_length_are_stored(backend: Storage, client: FlaskClient, as_user: Any) -> None:
    user = as_user()
    environ = {"wsgi.input": io.BytesIO(b"x" * 100_000), "wsgi.input_terminated": True}
    response = client.post(
        "/api/v1/files", headers={**user.headers, "Transfer-Encoding": "chunked"}, environ_overrides=environ
    )
    assert response.status_code == 201 and response.json["data"]["bytes"] == 100_000


def test_equal_content_of_a_user_is_stored_once(backend: Storage, client: FlaskClient, as_user: Any, send: Any) -> None:
    first, second = as_user(), as_user()
    ids = [send(first, b"same" * 1000, name=f"{n}.txt").json["data"]["id"] for n in range(3)]
    send(second, b"same" * 1000)
    clean(backend)
    assert len(stored_keys(backend)) == 2
    assert {row.bytes for row in db.session.scalars(select(FileUsage))} == {4000}
    for file_id in ids[:2]:
        assert client.delete(f"/api/v1/files/{file_id}", headers=first.headers).status_code == 204
    clean(backend)
    assert len(stored_keys(backend)) == 2
    client.delete(f"/api/v1/files/{ids[2]}", headers=first.headers)
    clean(backend)
    assert len(stored_keys(backend)) == 1
    assert sorted(row.bytes for row in db.session.scalars(select(FileUsage))) == [0, 4000]


def test_a_file_that_is_too_large_is_rejected_and_leaves_nothing(
    backend: Storage, client: FlaskClient, as_user: Any, send: Any, limits: Any
) -> None:
    limits(files_max_bytes=100_000, files_quota_bytes=150_000)
    user = as_user()
    for content in (b"y" * 100_001, b"y" * 300_000):
        response = send(user, content)
        assert (response.status_code, response.json["code"]) == (413, "too_large"), response.json
        assert client.post("/api/v1/files", data=content, headers=user.headers).status_code == 413
    endless = {"wsgi.input": io.BytesIO(b"z" * 1_000_000), "wsgi.input_terminated": True}
    assert client.post("/api/v1/files", headers=user.headers, environ_overrides=endless).status_code == 413
    assert send(user, b"x" * 100_000).status_code == 201
    response = send(user, b"y" * 60_000)
    assert (response.status_code, response.json["code"]) == (413, "quota_exceeded")
    unknown = {"wsgi.input": io.BytesIO(b"z" * 60_000), "wsgi.input_terminated": True}
    response = client.post("/api/v1/files", headers=user.headers, environ_overrides=unknown)
    assert (response.status_code, response.json["code"]) == (413, "quota_exceeded")
    clean(backend)
    assert len(stored_keys(backend)) == 1
    usage = client.get("/api/v1/files/usage", headers=user.headers).json["data"]
    assert usage == {"storedBytes": 100_000, "quotaBytes": 150_000, "maxFileBytes": 100_000}


BOUNDARY = b"b"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
MALFORMED = {
    "no part": (b"--b--\r\n", 422),
    "nothing": (b"", 422),
    "no end": (PART + b"data", 400),
    "two files": (PART + b"1\r\n" + PART + b"2\r\n--b--\r\n", 422),
    "no disposition": (b"--b\r\nX: y\r\n\r\ndata\r\n--b--\r\n", 400),
    "an unknown field": (PART + b'1\r\n--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n', 422),
    "a field without a name": (PART + b"1\r\n--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", 422),
    "a wrong visibility": (
        PART + b'1\r\n--b\r\nContent-Disposition: form-data; name="visibility"\r\n\r\nALL\r\n--b--\r\n',
        422,
    ),
    "a long field": (
        PART + b'1\r\n--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"x" * 9000 + b"\r\n--b--\r\n",
        422,
    ),
    "a header without an end": (b"--b\r\nContent-Disposition: " + b"x" * 400_000, 400),
    "a header that is not UTF-8": (b"--b\r\nContent-Disposition: \xff\xfe\r\n\r\ndata\r\n--b--\r\n", 400),
    "many parts": (b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n' * 50 + b"--b--\r\n", 400),
}


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_form_is_rejected_and_leaves_nothing(
    backend: Storage, client: FlaskClient, as_user: Any, case: tuple[bytes, int]
) -> None:
    body, status = case
    response = client.post(
        "/api/v1/files", data=body, content_type="multipart/form-data; boundary=b", headers=as_user().headers
    )
    assert response.status_code == status, response.text
    clean(backend)
    assert stored_keys(backend) == set() and db.session.scalar(select(func.count()).select_from(File)) == 0


@pytest.mark.parametrize("terminated", [True, False], ids=["as gunicorn", "as other servers"])
@pytest.mark.parametrize("announced", [1_000_000, 70_000])
def test_a_body_that_is_shorter_than_announced_is_rejected(
    backend: Storage, client: FlaskClient, as_user: Any, announced: int, terminated: bool
) -> None:
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(b"x" * 65_000), "CONTENT_LENGTH": str(announced)}
    environ["wsgi.input_terminated"] = terminated
    response = client.post("/api/v1/files", headers=as_user().headers, environ_overrides=environ)
    assert (response.status_code, response.json["code"]) == (400, "incomplete_body")
    clean(backend)
    assert stored_keys(backend) == set()
    assert [row.bytes for row in db.session.scalars(select(FileUsage))] == [0]


def test_fields_of_the_form_may_stand_before_and_behind_the_file(client: FlaskClient, as_user: Any, local: Any) -> None:
    user = as_user()
    fields = (b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nG\xc3\xbcnter.txt\r\n', PART + b"data\r\n")
    for body in (fields, fields[::-1]):
        whole = b"".join(body) + b"--b--\r\n"
        response = client.post(
            "/api/v1/files", data=whole, content_type="multipart/form-data; boundary=b", headers=user.headers
        )
        assert response.json["data"]["name"] == "Günter.txt"


def test_only_owner_and_administrators_see_a_private_file(
    local: Any, client: FlaskClient, as_user: Any, as_client: Any, send: Any
) -> None:
    owner, other, admin = as_user(), as_user(), as_user(Role.ADMIN)
    file = send(owner, b"secret").json["data"]
    path = f"/api/v1/files/{file['id']}"
    for suffix in ("", "/content", "/links"):
        assert client.get(path + suffix, headers=other.headers).status_code == 404
        assert client.get(path + suffix, headers=admin.headers).status_code == 200
        assert client.get(path + suffix, headers=as_client("files:read")).status_code == 200
        rejected = 404 if suffix == "/content" else 403
        assert client.get(path + suffix, headers=as_client("users:read")).status_code == rejected
    assert client.get(f"{path}/content").status_code == 404
    assert client.get(f"{path}/content", headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.patch(path, json={"name": "x"}, headers=other.headers).status_code == 404
    assert client.delete(path, headers=other.headers).status_code == 404
    assert client.get("/api/v1/files", headers=other.headers).json["data"] == []
    assert len(client.get("/api/v1/files", headers=admin.headers).json["data"]) == 1


def test_everyone_can_download_a_public_file(local: Any, client: FlaskClient, as_user: Any, send: Any) -> None:
    owner, other = as_user(), as_user()
    path = f"/api/v1/files/{send(owner, b'open').json['data']['id']}"
    response = client.patch(path, json={"visibility": "PUBLIC"}, headers=owner.headers)
    assert response.json["data"]["visibility"] == "PUBLIC"
    public = client.get(f"{path}/content")
    assert public.data == b"open" and public.headers["Cache-Control"] == "public, max-age=300"
    assert public.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert client.get(path, headers=other.headers).status_code == 200
    assert client.patch(path, json={"name": "x"}, headers=other.headers).status_code == 403
    assert client.delete(path, headers=other.headers).status_code == 403
    client.patch(path, json={"visibility": "PRIVATE"}, headers=owner.headers)
    assert client.get(f"{path}/content").status_code == 404


def test_a_file_has_an_etag_and_honors_if_match(local: Any, client: FlaskClient, as_user: Any, send: Any) -> None:
    user = as_user()
    path = f"/api/v1/files/{send(user, b'data').json['data']['id']}"
    tag = client.get(path, headers=user.headers).headers["ETag"]
    assert client.get(path, headers={**user.headers, "If-None-Match": tag}).status_code == 304
    changed = client.patch(path, json={"name": "b.txt"}, headers={**user.headers, "If-Match": tag})
    assert changed.status_code == 200 and changed.json["data"]["name"] == "b.txt"
    assert client.patch(path, json={"name": "c"}, headers={**user.headers, "If-Match": tag}).status_code == 412
    assert client.delete(path, headers={**user.headers, "If-Match": tag}).status_code == 412
    content = client.get(f"{path}/content", headers=user.headers)
    tag = content.headers["ETag"]
    assert client.get(f"{path}/content", headers={**user.headers, "If-None-Match": tag}).status_code == 304
    partial = {**user.headers, "Range": "bytes=1-2", "If-Range": tag}
    assert client.get(f"{path}/content", headers=partial).data == b"at"
    assert client.get(f"{path}/content", headers=partial | {"If-Range": '"other"'}).data == b"data"


def test_machines_and_administrators_upload_for_users(
    local: Any, client: FlaskClient, as_user: Any, as_client: Any
) -> None:
    user, admin, machine = as_user(), as_user(Role.ADMIN), as_client("files:write")
    path = f"/api/v1/files?userId={user.user.id}"
    for headers in (admin.headers, machine, user.headers):
        assert client.post(path, data=b"x", headers=headers).json["data"]["userId"] == str(user.user.id)
    assert client.post(path, data=b"x", headers=as_user().headers).status_code == 403
    assert client.post("/api/v1/files", data=b"x", headers=machine).status_code == 422
    assert client.post(f"/api/v1/files?userId={UUID(int=7)}", data=b"x", headers=machine).status_code == 422
    assert client.post(path, data=b"x", headers=as_client("files:read")).status_code == 403


def test_events_tell_of_files_without_their_names(local: Any, client: FlaskClient, as_user: Any, send: Any) -> None:
    user = as_user()
    file_id = send(user, b"x", name="zzyzx.txt").json["data"]["id"]
    client.delete(f"/api/v1/files/{file_id}", headers=user.headers)
    events = db.session.scalars(select(OutboxEvent).order_by(OutboxEvent.id)).all()
    assert [(event.type, event.subject, event.user_id) for event in events] == [
        ("file.created", file_id, user.user.id),
        ("file.deleted", file_id, user.user.id),
    ]
    assert events[0].data["bytes"] == 1 and "zzyzx" not in str([event.data for event in events])


def test_files_are_listed_in_pages_and_filtered(local: Any, client: FlaskClient, as_user: Any, send: Any) -> None:
    user = as_user()
    for number in range(5):
        send(user, str(number).encode(), name=f"{number}.txt", visibility="PUBLIC" if number % 2 else "PRIVATE")
    first = client.get("/api/v1/files?limit=3&total=true", headers=user.headers).json
    assert [file["name"] for file in first["data"]] == ["4.txt", "3.txt", "2.txt"] and first["meta"]["total"] == 5
    rest = client.get(f"/api/v1/files?limit=3&cursor={first['meta']['nextCursor']}", headers=user.headers).json
    assert [file["name"] for file in rest["data"]] == ["1.txt", "0.txt"]
    public = client.get("/api/v1/files?visibility=PUBLIC&status=READY", headers=user.headers).json["data"]
    assert [file["name"] for file in public] == ["3.txt", "1.txt"]
    assert client.get("/api/v1/files?status=QUARANTINED", headers=user.headers).json["data"] == []


def test_unavailable_storage_is_a_503_and_leaves_nothing(
    backend: Storage, client: FlaskClient, as_user: Any, send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(backend, LocalStorage):
        backend.root.write_text("a file in place of the folder")
    else:
        monkeypatch.setattr(backend, "bucket", replace(backend.bucket, name="missing"))
    response = send(as_user(), b"content")
    assert (response.status_code, response.json["code"]) == (503, "storage_unavailable")
    assert "Retry-After" in response.headers and "folder" not in response.text and "missing" not in response.text
    assert [row.status for row in db.session.scalars(select(StoredObject))] == ["REMOVING"]
    assert [row.bytes for row in db.session.scalars(select(FileUsage))] == [0]
