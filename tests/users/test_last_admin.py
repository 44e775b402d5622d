from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.identity.models import Role, User

USERS = "/api/v1/users"
REQUESTS = {
    "removed": lambda client, user_id, headers: client.delete(f"{USERS}/{user_id}", headers=headers),
    "demoted": lambda client, user_id, headers: client.patch(
        f"{USERS}/{user_id}", json={"role": "USER"}, headers=headers
    ),
    "deactivated": lambda client, user_id, headers: client.patch(
        f"{USERS}/{user_id}", json={"isActive": False}, headers=headers
    ),
    "erased": lambda client, user_id, headers: client.post(f"{USERS}/{user_id}/erase", json={}, headers=headers),
}


@pytest.mark.parametrize("name", ["removed", "demoted", "deactivated"])
def test_the_last_active_administrator_cannot_be(client, as_user, name) -> None:
    admin = as_user(Role.ADMIN)
    as_user(Role.ADMIN, is_active=False)
    response = REQUESTS[name](client, admin.user.id, admin.headers)
    assert (response.status_code, response.json["code"]) == (409, "last_admin")
    assert client.get(f"{USERS}/me", headers=admin.headers).status_code == 200


@pytest.mark.parametrize("name", REQUESTS)
def test_two_administrators_cannot_remove_each_other_concurrently(app, as_user, name) -> None:
    first, second = as_user(Role.ADMIN), as_user(Role.ADMIN)
    pairs = [(str(first.user.id), second.headers), (str(second.user.id), first.headers)]
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(lambda pair: REQUESTS[name](app.test_client(), *pair).status_code, pairs))
    # The second request is rejected by the rule, or its caller has been signed out by the first.
    assert codes[0] < 300 and codes[1] in (401, 409), codes
    active = select(func.count()).where(User.role == Role.ADMIN, User.is_active, User.deleted_at.is_(None))
    assert db.session.scalar(active) == 1
