"""Every invalid token, against every service: 401 with a challenge, never 500, never access."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt as pyjwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from sqlalchemy import func, select

from heidi_common.audit.rejections import token_failure_sampler
from heidi_common.audit.trail import Audit
from heidi_common.crypto.base64url import decode
from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.jwt import keys
from tests.auth.helpers import PASSWORD, mails, register
from tests.conftest import SIGNING_KEY

KEY = Ed25519PrivateKey.from_private_bytes(decode(SIGNING_KEY["d"]))
HEADER = {"typ": "at+jwt", "kid": SIGNING_KEY["kid"]}


def claims(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    decoded = pyjwt.decode(data["accessToken"], options={"verify_signature": False})
    return {name: value for name, value in (decoded | changes).items() if value is not None}


def sign(payload: dict[str, Any], key: Any = KEY, algorithm: str = "EdDSA", **header: Any) -> str:
    shown = {name: value for name, value in (HEADER | header).items() if value is not None}
    return pyjwt.encode(payload, key, algorithm=algorithm, headers=shown)


def raw(header: dict[str, Any], payload: bytes, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), payload, signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def unsigned(data: dict[str, Any], alg: str) -> str:
    return raw(HEADER | {"alg": alg}, json.dumps(claims(data)).encode())


def public_as_secret(data: dict[str, Any]) -> str:
    """HS256 with the public key as the secret: works where the verifier takes the algorithm from the token."""
    head, body = raw(HEADER | {"alg": "HS256"}, json.dumps(claims(data)).encode()).split(".")[:2]
    mac = hmac.new(decode(SIGNING_KEY["x"]), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def embedded_key(data: dict[str, Any], **header: Any) -> str:
    """Signed with the attacker's own key, to which the header refers."""
    own = keys.generate_key()
    jwk = keys.public_set([own])["keys"][0]
    return sign(claims(data), Ed25519PrivateKey.from_private_bytes(decode(own["d"])), **({"jwk": jwk} | header))


def edited(data: dict[str, Any]) -> str:
    """A role that the attacker has chosen, under the old signature."""
    head, _, signature = data["accessToken"].split(".")
    return raw({}, json.dumps(claims(data, role="ADMIN")).encode()).split(".")[1].join([f"{head}.", f".{signature}"])


def duplicated(data: dict[str, Any]) -> str:
    """`role` twice in the payload, under the old signature."""
    head, _, signature = data["accessToken"].split(".")
    body = json.dumps(claims(data))[:-1].encode() + b',"role":"ADMIN"}'
    return f"{head}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.{signature}"


past = int((utcnow() - timedelta(hours=1)).timestamp())
ATTACKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "alg none": lambda d: unsigned(d, "none"),
    "alg None": lambda d: unsigned(d, "None"),
    "alg NONE": lambda d: unsigned(d, "NONE"),
    "alg nOnE": lambda d: unsigned(d, "nOnE"),
    "alg empty": lambda d: unsigned(d, ""),
    "HS256 with the public key": public_as_secret,
    "HS256 with the key id": lambda d: sign(claims(d), SIGNING_KEY["kid"] * 4, "HS256"),
    "embedded jwk": embedded_key,
    "jku": lambda d: embedded_key(d, jku="http://127.0.0.1:9/jwks.json", kid="attacker"),
    "x5u": lambda d: embedded_key(d, x5u="http://127.0.0.1:9/cert.pem"),
    "kid path": lambda d: sign(claims(d), kid="../../../../dev/null"),
    "kid SQL": lambda d: sign(claims(d), kid="x' UNION SELECT 'key'--"),
    "kid unknown": lambda d: sign(claims(d), kid="0" * 16),
    "no kid": lambda d: sign(claims(d), kid=None),
    "kid not text": lambda d: raw(HEADER | {"alg": "EdDSA", "kid": ["a"]}, json.dumps(claims(d)).encode(), b"x" * 64),
    "expired": lambda d: sign(claims(d, exp=past)),
    "no exp": lambda d: sign(claims(d, exp=None)),
    "exp not a number": lambda d: sign(claims(d, exp="soon")),
    "wrong iss": lambda d: sign(claims(d, iss="https://evil.test")),
    "no iss": lambda d: sign(claims(d, iss=None)),
    "wrong aud": lambda d: sign(claims(d, aud="another")),
    "no aud": lambda d: sign(claims(d, aud=None)),
    "no sub": lambda d: sign(claims(d, sub=None)),
    "sub not an id": lambda d: sign(claims(d, sub="root")),
    "no jti": lambda d: sign(claims(d, jti=None)),
    "wrong typ": lambda d: sign(claims(d), typ="JWT"),
    "no type": lambda d: sign(claims(d, type=None)),
    "wrong type": lambda d: sign(claims(d, type="refresh")),
    "refresh as access": lambda d: d["refreshToken"],
    "mail token as access": lambda _: mails("verify-email")[-1]["variables"]["token"],
    "edited role": edited,
    "duplicate keys": duplicated,
    "unknown role": lambda d: sign(claims(d, role="KING")),
    "unknown session": lambda d: sign(claims(d, sid=str(uuid4()))),
    "another's session": lambda d: sign(claims(d, sub=str(uuid4()))),
    "ver of tomorrow": lambda d: sign(claims(d, ver=99)),
    "ver not a number": lambda d: sign(claims(d, ver="x")),
    "no ver": lambda d: sign(claims(d, ver=None)),
    "20 kB": lambda d: sign(claims(d, scope="x" * 20_000)),
    "payload a list": lambda _: raw(HEADER | {"alg": "EdDSA"}, b"[]", b"x" * 64),
    "payload deep": lambda _: raw(HEADER | {"alg": "EdDSA"}, b"[" * 2500, b"x" * 64),
    "header not JSON": lambda _: "e30x.e30.e30",
    "one part": lambda _: "tokentokentoken",
    "five parts": lambda d: d["accessToken"] + ".a.b",
    "empty": lambda _: "",
    "two tokens": lambda d: d["accessToken"] + " " + d["accessToken"],
    "not ASCII": lambda _: "tökén.tökén.tökén",
}  # fmt: skip


PROTECTED = (
    ("GET", "/api/v1/auth/me"),
    ("GET", "/api/v1/users/me"),
    ("POST", "/api/v1/cities"),
    ("GET", "/api/v1/core/overview"),
    ("GET", "/api/v1/notifications"),
    ("GET", "/api/v1/schedules"),
    ("GET", "/api/v1/integrations"),
)
"""One route of each service that needs a token."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_invalid_token_is_401_everywhere_and_is_audited_once(client: FlaskClient, attack: str) -> None:
    token = ATTACKS[attack](register(client))
    for method, path in PROTECTED:
        response = client.open(path, method=method, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401, (path, response.text)
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert response.mimetype == "application/problem+json"
    rows = db.session.scalars(select(Audit).where(Audit.action == "authn_token_invalid")).all()
    assert len(rows) == 1
    assert not token or all(token not in str(vars(row)) for row in rows)


def test_the_unchanged_token_is_accepted(client: FlaskClient) -> None:
    data = register(client)
    for token in (data["accessToken"], sign(claims(data))):
        response = client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 200, response.json


@pytest.fixture
def stopped_clock() -> Iterator[None]:
    with time_machine.travel(utcnow(), tick=False):
        yield


def seconds_from_now(seconds: int) -> int:
    return int(time.time()) + seconds


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("seconds", "status"), [(1, 200), (3, 200), (60, 401)])
def test_a_token_may_come_from_a_machine_whose_clock_is_slightly_ahead(
    client: FlaskClient, claim: str, seconds: int, status: int
) -> None:
    token = sign(claims(register(client), **{claim: seconds_from_now(seconds)}))
    response = client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == status, response.json


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(("seconds", "statuses"), [(-1, [200, 200]), (-60, [401, 401])])
def test_a_token_may_expire_later_by_the_clock_of_another_machine(
    client: FlaskClient, seconds: int, statuses: list[int]
) -> None:
    """The second time the token is in the process's cache of verified tokens."""
    token = sign(claims(register(client), exp=seconds_from_now(seconds)))
    headers = {"Authorization": f"Bearer {token}"}
    assert [client.get("/api/v1/auth/me", headers=headers).status_code for _ in range(2)] == statuses


@pytest.mark.usefixtures("stopped_clock")
def test_refresh_and_machine_tokens_have_the_same_leeway(client: FlaskClient, as_client) -> None:
    refresh = pyjwt.decode(register(client)["refreshToken"], options={"verify_signature": False})
    token = sign(refresh | {"iat": seconds_from_now(3)}, typ="rt+jwt")
    assert client.post("/api/v1/auth/refresh", json={"refreshToken": token}).status_code == 200
    access = as_client("integrations:read")["Authorization"].removeprefix("Bearer ")
    machine = pyjwt.decode(access, options={"verify_signature": False})
    token = sign(machine | {"iat": seconds_from_now(3), "exp": seconds_from_now(-1)})
    response = client.get("/api/v1/integrations", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200, response.json


def test_a_machine_token_is_rejected_on_a_users_route(client: FlaskClient, as_client) -> None:
    response = client.get("/api/v1/auth/me", headers=as_client("notifications:write"))
    assert response.status_code == 403
    assert db.session.scalar(select(func.count()).where(Audit.action == "authz_fail")) == 1


def test_invalid_tokens_leave_a_row_a_minute_per_address_and_a_count_of_the_others(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(token: str, address: str = "203.0.113.5") -> None:
        headers, where = {"Authorization": f"Bearer {token}"}, {"REMOTE_ADDR": address}
        assert client.get("/api/v1/auth/me", headers=headers, environ_base=where).status_code == 401

    def audited() -> list[tuple[str, int | None]]:
        db.session.rollback()
        rows = db.session.scalars(select(Audit).where(Audit.action == "authn_token_invalid").order_by(Audit.position))
        return [(row.detail["reason"], row.detail.get("leftOut")) for row in rows]

    for _ in range(5):
        send("a.b.c")
    wrong = ("The token is not valid.", None)
    assert audited() == [wrong]
    expired = sign(claims(register(client)) | {"exp": 1})
    send(expired)
    assert audited() == [wrong, ("The token has expired.", 4)]
    send("a.b.c", "203.0.113.6")
    assert audited()[2:] == [wrong]
    send("a.b.c")
    monkeypatch.setattr(token_failure_sampler(), "_window_ends_at", 0.0)  # the minute is over
    send("a.b.c")
    assert audited()[3:] == [(wrong[0], 1)]


def test_many_addresses_do_not_fill_the_audit_trail(client: FlaskClient) -> None:
    for number in range(120):
        where = {"REMOTE_ADDR": f"2001:db8::{number:x}"}
        client.get("/api/v1/auth/me", headers={"Authorization": "Bearer x"}, environ_base=where)
    assert db.session.scalar(select(func.count()).where(Audit.action == "authn_token_invalid")) == 100


def test_invalid_mail_and_refresh_tokens_leave_one_row_of_each_kind(client: FlaskClient) -> None:
    data = register(client)
    client.post("/api/v1/auth/logout", headers={"Authorization": f"Bearer {data['accessToken']}"})
    for _ in range(3):
        client.post("/api/v1/auth/email/verify", json={"token": "x"})
        client.post("/api/v1/auth/password/reset", json={"token": "x", "newPassword": PASSWORD})
        client.post("/api/v1/auth/refresh", json={"refreshToken": data["refreshToken"]})
    failed = db.session.scalars(select(Audit.action).where(Audit.outcome == "failure")).all()
    assert sorted(failed) == ["authn_password_reset_fail", "authn_token_invalid", "user_email_verify_fail"]


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "bearer", "Token x"])
def test_no_token_is_401_with_a_bare_challenge(client: FlaskClient, header: str) -> None:
    response = client.get("/api/v1/auth/me", headers={"Authorization": header} if header else {})
    assert response.status_code == 401 and response.headers["WWW-Authenticate"].startswith("Bearer")
