"""The marks of ended sessions in Redis."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.redis.client import redis_client
from tests.conftest import SignedIn


def end_session(signed_in: SignedIn) -> None:
    accounts.end_sessions(signed_in.user.id, "test")
    accounts.revoke_access_tokens(signed_in.user.id)


def mark_seconds(signed_in: SignedIn) -> list[int]:
    return [
        redis_client().ttl(f"heidi:{key}") for key in (f"session:{signed_in.session_id}", f"ver:{signed_in.user.id}")
    ]


def test_the_mark_of_an_end_that_is_rolled_back_expires_within_a_minute(client: FlaskClient, as_user) -> None:
    signed_in = as_user()
    with pytest.raises(RuntimeError), transaction():
        end_session(signed_in)
        raise RuntimeError
    assert all(0 < seconds <= 60 for seconds in mark_seconds(signed_in))
    redis_client().flushall()  # as after that minute
    assert client.get("/api/v1/users/me", headers=signed_in.headers).status_code == 200


def test_the_mark_of_a_committed_end_outlives_every_access_token(client: FlaskClient, as_user) -> None:
    signed_in = as_user()
    with transaction():
        end_session(signed_in)
    assert all(seconds > 900 for seconds in mark_seconds(signed_in))
    assert client.get("/api/v1/users/me", headers=signed_in.headers).status_code == 401
