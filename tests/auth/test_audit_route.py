from __future__ import annotations

from flask.testing import FlaskClient

from heidi_common.identity.models import Role
from tests.auth.helpers import login, register

AUDIT = "/api/v1/auth/audit"


def test_an_administrator_filters_the_trail_by_actor_action_and_time(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    user_id = register(client)["user"]["id"]
    login(client, password="not-her-password")

    def read(query: str) -> list[tuple[str, str]]:
        response = client.get(f"{AUDIT}?{query}", headers=admin)
        assert response.status_code == 200, response.json
        return [(row["action"], row["outcome"]) for row in response.json["data"]]

    assert read("") == [
        ("authn_login_fail", "failure"),
        ("authn_login_success", "success"),
        ("user_created", "success"),
    ]
    assert read("outcome=failure") == read("action=authn_login_fail") == [("authn_login_fail", "failure")]
    assert len(read(f"actor={user_id}")) == 2 == len(read("limit=2"))
    assert read("to=2020-01-01T00:00:00Z") == read("from=2100-01-01T00:00:00Z") == []
    reversed_range = client.get(f"{AUDIT}?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", headers=admin)
    assert (reversed_range.status_code, reversed_range.json["errors"][0]["pointer"]) == (422, "/query/to")
    assert client.get(AUDIT, headers=as_user(Role.MODERATOR).headers).status_code == 403
    assert read("action=authz_fail") == [("authz_fail", "failure")]


def test_no_row_holds_an_address_a_token_or_a_password(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    data = register(client)
    login(client, password="not-her-password")
    client.get("/api/v1/auth/me", headers={"Authorization": "Bearer " + data["refreshToken"]})
    text = client.get(AUDIT, headers=admin).text
    for secret in ("ada@", "example.test", "127.0.0.1", "not-her-password", data["refreshToken"], data["accessToken"]):
        assert secret not in text
