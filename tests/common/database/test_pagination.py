"""Cursors: each is good for the list it came from, exactly as it was given out."""

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
    """An administrator's, where each list has two pages of one."""
    for name in ("one", "two"):
        as_user()
        clients.create_client(name, ["users:read"], actor=None)
    found: dict[str, str] = as_user(Role.ADMIN).headers
    return found


@pytest.fixture
def cursor(client: FlaskClient, headers: dict[str, str]) -> str:
    found: str = client.get(f"{USERS}?limit=1", headers=headers).get_json()["meta"]["nextCursor"]
    return found


def refused(client: FlaskClient, path: str, cursor: str, headers: dict[str, str]) -> bool:
    answer = client.get(path, query_string={"cursor": cursor}, headers=headers)
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json["code"]) == (400, "bad_cursor"), answer.json
    assert answer.json["errors"][0]["pointer"] == "/query/cursor"
    return True


def test_a_cursor_is_good_for_its_own_list_alone(client: FlaskClient, headers: dict[str, str], cursor: str) -> None:
    assert not refused(client, USERS, cursor, headers)
    assert not refused(client, USERS + "/", cursor, headers)
    assert refused(client, CLIENTS, cursor, headers)


@pytest.mark.parametrize("stray", ["é", "=", "!", "\x00", "\n"])
def test_a_good_cursor_with_a_stray_character_is_refused(
    client: FlaskClient, headers: dict[str, str], cursor: str, stray: str
) -> None:
    assert refused(client, USERS, cursor + stray, headers)
    assert refused(client, USERS, stray + cursor, headers)
    assert refused(client, USERS, cursor[:-3] + stray + cursor[-3:], headers)


def test_the_spare_bits_of_the_last_letter_of_a_cursor_are_looked_at(
    client: FlaskClient, headers: dict[str, str], cursor: str
) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(cursor[-1]) ^ 1]
    assert refused(client, USERS, cursor[:-1] + twin, headers)
