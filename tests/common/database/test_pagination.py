"""Cursors: each is valid only for the list that returned it, and only unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from heidi_services.auth.service import clients

USERS, CLIENTS = "/api/v1/users", "/api/v1/auth/clients"


@pytest.fixture
def headers(as_user: Callable[..., Any]) -> dict[str, str]:
    """The headers of an administrator. Each list has at least two pages of one item."""
    for name in ("one", "two"):
        as_user()
        clients.create_client(name, ["users:read"], actor=None)
    admin_headers: dict[str, str] = as_user(Role.ADMIN).headers
    return admin_headers


@pytest.fixture
def cursor(client: FlaskClient, headers: dict[str, str]) -> str:
    next_cursor: str = client.get(f"{USERS}?limit=1", headers=headers).get_json()["meta"]["nextCursor"]
    return next_cursor


def is_rejected(client: FlaskClient, path: str, cursor: str, headers: dict[str, str]) -> bool:
    response = client.get(path, query_string={"cursor": cursor}, headers=headers)
    if response.status_code == 200:
        return False
    assert (response.status_code, response.json["code"]) == (400, "bad_cursor"), response.json
    assert response.json["errors"][0]["pointer"] == "/query/cursor"
    return True


def test_a_cursor_is_valid_only_for_its_own_list(client: FlaskClient, headers: dict[str, str], cursor: str) -> None:
    assert not is_rejected(client, USERS, cursor, headers)
    assert not is_rejected(client, USERS + "/", cursor, headers)
    assert is_rejected(client, CLIENTS, cursor, headers)


@pytest.mark.parametrize("stray", ["é", "=", "!", "\x00", "\n"])
def test_a_valid_cursor_with_a_stray_character_is_rejected(
    client: FlaskClient, headers: dict[str, str], cursor: str, stray: str
) -> None:
    assert is_rejected(client, USERS, cursor + stray, headers)
    assert is_rejected(client, USERS, stray + cursor, headers)
    assert is_rejected(client, USERS, cursor[:-3] + stray + cursor[-3:], headers)


def test_the_unused_bits_of_the_last_character_are_verified(
    client: FlaskClient, headers: dict[str, str], cursor: str
) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    altered = alphabet[alphabet.index(cursor[-1]) ^ 1]
    assert is_rejected(client, USERS, cursor[:-1] + altered, headers)
