"""`?total=`: exact for short lists, an estimate for long ones, counted on request of an ADMIN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from heidi_common.database.session import db
from heidi_common.database.totals import EXACT_UP_TO
from heidi_common.identity.models import Role
from tests.sql_recorder import recorded_statements

USERS = "/api/v1/users"
FILL = """
INSERT INTO users (id, email, role, created_at)
SELECT gen_random_uuid(), n || '@example.test', 'MODERATOR', now() FROM generate_series(1, :count) n
"""


@pytest.fixture
def add_users(app: Flask) -> Callable[[int], None]:
    def add(count: int) -> None:
        db.session.execute(text(FILL), {"count": count})
        db.session.commit()
        db.session.execute(text("ANALYZE users"))
        db.session.commit()

    return add


def meta(client: FlaskClient, path: str, headers: dict[str, str]) -> dict[str, Any]:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.get_json()
    return response.get_json()["meta"]


def test_a_total_up_to_the_limit_is_exact(
    client: FlaskClient, as_user: Callable[..., Any], add_users: Callable[[int], None]
) -> None:
    headers = as_user(Role.ADMIN).headers
    add_users(EXACT_UP_TO - 1)
    listed = meta(client, f"{USERS}?limit=1&total=true", headers)
    assert (listed["total"], listed["totalIsEstimate"]) == (EXACT_UP_TO, False)


def test_a_larger_total_is_an_estimate_and_an_admin_can_have_it_counted(
    client: FlaskClient, as_user: Callable[..., Any], add_users: Callable[[int], None]
) -> None:
    headers = as_user(Role.ADMIN).headers
    add_users(EXACT_UP_TO + 5000)
    estimate = meta(client, f"{USERS}?limit=1&total=true", headers)
    assert estimate["totalIsEstimate"] is True
    assert EXACT_UP_TO < estimate["total"] < 1.1 * (EXACT_UP_TO + 5000)
    exact = meta(client, f"{USERS}?limit=1&total=exact", headers)
    assert (exact["total"], exact["totalIsEstimate"]) == (EXACT_UP_TO + 5001, False)


def test_an_estimate_considers_the_filters(
    client: FlaskClient, as_user: Callable[..., Any], add_users: Callable[[int], None]
) -> None:
    headers = as_user(Role.ADMIN).headers
    add_users(EXACT_UP_TO + 5000)
    assert meta(client, f"{USERS}?role=ADMIN&total=true", headers)["total"] == 1
    moderators = meta(client, f"{USERS}?role=MODERATOR&limit=1&total=true", headers)
    assert moderators["totalIsEstimate"] is True and moderators["total"] > 1.4 * EXACT_UP_TO


def test_no_more_rows_are_counted_than_the_limit(
    client: FlaskClient, as_user: Callable[..., Any], add_users: Callable[[int], None]
) -> None:
    headers = as_user(Role.ADMIN).headers
    add_users(10)
    with recorded_statements() as sent:
        meta(client, f"{USERS}?total=true", headers)
    [(statement, values)] = [(statement, values) for statement, values in sent if "count(*)" in statement]
    assert "LIMIT" in statement and EXACT_UP_TO + 1 in values.values()


@pytest.mark.parametrize("path", [USERS, "/api/v1/cities", "/api/v1/notifications"])
def test_only_an_admin_can_have_a_total_counted(client: FlaskClient, as_user: Callable[..., Any], path: str) -> None:
    response = client.get(f"{path}?total=exact", headers=as_user(Role.MODERATOR).headers)
    assert (response.status_code, response.get_json()["code"]) == (403, "forbidden")
    assert client.get(f"{path}?total=exact", headers=as_user(Role.ADMIN).headers).status_code == 200


def test_other_values_of_total_are_rejected(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    response = client.get(f"{USERS}?total=roughly", headers=as_user(Role.ADMIN).headers)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["pointer"] == "/query/total"


def test_the_documents_describe_the_parameter_and_the_envelope(client: FlaskClient) -> None:
    document = client.get("/docs/users/openapi.json").get_json()
    parameters = {item["name"]: item for item in document["paths"][USERS]["get"]["parameters"]}
    assert parameters["total"]["schema"]["enum"] == ["true", "false", "exact"]
    members = document["components"]["schemas"]["ListMeta"]["properties"]
    assert {"total", "totalIsEstimate", "nextCursor"} <= set(members)
