from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from tests.auth.helpers import PASSWORD, bearer, login, register

USERS = "/api/v1/users"
Sign = Callable[..., object]


@pytest.fixture
def admin(as_user):
    return as_user(Role.ADMIN)


def create(client: FlaskClient, admin, email: str = "new@example.test", **more):
    return client.post(USERS, json={"email": email, "password": PASSWORD, **more}, headers=admin.headers)


def test_a_user_created_by_an_administrator_can_sign_in(client, admin) -> None:
    created = create(client, admin, "New@Example.test", firstName="New", role="MODERATOR")
    assert created.status_code == 201, created.json
    assert created.json["data"]["role"] == "MODERATOR" and created.json["data"]["email"] == "new@example.test"
    assert login(client, "new@example.test").status_code == 200
    again = create(client, admin, "new@example.test")
    assert (again.status_code, again.json["code"]) == (409, "email_taken")
    assert again.json["errors"][0]["pointer"] == "/email"


def test_a_taken_address_is_reported_at_the_field_that_contained_it(client, as_user, admin) -> None:
    ada = as_user(email="ada@example.test")
    taken = client.patch(f"{USERS}/{as_user().user.id}", json={"email": "ADA@example.test"}, headers=admin.headers)
    assert (taken.status_code, taken.json["errors"][0]["pointer"]) == (409, "/email")
    assert client.delete(f"{USERS}/{ada.user.id}", headers=admin.headers).status_code == 204
    as_user(email="ada@example.test")
    restored = client.post(f"{USERS}/{ada.user.id}/restore", headers=admin.headers)
    assert (restored.status_code, restored.json["code"], "errors" in restored.json) == (409, "email_taken", False)


def test_an_address_with_more_than_64_bytes_before_the_at_is_422(client, admin) -> None:
    response = create(client, admin, "a" * 65 + "@example.test")
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/email")


@pytest.mark.parametrize("name", ["  ", "\n", "A\r\nBcc: somebody@example.test", "A\u2028B"])
def test_a_name_must_be_a_single_line_that_is_not_blank(client, as_user, name) -> None:
    response = client.patch(f"{USERS}/me", json={"firstName": name}, headers=as_user().headers)
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/firstName")


def test_if_none_match_star_matches_any_existing_user(client, as_user) -> None:
    ada = as_user()
    response = client.get(f"{USERS}/me", headers={**ada.headers, "If-None-Match": "*"})
    assert response.status_code == 304 and response.headers["ETag"] and not response.data
    missing = client.get(f"{USERS}/{as_user().user.id}", headers={**ada.headers, "If-None-Match": "*"})
    assert missing.status_code == 404


def test_a_range_that_ends_before_it_begins_is_refused(client, admin) -> None:
    later, earlier = "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"
    response = client.get(f"{USERS}?createdFrom={later}&createdTo={earlier}", headers=admin.headers)
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/query/createdTo")
    assert client.get(f"{USERS}?createdFrom={later}&createdTo={later}", headers=admin.headers).status_code == 200


def test_users_read_themselves_with_an_etag_and_get_404_for_others(client, as_user, admin) -> None:
    ada, eve = as_user(), as_user()
    response = client.get(f"{USERS}/{ada.user.id}", headers=ada.headers)
    assert response.status_code == 200 and response.json == client.get(f"{USERS}/me", headers=ada.headers).json
    same = client.get(f"{USERS}/me", headers={**ada.headers, "If-None-Match": "W/" + response.headers["ETag"]})
    assert same.status_code == 304
    assert client.get(f"{USERS}/{ada.user.id}", headers=eve.headers).status_code == 404
    for role in (Role.MODERATOR, Role.ADMIN):
        assert client.get(f"{USERS}/{ada.user.id}", headers=as_user(role).headers).status_code == 200


def test_the_list_pages_without_gaps_in_every_order(client, as_user, admin) -> None:
    for number in range(7):
        as_user(email=f"p{number}@example.test", first_name="Person")
    for sort in ("createdAt", "-createdAt", "email", "-email"):
        path, emails = f"{USERS}?limit=3&sort={sort}", []
        while path:
            response = client.get(path, headers=admin.headers)
            emails += [user["email"] for user in response.json["data"]]
            link = response.headers.get("Link")
            path = link.split(";")[0].strip("<>") if link else None
        assert len(emails) == len(set(emails)) == 8
        if "email" in sort:
            assert emails == sorted(emails, reverse=sort.startswith("-"))


def test_filters_and_search_return_the_matching_users(client, as_user, admin) -> None:
    as_user(email="zoe.novak@example.test", first_name="Zoë", last_name="Novak")
    as_user(Role.MODERATOR, email="mod@example.test", is_active=False)

    def emails(query: str) -> set[str]:
        response = client.get(f"{USERS}?{query}", headers=admin.headers)
        assert response.status_code == 200, response.json
        return {user["email"] for user in response.json["data"]}

    assert emails("q=nOVa") == {"zoe.novak@example.test"} == emails("q=zo") == emails("q=zoë")
    assert emails("q=z%25e") == set() == emails("q=z_e")
    assert emails("role=MODERATOR") == {"mod@example.test"} == emails("isActive=false")
    assert emails("createdFrom=2100-01-01T00:00:00Z") == set()
    assert len(emails("createdTo=2100-01-01T00:00:00Z")) == 3
    assert client.get(f"{USERS}?total=true&limit=1", headers=admin.headers).json["meta"]["total"] == 3
    for wrong in ("role=KING", "colour=red", "limit=0", "sort=password", "q=%25%25%25", "q=", "q=\u037a"):
        assert client.get(f"{USERS}?{wrong}", headers=admin.headers).status_code == 422
    assert client.get(f"{USERS}?cursor=made-up", headers=admin.headers).status_code == 400


def test_users_may_change_their_own_profile_only(client, as_user) -> None:
    ada = as_user()
    body = {"firstName": "Ada", "phone": "+4930123456", "locale": "de-AT", "timezone": "Europe/Vienna"}
    response = client.patch(f"{USERS}/me", json=body, headers=ada.headers)
    assert response.status_code == 200 and body.items() <= response.json["data"].items()
    refused = client.patch(f"{USERS}/me", json={"role": "ADMIN", "isActive": True}, headers=ada.headers)
    assert refused.status_code == 422
    assert [e["pointer"] for e in refused.json["errors"]] == ["/isActive", "/role"]
    for field, value in [("phone", "123"), ("locale", "english"), ("timezone", "Mars/Base"), ("password", "x" * 20)]:
        wrong = client.patch(f"{USERS}/me", json={field: value}, headers=ada.headers)
        assert wrong.status_code == 422 and wrong.json["errors"][0]["pointer"] == f"/{field}"
    assert client.patch(f"{USERS}/{ada.user.id}", json={}, headers=as_user().headers).status_code == 404
    assert client.patch(f"{USERS}/{ada.user.id}", json={}, headers=as_user(Role.MODERATOR).headers).status_code == 403


def test_a_stale_if_match_is_412(client, as_user) -> None:
    ada = as_user()
    tag = client.get(f"{USERS}/me", headers=ada.headers).headers["ETag"]
    if_match = {**ada.headers, "If-Match": tag}
    response = client.patch(f"{USERS}/me", json={"firstName": "A"}, headers=if_match)
    assert response.status_code == 200 and response.headers["ETag"] != tag
    assert client.patch(f"{USERS}/me", json={"firstName": "B"}, headers=if_match).status_code == 412
    assert client.delete(f"{USERS}/me", headers=if_match).status_code == 412


@pytest.mark.parametrize("change", [{"role": "MODERATOR"}, {"isActive": False}])
def test_a_new_role_or_a_deactivation_ends_the_old_access_token(client, admin, change) -> None:
    data = register(client)
    path = f"{USERS}/{data['user']['id']}"
    assert client.patch(path, json=change, headers=admin.headers).status_code == 200
    assert client.get("/api/v1/auth/me", headers=bearer(data)).status_code == 401
    again = client.post("/api/v1/auth/refresh", json={"refreshToken": data["refreshToken"]})
    assert again.status_code == (200 if "role" in change else 401)


def test_a_deletion_signs_out_frees_the_email_and_can_be_restored(client, admin) -> None:
    data = register(client)
    path = f"{USERS}/{data['user']['id']}"
    assert client.delete(f"{USERS}/me", headers=bearer(data)).status_code == 204
    assert client.get(f"{USERS}/me", headers=bearer(data)).status_code == 401
    assert login(client).status_code == 401
    assert client.get(path, headers=admin.headers).status_code == 404
    listed = client.get(f"{USERS}?includeDeleted=true&q=ada", headers=admin.headers).json["data"]
    assert len(listed) == 1 and listed[0]["deletedAt"]

    register(client)
    taken = client.post(f"{path}/restore", headers=admin.headers)
    assert (taken.status_code, taken.json["code"]) == (409, "email_taken")
    other = client.get(f"{USERS}?q=ada", headers=admin.headers).json["data"][0]["id"]
    assert client.delete(f"{USERS}/{other}", headers=admin.headers).status_code == 204
    assert client.post(f"{path}/restore", headers=admin.headers).status_code == 200
    assert login(client).status_code == 200
