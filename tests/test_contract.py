"""The conventions of the HTTP contract, on every endpoint that the documents describe."""

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
from tests.architecture.http_conventions import Samples, pointers, violations
from tests.architecture.routing import METHODS, Endpoint, endpoints
from tests.conftest import SIGNING_KEY, SignedIn

Documents = dict[str, dict[str, Any]]
Check = Callable[[Endpoint], Iterable[str]]

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
ACCEPT_UNKNOWN_PARAMETERS = {
    "/api/v1/webhooks/{provider}/{integration_id}",
    "/api/v1/notifications/receipts/{provider}",
    "/api/v1/notifications/unsubscribe/{token}",
    "/api/v1/auth/token",
    "/ping/{token}",
    "/ping/{token}/{outcome}",
    "/badge/{token}",
}
"""Endpoints called by providers, mail programs and OAuth clients, which add query parameters of their own."""
TEXT_TRAPS = {"NUL": "a\x00b", "a lone surrogate": "a\ud800b"}


@pytest.fixture(scope="module")
def documents(platform: Flask) -> Documents:
    client = platform.test_client()
    return {name: client.get(f"/docs/{name}/openapi.json").get_json() for name in SERVICES}


@pytest.fixture
def all_endpoints(documents: Documents) -> list[Endpoint]:
    return endpoints(documents)


@pytest.fixture
def call(
    client: FlaskClient, as_user: Callable[..., SignedIn], as_client: Callable[..., dict[str, str]]
) -> Callable[..., TestResponse]:
    """Call an endpoint as an ADMIN, or as a machine client if only machine clients may call it."""
    administrator = as_user(Role.ADMIN).headers

    def authorized(endpoint: Endpoint) -> dict[str, str]:
        if endpoint.public:
            return {}
        if "ADMIN" not in endpoint.doc["x-roles"]:
            return as_client(*endpoint.doc.get("x-scopes", ()))
        # Some endpoints of auth end sessions: each of its endpoints is called in a session of its own.
        return as_user(Role.ADMIN).headers if endpoint.service == "auth" else administrator

    def call(endpoint: Endpoint, **options: Any) -> TestResponse:
        response = client.open(endpoint.url, method=endpoint.method.upper(), headers=authorized(endpoint), **options)
        response.close()
        return response

    return call


def breaches(endpoints: Iterable[Endpoint], check: Check) -> list[str]:
    """Return what the check finds, beside the endpoint."""
    return [f"{endpoint}: {violation}" for endpoint in endpoints for violation in check(endpoint)]


def expect(response: TestResponse, status: int, what: str = "") -> Iterator[str]:
    if response.status_code != status:
        text = response.get_data(as_text=True)[:200]
        yield f"{what or 'this'} gives {response.status_code} instead of {status}: {text}"
    yield from (f"{what}: {violation}" for violation in violations(response))


def with_json_body(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if endpoint.body is not None]


def test_the_checks_see_all_services_and_endpoints(all_endpoints: list[Endpoint]) -> None:
    assert {endpoint.service for endpoint in all_endpoints} == set(SERVICES)
    assert len(all_endpoints) > 100
    assert len(with_json_body(all_endpoints)) > 30


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from schemas(child)


def test_patterns_are_valid_in_javascript_and_match_the_whole_text(documents: Documents) -> None:
    patterns = {schema["pattern"] for schema in schemas(documents) if isinstance(schema.get("pattern"), str)}
    assert len(patterns) >= 3
    assert [text for text in patterns if not (text.startswith("^(?:") and text.endswith(")$")) or "\\Z" in text] == []


def has_header(endpoint: Endpoint, name: str) -> bool:
    parameters = endpoint.doc.get("parameters", ())
    return any(parameter.get("in") == "header" and parameter["name"] == name for parameter in parameters)


def test_if_match_and_if_none_match_are_documented_where_they_are_supported(all_endpoints: list[Endpoint]) -> None:
    match = {
        str(endpoint)
        for endpoint in all_endpoints
        if has_header(endpoint, "If-Match") and "412" in endpoint.doc["responses"]
    }
    none_match = {str(endpoint) for endpoint in all_endpoints if has_header(endpoint, "If-None-Match")}
    changes = {str(endpoint) for endpoint in all_endpoints if endpoint.method == "patch"}
    assert changes - {"PATCH /api/v1/files/uploads/{upload_id}"} < match  # tus continues at `Upload-Offset`
    assert {"DELETE /api/v1/users/me", "DELETE /api/v1/schedules/{schedule_id}"} < match
    assert "DELETE /api/v1/auth/mfa/totp" not in match and "GET /api/v1/users" not in none_match
    assert {"GET /api/v1/users/me", "GET /api/v1/cities/search", "GET /api/v1/schedules/{schedule_id}"} < none_match
    for endpoint in all_endpoints:
        if has_header(endpoint, "If-None-Match"):
            response = endpoint.doc["responses"]["200"]
            assert (
                "ETag" in response["headers"]
                and {"application/json", "*/*"} & set(response["content"])
                and "304" in endpoint.doc["responses"]
            )


def test_a_document_shows_the_length_that_a_new_password_must_have(documents: Documents) -> None:
    auth, users = (documents[name]["components"]["schemas"] for name in ("auth", "users"))
    new = [auth["RegisterIn"]["properties"]["password"], users["UserIn"]["properties"]["password"]]
    new += [auth[name]["properties"]["newPassword"] for name in ("ResetIn", "ChangeIn")]
    assert [field["minLength"] for field in new] == [12] * 4
    assert auth["LoginIn"]["properties"]["password"]["minLength"] == 1


def test_the_body_of_a_patch_documents_no_defaults(documents: Documents, all_endpoints: list[Endpoint]) -> None:
    patches = [endpoint for endpoint in with_json_body(all_endpoints) if endpoint.method == "patch"]
    for endpoint in patches:
        samples = Samples(documents[endpoint.service])
        fields = samples.resolved((endpoint.body or {})["schema"])["properties"]
        assert [name for name, field in fields.items() if "default" in field] == []
    created = documents["scheduler"]["components"]["schemas"]["ScheduleIn"]["properties"]
    assert len(patches) > 5 and created["timezone"]["default"] == "UTC"


def test_the_bodies_that_providers_send_are_documented(all_endpoints: list[Endpoint]) -> None:
    receiving = [item for item in all_endpoints if "{provider}" in item.path and item.method == "post"]
    assert len(receiving) == 2 and all("*/*" in endpoint.doc["requestBody"]["content"] for endpoint in receiving)


def test_without_a_token_every_endpoint_that_is_not_public_is_401(
    client: FlaskClient, all_endpoints: list[Endpoint]
) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        response = client.open(endpoint.url, method=endpoint.method.upper())
        yield from expect(response, 401)
        if response.headers.get("WWW-Authenticate") != "Bearer":
            yield f"WWW-Authenticate is {response.headers.get('WWW-Authenticate')}"

    assert breaches((endpoint for endpoint in all_endpoints if not endpoint.public), check) == []


def unsigned() -> str:
    """`alg: none`, with the claims of an administrator."""
    parts = ({"alg": "none", "typ": "at+jwt"}, {"sub": "01890a5d-ac96-774b-bcce-b302099a8057", "role": "ADMIN"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def foreign(app: Flask) -> str:
    """A token signed by an attacker's key that has the ID of the platform's key."""
    import jwt as pyjwt

    header = {"kid": SIGNING_KEY["kid"], "typ": "at+jwt"}
    attacker_key = pyjwt.PyJWK({**keys.generate_key(), "alg": "EdDSA"}).key
    claims = pyjwt.decode(jwt.sign(str(SIGNING_KEY["kid"]), "access", {}), options={"verify_signature": False})
    return pyjwt.encode(claims, attacker_key, algorithm="EdDSA", headers=header)


def test_a_forged_token_is_401(app: Flask, client: FlaskClient, all_endpoints: list[Endpoint]) -> None:
    tokens = {"garbage": "x.y.z", "alg none": unsigned(), "another key": foreign(app)}

    def check(endpoint: Endpoint) -> Iterator[str]:
        for name, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            response = client.open(endpoint.url, method=endpoint.method.upper(), headers=headers)
            yield from expect(response, 401, name)
            if response.headers.get("WWW-Authenticate") != 'Bearer error="invalid_token"':
                yield f"{name}: WWW-Authenticate is {response.headers.get('WWW-Authenticate')}"

    assert breaches((endpoint for endpoint in all_endpoints if not endpoint.public), check) == []


def test_an_unsupported_method_is_405_with_the_supported_ones(
    client: FlaskClient, all_endpoints: list[Endpoint]
) -> None:
    supported: dict[str, set[str]] = {}
    for endpoint in all_endpoints:
        supported.setdefault(endpoint.url, set()).add(endpoint.method)

    def check(endpoint: Endpoint) -> Iterator[str]:
        unsupported = [method for method in METHODS if method not in supported[endpoint.url]]
        response = client.open(endpoint.url, method=unsupported[0].upper())
        yield from expect(response, 405)
        allowed = {name.strip().lower() for name in response.headers.get("Allow", "").split(",")}
        if allowed - {"head", "options"} != supported[endpoint.url]:
            yield f"Allow is {response.headers.get('Allow')}"

    assert breaches(all_endpoints, check) == []


def test_json_that_is_not_strict_is_400(call: Callable[..., TestResponse], all_endpoints: list[Endpoint]) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        for name, body in NOT_STRICT.items():
            yield from expect(call(endpoint, data=body, content_type="application/json"), 400, name)

    assert breaches(with_json_body(all_endpoints), check) == []


def test_json_that_is_not_an_object_is_422(call: Callable[..., TestResponse], all_endpoints: list[Endpoint]) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        for body in (b"[]", b'[{"a": 1}]', b"null", b'"text"', b"1"):
            response = call(endpoint, data=body, content_type="application/json")
            yield from expect(response, 422, body.decode())
            if "" not in pointers(response):
                yield f"{body.decode()} is pointed at as {pointers(response)}"

    assert breaches(with_json_body(all_endpoints), check) == []


def test_a_body_that_is_not_json_is_415(call: Callable[..., TestResponse], all_endpoints: list[Endpoint]) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data"):
            yield from expect(call(endpoint, data=b'{"a": 1}', content_type=kind), 415, kind)
        yield from expect(call(endpoint, data=b'{"a": 1}'), 415, "no content type")

    assert breaches(with_json_body(all_endpoints), check) == []


def test_an_unknown_field_is_422_pointing_at_it(
    call: Callable[..., TestResponse], all_endpoints: list[Endpoint]
) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        for name, pointer in {"isSuperuser": "/isSuperuser", "a/b~c": "/a~1b~0c"}.items():
            response = call(endpoint, json={name: True})
            yield from expect(response, 422, name)
            if pointer not in pointers(response):
                yield f"{name} is pointed at as {pointers(response)}"

    assert breaches(with_json_body(all_endpoints), check) == []


def test_a_body_beyond_the_limit_is_413(call: Callable[..., TestResponse], all_endpoints: list[Endpoint]) -> None:
    body = b'{"a": "' + b"x" * MIB + b'"}'

    def check(endpoint: Endpoint) -> Iterator[str]:
        yield from expect(call(endpoint, data=body, content_type="application/json"), 413)

    assert breaches(with_json_body(all_endpoints), check) == []


def test_text_that_postgresql_cannot_store_is_rejected_in_every_field(
    call: Callable[..., TestResponse], documents: Documents, all_endpoints: list[Endpoint]
) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        samples = Samples(documents[endpoint.service])
        schema = (endpoint.body or {})["schema"]
        for field in samples.strings(schema):
            for name, text in TEXT_TRAPS.items():
                body = json.dumps({**samples.of(schema), field: text})
                response = call(endpoint, data=body, content_type="application/json")
                if not 400 <= response.status_code < 500:
                    yield f"{name} in {field} gives {response.status_code}"
                yield from violations(response)

    assert breaches(with_json_body(all_endpoints), check) == []


def test_text_is_neither_a_number_nor_true_in_a_body(
    call: Callable[..., TestResponse], documents: Documents, all_endpoints: list[Endpoint]
) -> None:
    seen = []

    def check(endpoint: Endpoint) -> Iterator[str]:
        samples = Samples(documents[endpoint.service])
        schema = (endpoint.body or {})["schema"]
        for field in samples.of_kind(schema, "integer", "number", "boolean"):
            seen.append(field)
            text = "true" if field in samples.of_kind(schema, "boolean") else "61"
            response = call(endpoint, json={**samples.of(schema), field: text})
            yield from expect(response, 422, field)
            if f"/{field}" not in pointers(response):
                yield f"{field} as text is not pointed at: {pointers(response)}"

    assert breaches(with_json_body(all_endpoints), check) == []
    assert {"latitude", "isActive", "maxAttempts"} <= set(seen)


def queries(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [parameter for parameter in endpoint.doc.get("parameters", ()) if parameter.get("in") == "query"]


def has_cursor(endpoint: Endpoint) -> bool:
    return any(parameter["name"] == "cursor" for parameter in queries(endpoint))


def test_an_unknown_query_parameter_is_422_pointing_at_it(
    call: Callable[..., TestResponse], all_endpoints: list[Endpoint]
) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        response = call(endpoint, query_string={"colour": "red", "a/b": ""})
        if endpoint.path in ACCEPT_UNKNOWN_PARAMETERS:
            yield from () if response.status_code != 422 else ("an unknown parameter is rejected",)
            return
        yield from expect(response, 422)
        if not {"/query/colour", "/query/a~1b"} <= set(pointers(response)):
            yield f"it is pointed at as {pointers(response)}"

    assert {endpoint.path for endpoint in all_endpoints} >= ACCEPT_UNKNOWN_PARAMETERS
    assert breaches((endpoint for endpoint in all_endpoints if endpoint.path.startswith("/api/")), check) == []


def test_a_repeated_query_parameter_is_422_pointing_at_it(
    call: Callable[..., TestResponse], all_endpoints: list[Endpoint]
) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        for parameter in queries(endpoint):
            response = call(endpoint, query_string=[(parameter["name"], "1"), (parameter["name"], "2")])
            yield from expect(response, 422, parameter["name"])
            if pointers(response) != [f"/query/{parameter['name']}"]:
                yield f"{parameter['name']} is pointed at as {pointers(response)}"

    assert len([endpoint for endpoint in all_endpoints if queries(endpoint)]) > 20
    assert breaches(all_endpoints, check) == []


def test_hostile_query_values_are_4xx(call: Callable[..., TestResponse], all_endpoints: list[Endpoint]) -> None:
    hostile = ("%00", "%ED%A0%80", "9223372036854775808", "-1e999", "nan", "'%22%5C", "%FF", "a" * 5000)

    def check(endpoint: Endpoint) -> Iterator[str]:
        for parameter in queries(endpoint):
            for value in hostile:
                response = call(endpoint, query_string=f"{parameter['name']}={value}")
                yield from (f"{parameter['name']}={value[:20]}: {violation}" for violation in violations(response))

    assert breaches(all_endpoints, check) == []


def test_a_forged_cursor_is_400(call: Callable[..., TestResponse], all_endpoints: list[Endpoint]) -> None:
    lists = [endpoint for endpoint in all_endpoints if has_cursor(endpoint)]
    assert len(lists) >= 10

    def check(endpoint: Endpoint) -> Iterator[str]:
        if "{" in endpoint.path:
            return  # 404, since the resource in the path does not exist
        for cursor in ("x", "eyJhIjoxfQ.x", "%00", "=" * 50):
            yield from expect(call(endpoint, query_string=f"cursor={cursor}"), 400, cursor)

    assert breaches(lists, check) == []


@pytest.mark.parametrize("name", ["limit=0", "limit=101", "limit=x", "limit=1.5"])
def test_a_limit_outside_1_to_100_is_422(
    call: Callable[..., TestResponse], all_endpoints: list[Endpoint], name: str
) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        yield from expect(call(endpoint, query_string=name), 422)

    paged = [endpoint for endpoint in all_endpoints if has_cursor(endpoint)]
    assert breaches(paged, check) == []


def test_an_invalid_id_is_404(client: FlaskClient, all_endpoints: list[Endpoint]) -> None:
    def check(endpoint: Endpoint) -> Iterator[str]:
        url = endpoint.url.replace("01890a5d-ac96-774b-bcce-b302099a8057", "not-an-id")
        if url != endpoint.url and endpoint.method != "get":
            response = client.open(url, method=endpoint.method.upper())
            if response.status_code not in (401, 404, 405):
                yield f"{url} gives {response.status_code}"
            yield from violations(response)

    assert breaches(all_endpoints, check) == []


def test_an_unknown_path_is_404_in_the_same_shape(client: FlaskClient) -> None:
    for path in ("/", "/api/v1", "/api/v1/nothing", "/api/v1/users/x/y/z", "/%00", "/%ED%A0%80", "/api/v1/cities/%FF"):
        assert list(expect(client.get(path), 404, path)) == []


# The checks themselves, on wrong responses.


def test_a_bare_response_is_reported() -> None:
    app = Flask("example", static_folder=None)
    app.add_url_rule("/bare", view_func=lambda: ("oops", 500), endpoint="bare")
    reported = violations(app.test_client().get("/bare"))
    assert {"a 5xx", "no X-Request-ID", "an error of type text/html"} <= set(reported)


def test_an_inconsistent_problem_is_reported() -> None:
    app = Flask("example", static_folder=None)
    body = '{"type": "about:blank", "status": 400, "requestId": "another"}'
    response = app.response_class(body, 404, mimetype="application/problem+json")
    app.add_url_rule("/wrong", view_func=lambda: response, endpoint="wrong")
    reported = violations(app.test_client().get("/wrong"))
    assert {"status differs", "requestId differs", "a problem without code", "stored by a cache"} <= set(reported)


def test_samples_follow_references_and_alternatives() -> None:
    document = {"components": {"schemas": {"Pet": {"type": "object", "properties": {"name": {"minLength": 3}}}}}}
    document["components"]["schemas"]["Pet"]["properties"]["name"]["type"] = ["string", "null"]  # type: ignore[assignment]
    samples = Samples(document)
    reference = {"anyOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "null"}]}
    assert samples.of(reference) == {"name": "aaa"}
    assert list(samples.strings(reference)) == ["name"]
    assert samples.of({"type": "array", "items": {"type": "string", "format": "uuid"}}) != []
