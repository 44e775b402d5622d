"""Integrations by the API: access, validation, and that secrets are never returned again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from heidi_common.database.session import db
from heidi_common.identity.models import Role
from heidi_services.integration.models import Integration
from tests.integration.helpers import API, create_integration, some_id

FIELDS = {
    "id",
    "userId",
    "provider",
    "name",
    "webhookUrl",
    "config",
    "isForwarding",
    "isActive",
    "hasCredentials",
    "endpointAuth",
    "lastSyncAt",
    "disabledReason",
    "createdAt",
    "updatedAt",
}


def test_a_new_integration_shows_its_signing_secret_once_and_its_credentials_never(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    created = create_integration(
        client, me.headers, provider="STRIPE", credentials={"webhookSecret": "whsec_abcdef", "apiKey": "sk_1"}
    )
    assert created.keys() == FIELDS | {"signingSecret"}
    assert created["hasCredentials"] is True
    assert created["signingSecret"].startswith("whsec_")
    seen = client.get(f"{API}/{created['id']}", headers=me.headers)
    assert seen.json["data"].keys() == FIELDS
    assert "whsec_abcdef" not in seen.text
    assert created["userId"] == str(me.user.id)


def test_credentials_are_encrypted_in_the_database(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    create_integration(client, as_user().headers, provider="TWILIO", credentials={"authToken": "a-very-secret-token"})
    row = db.session.scalars(select(Integration)).one()
    assert row.credentials is not None
    assert "a-very-secret-token" not in row.credentials
    assert row.signing_secret.startswith("v1.")


def test_a_webhook_integration_without_a_secret_gets_a_generated_one(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    created = create_integration(client, me.headers)
    assert created["secret"].startswith("whsec_")
    assert created["secret"] != created["signingSecret"]
    assert "secret" not in create_integration(client, me.headers, credentials={"secret": created["secret"]})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x"}, "/provider"),
        ({"provider": "PAYPAL", "name": "x"}, "/provider"),
        ({"provider": "STRIPE"}, "/name"),
        ({"provider": "STRIPE", "name": ""}, "/name"),
        ({"provider": "STRIPE", "name": "a\x00b"}, "/name"),
        ({"provider": "STRIPE", "name": "  "}, "/name"),
        ({"provider": "STRIPE", "name": "x", "config": {"event_types": ["*"]}}, "/config/event_types"),
        ({"provider": "STRIPE", "name": "x", "userId": str(some_id())}, "/userId"),
        ({"provider": "STRIPE", "name": "x", "credentials": {"token": "t"}}, "/credentials/token"),
        ({"provider": "STRIPE", "name": "x", "credentials": {"\ud800": "t"}}, "/credentials/\\ud800"),
        ({"provider": "STRIPE", "name": "x", "credentials": {"a/b": "t"}}, "/credentials/a~1b"),
        ({"provider": "STRIPE", "name": "x", "credentials": ["apiKey"]}, "/credentials"),
        ({"provider": "STRIPE", "name": "x", "config": {"\ud800": 1}}, "/config"),
        ({"provider": "STRIPE", "name": "x", "credentials": {"apiKey": 7}}, "/credentials/apiKey"),
        ({"provider": "STRIPE", "name": "x", "credentials": {"apiKey": "a\r\nb"}}, "/credentials/apiKey"),
        ({"provider": "WEBHOOK", "name": "x", "credentials": {"secret": "whsec_%%%"}}, "/credentials/secret"),
        (
            {"provider": "SENDGRID", "name": "x", "credentials": {"webhookPublicKey": "aa"}},
            "/credentials/webhookPublicKey",
        ),
        ({"provider": "STRIPE", "name": "x", "config": {"eventTypes": "user.*"}}, "/config/eventTypes"),
        ({"provider": "STRIPE", "name": "x", "config": {"eventTypes": ["user.*", "*.x"]}}, "/config/eventTypes/1"),
        ({"provider": "STRIPE", "name": "x", "config": {"eventTypes": ["*", "user.craeted"]}}, "/config/eventTypes/1"),
        ({"provider": "STRIPE", "name": "x", "config": {"eventTypes": ["users.*"]}}, "/config/eventTypes/0"),
        ({"provider": "STRIPE", "name": "x", "config": {"verify": {"scheme": "hmac"}}}, "/config/verify"),
        ({"provider": "CUSTOM", "name": "x", "config": {"verify": {"scheme": "md5"}}}, "/config/verify/scheme"),
        ({"provider": "CUSTOM", "name": "x", "config": {"verify": {"scheme": "hmac"}}}, "/config/verify/header"),
        ({"provider": "STRIPE", "name": "x", "webhookUrl": "ftp://a.example/"}, "/webhookUrl"),
        ({"provider": "STRIPE", "name": "x", "webhookUrl": "https://u:p@a.example/"}, "/webhookUrl"),
        ({"provider": "STRIPE", "name": "x", "webhookUrl": "https://10.0.0.1/"}, "/webhookUrl"),
        ({"provider": "STRIPE", "name": "x", "webhookUrl": "https://192.168.1/"}, "/webhookUrl"),
        ({"provider": "STRIPE", "name": "x", "webhookUrl": "https://[::ffff:169.254.169.254]/"}, "/webhookUrl"),
        ({"provider": "STRIPE", "name": "x", "webhookUrl": "http://heidi.test/api/v1/webhooks/a/b"}, "/webhookUrl"),
        ({"provider": "STRIPE", "name": "x", "webhookUrl": "https://heidi.test./api/v1/webhooks/a/b"}, "/webhookUrl"),
        ({"provider": "STRIPE", "name": "x", "isActive": "yes"}, "/isActive"),
    ],
)
def test_an_invalid_field_is_named(
    client: FlaskClient, as_user: Callable[..., Any], body: dict[str, Any], pointer: str
) -> None:
    response = client.post(API, data=json.dumps(body), headers=as_user().headers | {"Content-Type": "application/json"})
    assert response.status_code == 422, response.json
    assert pointer in [error["pointer"] for error in response.json["errors"]]


def test_custom_event_types_can_be_named_before_they_are_emitted(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    patterns = ["custom.*", "custom.report.due", "core.operation.*", "notification.failed"]
    created = create_integration(client, as_user().headers, config={"eventTypes": patterns})
    assert created["config"] == {"eventTypes": patterns}


def test_is_forwarding_tells_whether_events_are_sent_to_the_webhook_url(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    created = create_integration(client, me.headers, webhookUrl="https://r.example/")
    assert created["isForwarding"] is False, "no eventTypes, so nothing is ever sent"
    url = f"{API}/{created['id']}"
    changed = client.patch(url, json={"config": {"eventTypes": ["user.*"]}}, headers=me.headers)
    assert changed.json["data"]["isForwarding"] is True
    off = client.patch(url, json={"isActive": False}, headers=me.headers)
    assert off.json["data"]["isForwarding"] is False


def test_the_integration_of_another_user_is_404_on_every_route(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    own, stranger = create_integration(client, as_user().headers), as_user(Role.MODERATOR)
    one, other = f"{API}/{own['id']}", str(some_id())
    for method, path in [
        ("GET", one),
        ("PATCH", one),
        ("DELETE", one),
        ("POST", f"{one}/test"),
        ("POST", f"{one}/sync"),
        ("POST", f"{one}/rotate-secret"),
        ("GET", f"{one}/logs"),
        ("GET", f"{one}/events"),
        ("POST", f"{one}/events/{other}/replay"),
        ("GET", f"{one}/deliveries"),
        ("GET", f"{one}/deliveries/{other}"),
        ("POST", f"{one}/deliveries/{other}/retry"),
        ("POST", f"{one}/recover"),
    ]:
        body = {"name": "x"} if method == "PATCH" else {"since": "2026-01-01T00:00:00Z"} if "recover" in path else None
        response = client.open(path, method=method, json=body, headers=stranger.headers)
        assert response.status_code == 404, (method, path, response.json)
        assert client.open(path, method=method, json=body).status_code == 401
    assert client.get(API, headers=stranger.headers).json["data"] == []


def test_an_admin_lists_all_integrations_and_can_filter_by_user(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me, admin = as_user(), as_user(Role.ADMIN)
    own, other = create_integration(client, me.headers), create_integration(client, as_user().headers, provider="SLACK")
    assert [row["id"] for row in client.get(API, headers=admin.headers).json["data"]] == [other["id"], own["id"]]
    narrowed = client.get(f"{API}?userId={me.user.id}&total=true", headers=admin.headers).json
    assert ([row["id"] for row in narrowed["data"]], narrowed["meta"]["total"]) == ([own["id"]], 1)
    slack = client.get(f"{API}?provider=SLACK", headers=admin.headers).json["data"]
    assert [row["id"] for row in slack] == [other["id"]]
    assert client.get(f"{API}/{own['id']}", headers=admin.headers).status_code == 200
    assert client.get(f"{API}?colour=red", headers=admin.headers).json["errors"][0]["pointer"] == "/query/colour"


def test_a_machine_client_can_change_with_its_scope_but_not_an_integration_of_an_administrator(
    client: FlaskClient, as_user: Callable[..., Any], as_client: Callable[..., dict[str, str]]
) -> None:
    writer, reader = as_client("integrations:write"), as_client("integrations:read")
    own = create_integration(client, as_user().headers)
    admins = create_integration(client, as_user(Role.ADMIN).headers)
    changed = client.patch(f"{API}/{own['id']}", json={"isActive": False}, headers=writer)
    assert (changed.status_code, changed.json["data"]["isActive"]) == (200, False)
    assert client.patch(f"{API}/{own['id']}", json={"isActive": True}, headers=reader).status_code == 403
    rejected = client.patch(f"{API}/{admins['id']}", json={"webhookUrl": "http://127.0.0.1:9/"}, headers=writer)
    assert rejected.status_code == 403
    assert rejected.json["detail"] == "`integrations:write` does not cover the integrations of administrators."
    assert client.delete(f"{API}/{own['id']}", headers=writer).status_code == 403


def test_a_machine_client_can_read_with_its_scope_but_not_write(
    client: FlaskClient, as_user: Callable[..., Any], as_client: Callable[..., dict[str, str]]
) -> None:
    own = create_integration(client, as_user().headers)
    reader, other = as_client("integrations:read"), as_client("notifications:write")
    assert client.get(f"{API}/{own['id']}", headers=reader).status_code == 200
    assert client.get(API, headers=other).status_code == 403
    assert client.delete(f"{API}/{own['id']}", headers=reader).status_code == 403


def test_pages_follow_their_cursor(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    ids = [create_integration(client, me.headers, name=f"n{number}")["id"] for number in range(3)]
    first = client.get(f"{API}?limit=2", headers=me.headers).json
    second = client.get(f"{API}?limit=2&cursor={first['meta']['nextCursor']}", headers=me.headers).json
    assert [row["id"] for row in first["data"] + second["data"]] == ids[::-1]
    assert second["meta"]["hasMore"] is False


def test_credentials_are_merged_by_name_and_null_removes_one(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    from heidi_services.integration.service.credentials import credential_store

    me = as_user()
    created = create_integration(client, me.headers, provider="STRIPE", credentials={"apiKey": "sk_1"})

    def patch(body: dict[str, Any]) -> dict[str, str]:
        response = client.patch(f"{API}/{created['id']}", json=body, headers=me.headers)
        assert response.status_code == 200, response.json
        db.session.expire_all()
        stored = credential_store.decrypt_credentials(db.session.get_one(Integration, response.json["data"]["id"]))
        assert response.json["data"]["hasCredentials"] is bool(stored)
        return stored

    assert patch({"credentials": {"webhookSecret": "whsec_2"}}) == {"apiKey": "sk_1", "webhookSecret": "whsec_2"}
    assert patch({"credentials": {"apiKey": None}}) == {"webhookSecret": "whsec_2"}
    assert patch({"name": "still there"}) == {"webhookSecret": "whsec_2"}
    assert patch({"credentials": None}) == {}


@pytest.mark.parametrize("body", [{}, {"provider": "SLACK"}, {"credentials": {"nope": "x"}}, {"userId": "x"}])
def test_what_cannot_be_changed_is_422(client: FlaskClient, as_user: Callable[..., Any], body: dict[str, Any]) -> None:
    me = as_user()
    created = create_integration(client, me.headers)
    assert client.patch(f"{API}/{created['id']}", json=body, headers=me.headers).status_code == 422


def test_a_stale_if_match_is_412_and_an_unchanged_resource_304(
    client: FlaskClient, as_user: Callable[..., Any]
) -> None:
    me = as_user()
    path = f"{API}/{create_integration(client, me.headers)['id']}"
    tag = client.get(path, headers=me.headers).headers["ETag"]
    assert client.get(path, headers=me.headers | {"If-None-Match": f"W/{tag}"}).status_code == 304
    changed = client.patch(path, json={"name": "New"}, headers=me.headers | {"If-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    assert client.patch(path, json={"name": "Newer"}, headers=me.headers | {"If-Match": tag}).status_code == 412
    assert client.delete(path, headers=me.headers | {"If-Match": tag}).status_code == 412
    assert client.delete(path, headers=me.headers | {"If-Match": changed.headers["ETag"]}).status_code == 204
    assert client.get(path, headers=me.headers).status_code == 404


def test_activation_clears_the_disabled_reason(client: FlaskClient, as_user: Callable[..., Any]) -> None:
    me = as_user()
    created = create_integration(client, me.headers)
    row = db.session.get_one(Integration, created["id"])
    row.is_active, row.disabled_reason = False, "The endpoint returned 410 Gone."
    db.session.commit()
    response = client.patch(f"{API}/{created['id']}", json={"isActive": True}, headers=me.headers)
    assert (response.json["data"]["isActive"], response.json["data"]["disabledReason"]) == (True, None)


def test_no_response_and_no_log_line_contains_a_credential(
    client: FlaskClient, as_user: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    me = as_user()
    with caplog.at_level("DEBUG"):
        created = create_integration(
            client, me.headers, provider="SLACK", credentials={"signingSecret": "s3cr3t-of-slack"}
        )
        path = f"{API}/{created['id']}"
        responses = [client.get(url, headers=me.headers).text for url in (path, API, f"{path}/logs")]
    assert "s3cr3t-of-slack" not in json.dumps(responses) + caplog.text


@pytest.mark.parametrize(
    ("provider", "credentials", "config"),
    [
        ("CUSTOM", {"token": "tok-tok-tok"}, {"verify": {"scheme": "token", "header": "X-Token"}}),
        ("SENDGRID", {}, {"tolerance": 600}),
    ],
)
def test_provider_specific_config_survives_other_changes(
    client: FlaskClient, as_user: Callable[..., Any], provider: str, credentials: dict[str, str], config: dict[str, Any]
) -> None:
    me = as_user()
    created = create_integration(client, me.headers, provider=provider, credentials=credentials, config=config)
    db.session.expunge_all()  # the next request reads the row, as in another process
    for body in ({"name": "renamed"}, {"isActive": False}, {"config": config}):
        response = client.patch(f"{API}/{created['id']}", json=body, headers=me.headers)
        assert (response.status_code, response.json["data"]["config"]) == (200, config), response.json
