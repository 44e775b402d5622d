"""An ended session is rejected by all services, whatever happens to Redis."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from heidi_common.redis.client import redis_client
from heidi_common.runtime import current_runtime
from tests.auth.helpers import bearer, login, refresh, register
from tests.auth.test_token_attacks import PROTECTED

ENDS: dict[str, Callable] = {
    "logout": lambda client, me, admin: client.post("/api/v1/auth/logout", headers=bearer(me)),
    "logout-all": lambda client, me, admin: client.post("/api/v1/auth/logout-all", headers=bearer(me)),
    "deactivation": lambda client, me, admin: client.patch(
        f"/api/v1/users/{me['user']['id']}", json={"isActive": False}, headers=admin
    ),
    "deletion": lambda client, me, admin: client.delete("/api/v1/users/me", headers=bearer(me)),
    "role change": lambda client, me, admin: client.patch(
        f"/api/v1/users/{me['user']['id']}", json={"role": "MODERATOR"}, headers=admin
    ),
}


def codes(client: FlaskClient, data) -> set[int]:
    """The status codes of all services for a token."""
    return {client.open(path, method=m, headers=bearer(data)).status_code for m, path in PROTECTED}


@pytest.mark.parametrize("end", ENDS)
def test_the_old_access_token_is_rejected_by_all_services_immediately(client: FlaskClient, as_user, end) -> None:
    admin, me = as_user(Role.ADMIN).headers, register(client)
    assert 401 not in codes(client, me)
    assert ENDS[end](client, me, admin).status_code < 300
    assert codes(client, me) == {401}
    redis_client().flushall()
    assert codes(client, me) == {401}


@pytest.mark.parametrize("end", ENDS)
def test_without_redis_the_database_is_queried(client, as_user, monkeypatch, end) -> None:
    admin, me = as_user(Role.ADMIN).headers, register(client)
    other = login(client).json["data"]
    dead = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setitem(current_runtime().instances, redis_client, dead)
    assert client.get("/api/v1/auth/me", headers=bearer(me)).status_code == 200
    assert ENDS[end](client, me, admin).status_code < 300
    assert codes(client, me) <= {401, 503}
    if end != "role change":
        assert refresh(client, me["refreshToken"]).status_code in (401, 503)
    alive = client.get("/api/v1/auth/me", headers=bearer(other)).status_code
    assert alive == (200 if end == "logout" else 401)


def test_a_session_ended_while_redis_was_unavailable_stays_ended_when_redis_restarts_empty(client, monkeypatch) -> None:
    me = register(client)
    with monkeypatch.context() as gone:
        gone.setitem(
            current_runtime().instances,
            redis_client,
            redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2),
        )
        assert client.post("/api/v1/auth/logout", headers=bearer(me)).status_code == 204
    redis_client().flushall()
    assert client.get("/api/v1/auth/me", headers=bearer(me)).status_code == 401
