"""Renditions by the worker, and scans by a real clamd with a signature database for the tests."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select, update

from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.files import antivirus
from heidi_services.files.enums import JobStatus, ObjectStatus
from heidi_services.files.models import FileJob, StoredObject
from heidi_services.files.service import processing
from heidi_services.files.storage import Storage
from tests.files.conftest import EICAR, clean, stored_keys


def work() -> None:
    """Do what clock and worker do with objects that are to be processed."""
    db.session.rollback()
    for object_id in processing.overdue(100):
        processing.process(object_id)
    db.session.rollback()


def photo(kind: str, size: tuple[int, int] = (1600, 800), mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = Image.new(mode, size, "red")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "zzyzx camera", options.pop("orientation", 1)
    image.save(buffer, kind, exif=exif, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_gets_renditions_without_metadata(
    backend: Storage, client: FlaskClient, as_user: Any, send: Any, download: Any, kind: str
) -> None:
    user = as_user()
    content = photo(kind)
    assert b"zzyzx" in content
    file = send(user, content, name="Urlaub.jpg").json["data"]
    assert (file["width"], file["height"]) == (None, None)
    tag = client.get(f"/api/v1/files/{file['id']}", headers=user.headers).headers["ETag"]
    work()
    changed = client.get(f"/api/v1/files/{file['id']}", headers={**user.headers, "If-None-Match": tag})
    assert (changed.json["data"]["width"], changed.json["data"]["height"]) == (1600, 800)
    for side in (128, 512, 1024):
        response = download(user, file["id"], query=f"?size={side}")
        body = response.content if hasattr(response, "content") else response.data
        with Image.open(io.BytesIO(body)) as rendition:
            assert (rendition.format, rendition.size) == ("WEBP", (side, side // 2))
            assert not rendition.getexif() and b"zzyzx" not in body and b"EXIF" not in body
        assert response.headers["Content-Disposition"] == f'inline; filename="Urlaub-{side}.webp"'
    client.delete(f"/api/v1/files/{file['id']}", headers=user.headers)
    clean(backend)
    assert stored_keys(backend) == set()


def test_a_photo_is_turned_as_its_metadata_say(local: Any, client: FlaskClient, as_user: Any, send: Any) -> None:
    user = as_user()
    file_id = send(user, photo("JPEG", orientation=6)).json["data"]["id"]
    work()
    file = client.get(f"/api/v1/files/{file_id}", headers=user.headers).json["data"]
    assert (file["width"], file["height"]) == (800, 1600)
    body = client.get(f"/api/v1/files/{file_id}/content?size=128", headers=user.headers).data
    with Image.open(io.BytesIO(body)) as rendition:
        assert rendition.size == (64, 128)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16", "CMYK"])
def test_images_of_all_modes_are_rendered(local: Any, client: FlaskClient, as_user: Any, send: Any, mode: str) -> None:
    user = as_user()
    buffer = io.BytesIO()
    Image.new(mode, (40, 30)).save(buffer, "JPEG" if mode == "CMYK" else "PNG")
    file_id = send(user, buffer.getvalue()).json["data"]["id"]
    work()
    body = client.get(f"/api/v1/files/{file_id}/content?size=1024", headers=user.headers).data
    with Image.open(io.BytesIO(body)) as rendition:
        assert rendition.size == (40, 30), "it is not enlarged"


def test_an_image_over_the_limit_of_pixels_is_not_decoded(
    local: Any, client: FlaskClient, as_user: Any, send: Any, limits: Any
) -> None:
    limits(files_max_pixels=1000)
    user = as_user()
    send(user, photo("PNG"))
    work()
    [job] = db.session.scalars(select(FileJob))
    assert job.status == JobStatus.FAILED and "1600 x 800 pixels" in (job.last_error or "")


def test_an_image_that_ends_its_worker_is_given_up(local: Any, as_user: Any, send: Any) -> None:
    send(as_user(), photo("PNG"))
    with transaction():
        db.session.execute(update(FileJob).values(attempts=processing.MAX_RENDERING_ATTEMPTS))
    work()
    [job] = db.session.scalars(select(FileJob))
    assert job.status == JobStatus.FAILED and len(stored_keys(local)) == 1


def test_an_image_that_is_deleted_while_it_is_rendered_leaves_nothing(
    local: Any, client: FlaskClient, as_user: Any, send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = as_user()
    file_id = send(user, photo("PNG")).json["data"]["id"]
    render = processing.images.render

    def render_and_delete(*args: Any, **options: Any) -> Any:
        client.delete(f"/api/v1/files/{file_id}", headers=user.headers)
        return render(*args, **options)

    monkeypatch.setattr(processing.images, "render", render_and_delete)
    work()
    clean(local)
    assert stored_keys(local) == set()


def test_clamd_detects_the_test_file_and_nothing_else(clamd: str) -> None:
    assert antivirus.scan(clamd, [EICAR[:10], EICAR[10:]]) == "Eicar-Test.UNOFFICIAL"
    assert antivirus.scan(clamd, [b"harmless"] * 1000) is None
    assert antivirus.scan(clamd, []) is None
    with pytest.raises(antivirus.ScanFailed, match="size limit exceeded"):
        antivirus.scan(clamd, [bytes(1024 * 1024)] * 20)


def test_a_file_can_be_downloaded_once_it_was_scanned(
    backend: Storage, clamd: str, client: FlaskClient, as_user: Any, send: Any, download: Any, limits: Any
) -> None:
    limits(clamav_url=clamd)
    user = as_user()
    file = send(user, b"harmless", visibility="PUBLIC").json["data"]
    assert file["status"] == "SCANNING"
    for reader in (user, None):
        response = download(reader, file["id"])
        assert (response.status_code, response.json["code"]) == (409, "scanning")
    work()
    assert client.get(f"/api/v1/files/{file['id']}", headers=user.headers).json["data"]["status"] == "READY"
    assert download(None, file["id"]).status_code == 200


def test_nobody_can_download_a_file_with_a_virus(
    local: Any, clamd: str, client: FlaskClient, as_user: Any, send: Any, download: Any, limits: Any
) -> None:
    limits(clamav_url=clamd)
    user, admin = as_user(), as_user(Role.ADMIN)
    file_id = send(user, EICAR, visibility="PUBLIC").json["data"]["id"]
    link = client.post(f"/api/v1/files/{file_id}/links", json={}, headers=user.headers).json["data"]["url"]
    work()
    again = send(user, EICAR).json["data"]
    assert again["status"] == "QUARANTINED", "the content is known"
    for reader in (user, admin, None):
        response = download(reader, file_id)
        assert (response.status_code, response.json["code"]) == (403, "quarantined")
    assert client.get(link.removeprefix("http://heidi.test")).status_code == 403
    quarantined = client.get("/api/v1/files?status=QUARANTINED", headers=user.headers).json["data"]
    assert {file["id"] for file in quarantined} == {file_id, again["id"]}
    db.session.rollback()
    events = db.session.scalars(select(OutboxEvent).where(OutboxEvent.type == "file.quarantined")).all()
    assert {event.subject for event in events} == {file_id, again["id"]}
    assert {event.data["signature"] for event in events} == {"Eicar-Test.UNOFFICIAL"}
    assert client.delete(f"/api/v1/files/{file_id}", headers=user.headers).status_code == 204


def test_without_clamd_a_file_waits_for_its_scan(
    local: Any, client: FlaskClient, as_user: Any, send: Any, download: Any, limits: Any, tmp_path: Path
) -> None:
    limits(clamav_url=f"unix://{tmp_path}/missing")
    user = as_user()
    file_id = send(user, photo("PNG")).json["data"]["id"]
    work()
    assert download(user, file_id).json["code"] == "scanning"
    [job] = db.session.scalars(select(FileJob))
    assert job.status == JobStatus.PENDING and "clamd is unavailable" in (job.last_error or "")
    rendered = select(StoredObject).where(StoredObject.status == ObjectStatus.RENDITION)
    assert db.session.scalars(rendered).all() == []


@pytest.mark.parametrize(
    "response", [b"", b"stream: ERROR\0", b"stream: FOUND", b"OK\0", b"INSTREAM size limit exceeded. ERROR\0"]
)
def test_an_unknown_response_is_not_taken_for_a_result(response: bytes) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def respond() -> None:
        connection, _ = server.accept()
        with connection:
            while connection.recv(65536)[-4:] != b"\0\0\0\0":
                pass
            connection.sendall(response)

    thread = Thread(target=respond)
    thread.start()
    with pytest.raises(antivirus.ScanFailed):
        antivirus.scan(f"tcp://127.0.0.1:{server.getsockname()[1]}", [b"content"])
    thread.join()
    server.close()
