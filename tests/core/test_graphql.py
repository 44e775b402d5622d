"""GraphQL over the real services."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import gql
import pytest
from flask import Flask
from flask.testing import FlaskClient
from gql.transport.httpx import HTTPXTransport

from heidi_common.identity.models import Role
from heidi_common.peers.batches import BATCH_PATH, SIGNATURE_HEADER, combine
from heidi_common.peers.models import PeerRequest, PeerResponse
from heidi_common.peers.signature import signature_headers
from heidi_services.core.graphql import schema
from tests.conftest import SignedIn
from tests.core.operation_helpers import NO_RESPONSE, UNAVAILABLE, PeerCalls
from tests.served_app import served

PATH = "/api/v1/graphql"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(client: FlaskClient) -> Run:
    """Execute a document: `run("{me{id}}", user)`."""

    def execute(query: str, user: SignedIn | None = None, **variables: Any) -> dict[str, Any]:
        headers = user.headers if user else {}
        response = client.post(PATH, json={"query": query, "variables": variables}, headers=headers)
        assert response.status_code == 200, response.get_data(as_text=True)
        result: dict[str, Any] = response.get_json()
        return result

    return execute


@pytest.fixture
def admin(as_user: Callable[..., SignedIn]) -> SignedIn:
    return as_user(Role.ADMIN, first_name="Ada")


def send(client: FlaskClient, admin: SignedIn, user: SignedIn, content: str) -> str:
    body = {"userId": str(user.user.id), "channel": "IN_APP", "content": content}
    response = client.post("/api/v1/notifications", json=body, headers=admin.headers)
    identity: str = response.get_json()["data"]["id"]
    return identity


def test_me(run: Run, admin: SignedIn) -> None:
    result = run("{ me { id firstName role createdAt unreadCount } }", admin)
    assert "errors" not in result
    me = result["data"]["me"]
    assert (me["id"], me["firstName"], me["role"], me["unreadCount"]) == (str(admin.user.id), "Ada", "ADMIN", 0)


def test_pages_follow_each_other(run: Run, client: FlaskClient, admin: SignedIn) -> None:
    sent = [send(client, admin, admin, f"message {number}") for number in range(5)]
    query = """query($id: UUID!, $after: String) { user(id: $id) { notifications(first: 2, after: $after) {
        nodes { id } edges { cursor node { content user { email } } } totalCount
        pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    seen, after = [], None
    for _ in range(3):
        result = run(query, admin, id=str(admin.user.id), after=after)
        assert "errors" not in result
        page = result["data"]["user"]["notifications"]
        assert page["totalCount"] == 5
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        assert {edge["node"]["user"]["email"] for edge in page["edges"]} == {admin.user.email}
        seen += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["edges"][-1]["cursor"] == after
    assert seen == sent[::-1]
    assert page["pageInfo"]["hasNextPage"] is False


def test_five_services_are_called_once_each(run: Run, client: FlaskClient, peers: PeerCalls, admin: SignedIn) -> None:
    for number in range(3):
        send(client, admin, admin, f"message {number}")
    query = """{ me { id notifications { nodes { id } } }
        cities(first: 1) { nodes { name } } schedules { nodes { name runs { nodes { id } } } }
        integrations { nodes { name deliveries { nodes { id } } } } events { nodes { type } } }"""
    result = run(query, admin)
    assert "errors" not in result
    assert sorted(peers.names()) == [
        "GET /api/v1/cities",
        "GET /api/v1/core/events",
        "GET /api/v1/integrations",
        "GET /api/v1/notifications",
        "GET /api/v1/schedules",
        "GET /api/v1/users/me",
    ]


def test_a_level_is_read_with_one_call_per_service(
    run: Run, client: FlaskClient, peers: PeerCalls, admin: SignedIn, as_user: Callable[..., SignedIn]
) -> None:
    others = [as_user() for _ in range(4)]
    for other in others:
        send(client, admin, other, f"for {other.user.email}")
    query = """{ users(first: 10) { nodes { email unreadCount
        notifications(first: 5) { nodes { content attemptLog(first: 5) { nodes { id } } } }
        integrations { nodes { id } } } } }"""
    result = run(query, admin)
    assert "errors" not in result
    received = {node["email"]: node["notifications"]["nodes"] for node in result["data"]["users"]["nodes"]}
    assert len(received) == 5
    for other in others:
        assert [message["content"] for message in received[other.user.email]] == [f"for {other.user.email}"]
    assert sorted(peers.names()) == ["GET /api/v1/users"] + ["POST /internal/batch"] * 3


def test_a_user_who_is_needed_often_is_read_once(
    run: Run, client: FlaskClient, peers: PeerCalls, admin: SignedIn
) -> None:
    for number in range(3):
        send(client, admin, admin, f"message {number}")
    result = run("{ notifications { nodes { user { email } } } }", admin)
    assert [node["user"]["email"] for node in result["data"]["notifications"]["nodes"]] == [admin.user.email] * 3
    assert peers.names() == ["GET /api/v1/notifications", "GET /api/v1/users/{id}"]


@pytest.mark.parametrize("fault", [UNAVAILABLE, NO_RESPONSE], ids=["503", "no response"])
def test_an_unavailable_service_leaves_the_others(
    run: Run, peers: PeerCalls, admin: SignedIn, fault: PeerResponse
) -> None:
    peers.fail("GET /api/v1/notifications", [fault])
    result = run("{ me { email notifications { nodes { id } } } overview { asOf } }", admin)
    assert result["data"]["me"] == {"email": admin.user.email, "notifications": None}
    assert result["data"]["overview"] is not None
    (error,) = result["errors"]
    assert error["path"] == ["me", "notifications"]
    assert (error["extensions"]["service"], error["extensions"]["code"]) == ("notification", "unavailable")


def test_the_services_decide_what_a_caller_may_see(run: Run, as_user: Callable[..., SignedIn], admin: SignedIn) -> None:
    user = as_user()
    query = "query($id: UUID!) { me { email } user(id: $id) { email } users { nodes { id } } overview { asOf } }"
    result = run(query, user, id=str(admin.user.id))
    assert result["data"] == {"me": {"email": user.user.email}, "user": None, "users": None, "overview": None}
    codes = {error["path"][0]: error["extensions"]["code"] for error in result["errors"]}
    assert codes == {"user": "not_found", "users": "forbidden", "overview": "forbidden"}


def test_without_a_token_what_is_public_is_readable(run: Run) -> None:
    result = run("{ cities(first: 1) { nodes { id } } me { id } __schema { queryType { name } } }")
    assert result["data"] == {"cities": {"nodes": []}, "me": None, "__schema": {"queryType": {"name": "Query"}}}
    assert [error["extensions"]["code"] for error in result["errors"]] == ["unauthorized"]


def test_an_invalid_token_is_rejected(client: FlaskClient) -> None:
    response = client.post(PATH, json={"query": "{ me { id } }"}, headers={"Authorization": "Bearer x"})
    assert response.status_code == 401


def test_a_machine_client_reads_what_its_scopes_permit(
    client: FlaskClient, as_client: Callable[..., dict[str, str]], admin: SignedIn
) -> None:
    body = {"query": "{ users { nodes { email } } schedules { nodes { id } } }"}
    result = client.post(PATH, json=body, headers=as_client("users:read")).get_json()
    assert result["data"] == {"users": {"nodes": [{"email": admin.user.email}]}, "schedules": None}


def test_mutations(run: Run, client: FlaskClient, admin: SignedIn) -> None:
    result = run('mutation { updateMe(input: {firstName: "Grace", phone: null}) { firstName phone } }', admin)
    assert result == {"data": {"updateMe": {"firstName": "Grace", "phone": None}}}
    query = """mutation($input: SendNotificationInput!) {
        first: sendNotification(input: $input, idempotencyKey: "k") { id content user { firstName } }
        again: sendNotification(input: $input, idempotencyKey: "k") { id }
        markAllRead }"""
    message = {"userId": str(admin.user.id), "channel": "IN_APP", "content": "Hello", "metadata": {"a": 1}}
    result = run(query, admin, input=message)
    assert "errors" not in result
    assert result["data"]["first"] | {"id": ""} == {"id": "", "content": "Hello", "user": {"firstName": "Grace"}}
    assert result["data"]["again"]["id"] == result["data"]["first"]["id"]
    assert result["data"]["markAllRead"] == 0


def test_the_errors_of_a_service_name_the_fields(run: Run, admin: SignedIn) -> None:
    result = run('mutation { updateMe(input: {timezone: "Mars/Olympus"}) { id } }', admin)
    (error,) = result["errors"]
    assert (error["extensions"]["status"], error["extensions"]["code"]) == (422, "validation_failed")
    assert error["extensions"]["errors"][0]["pointer"] == "/timezone"


def test_a_schedule_is_run_and_a_missing_dead_letter_is_not_replayed(
    run: Run, client: FlaskClient, admin: SignedIn
) -> None:
    schedule = {
        "name": "nightly",
        "cronExpression": "0 3 * * *",
        "action": "event.emit",
        "payload": {"type": "custom.tick"},
    }
    created = client.post("/api/v1/schedules", json=schedule, headers=admin.headers)
    assert created.status_code == 201, created.get_json()
    identity = created.get_json()["data"]["id"]
    result = run("mutation($id: UUID!) { runSchedule(id: $id) { trigger schedule { name } } }", admin, id=identity)
    assert result == {"data": {"runSchedule": {"trigger": "MANUAL", "schedule": {"name": "nightly"}}}}
    result = run("mutation($id: UUID!) { replayEvent(id: $id) }", admin, id=identity)
    assert result["errors"][0]["extensions"]["code"] == "not_found"
    result = run(
        "{ runs { nodes { schedule { runCount } } } schedules { nodes { runs { nodes { status } } } } }", admin
    )
    assert "errors" not in result


def persisted(document: str, **body: Any) -> dict[str, Any]:
    digest = hashlib.sha256(document.encode()).hexdigest()
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}} | body


def test_a_document_is_kept_by_its_hash(client: FlaskClient, admin: SignedIn) -> None:
    document = "{ me { email } }"
    expected = {"data": {"me": {"email": admin.user.email}}}

    def post(**body: Any) -> dict[str, Any]:
        result: dict[str, Any] = client.post(PATH, json=body, headers=admin.headers).get_json()
        return result

    missing = post(**persisted(document))
    assert missing["errors"][0]["message"] == "PersistedQueryNotFound"
    assert post(**persisted(document, query=document)) == expected
    assert post(**persisted(document)) == expected
    assert post(documentId="sha256:" + hashlib.sha256(document.encode()).hexdigest()) == expected
    other = post(**persisted(document, query="{ me { id } }"))
    assert other["errors"][0]["extensions"]["code"] == "bad_hash"
    assert post()["errors"][0]["extensions"]["code"] == "no_document"


def test_a_document_of_an_anonymous_caller_is_not_kept(client: FlaskClient) -> None:
    document = "{ __typename }"
    assert client.post(PATH, json=persisted(document, query=document)).get_json() == {"data": {"__typename": "Query"}}
    assert "errors" in client.post(PATH, json=persisted(document)).get_json()


def test_the_media_type_decides_the_status_of_a_rejection(client: FlaskClient) -> None:
    for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
        response = client.post(PATH, json={"query": "{ nothing }"}, headers={"Accept": accept})
        assert (response.status_code, response.mimetype) == (status, accept)
        assert "data" not in response.get_json()


def test_a_third_party_client_reads_and_changes(app: Flask, admin: SignedIn) -> None:
    with served(app) as url:
        transport = HTTPXTransport(url=url + PATH, headers=admin.headers)
        with gql.Client(transport=transport, fetch_schema_from_transport=True) as session:
            me = session.execute(gql.gql("{ me { id email } }"))
            assert me == {"me": {"id": str(admin.user.id), "email": admin.user.email}}
            change = gql.gql("mutation($name: String) { updateMe(input: {firstName: $name}) { firstName } }")
            change.variable_values = {"name": "Grace"}
            assert session.execute(change) == {"updateMe": {"firstName": "Grace"}}


def test_the_schema_in_the_repository_is_that_of_the_code() -> None:
    assert schema.FILE.read_text() == schema.platform_schema().as_str() + "\n"


TYPES = {
    "User": ("users", "UserDetailOut"),
    "City": ("city", "NearbyCityOut"),
    "Notification": ("notification", "NotificationOut"),
    "Attempt": ("notification", "AttemptOut"),
    "Schedule": ("scheduler", "ScheduleOut"),
    "Run": ("scheduler", "RunOut"),
    "Integration": ("integration", "IntegrationOut"),
    "Delivery": ("integration", "DeliveryOut"),
    "DeliveryAttempt": ("integration", "DeliveryAttemptOut"),
    "Event": ("core", "LoggedEventOut"),
    "Overview": ("core", "OverviewOut"),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_type_has_what_the_rest_api_shows(client: FlaskClient, name: str) -> None:
    service, component = TYPES[name]
    document = client.get(f"/docs/{service}/openapi.json").get_json()
    shown = set(document["components"]["schemas"][component]["properties"])
    assert shown <= set(schema.platform_schema()._schema.type_map[name].fields)  # type: ignore[attr-defined]


READ = {"path": "/api/v1/users/me", "params": {}}


@pytest.mark.parametrize(
    "header", [{}, {SIGNATURE_HEADER: "forged"}, {SIGNATURE_HEADER: "\xff"}, "peer", "other reads"]
)
@pytest.mark.parametrize("is_signed_in", [True, False], ids=["signed-in", "anonymous"])
def test_a_batch_that_no_service_has_signed_does_not_exist(
    app: Flask, client: FlaskClient, admin: SignedIn, is_signed_in: bool, header: dict[str, str] | str
) -> None:
    headers = admin.headers if is_signed_in else {}
    if header == "peer":
        headers = headers | signature_headers(headers)
    elif header == "other reads":
        headers = dict(batch([READ] * 3, headers).headers)
    else:
        headers = headers | header
    response = client.post(BATCH_PATH, json=[READ] * 2, headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (404, "not_found")


def test_the_signature_of_a_batch_is_valid_for_its_caller_only(
    app: Flask, client: FlaskClient, admin: SignedIn, as_user: Callable[..., SignedIn]
) -> None:
    signed = dict(batch([READ] * 2, as_user().headers).headers)
    for token in (admin.headers, {"Authorization": ""}):
        assert client.post(BATCH_PATH, json=[READ] * 2, headers=signed | token).status_code == 404


def test_each_read_of_a_batch_has_its_own_result(app: Flask, client: FlaskClient) -> None:
    call = batch([READ, {"path": "/api/v1/cities", "params": {"limit": 1}}], {})
    own, cities = client.post(BATCH_PATH, json=call.json, headers=dict(call.headers)).get_json()
    assert (own["status"], own["body"]["code"]) == (401, "unauthorized")
    assert (cities["status"], cities["body"]["data"]) == (200, [])


@pytest.mark.parametrize("reads", [[READ] * 101, [{"path": "/healthz", "params": {}}] * 2], ids=["too many", "no API"])
def test_a_signed_batch_is_checked_as_well(app: Flask, client: FlaskClient, reads: list[dict[str, Any]]) -> None:
    call = batch(reads, {})
    assert client.post(BATCH_PATH, json=call.json, headers=dict(call.headers)).status_code == 400


def batch(reads: list[dict[str, Any]], headers: dict[str, str]) -> PeerRequest:
    return combine([PeerRequest("users", read["path"], read["params"], headers=headers) for read in reads])


def test_a_caller_without_a_token_reads_several_public_resources_at_once(
    run: Run, client: FlaskClient, peers: PeerCalls
) -> None:
    result = run("{ a: cities(first: 1) { nodes { id } } b: cities(first: 2) { nodes { id } } }")
    assert result == {"data": {"a": {"nodes": []}, "b": {"nodes": []}}}
    assert peers.names() == ["POST /internal/batch"]
