"""ETags of resources that have no version of their own, and changes that depend on them."""

from __future__ import annotations

from uuid import UUID

from heidi_common.identity.models import Role
from heidi_services.notification.enums import Channel
from heidi_services.notification.service.recipients import preferences

PREFERENCES = "/api/v1/notifications/preferences"


def test_preferences_are_replaced_only_if_they_have_not_changed_since_they_were_read(client, as_user) -> None:
    user = as_user()
    body = {"preferences": [{"category": "news", "channel": "EMAIL", "enabled": False}], "quietHours": None}
    read = client.get(PREFERENCES, headers=user.headers).headers["ETag"]
    changed = client.put(PREFERENCES, json=body, headers=user.headers | {"If-Match": read})
    assert changed.status_code == 200 and changed.headers["ETag"] != read
    stale = client.put(PREFERENCES, json=body, headers=user.headers | {"If-Match": read})
    assert (stale.status_code, stale.json["code"]) == (412, "stale")
    preferences.mute_category(user.user.id, "digest", Channel.EMAIL)
    after_link = client.put(PREFERENCES, json=body, headers=user.headers | {"If-Match": changed.headers["ETag"]})
    assert after_link.status_code == 412
    for tag in (client.get(PREFERENCES, headers=user.headers).headers["ETag"], "*"):
        assert client.put(PREFERENCES, json=body, headers=user.headers | {"If-Match": tag}).status_code == 200
    current = client.get(PREFERENCES, headers=user.headers).headers["ETag"]
    assert current == changed.headers["ETag"]
    assert client.get(PREFERENCES, headers=user.headers | {"If-None-Match": current}).status_code == 304


def test_the_tag_of_the_signed_in_user_can_be_used_to_change_the_profile(client, as_user) -> None:
    headers = as_user().headers
    tag = client.get("/api/v1/auth/me", headers=headers).headers["ETag"]
    assert tag == client.get("/api/v1/users/me", headers=headers).headers["ETag"]
    assert client.get("/api/v1/auth/me", headers=headers | {"If-None-Match": tag}).status_code == 304
    statuses = [
        client.patch("/api/v1/users/me", json={"firstName": name}, headers=headers | {"If-Match": tag}).status_code
        for name in ("Ada", "Eva")
    ]
    assert statuses == [200, 412]


def test_a_resource_that_is_put_together_has_the_tag_of_its_content(client, as_user) -> None:
    admin = as_user(Role.ADMIN)
    message = {"channel": "IN_APP", "content": "Hello", "userIds": [str(admin.user.id)]}
    batch = client.post("/api/v1/notifications/bulk", json=message, headers=admin.headers).json["data"]["batchId"]
    paths = (f"/api/v1/notifications/batches/{UUID(batch)}", f"/api/v1/core/users/{admin.user.id}/profile")
    for path in (*paths, "/api/v1/notifications/unread-count"):
        tag = client.get(path, headers=admin.headers).headers["ETag"]
        assert client.get(path, headers=admin.headers | {"If-None-Match": tag}).status_code == 304, path
        assert client.get(path, headers=admin.headers | {"If-None-Match": '"x"'}).status_code == 200
    client.patch("/api/v1/users/me", json={"firstName": "Ada"}, headers=admin.headers)
    assert client.get(paths[1], headers=admin.headers).headers["ETag"] != tag
