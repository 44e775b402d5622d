"""Exports that end with a file: the request, progress, content, failure, cancellation, expiry, killed workers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.export_jobs import processing, requests
from heidi_common.export_jobs.base import Piece
from heidi_common.export_jobs.models import Export, ExportKind
from heidi_common.identity.models import Role, User
from heidi_common.problems import Unavailable
from heidi_common.runtime import current_runtime
from heidi_services.files.models import File, StoredObject
from heidi_services.users.service import bulk_export
from heidi_services.users.service.user_exporter import UserExporter
from tests.conftest import SignedIn
from workers.exports import delete_expired
from workers.users import export_personal_data, export_users

EXPORTS, OWN = "/api/v1/users/exports", "/api/v1/users/me/exports"
Headers = dict[str, str]


@pytest.fixture
def admin(as_user: Callable[..., SignedIn]) -> Headers:
    return as_user(Role.ADMIN).headers


def request(client: FlaskClient, headers: Headers, path: str = EXPORTS, **body: str) -> Any:
    response = client.post(path, headers=headers, **({"json": body} if path == EXPORTS else {}))
    assert response.status_code == 202, response.json
    return response.json["data"]


def run_all() -> None:
    db.session.rollback()
    for kind, actor in ((ExportKind.USERS, export_users), (ExportKind.PERSONAL_DATA, export_personal_data)):
        for export_id in requests.overdue(kind, 100):
            actor(str(export_id))


def make_due() -> None:
    """Let the time pass after which a worker may claim an export again."""
    with transaction():
        past = utcnow() - timedelta(hours=1)
        db.session.execute(update(Export).values(next_attempt_at=past, hinted_until=past, locked_until=None))


def read(client: FlaskClient, headers: Headers, export: Any, path: str = EXPORTS) -> Any:
    return client.get(f"{path}/{export['id']}", headers=headers).json["data"]


def content(client: FlaskClient, headers: Headers, done: Any) -> bytes:
    response = client.get(f"/api/v1/files/{done['fileId']}/content", headers=headers)
    assert response.status_code == 200
    data: bytes = response.get_data()
    response.close()
    return data


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_an_export_of_users_ends_with_a_file(
    client: FlaskClient, admin: Headers, as_user: Callable[..., SignedIn], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_export, "PAGE_ROWS", 2)
    emails = {as_user().user.email for _ in range(4)}
    export = request(client, admin, format=kind)
    assert (export["status"], export["fileId"], export["expiresAt"]) == ("PENDING", None, None)
    run_all()
    done = read(client, admin, export)
    assert (done["status"], done["error"]) == ("SUCCEEDED", None) and done["rows"] == done["processed"] == 5
    assert done["expiresAt"] > done["finishedAt"]
    text = content(client, admin, done).decode()
    rows = list(csv.DictReader(io.StringIO(text))) if kind == "csv" else [*map(json.loads, text.splitlines())]
    assert emails < {row["email"] for row in rows} and len(rows) == 5 == len({row["id"] for row in rows})
    assert all("passwordHash" not in row for row in rows)
    file = client.get(f"/api/v1/files/{done['fileId']}", headers=admin).json["data"]
    assert file["visibility"] == "PRIVATE" and file["name"].startswith("users-") and file["name"].endswith(kind)
    assert [each["id"] for each in client.get(EXPORTS, headers=admin).json["data"]] == [export["id"]]
    actions = list(db.session.scalars(select(Audit.action).where(Audit.target == export["id"])))
    assert sorted(actions) == ["export_finished", "export_requested"]


def test_an_export_of_personal_data_has_the_content_of_the_response(
    client: FlaskClient, as_user: Callable[..., SignedIn]
) -> None:
    user, other = as_user(), as_user()
    body = {"name": "hook", "type": "WEBHOOK", "webhookUrl": "https://example.org/", "events": ["user.updated"]}
    client.post("/api/v1/integrations", json=body, headers=user.headers)
    export = request(client, user.headers, OWN)
    expected = client.get("/api/v1/users/me/export", headers=user.headers).json["data"]
    run_all()
    done = read(client, user.headers, export, OWN)
    assert done["status"] == "SUCCEEDED", done
    exported = json.loads(content(client, user.headers, done))
    assert exported["user"] == expected["user"] and exported["parts"].keys() == expected["parts"].keys()
    for name in ("integrations", "preferences", "devices", "schedules"):
        assert exported["parts"][name] == expected["parts"][name]
    assert client.get(f"{OWN}/{export['id']}", headers=other.headers).status_code == 404
    assert client.post(f"{OWN}/{export['id']}/cancel", headers=other.headers).status_code == 404
    assert client.get(f"{EXPORTS}/{export['id']}", headers=as_user(Role.ADMIN).headers).status_code == 404
    assert client.get(OWN, headers=other.headers).json["data"] == []
    assert db.session.scalar(select(Export.sealed)) is None


def test_the_authorization_is_stored_encrypted(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    user = as_user()
    request(client, user.headers, OWN)
    row = db.session.scalars(select(Export)).one()
    assert row.sealed and user.headers["Authorization"].split()[1] not in row.sealed
    assert requests.unseal(row) == user.headers["Authorization"]


def test_an_export_fails_when_its_session_has_ended(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    user = as_user()
    export = request(client, user.headers, OWN)
    assert client.post("/api/v1/auth/logout", headers=user.headers).status_code in (200, 204)
    run_all()
    row = db.session.get(Export, UUID(export["id"]), populate_existing=True)
    assert row is not None and row.status == "FAILED" and "session" in str(row.error) and row.sealed is None
    assert db.session.scalar(select(func.count()).select_from(File)) == 0


def test_a_file_beyond_the_quota_fails_with_the_reason(
    app: Flask, client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = current_runtime()
    monkeypatch.setattr(runtime, "settings", runtime.settings.changed(files_quota_bytes=10))
    export = request(client, admin)
    run_all()
    done = read(client, admin, export)
    assert done["status"] == "FAILED" and "quota" in done["error"] and done["fileId"] is None


def test_a_service_that_does_not_respond_delays_the_export(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: UserExporter) -> Iterator[Piece]:
        yield Piece(b"email\n")
        raise Unavailable

    export = request(client, admin)
    with monkeypatch.context() as patch:
        patch.setattr(UserExporter, "pieces", interrupted)
        run_all()
    assert read(client, admin, export)["status"] == "RUNNING"
    assert db.session.scalar(select(StoredObject.status)) == "REMOVING"
    make_due()
    run_all()
    assert read(client, admin, export)["status"] == "SUCCEEDED"


def test_a_worker_that_was_killed_before_the_end_stores_no_second_file(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = request(client, admin)
    with monkeypatch.context() as patch:
        patch.setattr(processing, "_finish", lambda *_: None)
        run_all()
    assert read(client, admin, export)["fileId"] is None
    make_due()
    run_all()
    assert read(client, admin, export)["status"] == "SUCCEEDED"
    assert list(db.session.scalars(select(File.id))) == [UUID(export["id"])]


def test_a_cancelled_export_leaves_no_file(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = request(client, admin)
    pages = bulk_export.export_page

    def cancel_first(*args: Any) -> Any:
        requests.cancel(ExportKind.USERS, UUID(export["id"]), actor=UUID(export["requestedBy"]))
        return pages(*args)

    monkeypatch.setattr(processing, "PROGRESS_SECONDS", -1.0)
    with monkeypatch.context() as patch:
        patch.setattr(bulk_export, "export_page", cancel_first)
        run_all()
    done = read(client, admin, export)
    assert (done["status"], done["fileId"]) == ("CANCELLED", None)
    assert db.session.scalar(select(func.count()).select_from(File)) == 0
    again = client.post(f"{EXPORTS}/{export['id']}/cancel", headers=admin)
    assert (again.status_code, again.json["code"]) == (409, "export_ended")


def test_a_user_may_have_three_exports_waiting(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    user = as_user()
    for _ in range(requests.MAX_PENDING):
        request(client, user.headers, OWN)
    response = client.post(OWN, headers=user.headers)
    assert (response.status_code, response.json["code"]) == (429, "too_many_exports")
    request(client, as_user().headers, OWN)


def test_an_expired_export_is_deleted_with_its_file(client: FlaskClient, admin: Headers) -> None:
    kept, export = request(client, admin), request(client, admin)
    run_all()
    with transaction():
        expired = update(Export).where(Export.id == UUID(export["id"]))
        db.session.execute(expired.values(expires_at=utcnow() - timedelta(seconds=1)))
    assert delete_expired() is False
    db.session.rollback()
    assert list(db.session.scalars(select(File.id))) == [UUID(kept["id"])]
    assert client.get(f"{EXPORTS}/{export['id']}", headers=admin).status_code == 404


def test_erasure_deletes_the_exports(client: FlaskClient, admin: Headers, as_user: Callable[..., SignedIn]) -> None:
    user = as_user()
    request(client, user.headers, OWN)
    assert client.post(f"/api/v1/users/{user.user.id}/erase", json={}, headers=admin).status_code == 202
    run_all()
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Export)) == 0
    assert db.session.scalar(select(func.count()).select_from(User)) == 2


@pytest.mark.parametrize("body", [{"format": "xlsx"}, {"format": None}, {"other": 1}])
def test_other_formats_are_rejected(client: FlaskClient, admin: Headers, body: dict[str, Any]) -> None:
    assert client.post(EXPORTS, json=body, headers=admin).status_code == 422
