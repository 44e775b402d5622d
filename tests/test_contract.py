"""The conventions of the HTTP contract, on every operation that the seven documents describe."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from heidi_common.identity.models import Role
from heidi_common.jwt import keys
from heidi_common.jwt import tokens as jwt
from heidi_services import SERVICES
from tests.architecture.http_conventions import Samples, complaints, pointers
from tests.architecture.routing import METHODS, Operation, operations
from tests.conftest import SIGNING_KEY, SignedIn

Documents = dict[str, dict[str, Any]]
Check = Callable[[Operation], Iterable[str]]

MIB = 1024 * 1024
NOT_STRICT = {
    "cut off": b'{"a": ',
    "no JSON at all": b"hello",
    "not UTF-8": b'{"a": "\xff"}',
    "NaN": b'{"a": NaN}',
    "-Infinity": b'{"a": -Infinity}',
    "1e999": b'{"a": 1e999}',
    "2^63": b'{"a": 9223372036854775808}',
    "a key twice": b'{"a": 1, "a": 2}',
    "depth of 10,000": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "an array 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
}
OTHERS_ADD_PARAMETERS = {
    "/api/v1/webhooks/{provider}/{integration_id}",
    "/api/v1/notifications/receipts/{provider}",
    "/api/v1/notifications/unsubscribe/{token}",
    "/api/v1/auth/token",
}
"""Endpoints called by providers, mail programs and OAuth clients, which add query parameters of their own."""
TEXT_TRAPS = {"NUL": "a\x00b", "a lone surrogate": "a\ud800b"}


@pytest.fixture(scope="module")
def documents(platform: Flask) -> Documents:
    client = platform.test_client()
    return {name: client.get(f"/docs/{name}/openapi.json").get_json() for name in SERVICES}


@pytest.fixture
def everything(documents: Documents) -> list[Operation]:
    return operations(documents)


@pytest.fixture
def ask(
    client: FlaskClient, as_user: Callable[..., SignedIn], as_client: Callable[..., dict[str, str]]
) -> Callable[..., TestResponse]:
    """Send a request as a caller whom the guard admits: an ADMIN, or a machine client where only those are admitted."""
    administrator = as_user(Role.ADMIN).headers

    def credentials(operation: Operation) -> dict[str, str]:
        if operation.public:
            return {}
        if "ADMIN" not in operation.doc["x-roles"]:
            return as_client(*operation.doc.get("x-scopes", ()))
        # Routes of auth end sessions, so each request to auth has its own session.
        return as_user(Role.ADMIN).headers if operation.service == "auth" else administrator

    def ask(operation: Operation, **options: Any) -> TestResponse:
        response = client.open(
            operation.url, method=operation.method.upper(), headers=credentials(operation), **options
        )
        response.close()
        return response

    return ask


def breaches(operations: Iterable[Operation], check: Check) -> list[str]:
    """The failures of a check, on all operations."""
    return [f"{operation}: {failure}" for operation in operations for failure in check(operation)]


def expect(response: TestResponse, status: int, what: str = "") -> Iterator[str]:
    if response.status_code != status:
        text = response.get_data(as_text=True)[:200]
        yield f"{what or 'this'} gives {response.status_code} instead of {status}: {text}"
    yield from (f"{what}: {complaint}" for complaint in complaints(response))


def with_json_body(operations: Iterable[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.body is not None]


def test_there_is_something_to_check(everything: list[Operation]) -> None:
    assert {operation.service for operation in everything} == set(SERVICES)
    assert len(everything) > 100
    assert len(with_json_body(everything)) > 30


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from schemas(child)


def test_patterns_are_javascripts_and_match_the_whole_text(documents: Documents) -> None:
    patterns = {schema["pattern"] for schema in schemas(documents) if isinstance(schema.get("pattern"), str)}
    assert len(patterns) > 5
    assert [text for text in patterns if not (text.startswith("^(?:") and text.endswith(")$")) or "\\Z" in text] == []


def header(operation: Operation, name: str) -> bool:
    return any(item.get("in") == "header" and item["name"] == name for item in operation.doc.get("parameters", ()))


def test_if_match_and_if_none_match_are_documented_where_they_are_honoured(everything: list[Operation]) -> None:
    match = {
        str(operation)
        for operation in everything
        if header(operation, "If-Match") and "412" in operation.doc["responses"]
    }
    none_match = {str(operation) for operation in everything if header(operation, "If-None-Match")}
    assert {str(operation) for operation in everything if operation.method == "patch"} < match
    assert {"DELETE /api/v1/users/me", "DELETE /api/v1/schedules/{schedule_id}"} < match
    assert "DELETE /api/v1/auth/mfa/totp" not in match and "GET /api/v1/users" not in none_match
    assert {"GET /api/v1/users/me", "GET /api/v1/cities/search", "GET /api/v1/schedules/{schedule_id}"} < none_match
    for operation in everything:
        if header(operation, "If-None-Match"):
            success = operation.doc["responses"]["200"]
            assert (
                "ETag" in success["headers"]
                and "application/json" in success["content"]
                and "304" in operation.doc["responses"]
            )


def test_a_document_shows_the_length_that_a_new_password_must_have(documents: Documents) -> None:
    auth, users = (documents[name]["components"]["schemas"] for name in ("auth", "users"))
    new = [auth["RegisterIn"]["properties"]["password"], users["PersonIn"]["properties"]["password"]]
    new += [auth[name]["properties"]["newPassword"] for name in ("ResetIn", "ChangeIn")]
    assert [field["minLength"] for field in new] == [12] * 4
    assert auth["LoginIn"]["properties"]["password"]["minLength"] == 1


def test_a_patch_shows_no_default_because_it_applies_none(documents: Documents, everything: list[Operation]) -> None:
    patches = [operation for operation in everything if operation.method == "patch"]
    for operation in patches:
        samples = Samples(documents[operation.service])
        fields = samples.resolved((operation.body or {})["schema"])["properties"]
        assert [name for name, field in fields.items() if "default" in field] == []
    created = documents["scheduler"]["components"]["schemas"]["ScheduleIn"]["properties"]
    assert len(patches) > 5 and created["timezone"]["default"] == "UTC"


def test_the_payloads_of_providers_are_documented(everything: list[Operation]) -> None:
    receivers = [operation for operation in everything if "{provider}" in operation.path]
    assert len(receivers) == 2 and all("*/*" in operation.doc["requestBody"]["content"] for operation in receivers)


def test_without_a_token_everything_that_is_not_public_is_401(client: FlaskClient, everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        response = client.open(operation.url, method=operation.method.upper())
        yield from expect(response, 401)
        if response.headers.get("WWW-Authenticate") != "Bearer":
            yield f"WWW-Authenticate is {response.headers.get('WWW-Authenticate')}"

    assert breaches((operation for operation in everything if not operation.public), check) == []


def unsigned() -> str:
    """`alg: none`, with the claims of an administrator."""
    parts = ({"alg": "none", "typ": "at+jwt"}, {"sub": "01890a5d-ac96-774b-bcce-b302099a8057", "role": "ADMIN"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def foreign(app: Flask) -> str:
    """A token signed by an attacker's key with the key ID of the platform."""
    import jwt as pyjwt

    header = {"kid": SIGNING_KEY["kid"], "typ": "at+jwt"}
    key = pyjwt.PyJWK({**keys.generate_key(), "alg": "EdDSA"}).key
    claims = pyjwt.decode(jwt.sign(str(SIGNING_KEY["kid"]), "access", {}), options={"verify_signature": False})
    return pyjwt.encode(claims, key, algorithm="EdDSA", headers=header)


def test_a_token_that_the_platform_did_not_sign_is_401(
    app: Flask, client: FlaskClient, everything: list[Operation]
) -> None:
    tokens = {"garbage": "x.y.z", "alg none": unsigned(), "another's key": foreign(app)}

    def check(operation: Operation) -> Iterator[str]:
        for name, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            response = client.open(operation.url, method=operation.method.upper(), headers=headers)
            yield from expect(response, 401, name)
            if response.headers.get("WWW-Authenticate") != 'Bearer error="invalid_token"':
                yield f"{name}: WWW-Authenticate is {response.headers.get('WWW-Authenticate')}"

    assert breaches((operation for operation in everything if not operation.public), check) == []


def test_a_method_that_a_path_lacks_is_405_with_the_allowed_methods(
    client: FlaskClient, everything: list[Operation]
) -> None:
    has: dict[str, set[str]] = {}
    for operation in everything:
        has.setdefault(operation.url, set()).add(operation.method)

    def check(operation: Operation) -> Iterator[str]:
        lacking = [method for method in METHODS if method not in has[operation.url]]
        response = client.open(operation.url, method=lacking[0].upper())
        yield from expect(response, 405)
        allowed = {name.strip().lower() for name in response.headers.get("Allow", "").split(",")}
        if allowed - {"head", "options"} != has[operation.url]:
            yield f"Allow is {response.headers.get('Allow')}"

    assert breaches(everything, check) == []


def test_json_that_is_not_strict_is_400(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        for name, body in NOT_STRICT.items():
            yield from expect(ask(operation, data=body, content_type="application/json"), 400, name)

    assert breaches(with_json_body(everything), check) == []


def test_json_that_is_not_an_object_is_422(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        for body in (b"[]", b'[{"a": 1}]', b"null", b'"text"', b"1"):
            response = ask(operation, data=body, content_type="application/json")
            yield from expect(response, 422, body.decode())
            if "" not in pointers(response):
                yield f"{body.decode()} is pointed at as {pointers(response)}"

    assert breaches(with_json_body(everything), check) == []


def test_a_body_that_is_not_json_is_415(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"):
            yield from expect(ask(operation, data=b'{"a": 1}', content_type=kind), 415, kind)
        yield from expect(ask(operation, data=b'{"a": 1}'), 415, "no content type")

    assert breaches(with_json_body(everything), check) == []


def test_an_unknown_field_is_422_pointing_at_it(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        for name, pointer in {"isSuperuser": "/isSuperuser", "a/b~c": "/a~1b~0c"}.items():
            response = ask(operation, json={name: True})
            yield from expect(response, 422, name)
            if pointer not in pointers(response):
                yield f"{name} is pointed at as {pointers(response)}"

    assert breaches(with_json_body(everything), check) == []


def test_a_body_beyond_the_limit_is_413(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    body = b'{"a": "' + b"x" * MIB + b'"}'

    def check(operation: Operation) -> Iterator[str]:
        yield from expect(ask(operation, data=body, content_type="application/json"), 413)

    assert breaches(with_json_body(everything), check) == []


def test_text_that_postgresql_cannot_store_is_rejected_in_every_field(
    ask: Callable[..., TestResponse], documents: Documents, everything: list[Operation]
) -> None:
    def check(operation: Operation) -> Iterator[str]:
        samples = Samples(documents[operation.service])
        schema = (operation.body or {})["schema"]
        for field in samples.strings(schema):
            for name, text in TEXT_TRAPS.items():
                body = json.dumps({**samples.of(schema), field: text})
                response = ask(operation, data=body, content_type="application/json")
                if not 400 <= response.status_code < 500:
                    yield f"{name} in {field} gives {response.status_code}"
                yield from complaints(response)

    assert breaches(with_json_body(everything), check) == []


def test_text_is_not_coerced_to_a_number_or_a_boolean_in_a_body(
    ask: Callable[..., TestResponse], documents: Documents, everything: list[Operation]
) -> None:
    seen = []

    def check(operation: Operation) -> Iterator[str]:
        samples = Samples(documents[operation.service])
        schema = (operation.body or {})["schema"]
        for field in samples.of_kind(schema, "integer", "number", "boolean"):
            seen.append(field)
            text = "true" if field in samples.of_kind(schema, "boolean") else "61"
            response = ask(operation, json={**samples.of(schema), field: text})
            yield from expect(response, 422, field)
            if f"/{field}" not in pointers(response):
                yield f"{field} as text is not pointed at: {pointers(response)}"

    assert breaches(with_json_body(everything), check) == []
    assert {"latitude", "isActive", "maxAttempts"} <= set(seen)


def queries(operation: Operation) -> list[dict[str, Any]]:
    return [item for item in operation.doc.get("parameters", ()) if item.get("in") == "query"]


def test_an_unknown_query_parameter_is_422_pointing_at_it(
    ask: Callable[..., TestResponse], everything: list[Operation]
) -> None:
    def check(operation: Operation) -> Iterator[str]:
        response = ask(operation, query_string={"colour": "red", "a/b": ""})
        if operation.path in OTHERS_ADD_PARAMETERS:
            yield from () if response.status_code != 422 else ("a parameter of the sender is rejected",)
            return
        yield from expect(response, 422)
        if not {"/query/colour", "/query/a~1b"} <= set(pointers(response)):
            yield f"it is pointed at as {pointers(response)}"

    assert {operation.path for operation in everything} >= OTHERS_ADD_PARAMETERS
    assert breaches((operation for operation in everything if operation.path.startswith("/api/")), check) == []


def test_a_repeated_query_parameter_is_422_pointing_at_it(
    ask: Callable[..., TestResponse], everything: list[Operation]
) -> None:
    def check(operation: Operation) -> Iterator[str]:
        for parameter in queries(operation):
            response = ask(operation, query_string=[(parameter["name"], "1"), (parameter["name"], "2")])
            yield from expect(response, 422, parameter["name"])
            if pointers(response) != [f"/query/{parameter['name']}"]:
                yield f"{parameter['name']} is pointed at as {pointers(response)}"

    assert len([operation for operation in everything if queries(operation)]) > 20
    assert breaches(everything, check) == []


def test_hostile_query_values_are_4xx(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    hostile = ("%00", "%ED%A0%80", "9223372036854775808", "-1e999", "nan", "'%22%5C", "%FF", "a" * 5000)

    def check(operation: Operation) -> Iterator[str]:
        for parameter in queries(operation):
            for value in hostile:
                response = ask(operation, query_string=f"{parameter['name']}={value}")
                yield from (f"{parameter['name']}={value[:20]}: {complaint}" for complaint in complaints(response))

    assert breaches(everything, check) == []


def test_a_cursor_that_the_platform_did_not_sign_is_400(
    ask: Callable[..., TestResponse], everything: list[Operation]
) -> None:
    lists = [operation for operation in everything if any(query["name"] == "cursor" for query in queries(operation))]
    assert len(lists) >= 10

    def check(operation: Operation) -> Iterator[str]:
        if "{" in operation.path:
            return  # the resource that the list belongs to does not exist: 404
        for cursor in ("x", "eyJhIjoxfQ.x", "%00", "=" * 50):
            yield from expect(ask(operation, query_string=f"cursor={cursor}"), 400, cursor)

    assert breaches(lists, check) == []


@pytest.mark.parametrize("name", ["limit=0", "limit=101", "limit=x", "limit=1.5"])
def test_a_limit_outside_1_to_100_is_422(
    ask: Callable[..., TestResponse], everything: list[Operation], name: str
) -> None:
    def check(operation: Operation) -> Iterator[str]:
        yield from expect(ask(operation, query_string=name), 422)

    paged = [operation for operation in everything if any(query["name"] == "cursor" for query in queries(operation))]
    assert breaches(paged, check) == []


def test_a_malformed_id_is_404(client: FlaskClient, everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        url = operation.url.replace("01890a5d-ac96-774b-bcce-b302099a8057", "not-an-id")
        if url != operation.url and operation.method != "get":
            response = client.open(url, method=operation.method.upper())
            if response.status_code not in (401, 404, 405):
                yield f"{url} gives {response.status_code}"
            yield from complaints(response)

    assert breaches(everything, check) == []


def test_an_unknown_path_is_404_in_the_same_shape(client: FlaskClient) -> None:
    for path in ("/", "/api/v1", "/api/v1/nothing", "/api/v1/users/x/y/z", "/%00", "/%ED%A0%80", "/api/v1/cities/%FF"):
        assert list(expect(client.get(path), 404, path)) == []


# The checks themselves, on wrong responses.


def test_a_response_outside_of_the_conventions_is_noticed() -> None:
    app = Flask("example", static_folder=None)
    app.add_url_rule("/bare", view_func=lambda: ("oops", 500), endpoint="bare")
    noticed = complaints(app.test_client().get("/bare"))
    assert {"a 5xx", "no X-Request-ID", "an error of type text/html"} <= set(noticed)


def test_a_problem_that_contradicts_its_response_is_noticed() -> None:
    app = Flask("example", static_folder=None)
    body = '{"type": "about:blank", "status": 400, "requestId": "another"}'
    response = app.response_class(body, 404, mimetype="application/problem+json")
    app.add_url_rule("/wrong", view_func=lambda: response, endpoint="wrong")
    noticed = complaints(app.test_client().get("/wrong"))
    assert {"status differs", "requestId differs", "a problem without code", "stored by a cache"} <= set(noticed)


def test_samples_follow_references_and_alternatives() -> None:
    document = {"components": {"schemas": {"Pet": {"type": "object", "properties": {"name": {"minLength": 3}}}}}}
    document["components"]["schemas"]["Pet"]["properties"]["name"]["type"] = ["string", "null"]  # type: ignore[assignment]
    samples = Samples(document)
    reference = {"anyOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "null"}]}
    assert samples.of(reference) == {"name": "aaa"}
    assert list(samples.strings(reference)) == ["name"]
    assert samples.of({"type": "array", "items": {"type": "string", "format": "uuid"}}) != []
