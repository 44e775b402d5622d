"""Resumable uploads, with each backend of storage. The requests are those of the tus protocol."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, User
from heidi_services.files.models import File, FileUsage, ResumableUpload, StoredObject
from heidi_services.files.service import cleanup, upload_append
from heidi_services.files.storage import Storage, storage
from tests.files.conftest import clean, stored_keys

TUS = {"Tus-Resumable": "1.0.0"}
UPLOADS = "/api/v1/files/uploads"
BYTES = "application/offset+octet-stream"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def tus(client: FlaskClient, as_user: Any) -> TusClient:
    return TusClient(client, as_user().headers)


class TusClient:
    """Requests of one user."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, TUS | headers

    def create(self, size: int, name: str = "a.bin", content: bytes | None = None, **headers: str) -> Any:
        about = {"Upload-Length": str(size), "Upload-Metadata": f"filename {encoded(name)},filetype {encoded('x/y')}"}
        body = {} if content is None else {"data": content, "content_type": BYTES}
        return self.client.post(UPLOADS, headers={**self.headers, **about, **headers}, **body)

    def append(self, path: str, offset: int, content: bytes, **headers: str) -> Any:
        about = {"Upload-Offset": str(offset), **headers}
        return self.client.patch(path, data=content, headers={**self.headers, **about}, content_type=BYTES)

    def interrupt(self, path: str, offset: int, content: bytes, announced: int, **headers: str) -> Any:
        """The connection breaks before all announced bytes have arrived."""
        environ = {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(announced), "wsgi.input_terminated": True}
        about = {"Upload-Offset": str(offset), **headers}
        return self.client.patch(path, headers={**self.headers, **about}, content_type=BYTES, environ_overrides=environ)

    def offset(self, path: str) -> int:
        response = self.client.head(path, headers=self.headers)
        assert response.status_code == 200 and response.headers["Cache-Control"] == "no-store"
        return int(response.headers["Upload-Offset"])

    def content(self, path: str) -> bytes:
        file_id = path.rpartition("/")[2]
        return b"".join(storage().read(db.session.get_one(File, file_id).object.key))


def test_bytes_that_arrive_in_several_requests_become_a_file(backend: Storage, tus: TusClient) -> None:
    content = os.urandom(3_000_000)
    created = tus.create(len(content), "../../Ergebnis.pdf")
    assert created.status_code == 201 and created.headers["Tus-Resumable"] == "1.0.0"
    path, offset = created.headers["Location"], 0
    for end in (1, 70_000, 2_500_000, 3_000_000):
        assert tus.offset(path) == offset
        response = tus.append(path, offset, content[offset:end])
        assert (response.status_code, response.headers["Upload-Offset"]) == (204, str(end)), response.text
        assert ("Upload-Expires" in response.headers) == (end < len(content))
        offset = end
    file = tus.client.get(path.replace("/uploads", ""), headers=tus.headers).json["data"]
    assert (file["name"], file["bytes"]) == ("Ergebnis.pdf", len(content))
    assert file["sha256"] == hashlib.sha256(content).hexdigest() and tus.content(path) == content
    assert tus.offset(path) == len(content)
    clean(backend)
    assert len(stored_keys(backend)) == 1
    assert [row.bytes for row in db.session.scalars(select(FileUsage))] == [len(content)]


def test_twenty_interruptions_lose_nothing(backend: Storage, tus: TusClient) -> None:
    content = os.urandom(2_000_000)
    path = tus.create(len(content)).headers["Location"]
    for number in range(20):
        offset = tus.offset(path)
        assert offset == number * 90_000
        tus.interrupt(path, offset, content[offset : offset + 90_000], len(content) - offset)
    offset = tus.offset(path)
    assert tus.append(path, offset, content[offset:]).status_code == 204
    assert tus.content(path) == content
    clean(backend)
    assert len(stored_keys(backend)) == 1


@pytest.mark.parametrize("size", [0, 1, 100])
def test_the_request_that_creates_an_upload_may_contain_all_bytes(backend: Storage, tus: TusClient, size: int) -> None:
    response = tus.create(size, content=b"x" * size)
    assert (response.status_code, response.headers["Upload-Offset"]) == (201, str(size))
    assert tus.content(response.headers["Location"]) == b"x" * size


def test_parts_are_committed_while_a_request_is_running(
    backend: Storage, tus: TusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_append, "PART_BYTES", 100_000)
    content = os.urandom(750_000)
    path = tus.create(len(content)).headers["Location"]
    tus.interrupt(path, 0, content[:555_555], len(content))
    assert tus.offset(path) == 555_555
    db.session.rollback()
    parts = db.session.scalars(select(StoredObject.bytes).order_by(StoredObject.upload_offset)).all()
    assert sum(parts) == 555_555 and len(parts) >= 4
    assert tus.append(path, 555_555, content[555_555:]).status_code == 204
    assert tus.content(path) == content


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_bytes_with_a_wrong_checksum_are_discarded(backend: Storage, tus: TusClient, algorithm: str) -> None:
    content = os.urandom(200_000)
    digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
    path = tus.create(len(content)).headers["Location"]
    wrong = tus.append(path, 0, b"x" * 200_000, **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert (wrong.status_code, wrong.json["code"]) == (460, "checksum_mismatch") and tus.offset(path) == 0
    cut = tus.interrupt(path, 0, content[:70_000], 200_000, **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert cut.status_code == 400 and tus.offset(path) == 0
    right = tus.append(path, 0, content, **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert right.status_code == 204 and tus.content(path) == content
    clean(backend)
    assert len(stored_keys(backend)) == 1


def test_what_the_protocol_forbids_is_rejected(local: Any, tus: TusClient) -> None:
    assert tus.create(101_000_000_000).status_code == 413
    for header in ({"Upload-Length": "-1"}, {"Upload-Length": "x"}, {"Upload-Metadata": "filename %%"}):
        assert tus.create(10, **header).status_code == 400, header
    assert tus.create(10, **{"Upload-Metadata": f"visibility {encoded('ALL')}"}).status_code == 422
    for version in ("", "0.2.2"):
        response = tus.create(10, **{"Tus-Resumable": version})
        assert (response.status_code, response.headers["Tus-Version"]) == (412, "1.0.0")
    path = tus.create(10).headers["Location"]
    assert tus.append(path, 5, b"x").status_code == 409
    assert tus.append(path, 0, b"x" * 11).status_code == 413
    for header in ({"Upload-Offset": "x"}, {"Upload-Offset": ""}, {"Upload-Checksum": "crc32 AAAA"}):
        assert tus.append(path, 0, b"x", **header).status_code == 400, header
    plain = {**tus.headers, "Upload-Offset": "0"}
    assert tus.client.patch(path, data=b"x", headers=plain, content_type="text/plain").status_code == 415
    assert tus.offset(path) == 0


def test_options_describe_the_server(local: Any, client: FlaskClient) -> None:
    response = client.options(UPLOADS)
    assert response.status_code == 204 and response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Extension"] == "creation,creation-with-upload,expiration,checksum,termination"
    assert response.headers["Tus-Max-Size"] == str(100 * 1024 * 1024)
    assert response.headers["Tus-Checksum-Algorithm"].startswith("sha1")


def test_an_upload_belongs_to_its_user(local: Any, tus: TusClient, client: FlaskClient, as_user: Any) -> None:
    path = tus.create(10).headers["Location"]
    other = TusClient(client, as_user().headers)
    assert other.append(path, 0, b"x").status_code == 404
    assert client.head(path, headers=other.headers).status_code == 404
    assert client.delete(path, headers=other.headers).status_code == 404
    assert client.head(path, headers=TUS | as_user(Role.ADMIN).headers).status_code == 200


def test_a_terminated_upload_leaves_nothing(backend: Storage, tus: TusClient) -> None:
    path = tus.create(100_000).headers["Location"]
    tus.append(path, 0, b"x" * 70_000)
    assert tus.client.delete(path, headers=tus.headers).status_code == 204
    assert tus.client.head(path, headers=tus.headers).status_code == 404
    assert tus.append(path, 70_000, b"x").status_code == 404
    clean(backend)
    assert stored_keys(backend) == set()
    assert [row.bytes for row in db.session.scalars(select(FileUsage))] == [0]


def test_an_upload_reserves_its_size_and_expires_after_a_day(backend: Storage, tus: TusClient, limits: Any) -> None:
    limits(files_quota_bytes=150_000)
    path = tus.create(100_000).headers["Location"]
    tus.append(path, 0, b"x" * 70_000)
    assert tus.create(60_000).json["code"] == "quota_exceeded"
    cleanup.delete_expired_uploads(utcnow() + timedelta(hours=23))
    assert tus.offset(path) == 70_000
    cleanup.delete_expired_uploads(utcnow() + timedelta(hours=25))
    assert tus.client.head(path, headers=tus.headers).status_code == 404
    assert tus.create(60_000).status_code == 201
    clean(backend)
    assert stored_keys(backend) == set()


def test_a_request_that_was_overtaken_cannot_commit(backend: Storage, tus: TusClient) -> None:
    """The former request is stalled in the middle of the body while the client continues."""
    content = os.urandom(100_000)
    path = tus.create(len(content)).headers["Location"]

    class Stalled(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            if self.tell() > 0 and not overtaken:
                overtaken.append(tus.append(path, 0, content))
            return super().readinto(buffer)

    overtaken: list[Any] = []
    environ = {"wsgi.input": Stalled(b"y" * 100_000), "CONTENT_LENGTH": "100000"}
    headers = {**tus.headers, "Upload-Offset": "0"}
    stalled = tus.client.patch(path, headers=headers, content_type=BYTES, environ_overrides=environ)
    assert [response.status_code for response in overtaken] == [204]
    assert (stalled.status_code, stalled.json["code"]) == (409, "wrong_offset")
    assert tus.content(path) == content
    clean(backend)
    assert len(stored_keys(backend)) == 1


def test_the_number_of_parts_is_limited(local: Any, tus: TusClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_append, "MAX_PARTS", 3)
    path = tus.create(10).headers["Location"]
    codes = [tus.append(path, offset, b"x").status_code for offset in range(4)]
    assert codes == [204, 204, 204, 409]


def test_a_file_whose_owner_was_erased_meanwhile_is_not_created(backend: Storage, tus: TusClient) -> None:
    path = tus.create(10).headers["Location"]
    tus.append(path, 0, b"x" * 5)
    with transaction():
        db.session.execute(update(User).values(erased_at=utcnow()))
    assert tus.append(path, 5, b"x" * 5).status_code in (401, 404)
    assert db.session.scalar(select(func.count()).select_from(File)) == 0
    assert db.session.scalar(select(func.count()).select_from(ResumableUpload)) == 1
