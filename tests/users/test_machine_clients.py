"""What `users:read` and `users:write` admit: all accounts but those of administrators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db
from heidi_common.identity.models import Role, User
from heidi_common.peers.signature import REQUESTER_HEADER
from tests.auth.helpers import PASSWORD

USERS = "/api/v1/users"
DETAIL = "`users:write` does not cover administrators. Only an administrator may do this."


@pytest.fixture
def writer(as_client: Callable[..., dict[str, str]]) -> dict[str, str]:
    return as_client("users:write")


def test_a_reader_lists_and_reads_all_accounts(
    client: FlaskClient, as_user: Callable[..., Any], as_client: Callable[..., dict[str, str]], writer: dict[str, str]
) -> None:
    user, reader = as_user().user, as_client("users:read")
    assert client.get(f"{USERS}/{user.id}", headers=reader).json["data"]["id"] == str(user.id)
    assert [row["id"] for row in client.get(USERS, headers=reader).json["data"]] == [str(user.id)]
    assert client.get(USERS, headers=writer).status_code == 403
    assert client.patch(f"{USERS}/{user.id}", json={"isActive": False}, headers=reader).status_code == 403


def test_a_writer_creates_changes_and_deletes_an_account(client: FlaskClient, writer: dict[str, str]) -> None:
    body = {"email": "new@example.test", "password": PASSWORD, "role": "MODERATOR"}
    created = client.post(USERS, json=body, headers=writer)
    assert (created.status_code, created.json["data"]["role"]) == (201, "MODERATOR")
    url = f"{USERS}/{created.json['data']['id']}"
    assert client.patch(url, json={"role": "USER", "isActive": False}, headers=writer).json["data"]["isActive"] is False
    assert client.patch(url, json={"firstName": "A"}, headers=writer | {"If-Match": '"1.1"'}).status_code == 412
    assert client.delete(url, headers=writer).status_code == 204
    rows = db.session.scalars(select(Audit).where(Audit.target == created.json["data"]["id"])).all()
    assert {row.action for row in rows} == {"user_created", "user_updated", "user_deleted"}
    assert len({row.actor for row in rows}) == 1 and all("onBehalfOf" not in (row.detail or {}) for row in rows)


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {"isActive": False}),
        ("PATCH", {"role": "USER"}),
        ("PATCH", {"email": "mine@example.test"}),
        ("PATCH", {"firstName": "Eve"}),
        ("DELETE", None),
    ],
)
def test_a_writer_cannot_change_or_delete_an_administrator(
    client: FlaskClient, as_user: Callable[..., Any], writer: dict[str, str], method: str, body: Any
) -> None:
    as_user(Role.ADMIN)
    admin = as_user(Role.ADMIN).user
    response = client.open(f"{USERS}/{admin.id}", method=method, json=body, headers=writer)
    assert (response.status_code, response.get_json()["detail"]) == (403, DETAIL)
    stored = db.session.scalars(select(User).where(User.id == admin.id).execution_options(populate_existing=True)).one()
    assert (stored.is_active, stored.role, stored.deleted_at, stored.first_name) == (True, "ADMIN", None, None)


def test_a_writer_cannot_create_or_promote_an_administrator(
    client: FlaskClient, as_user: Callable[..., Any], writer: dict[str, str]
) -> None:
    body = {"email": "new@example.test", "password": PASSWORD, "role": "ADMIN"}
    user = as_user().user
    for response in (
        client.post(USERS, json=body, headers=writer),
        client.patch(f"{USERS}/{user.id}", json={"role": "ADMIN"}, headers=writer),
    ):
        assert (response.status_code, response.get_json()["detail"]) == (403, DETAIL)
    assert db.session.scalars(select(User.role)).all() == ["USER"]


def test_a_writer_cannot_erase_or_restore_anybody(
    client: FlaskClient, as_user: Callable[..., Any], writer: dict[str, str]
) -> None:
    for role in (Role.ADMIN, Role.USER):
        url = f"{USERS}/{as_user(role).user.id}"
        assert client.post(f"{url}/erase", json={}, headers=writer).status_code == 403
        assert client.post(f"{url}/restore", headers=writer).status_code == 403
    assert db.session.scalars(select(User.id).where(User.erased_at.is_not(None))).all() == []


def test_a_client_cannot_claim_to_act_on_behalf_of_somebody(
    client: FlaskClient, as_user: Callable[..., Any], writer: dict[str, str]
) -> None:
    headers = writer | {REQUESTER_HEADER: str(as_user(Role.ADMIN).user.id)}
    body = {"email": "new@example.test", "password": PASSWORD}
    assert client.post(USERS, json=body, headers=headers).status_code == 201
    row = db.session.scalars(select(Audit).where(Audit.action == "user_created")).one()
    assert row.detail == {"role": "USER"}
