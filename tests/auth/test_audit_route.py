from __future__ import annotations

from datetime import UTC, datetime

from flask.testing import FlaskClient
from sqlalchemy import text, update

from heidi_common.audit.trail import Audit
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
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


def test_a_period_is_exact_although_the_clock_was_set_back(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    register(client)
    login(client, password="not-her-password")
    with transaction():
        db.session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        for position, minute in ((1, 0), (2, 30), (3, 10)):
            at = datetime(2026, 1, 1, 12, minute, tzinfo=UTC)
            db.session.execute(update(Audit).where(Audit.position == position).values(at=at))
        db.session.execute(text("ALTER TABLE audit ENABLE TRIGGER USER"))

    def positions(query: str) -> list[int]:
        response = client.get(f"{AUDIT}?{query}", headers=admin)
        assert response.status_code == 200, response.json
        return [row["position"] for row in response.json["data"] if row["position"] <= 3]

    day = "2026-01-01T12"
    assert positions(f"from={day}:05:00Z&to={day}:20:00Z") == [3]
    assert positions(f"from={day}:20:00Z&to={day}:31:00Z") == [2]
    assert positions(f"to={day}:10:00Z") == [1]
    assert positions("from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z") == []
    assert positions("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z") == [3, 2, 1]


def test_no_row_holds_an_address_a_token_or_a_password(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    data = register(client)
    login(client, password="not-her-password")
    client.get("/api/v1/auth/me", headers={"Authorization": "Bearer " + data["refreshToken"]})
    text = client.get(AUDIT, headers=admin).text
    for secret in ("ada@", "example.test", "127.0.0.1", "not-her-password", data["refreshToken"], data["accessToken"]):
        assert secret not in text


def verify(client: FlaskClient, headers: dict[str, str], query: str = "") -> dict:
    response = client.get(f"{AUDIT}/integrity?{query}", headers=headers)
    assert response.status_code == 200, response.json
    return response.json["data"]


def test_the_chain_is_verified_in_parts_that_follow_each_other(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    register(client)
    for _ in range(4):
        login(client, password="not-her-password")
    first = verify(client, admin, "limit=2")
    assert (first["from"], first["to"], first["rows"], first["isIntact"], first["isComplete"]) == (1, 2, 2, True, False)
    second = verify(client, admin, "from=3&limit=100")
    assert (second["from"], second["isIntact"], second["isComplete"]) == (3, True, True)
    assert second["to"] == second["last"] and second["brokenAt"] is None
    rows = client.get(f"{AUDIT}?limit=100", headers=admin).json["data"]
    hashes = {row["position"]: row["hash"] for row in rows}
    assert first["head"] == hashes[2] and second["head"] == hashes[second["to"]]
    assert [row["detail"]["from"] for row in rows if row["action"] == "audit_verified"] == [3, 1]


def test_a_changed_row_and_a_removed_row_break_the_chain(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    register(client)
    for _ in range(4):
        login(client, password="not-her-password")
    _tamper("UPDATE audit SET outcome = 'success' WHERE position = 3")
    result = verify(client, admin)
    assert (result["isIntact"], result["brokenAt"], result["to"], result["isComplete"]) == (False, 3, 2, False)
    assert verify(client, admin, "from=4")["isIntact"]
    _tamper("DELETE FROM audit WHERE position = 3")
    assert verify(client, admin)["brokenAt"] == 4
    assert verify(client, admin, "from=4")["brokenAt"] == 4


def test_a_part_must_begin_within_the_trail(client: FlaskClient, as_user) -> None:
    admin = as_user(Role.ADMIN).headers
    empty = verify(client, admin)
    assert (empty["isIntact"], empty["rows"], empty["to"], empty["last"], empty["isComplete"]) == (True, 0, 0, 0, True)
    for query in (
        "from=9",
        "from=0",
        "limit=0",
        "limit=100001",
        "from=9223372036854775807",
        "from=9223372036854775808",
    ):
        assert client.get(f"{AUDIT}/integrity?{query}", headers=admin).status_code == 422


def _tamper(statement: str) -> None:
    """Change the trail as somebody could who owns the database."""
    with transaction():
        db.session.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        db.session.execute(text(statement))
        db.session.execute(text("ALTER TABLE audit ENABLE TRIGGER USER"))
