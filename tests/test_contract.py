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
"""Doors of providers, mail programs and OAuth clients: what they add is not ours to refuse."""
TEXT_TRAPS = {"NUL": "a\x00b", "a lone surrogate": "a\ud800b"}


@pytest.fixture(scope="module")
def documents(platform: Flask) -> Documents:
    client = platform.test_client()
    return {found.name: client.get(f"/docs/{found.name}/openapi.json").get_json() for found in SERVICES.values()}


@pytest.fixture
def everything(documents: Documents) -> list[Operation]:
    return operations(documents)


@pytest.fixture
def ask(
    client: FlaskClient, as_user: Callable[..., SignedIn], as_client: Callable[..., dict[str, str]]
) -> Callable[..., TestResponse]:
    """Ask as somebody who may: an ADMIN, or a machine where only machines may."""
    administrator = as_user(Role.ADMIN).headers

    def may(operation: Operation) -> dict[str, str]:
        if operation.public:
            return {}
        if "ADMIN" not in operation.doc["x-roles"]:
            return as_client(*operation.doc.get("x-scopes", ()))
        # auth ends sessions; there each question is asked in a session of its own.
        return as_user(Role.ADMIN).headers if operation.service == "auth" else administrator

    def ask(operation: Operation, **options: Any) -> TestResponse:
        response = client.open(operation.url, method=operation.method.upper(), headers=may(operation), **options)
        response.close()
        return response

    return ask


def breaches(operations: Iterable[Operation], check: Check) -> list[str]:
    """Every operation on which the check finds something."""
    return [f"{operation}: {found}" for operation in operations for found in check(operation)]


def expect(response: TestResponse, status: int, what: str = "") -> Iterator[str]:
    if response.status_code != status:
        said = response.get_data(as_text=True)[:200]
        yield f"{what or 'this'} gives {response.status_code} instead of {status}: {said}"
    yield from (f"{what}: {found}" for found in complaints(response))


def with_json_body(operations: Iterable[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.body is not None]


def test_there_is_something_to_check(everything: list[Operation]) -> None:
    assert {operation.service for operation in everything} == {found.name for found in SERVICES.values()}
    assert len(everything) > 100
    assert len(with_json_body(everything)) > 30


def schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from schemas(child)


def test_patterns_are_javascripts_and_bind_the_whole_text(documents: Documents) -> None:
    patterns = {one["pattern"] for one in schemas(documents) if isinstance(one.get("pattern"), str)}
    assert len(patterns) > 5
    assert [one for one in patterns if not (one.startswith("^(?:") and one.endswith(")$")) or "\\Z" in one] == []


def header(operation: Operation, name: str) -> bool:
    return any(one.get("in") == "header" and one["name"] == name for one in operation.doc.get("parameters", ()))


def test_if_match_and_if_none_match_stand_where_they_are_honoured(everything: list[Operation]) -> None:
    match = {str(one) for one in everything if header(one, "If-Match") and "412" in one.doc["responses"]}
    none_match = {str(one) for one in everything if header(one, "If-None-Match")}
    assert {str(one) for one in everything if one.method == "patch"} < match
    assert {"DELETE /api/v1/users/me", "DELETE /api/v1/schedules/{schedule_id}"} < match
    assert "DELETE /api/v1/auth/mfa/totp" not in match and "GET /api/v1/users" not in none_match
    assert {"GET /api/v1/users/me", "GET /api/v1/cities/search", "GET /api/v1/schedules/{schedule_id}"} < none_match
    for one in everything:
        if header(one, "If-None-Match"):
            answer = one.doc["responses"]["200"]
            assert (
                "ETag" in answer["headers"]
                and "application/json" in answer["content"]
                and "304" in one.doc["responses"]
            )


def test_a_document_shows_the_length_that_a_new_password_must_have(documents: Documents) -> None:
    auth, users = (documents[name]["components"]["schemas"] for name in ("auth", "users"))
    new = [auth["RegisterIn"]["properties"]["password"], users["PersonIn"]["properties"]["password"]]
    new += [auth[name]["properties"]["newPassword"] for name in ("ResetIn", "ChangeIn")]
    assert [field["minLength"] for field in new] == [12] * 4
    assert auth["LoginIn"]["properties"]["password"]["minLength"] == 1


def test_a_patch_shows_no_default_because_it_applies_none(documents: Documents, everything: list[Operation]) -> None:
    patches = [one for one in everything if one.method == "patch"]
    for one in patches:
        samples = Samples(documents[one.service])
        fields = samples.resolved((one.body or {})["schema"])["properties"]
        assert [name for name, field in fields.items() if "default" in field] == []
    created = documents["scheduler"]["components"]["schemas"]["ScheduleIn"]["properties"]
    assert len(patches) > 5 and created["timezone"]["default"] == "UTC"


def test_what_providers_send_is_described(everything: list[Operation]) -> None:
    doors = [one for one in everything if "{provider}" in one.path]
    assert len(doors) == 2 and all("*/*" in one.doc["requestBody"]["content"] for one in doors)


def test_without_a_token_everything_that_is_not_public_is_401(client: FlaskClient, everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        response = client.open(operation.url, method=operation.method.upper())
        yield from expect(response, 401)
        if response.headers.get("WWW-Authenticate") != "Bearer":
            yield f"WWW-Authenticate is {response.headers.get('WWW-Authenticate')}"

    assert breaches((one for one in everything if not one.public), check) == []


def unsigned() -> str:
    """`alg: none`, with the claims of an administrator."""
    parts = ({"alg": "none", "typ": "at+jwt"}, {"sub": "01890a5d-ac96-774b-bcce-b302099a8057", "role": "ADMIN"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def foreign(app: Flask) -> str:
    """Signed by a key of the attacker's that bears the name of ours."""
    import jwt as pyjwt

    header = {"kid": SIGNING_KEY["kid"], "typ": "at+jwt"}
    stranger = pyjwt.PyJWK({**keys.generate_key(), "alg": "EdDSA"}).key
    claims = pyjwt.decode(jwt.sign(str(SIGNING_KEY["kid"]), "access", {}), options={"verify_signature": False})
    return pyjwt.encode(claims, stranger, algorithm="EdDSA", headers=header)


def test_a_token_that_we_did_not_make_is_401(app: Flask, client: FlaskClient, everything: list[Operation]) -> None:
    tokens = {"garbage": "x.y.z", "alg none": unsigned(), "another's key": foreign(app)}

    def check(operation: Operation) -> Iterator[str]:
        for name, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            response = client.open(operation.url, method=operation.method.upper(), headers=headers)
            yield from expect(response, 401, name)
            if response.headers.get("WWW-Authenticate") != 'Bearer error="invalid_token"':
                yield f"{name}: WWW-Authenticate is {response.headers.get('WWW-Authenticate')}"

    assert breaches((one for one in everything if not one.public), check) == []


def test_a_method_that_a_path_lacks_is_405_naming_those_it_has(
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


def test_json_that_is_no_object_is_422(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
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


def test_text_that_no_database_can_hold_is_refused_in_every_field(
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


def test_text_is_neither_a_number_nor_true_in_a_body(
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
    return [one for one in operation.doc.get("parameters", ()) if one.get("in") == "query"]


def test_an_unknown_query_parameter_is_422_pointing_at_it(
    ask: Callable[..., TestResponse], everything: list[Operation]
) -> None:
    def check(operation: Operation) -> Iterator[str]:
        response = ask(operation, query_string={"colour": "red", "a/b": ""})
        if operation.path in OTHERS_ADD_PARAMETERS:
            yield from () if response.status_code != 422 else ("a sender's own parameter is refused",)
            return
        yield from expect(response, 422)
        if not {"/query/colour", "/query/a~1b"} <= set(pointers(response)):
            yield f"it is pointed at as {pointers(response)}"

    assert {operation.path for operation in everything} >= OTHERS_ADD_PARAMETERS
    assert breaches((one for one in everything if one.path.startswith("/api/")), check) == []


def test_a_query_parameter_that_is_given_twice_is_422_pointing_at_it(
    ask: Callable[..., TestResponse], everything: list[Operation]
) -> None:
    def check(operation: Operation) -> Iterator[str]:
        for parameter in queries(operation):
            response = ask(operation, query_string=[(parameter["name"], "1"), (parameter["name"], "2")])
            yield from expect(response, 422, parameter["name"])
            if pointers(response) != [f"/query/{parameter['name']}"]:
                yield f"{parameter['name']} is pointed at as {pointers(response)}"

    assert len([one for one in everything if queries(one)]) > 20
    assert breaches(everything, check) == []


def test_hostile_query_values_are_4xx(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    hostile = ("%00", "%ED%A0%80", "9223372036854775808", "-1e999", "nan", "'%22%5C", "%FF", "a" * 5000)

    def check(operation: Operation) -> Iterator[str]:
        for parameter in queries(operation):
            for value in hostile:
                response = ask(operation, query_string=f"{parameter['name']}={value}")
                yield from (f"{parameter['name']}={value[:20]}: {found}" for found in complaints(response))

    assert breaches(everything, check) == []


def test_a_cursor_that_we_did_not_sign_is_400(ask: Callable[..., TestResponse], everything: list[Operation]) -> None:
    lists = [one for one in everything if any(query["name"] == "cursor" for query in queries(one))]
    assert len(lists) >= 10

    def check(operation: Operation) -> Iterator[str]:
        if "{" in operation.path:
            return  # what it belongs to is missing: 404
        for cursor in ("x", "eyJhIjoxfQ.x", "%00", "=" * 50):
            yield from expect(ask(operation, query_string=f"cursor={cursor}"), 400, cursor)

    assert breaches(lists, check) == []


@pytest.mark.parametrize("name", ["limit=0", "limit=101", "limit=x", "limit=1.5"])
def test_a_limit_outside_1_to_100_is_422(
    ask: Callable[..., TestResponse], everything: list[Operation], name: str
) -> None:
    def check(operation: Operation) -> Iterator[str]:
        yield from expect(ask(operation, query_string=name), 422)

    paged = [one for one in everything if any(query["name"] == "cursor" for query in queries(one))]
    assert breaches(paged, check) == []


def test_an_id_that_is_none_is_404(client: FlaskClient, everything: list[Operation]) -> None:
    def check(operation: Operation) -> Iterator[str]:
        url = operation.url.replace("01890a5d-ac96-774b-bcce-b302099a8057", "not-an-id")
        if url != operation.url and operation.method != "get":
            response = client.open(url, method=operation.method.upper())
            if response.status_code not in (401, 404, 405):
                yield f"{url} gives {response.status_code}"
            yield from complaints(response)

    assert breaches(everything, check) == []


def test_what_is_not_there_is_404_in_the_same_shape(client: FlaskClient) -> None:
    for path in ("/", "/api/v1", "/api/v1/nothing", "/api/v1/users/x/y/z", "/%00", "/%ED%A0%80", "/api/v1/cities/%FF"):
        assert list(expect(client.get(path), 404, path)) == []


# The checks themselves, on answers that are wrong.


def test_a_bare_answer_is_complained_about() -> None:
    ruin = Flask("ruin", static_folder=None)
    ruin.add_url_rule("/bare", view_func=lambda: ("oops", 500), endpoint="bare")
    found = complaints(ruin.test_client().get("/bare"))
    assert {"a 5xx", "no X-Request-ID", "an error of type text/html"} <= set(found)


def test_a_problem_that_says_something_else_is_complained_about() -> None:
    ruin = Flask("ruin", static_folder=None)
    body = '{"type": "about:blank", "status": 400, "requestId": "another"}'
    answer = ruin.response_class(body, 404, mimetype="application/problem+json")
    ruin.add_url_rule("/wrong", view_func=lambda: answer, endpoint="wrong")
    found = complaints(ruin.test_client().get("/wrong"))
    assert {"status differs", "requestId differs", "a problem without code", "stored by a cache"} <= set(found)


def test_samples_follow_references_and_alternatives() -> None:
    document = {"components": {"schemas": {"Pet": {"type": "object", "properties": {"name": {"minLength": 3}}}}}}
    document["components"]["schemas"]["Pet"]["properties"]["name"]["type"] = ["string", "null"]  # type: ignore[assignment]
    samples = Samples(document)
    reference = {"anyOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "null"}]}
    assert samples.of(reference) == {"name": "aaa"}
    assert list(samples.strings(reference)) == ["name"]
    assert samples.of({"type": "array", "items": {"type": "string", "format": "uuid"}}) != []
