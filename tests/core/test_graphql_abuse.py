"""GraphQL under abuse: what exceeds the limits is rejected unexecuted, and no document gives a 500."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from graphql import get_introspection_query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from heidi_common.identity.models import Role
from heidi_services.core.graphql import execution, schema
from tests.conftest import SignedIn
from tests.core.operation_helpers import PeerCalls

PATH = "/api/v1/graphql"
ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def spread(count: int, part: str) -> str:
    return " ".join(part.replace("#", str(number)) for number in range(count))


def nested(levels: int) -> str:
    return "{ notifications { nodes " + "{ user { notifications { nodes " * levels + "{ id }" + "} } }" * levels + "} }"


ABUSIVE = {
    "aliases x 1,000": "{" + spread(1000, "a#: me { id }") + "}",
    "aliases x 100,000 characters": "{" + spread(8_000, "a#: me"),
    "the same field x 1,400": "{ me { " + "id " * 1400 + "} }",
    "the same object x 200": "{" + "me { id } " * 200 + "}",
    "a circular fragment": "{ ...A } fragment A on Query { ...A }",
    "fragments in a circle": "{ ...F0 } fragment F2 on Query { ...F0 } "
    "fragment F0 on Query { ...F1 } fragment F1 on Query { ...F2 }",
    "a circle under fields": "{ me { ...A } } fragment A on User { notifications { nodes { user { ...A } } } }",
    "fragments that double": "{ ...F0 } "
    + spread(40, "fragment F# on Query { ...G# ...G# } fragment G# on Query { ...F# }"),
    "a billion laughs": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ {f'...F{n + 1} ' * 10} }}" for n in range(9))
    + " fragment F9 on Query { me { id } }",
    "100 fragments": "{ me { " + spread(100, "...F#") + " } }" + spread(100, "fragment F# on User { id }"),
    "a page of a million": "{ users(first: 1000000) { nodes { id } } }",
    "a page of 5,000 digits": "{ users(first: " + "9" * 5000 + ") { nodes { id } } }",
    "pages of pages": "{ users(first: 100) { nodes { notifications(first: 100) { nodes { id } } } } }",
    "a page by a variable": "query($n: Int = 100000) { users(first: $n) { nodes { id } } }",
    "depth of relations": nested(3),
    "depth of 700 fields": "{ a " * 700 + "}" * 700,
    "depth of 1,400 lists": "{ users(q: " + "[" * 1400,
    "depth of an inline fragment": "{ ... on Query " * 200 + "{ me { id } }" + "}" * 200,
    "introspection x 100": "{" + spread(100, "a#: __schema { types { name fields { name } } }") + "}",
    "introspection in circles": "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    "mutations x 100": "mutation {" + spread(100, "a#: markAllRead") + "}",
    "block strings that do not end": "{ users(q: " + '"""' * 30_000,
    "commas x 90,000 without an end": "{" + "," * 90_000,
    "comments x 40,000": "#\n" * 40_000 + "{ me { id } }",
}


@pytest.fixture
def post(client: FlaskClient, as_user: Callable[..., SignedIn]) -> Callable[..., Any]:
    headers = as_user(Role.ADMIN).headers
    return lambda **body: client.post(PATH, json=body, headers=headers)


@pytest.mark.parametrize("name", ABUSIVE)
def test_an_abusive_document_is_rejected_before_execution(
    post: Callable[..., Any], peers: PeerCalls, name: str
) -> None:
    response = post(query=ABUSIVE[name])
    assert response.status_code == 200
    body = response.get_json()
    assert body["errors"] and "data" not in body
    assert peers.names() == []


@pytest.mark.parametrize("name", sorted(set(ABUSIVE) - {"introspection in circles"}))
def test_what_exceeds_the_limits_is_not_even_validated(post: Callable[..., Any], name: str) -> None:
    with patch.object(execution, "platform_schema", side_effect=AssertionError("executed")):
        assert post(query=ABUSIVE[name]).status_code == 200


def test_a_list_of_variables_that_is_huge_is_too_large(post: Callable[..., Any]) -> None:
    query = "query($q: String) { users(q: $q) { nodes { id } } }"
    assert post(query=query, variables={"q": ["x"] * 400_000}).status_code == 413
    assert "errors" in post(query=query, variables={"q": ["x"] * 20_000}).get_json()


def test_what_is_within_the_limits_is_executed(post: Callable[..., Any]) -> None:
    for query in (
        get_introspection_query(descriptions=True),
        "{ me { notifications { edges { node { attemptLog { edges { node { outcome } } } } } } } }",
        "{" + spread(100, "a#: me { id }") + "}",
        '{ cities(country: """\nDE\n""") { nodes { id } } }',
    ):
        assert "errors" not in post(query=query).get_json(), query


NOT_VALID = {
    "an unknown field": "{ nothing }",
    "an unknown argument": "{ me(id: 1) { id } }",
    "no selection": "{ me }",
    "a selection of a scalar": "{ me { id { x } } }",
    "an unknown fragment": "{ me { ...F } }",
    "an unused fragment": "{ me { id } } fragment F on User { id }",
    "a missing argument": "{ city { id } }",
    "a wrong type": '{ users(first: "1") { nodes { id } } }',
    "a wrong ID": '{ city(id: "../users") { id } }',
    "a wrong time": '{ events(since: "yesterday") { nodes { id } } }',
    "an undefined variable": "{ city(id: $id) { id } }",
    "a conflict": "{ me { a: id a: email } }",
    "two anonymous operations": "{ me { id } } { me { id } }",
    "a subscription": "subscription { me { id } }",
    "a type definition": "type A { a: Int }",
    "an unknown directive": "{ me @no { id } }",
    "a number beyond 32 bits": "{ users(first: 99999999999) { nodes { id } } }",
    "empty": " ",
    "not GraphQL": "hello",
}


@pytest.mark.parametrize("name", NOT_VALID)
def test_a_document_that_is_not_valid_is_rejected(post: Callable[..., Any], peers: PeerCalls, name: str) -> None:
    response = post(query=NOT_VALID[name])
    assert response.status_code == 200
    assert response.get_json()["errors"] and "data" not in response.get_json()
    assert peers.names() == []


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ me { id } }", "operationName": "other"},
        {"query": "query A { me { id } } query B { me { id } }"},
        {"query": "query($id: UUID!) { city(id: $id) { id } }"},
        {"query": "query($id: UUID!) { city(id: $id) { id } }", "variables": {"id": {"a": [1]}}},
        {"query": None, "documentId": "sha256:x"},
        {"extensions": {"persistedQuery": 1}},
        {"extensions": {"persistedQuery": {"sha256Hash": ["a"]}}},
    ],
    ids=["other operation", "no operation name", "no variable", "wrong variable", "document", "number", "list"],
)
def test_a_request_that_is_not_valid_is_rejected(post: Callable[..., Any], body: dict[str, Any]) -> None:
    response = post(**body)
    assert response.status_code == 200
    assert response.get_json()["errors"] and "data" not in response.get_json()


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"], ids=["NUL", "surrogate"])
def test_text_that_cannot_be_stored_is_rejected(client: FlaskClient, post: Callable[..., Any], text: str) -> None:
    for body in ({"query": f"{{ {text} }}"}, {"query": "{ me { id } }", "variables": {"q": text}}):
        response = client.post(PATH, data=json.dumps(body), content_type="application/json")
        assert response.status_code == 422
    escaped = post(query='{ users(q: "a\\uD83Db") { nodes { id } } }')
    assert escaped.status_code == 200 and escaped.get_json()["errors"]


@pytest.mark.parametrize(
    "key", ["", "a\\nb", "\\u00e9", "a" * 256], ids=["empty", "line feed", "not ASCII", "too long"]
)
def test_a_malformed_idempotency_key_is_rejected(post: Callable[..., Any], peers: PeerCalls, key: str) -> None:
    response = post(query=f'mutation {{ replayEvent(id: "{uuid4()}", idempotencyKey: "{key}") }}')
    assert response.get_json()["errors"][0]["extensions"]["code"] == "bad_idempotency_key"
    assert peers.names() == []


SCALARS = {
    "UUID": st.uuids().map(str).map(nodes.String),
    "DateTime": st.just(nodes.String("2026-01-31T12:00:00Z")),
    "BigInt": st.integers().map(nodes.Int),
    "JSON": st.just(nodes.String("x")),
}


def test_500_generated_documents_never_fail(post: Callable[..., Any]) -> None:
    executed = 0

    @settings(max_examples=500, suppress_health_check=list(HealthCheck), database=None)
    @given(from_schema(schema.FILE.read_text(), custom_scalars=SCALARS))
    def check(document: str) -> None:
        nonlocal executed
        response = post(query=document)
        assert response.status_code in (200, 422), document
        executed += response.status_code == 200 and "data" in response.get_json()
        codes = [error.get("extensions", {}).get("code") for error in response.get_json().get("errors", ())]
        assert "internal_error" not in codes, document

    check()
    assert executed > 100


def test_500_damaged_documents_never_fail(post: Callable[..., Any]) -> None:
    source = random.Random(1)
    whole = [*NOT_VALID.values(), get_introspection_query(), "{ me { id ...F } } fragment F on User { email }"]
    for _ in range(500):
        text = list(source.choice(whole))
        for _ in range(source.randint(1, 6)):
            place = source.randrange(len(text) + 1)
            text[place : place + source.randint(0, 3)] = source.choice(
                ['"', "{", "}", "$x", "...", "\\u{1}", "[", "9" * 20, "é", ""]
            )
        response = post(query="".join(text) or " ")
        assert response.status_code == 200, "".join(text)
        codes = [error.get("extensions", {}).get("code") for error in response.get_json().get("errors", ())]
        assert "internal_error" not in codes, "".join(text)
