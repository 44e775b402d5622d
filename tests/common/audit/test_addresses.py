"""The addresses behind the fingerprints of the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from heidi_common.audit import addresses
from heidi_common.audit.addresses import AuditAddress
from heidi_common.audit.chain import verify_chain
from heidi_common.audit.fingerprint import fingerprint
from heidi_common.audit.trail import Audit
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.identity.models import Role, Session, User
from heidi_services.auth.service import retention
from tests.auth.helpers import PASSWORD, bearer, login, register

ADDRESSES = "/api/v1/auth/audit/addresses"


def read(client: FlaskClient, admin: Any, email: str) -> Any:
    return client.get(f"{ADDRESSES}/{fingerprint(email)}", headers=admin.headers)


@pytest.fixture
def admin(as_user: Callable[..., Any]) -> Any:
    return as_user(Role.ADMIN)


def failed_sign_in(client: FlaskClient, email: str) -> None:
    assert login(client, email, "x" * 12).status_code == 401


def unknown_reset(client: FlaskClient, email: str) -> None:
    assert client.post("/api/v1/auth/password/forgot", json={"email": email}).status_code == 202


def second_registration(client: FlaskClient, email: str) -> None:
    register(client, email)
    assert client.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD}).status_code == 409


@pytest.mark.parametrize("attempt", [failed_sign_in, unknown_reset, second_registration])
def test_an_administrator_reads_the_address_of_an_attempt(client: FlaskClient, admin, attempt) -> None:
    attempt(client, "eve@bücher.example")
    stored = "eve@xn--bcher-kva.example"
    assert db.session.scalars(select(Audit.target).where(Audit.target == fingerprint(stored))).all()
    response = read(client, admin, stored)
    assert (response.status_code, response.json["data"]["email"]) == (200, stored)
    [row] = db.session.scalars(select(Audit).where(Audit.action == "audit_address_read"))
    assert (row.actor, row.target) == (str(admin.user.id), fingerprint(stored))
    assert stored not in db.session.scalar(select(AuditAddress.sealed))


@pytest.mark.parametrize("text", ["hunter2 hunter2", "no address", "a@b", "@", "user name@example.test"])
def test_what_is_not_an_address_is_not_stored(client: FlaskClient, admin, text: str) -> None:
    failed_sign_in(client, text)
    assert db.session.scalars(select(AuditAddress)).all() == []
    assert read(client, admin, text).status_code == 404


def test_only_administrators_who_signed_in_recently_read_addresses(client, admin, as_user, as_client) -> None:
    failed_sign_in(client, "eve@example.test")
    for headers in (as_user(Role.MODERATOR).headers, as_user().headers, as_client("users:read")):
        path = f"{ADDRESSES}/{fingerprint('eve@example.test')}"
        assert client.get(path, headers=headers).status_code == 403
    with transaction():
        old = utcnow() - timedelta(minutes=11)
        db.session.execute(update(Session).where(Session.id == admin.session_id).values(created_at=old))
    assert read(client, admin, "eve@example.test").json["code"] == "recent_sign_in_required"


def test_addresses_end_with_their_retention_period_and_the_chain_does_not(client: FlaskClient, admin) -> None:
    failed_sign_in(client, "eve@example.test")
    with time_machine.travel(utcnow() + timedelta(days=89)):
        retention.delete_expired()
        assert db.session.query(AuditAddress).count() == 1
    with time_machine.travel(utcnow() + timedelta(days=91)):
        retention.delete_expired()
        assert db.session.query(AuditAddress).count() == 0
    assert read(client, admin, "eve@example.test").status_code == 404
    assert verify_chain().broken_at is None


def test_an_erasure_deletes_the_addresses_of_the_user(client: FlaskClient, admin) -> None:
    data = register(client)
    failed_sign_in(client, "ada@example.test")
    failed_sign_in(client, "eve@example.test")
    path = f"/api/v1/users/{data['user']['id']}"
    for email in ("second@example.test", "third@example.test"):
        assert client.patch(path, json={"email": email}, headers=admin.headers).status_code == 200
    assert db.session.query(AuditAddress).count() == 4
    assert client.post(f"{path}/erase", json={}, headers=admin.headers).status_code == 202
    assert db.session.scalars(select(AuditAddress.fingerprint)).all() == [fingerprint("eve@example.test")]


def test_repeated_attempts_write_the_address_once_a_day(client: FlaskClient) -> None:
    def recorded_at() -> Any:
        db.session.rollback()
        return db.session.scalar(select(AuditAddress.recorded_at))

    failed_sign_in(client, "eve@example.test")
    first = recorded_at()
    failed_sign_in(client, "eve@example.test")
    assert recorded_at() == first
    with time_machine.travel(utcnow() + timedelta(days=2)), transaction():
        addresses.remember("eve@example.test")
    assert recorded_at() > first


def test_the_command_and_the_rotation_of_keys(app: Flask, client: FlaskClient) -> None:
    failed_sign_in(client, "eve@example.test")
    run = app.test_cli_runner().invoke
    assert run(args=["audit", "address", fingerprint("eve@example.test")]).output == "eve@example.test\n"
    assert run(args=["audit", "address", "hmac:0"]).exit_code == 1
    assert addresses.reencrypt_all() == (0, [])
    assert run(args=["keys", "reseal"]).exit_code == 0


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"role": "MODERATOR"}, {"changed": ["role"], "role": {"old": "USER", "new": "MODERATOR"}}),
        ({"isActive": False}, {"changed": ["isActive"], "isActive": {"old": True, "new": False}}),
        ({"firstName": "A"}, {"changed": ["firstName"]}),
        (
            {"role": "ADMIN", "isActive": False},
            {
                "changed": ["isActive", "role"],
                "role": {"old": "USER", "new": "ADMIN"},
                "isActive": {"old": True, "new": False},
            },
        ),
    ],
)
def test_changes_of_role_and_state_record_both_values(client, admin, as_user, changes: Any, detail: Any) -> None:
    user = as_user().user
    assert client.patch(f"/api/v1/users/{user.id}", json=changes, headers=admin.headers).status_code == 200
    [row] = db.session.scalars(select(Audit).where(Audit.action == "user_updated"))
    assert row.detail == detail


def test_so_does_the_command_that_promotes_a_user(app: Flask, as_user) -> None:
    as_user(Role.MODERATOR, email="mod@example.test", is_active=False)
    app.test_cli_runner().invoke(args=["users", "create-admin", "mod@example.test"])
    [row] = db.session.scalars(select(Audit).where(Audit.action == "user_updated"))
    assert row.detail["role"] == {"old": "MODERATOR", "new": "ADMIN"}
    assert row.detail["isActive"] == {"old": False, "new": True}


@pytest.mark.parametrize("options", [["--with-hashes"], [], ["--with-hashes", "--format", "csv"]])
def test_exports_are_audited(app: Flask, as_user, tmp_path, options: list[str]) -> None:
    as_user()
    assert app.test_cli_runner().invoke(args=["users", "export", str(tmp_path / "x"), *options]).exit_code == 0
    [row] = db.session.scalars(select(Audit).where(Audit.action == "users_exported"))
    assert row.detail == {"users": 1, "passwordHashes": "--with-hashes" in options}


@pytest.mark.parametrize("path", ["me", "own id"])
def test_users_delete_themselves_after_a_recent_sign_in_only(client: FlaskClient, path: str) -> None:
    data = register(client)
    url = f"/api/v1/users/{data['user']['id'] if path == 'own id' else path}"
    with transaction():
        db.session.execute(update(Session).values(created_at=utcnow() - timedelta(minutes=11)))
    rejected = client.delete(url, headers=bearer(data))
    assert (rejected.status_code, rejected.json["code"]) == (403, "recent_sign_in_required")
    again = login(client).json["data"]
    assert client.delete(url, headers=bearer(again)).status_code == 204
    assert db.session.query(User).one().deleted_at is not None
