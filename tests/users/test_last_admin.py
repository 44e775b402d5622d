from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from heidi_common.database.session import db
from heidi_common.identity.models import Role, User

USERS = "/api/v1/users"
WAYS = {
    "removed": lambda client, user_id, headers: client.delete(f"{USERS}/{user_id}", headers=headers),
    "demoted": lambda client, user_id, headers: client.patch(
        f"{USERS}/{user_id}", json={"role": "USER"}, headers=headers
    ),
    "deactivated": lambda client, user_id, headers: client.patch(
        f"{USERS}/{user_id}", json={"isActive": False}, headers=headers
    ),
    "erased": lambda client, user_id, headers: client.post(f"{USERS}/{user_id}/erase", json={}, headers=headers),
}


@pytest.mark.parametrize("way", ["removed", "demoted", "deactivated"])
def test_the_last_active_administrator_cannot_be(client, as_user, way) -> None:
    admin = as_user(Role.ADMIN)
    as_user(Role.ADMIN, is_active=False)
    found = WAYS[way](client, admin.user.id, admin.headers)
    assert (found.status_code, found.json["code"]) == (409, "last_admin")
    assert client.get(f"{USERS}/me", headers=admin.headers).status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_two_administrators_cannot_end_each_other_at_once(app, as_user, way) -> None:
    one, two = as_user(Role.ADMIN), as_user(Role.ADMIN)
    pairs = [(str(one.user.id), two.headers), (str(two.user.id), one.headers)]
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(lambda pair: WAYS[way](app.test_client(), *pair).status_code, pairs))
    # The second is refused by the rule, or finds itself signed out by the first.
    assert codes[0] < 300 and codes[1] in (401, 409), codes
    active = select(func.count()).where(User.role == Role.ADMIN, User.is_active, User.deleted_at.is_(None))
    assert db.session.scalar(active) == 1
