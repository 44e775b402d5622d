"""Imports of users by HTTP: the request, progress, results of lines, continuation, cancellation."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, User
from heidi_common.import_jobs import cleanup, processing, requests
from heidi_common.import_jobs.models import Import, ImportContent, ImportKind, ImportLine
from heidi_services.users.service import bulk_import
from tests.auth.helpers import ANOTHER, login
from tests.conftest import SignedIn
from workers.users import import_users

IMPORTS = "/api/v1/users/imports"
Headers = dict[str, str]


@pytest.fixture
def admin(as_user: Callable[..., SignedIn]) -> Headers:
    return as_user(Role.ADMIN).headers


def post(client: FlaskClient, headers: Headers, raw: bytes | str, query: str = "", kind: str = "text/csv") -> Any:
    return client.post(f"{IMPORTS}{query}", data=raw, headers=headers | {"Content-Type": kind})


def run_all() -> None:
    for import_id in requests.overdue(ImportKind.USERS, 100):
        import_users(str(import_id))


def many(count: int) -> str:
    return "email,firstName\n" + "".join(f"user{number}@example.test,Ada\n" for number in range(count))


def emails() -> int:
    return db.session.scalar(select(func.count()).where(User.email.like("user%@example.test"))) or 0


def test_each_line_has_a_result_that_names_line_and_field(client: FlaskClient, admin: Headers) -> None:
    rows = f"ada@example.test;{ANOTHER};Ada\nno address;;Bob\nada@example.test;;Ada\nbob@example.test;short;Bob\n"
    response = post(client, admin, "email;password;firstName\n" + rows)
    assert response.status_code == 202, response.json
    data = response.json["data"]
    assert (data["status"], data["rows"], data["processed"]) == ("PENDING", 4, 0)
    run_all()
    done = client.get(response.headers["Location"], headers=admin).json["data"]
    assert (done["status"], done["processed"]) == ("SUCCEEDED", 4)
    assert done["counts"] == {"CREATED": 1, "REFUSED": 2, "UNCHANGED": 1}
    lines = client.get(f"{IMPORTS}/{data['id']}/lines", headers=admin).json["data"]
    assert [(line["line"], line["outcome"]) for line in lines] == [
        (2, "CREATED"),
        (3, "REFUSED"),
        (4, "UNCHANGED"),
        (5, "REFUSED"),
    ]
    assert lines[1]["detail"].startswith("email: ") and lines[3]["detail"].startswith("password: ")
    assert client.get(f"/api/v1/users/{lines[0]['targetId']}", headers=admin).json["data"]["firstName"] == "Ada"
    refused = client.get(f"{IMPORTS}/{data['id']}/lines?outcome=REFUSED&limit=1", headers=admin).json
    assert refused["meta"]["hasMore"] and [line["line"] for line in refused["data"]] == [3]
    assert login(client, "ada@example.test", ANOTHER).status_code == 200


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ('{"email": "a@example.test"}\n{"email": "b@example.test"}\n', "application/x-ndjson"),
        ('[{"email": "a@example.test"}, {"email": "b@example.test"}]', "application/json"),
        ("email\na@example.test\nb@example.test\n".encode("utf-16"), "text/plain"),
        (b"\xef\xbb\xbfsep=;\r\nE-Mail;First Name\r\na@example.test;\xc3\xa4\r\nb@example.test;x\r\n", "text/csv"),
    ],
    ids=["ndjson", "json", "utf-16", "excel"],
)
def test_all_formats_of_files_are_read(client: FlaskClient, admin: Headers, raw: bytes | str, kind: str) -> None:
    response = post(client, admin, raw, kind=kind)
    assert response.status_code == 202, response.json
    run_all()
    assert client.get(response.headers["Location"], headers=admin).json["data"]["counts"] == {"CREATED": 2}


def test_a_form_has_the_file_as_a_part(client: FlaskClient, admin: Headers) -> None:
    form = {"file": (io.BytesIO(many(2).encode()), "users.csv")}
    response = client.post(IMPORTS, data=form, headers=admin, content_type="multipart/form-data")
    assert (response.status_code, response.json["data"]["rows"]) == (202, 2)
    missing = client.post(IMPORTS, data={"other": "x"}, headers=admin, content_type="multipart/form-data")
    assert (missing.status_code, missing.json["errors"][0]["pointer"]) == (422, "/file")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "not empty"),
        (b" \n", "not empty"),
        (b"email\n", "at least one row"),
        (b"name\nAda\n", "lacks email"),
        (b"email,id\na@example.test,5\n", "unknown columns: id"),
        (b"[1", "not JSON"),
        (b"PK\x03\x04", "Excel"),
    ],
    ids=["empty", "blank", "header", "column", "id", "json", "excel"],
)
def test_a_file_is_rejected_as_a_whole(client: FlaskClient, admin: Headers, raw: bytes, text: str) -> None:
    response = post(client, admin, raw)
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/file")
    assert text in response.json["errors"][0]["detail"]
    assert db.session.scalar(select(func.count(Import.id))) == 0


def test_a_stored_file_is_imported(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    admin = as_user(Role.ADMIN)
    stored = client.post("/api/v1/files?name=users.csv", data=b"email\nada@example.test\n", headers=admin.headers)
    file_id = stored.json["data"]["id"]
    response = client.post(f"/api/v1/users/imports?fileId={file_id}", headers=admin.headers)
    assert (response.status_code, response.json["data"]["rows"]) == (202, 1)


def test_a_stored_file_that_cannot_be_read_is_rejected(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    admin = as_user(Role.ADMIN)
    empty = client.post("/api/v1/files?name=empty.csv", data=b"", headers=admin.headers).json["data"]["id"]
    for file_id in (empty, str(UUID(int=1)), "no-id"):
        response = client.post(f"/api/v1/users/imports?fileId={file_id}", headers=admin.headers)
        assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/query/fileId")
    assert db.session.scalar(select(func.count(Import.id))) == 0


def test_other_types_encodings_and_sizes_are_rejected(client: FlaskClient, admin: Headers) -> None:
    assert post(client, admin, "<a/>", kind="application/xml").status_code == 415
    assert post(client, admin, many(1), "?encoding=base64").status_code == 422
    assert post(client, admin, many(1), "?format=xlsx").status_code == 422
    assert post(client, admin, b"email\n" + b"x" * 1024 * 1024).status_code == 413


def test_only_administrators_import_users(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    for role in (Role.USER, Role.MODERATOR):
        assert post(client, as_user(role).headers, many(1)).status_code == 403


def test_a_repeated_request_is_one_import(client: FlaskClient, admin: Headers) -> None:
    headers = admin | {"Idempotency-Key": "one"}
    first, second = (post(client, headers, many(1)) for _ in range(2))
    assert first.json["data"]["id"] == second.json["data"]["id"]
    assert db.session.scalar(select(func.count(Import.id))) == 1


def test_too_many_unfinished_imports_are_rejected(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_PENDING", 1)
    post(client, admin, many(1))
    response = post(client, admin, many(1))
    assert (response.status_code, response.json["code"]) == (429, "too_many_imports")
    run_all()
    assert post(client, admin, many(1)).status_code == 202


def test_a_worker_that_is_killed_loses_one_batch_and_the_next_one_continues(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = post(client, admin, many(250)).json["data"]
    insert, calls = bulk_import.insert_rows, []

    def dying(*args: Any, **options: Any) -> Any:
        calls.append(1)
        result = insert(*args, **options)
        if len(calls) == 2:
            raise SystemExit  # what it has inserted is not committed
        return result

    monkeypatch.setattr(bulk_import, "insert_rows", dying)
    with pytest.raises(SystemExit):
        run_all()
    db.session.rollback()
    halfway = client.get(f"{IMPORTS}/{row['id']}", headers=admin).json["data"]
    assert (halfway["status"], halfway["processed"], emails()) == ("RUNNING", 100, 100)
    with transaction():
        past = utcnow() - timedelta(seconds=1)
        db.session.execute(update(Import).values(locked_until=past, next_attempt_at=past, hinted_until=past))
    run_all()
    done = client.get(f"{IMPORTS}/{row['id']}", headers=admin).json["data"]
    assert (done["status"], done["processed"], done["counts"], emails()) == ("SUCCEEDED", 250, {"CREATED": 250}, 250)
    numbers = db.session.scalars(select(ImportLine.number).order_by(ImportLine.number)).all()
    assert numbers == list(range(1, 251))


def test_a_long_import_takes_turns(client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processing, "SLICE_SECONDS", 0.0)
    row = post(client, admin, many(250)).json["data"]
    progress = []
    for _ in range(3):
        run_all()
        progress.append(client.get(f"{IMPORTS}/{row['id']}", headers=admin).json["data"]["processed"])
    assert progress == [100, 200, 250]


def test_a_cancelled_import_ends_and_keeps_what_it_has_imported(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "SLICE_SECONDS", 0.0)
    row = post(client, admin, many(250)).json["data"]
    run_all()
    cancelled = client.post(f"{IMPORTS}/{row['id']}/cancel", headers=admin).json["data"]
    assert (cancelled["status"], cancelled["processed"]) == ("CANCELLED", 100)
    run_all()
    assert emails() == 100 and db.session.scalar(select(func.count(ImportContent.import_id))) == 0
    assert client.post(f"{IMPORTS}/{row['id']}/cancel", headers=admin).json["code"] == "import_ended"


def test_a_batch_of_an_import_that_is_cancelled_meanwhile_is_rolled_back(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = post(client, admin, many(5)).json["data"]
    prepare = bulk_import.prepare_rows

    def cancelling(*args: Any) -> Any:
        client.post(f"{IMPORTS}/{row['id']}/cancel", headers=admin)
        return prepare(*args)

    monkeypatch.setattr(bulk_import, "prepare_rows", cancelling)
    run_all()
    assert client.get(f"{IMPORTS}/{row['id']}", headers=admin).json["data"]["status"] == "CANCELLED"
    assert emails() == 0 and db.session.scalar(select(func.count(ImportLine.import_id))) == 0


def test_an_import_fails_after_attempts_without_progress(
    client: FlaskClient, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = post(client, admin, many(1)).json["data"]

    def broken(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(bulk_import, "insert_rows", broken)
    for _ in range(processing.MAX_ATTEMPTS):
        with pytest.raises(RuntimeError):
            import_users(row["id"])
        with transaction():
            db.session.execute(update(Import).values(next_attempt_at=utcnow() - timedelta(seconds=1)))
    import_users(row["id"])
    done = client.get(f"{IMPORTS}/{row['id']}", headers=admin).json["data"]
    assert done["status"] == "FAILED" and "after row 0" in done["error"]


def test_the_stored_file_is_encrypted_and_deleted_at_the_end(client: FlaskClient, admin: Headers) -> None:
    post(client, admin, f"email,password\nada@example.test,{ANOTHER}\n")
    stored = db.session.scalars(select(ImportContent.sealed)).one()
    assert ANOTHER not in stored and "ada@" not in stored
    db.session.rollback()
    run_all()
    assert db.session.scalar(select(func.count(ImportContent.import_id))) == 0


def test_an_import_is_audited(client: FlaskClient, as_user: Callable[..., SignedIn]) -> None:
    admin = as_user(Role.ADMIN)
    row = post(client, admin.headers, many(1)).json["data"]
    run_all()
    rows = db.session.execute(select(Audit.action, Audit.actor, Audit.target).order_by(Audit.position)).all()
    created = db.session.scalar(select(User.id).where(User.email == "user0@example.test"))
    assert [tuple(each) for each in rows] == [
        ("import_requested", str(admin.user.id), row["id"]),
        ("user_created", str(admin.user.id), str(created)),
        ("import_finished", str(admin.user.id), row["id"]),
    ]


def test_the_lines_about_an_erased_user_say_nothing(client: FlaskClient, admin: Headers) -> None:
    post(client, admin, "email\nada@example.test\n")
    run_all()
    user = db.session.scalars(select(User).where(User.email == "ada@example.test")).one()
    with transaction():
        db.session.execute(update(ImportLine).values(detail="email: Ada@Example.test is odd"))
    assert client.post(f"/api/v1/users/{user.id}/erase", json={}, headers=admin).status_code == 202
    assert db.session.scalars(select(ImportLine.detail)).all() == [None]


def test_old_imports_are_deleted_with_their_lines(client: FlaskClient, admin: Headers) -> None:
    post(client, admin, many(1))
    run_all()
    post(client, admin, many(1))
    with transaction():
        db.session.execute(update(Import).values(created_at=utcnow() - cleanup.RETENTION - timedelta(days=1)))
    assert cleanup.delete_expired() is False
    assert [row.status for row in db.session.scalars(select(Import))] == ["PENDING"]
    assert db.session.scalar(select(func.count(ImportLine.import_id))) == 0


def test_an_unknown_import_and_one_of_cities_are_not_found(client: FlaskClient, admin: Headers) -> None:
    city = client.post(
        "/api/v1/cities/imports",
        data=json.dumps([{"name": "Uster", "country": "CH", "latitude": 47, "longitude": 8}]),
        headers=admin | {"Content-Type": "application/json"},
    ).json["data"]["id"]
    for import_id in (city, str(UUID(int=5))):
        for path in ("", "/lines"):
            assert client.get(f"{IMPORTS}/{import_id}{path}", headers=admin).status_code == 404
        assert client.post(f"{IMPORTS}/{import_id}/cancel", headers=admin).status_code == 404
    assert client.get(IMPORTS, headers=admin).json["data"] == []
