"""What Redis is told of ended sessions."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from heidi_common.database.transactions import transaction
from heidi_common.identity import accounts
from heidi_common.redis.client import redis_client
from tests.conftest import SignedIn


def end(person: SignedIn) -> None:
    accounts.end_sessions(person.user.id, "tried")
    accounts.revoke_access_tokens(person.user.id)


def lives_of(person: SignedIn) -> list[int]:
    return [redis_client().ttl(f"heidi:{key}") for key in (f"session:{person.session_id}", f"ver:{person.user.id}")]


def test_an_end_that_is_rolled_back_is_believed_for_a_minute_at_most(client: FlaskClient, as_user) -> None:
    person = as_user()
    with pytest.raises(RuntimeError), transaction():
        end(person)
        raise RuntimeError
    assert all(0 < seconds <= 60 for seconds in lives_of(person))
    redis_client().flushall()  # the minute is over
    assert client.get("/api/v1/users/me", headers=person.headers).status_code == 200


def test_an_end_that_is_committed_outlives_every_access_token(client: FlaskClient, as_user) -> None:
    person = as_user()
    with transaction():
        end(person)
    assert all(seconds > 900 for seconds in lives_of(person))
    assert client.get("/api/v1/users/me", headers=person.headers).status_code == 401
