"""Endpoints behind a gateway: what is sent, what is stored, and what is shown."""

from __future__ import annotations

import base64
import datetime
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from sqlalchemy import select, text
from werkzeug import Request, Response

from heidi_common.database.models import utcnow
from heidi_common.database.session import db
from heidi_common.http_client.client import HttpClient
from heidi_common.http_client.client_certificates import ClientCertificate
from heidi_common.http_client.errors import OutboundError
from heidi_services.integration.endpoint_auth import EndpointAuth
from heidi_services.integration.models import DeliveryAttempt
from heidi_services.integration.service.credentials import access_tokens, secret_rotation
from heidi_services.integration.service.deliveries.webhook_client import WebhookRequest, WebhookResponse, send_webhook
from tests.integration.helpers import API, create_integration, deliver, forward, user_updated

SECRETS = {
    "bearer": {"token": "s3cret-token-of-a-gateway"},
    "basic": {"username": "ada", "password": "s3cret:pässword"},
    "headers": {"headers": {"X-Api-Key": "s3cret-key-one", "CF-Access-Client-Secret": "s3cret-key-two"}},
}


@pytest.fixture(autouse=True)
def _no_cached_tokens() -> None:
    access_tokens._tokens.clear()


@pytest.fixture
def create(client: FlaskClient, as_user: Callable[..., Any], httpserver: HTTPServer) -> Callable[..., dict[str, Any]]:
    """Creates an integration with an authentication; its endpoint is the test's server."""
    me = as_user()

    def run(auth: dict[str, Any]) -> dict[str, Any]:
        fields = {"webhookUrl": httpserver.url_for("/hook"), "config": {"eventTypes": ["*"]}, "endpointAuth": auth}
        created = create_integration(client, me.headers, **fields)
        return created | {"headers": me.headers, "user_id": me.user.id}

    return run


def attempt(created: dict[str, Any]) -> Any:
    return deliver(forward(user_updated(created["user_id"]))[0])


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("bearer", {"Authorization": "Bearer s3cret-token-of-a-gateway"}),
        ("basic", {"Authorization": "Basic " + base64.b64encode("ada:s3cret:pässword".encode()).decode()}),
        ("headers", SECRETS["headers"]["headers"]),
    ],
)
def test_deliveries_and_tests_are_authenticated(
    client: FlaskClient, create: Callable[..., Any], httpserver: HTTPServer, auth: str, expected: dict[str, str]
) -> None:
    httpserver.expect_request("/hook", headers=expected).respond_with_data("")
    created = create({"type": auth, **SECRETS[auth]})
    assert attempt(created).status == "DELIVERED"
    assert client.post(f"{API}/{created['id']}/test", headers=created["headers"]).json["data"]["ok"]
    assert "webhook-signature" in httpserver.log[0][0].headers


@pytest.mark.parametrize("auth", SECRETS)
def test_secrets_are_encrypted_and_neither_shown_nor_logged(
    client: FlaskClient, create: Callable[..., Any], httpserver: HTTPServer, auth: str
) -> None:
    httpserver.expect_request("/hook").respond_with_handler(lambda request: Response(str(request.headers), status=500))
    created = create({"type": auth, **SECRETS[auth]})
    assert attempt(created).status == "PENDING"
    path = f"{API}/{created['id']}"
    responses = [client.get(path + part, headers=created["headers"]) for part in ("", "/logs", "/deliveries")]
    shown = "".join(response.text for response in responses) + orjson.dumps(created).decode()
    shown += "".join(attempt.response or "" for attempt in db.session.scalars(select(DeliveryAttempt)))
    shown += str(db.session.execute(text("SELECT * FROM integrations")).all())
    assert "s3cret" not in shown
    assert base64.b64encode("ada:s3cret:pässword".encode()).decode() not in shown
    assert created["endpointAuth"]["type"] == auth


def test_authentication_is_replaced_and_removed(
    client: FlaskClient, create: Callable[..., Any], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    created = create({"type": "basic", **SECRETS["basic"]})
    assert created["endpointAuth"] == {"type": "basic", "username": "ada"}
    path = f"{API}/{created['id']}"
    secret_rotation.reencrypt_all()
    for auth, sent in [({"type": "bearer", "token": "t0ken-two"}, "Bearer t0ken-two"), (None, None)]:
        changed = client.patch(path, json={"endpointAuth": auth}, headers=created["headers"]).json["data"]
        assert changed["endpointAuth"] == (auth and {"type": "bearer"})
        attempt(created)
        assert httpserver.log[-1][0].headers.get("Authorization") == sent
    client.patch(path, json={"name": "New"}, headers=created["headers"])


@pytest.mark.parametrize(
    ("auth", "pointer"),
    [
        ({"type": "digest"}, "/endpointAuth/type"),
        ({"token": "x"}, "/endpointAuth/type"),
        ({"type": "bearer"}, "/endpointAuth/token"),
        ({"type": "bearer", "token": "a\r\nX-Evil: 1"}, "/endpointAuth/token"),
        ({"type": "bearer", "token": "x", "password": "y"}, "/endpointAuth/password"),
        ({"type": "basic", "username": "a:b", "password": "c"}, "/endpointAuth/username"),
        ({"type": "headers", "headers": {"Host": "x"}}, "/endpointAuth/headers/Host/key"),
        ({"type": "headers", "headers": {"webhook-id": "x"}}, "/endpointAuth/headers/webhook-id/key"),
        ({"type": "headers", "headers": {"X-Key": "a\nb"}}, "/endpointAuth/headers/X-Key/value"),
        ({"type": "headers", "headers": {}}, "/endpointAuth/headers"),
        ({"type": "oauth2", "tokenUrl": "https://a.example/t", "clientId": "c"}, "/endpointAuth/clientSecret"),
        (
            {"type": "oauth2", "tokenUrl": "http://169.254.169.254/", "clientId": "c", "clientSecret": "s"},
            "/endpointAuth/tokenUrl",
        ),
        ({"type": "mtls", "clientCertificate": "x"}, "/endpointAuth/clientKey"),
        ({"type": "mtls", "clientCertificate": "x", "clientKey": "y"}, "/endpointAuth/clientCertificate"),
    ],
)
def test_an_unusable_authentication_is_rejected(
    client: FlaskClient, as_user: Callable[..., Any], auth: dict[str, Any], pointer: str
) -> None:
    body = {"provider": "WEBHOOK", "name": "x", "endpointAuth": auth}
    response = client.post(API, json=body, headers=as_user().headers)
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json["errors"]]


# OAuth 2


class TokenServer:
    """An authorization server that issues numbered tokens to one client."""

    def __init__(self, server: HTTPServer, **answer: Any) -> None:
        self.url, self.answer, self.forms = server.url_for("/token"), answer, list[dict[str, str]]()
        server.expect_request("/token", method="POST").respond_with_handler(self._issue)

    def _issue(self, request: Request) -> Response:
        self.forms.append(request.form.to_dict())
        expected = "Basic " + base64.b64encode(b"cl%3Aient:s%26cret").decode()
        in_body = (request.form.get("client_id"), request.form.get("client_secret")) == ("cl:ient", "s&cret")
        if request.headers.get("Authorization") != expected and not in_body:
            return Response(orjson.dumps({"error": "invalid_client"}), status=401)
        token = {"access_token": f"token-{len(self.forms)}", "token_type": "Bearer", "expires_in": 3600}
        return Response(orjson.dumps(token | self.answer), content_type="application/json")


def oauth(server: TokenServer, **members: Any) -> dict[str, Any]:
    return {"type": "oauth2", "tokenUrl": server.url, "clientId": "cl:ient", "clientSecret": "s&cret", **members}


@pytest.mark.parametrize("client_auth", [{}, {"clientAuth": "basic"}, {"clientAuth": "body"}])
@pytest.mark.parametrize("answer", [{}, {"expires_in": "3600"}, {"expires_in": None}, {"token_type": "bearer"}])
def test_a_token_is_fetched_once_and_used_until_it_expires(
    create: Callable[..., Any], httpserver: HTTPServer, client_auth: dict[str, str], answer: dict[str, Any]
) -> None:
    server = TokenServer(httpserver, **answer)
    httpserver.expect_request("/hook", headers={"Authorization": "Bearer token-1"}).respond_with_data("")
    created = create(oauth(server, scope="a b", audience="https://api.example", **client_auth))
    assert [attempt(created).status for _ in range(3)] == ["DELIVERED"] * 3
    [form] = server.forms
    assert (form["grant_type"], form["scope"], form["audience"]) == ("client_credentials", "a b", "https://api.example")
    assert created["endpointAuth"].keys() == {"type", "tokenUrl", "clientId", "scope", "audience"}


@pytest.mark.parametrize("lifetime", [1, 20, 30])
def test_a_token_that_is_about_to_expire_is_not_used_again(
    create: Callable[..., Any], httpserver: HTTPServer, lifetime: int
) -> None:
    server = TokenServer(httpserver, expires_in=lifetime)
    httpserver.expect_request("/hook").respond_with_data("")
    created = create(oauth(server))
    assert [attempt(created).status for _ in range(2)] == ["DELIVERED"] * 2
    assert len(server.forms) == 2


def test_a_rejected_token_is_replaced_within_the_attempt(create: Callable[..., Any], httpserver: HTTPServer) -> None:
    server = TokenServer(httpserver)
    httpserver.expect_request("/hook", headers={"Authorization": "Bearer token-2"}).respond_with_data("")
    httpserver.expect_request("/hook").respond_with_data("", status=401)
    row = attempt(create(oauth(server)))
    assert (row.status, row.attempts, len(server.forms)) == ("DELIVERED", 1, 2)


def test_an_endpoint_that_rejects_every_token_is_asked_twice_for_each_attempt(
    create: Callable[..., Any], httpserver: HTTPServer
) -> None:
    server = TokenServer(httpserver)
    httpserver.expect_request("/hook").respond_with_data("", status=401)
    row = attempt(create(oauth(server)))
    assert (row.status, row.response_status, len(server.forms)) == ("PENDING", 401, 2)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b'{"error": "invalid_scope"}', "token request: returned 400 (invalid_scope)"),
        (401, b"<html>", "token request: returned 401"),
        (410, b"", "token request: returned 410"),
        (503, b"[]", "token request: returned 503"),
        (200, b"{}", "token request: the response has no `access_token`"),
        (200, b'{"access_token": "a\\nb"}', "token request: the response has no `access_token`"),
        (200, b'{"access_token": "t", "token_type": "mac"}', "token request: the token is not of the type Bearer"),
        (302, b"", "token request: returned 302"),
    ],
)
def test_without_a_token_nothing_is_sent_and_the_delivery_is_retried(
    create: Callable[..., Any], httpserver: HTTPServer, status: int, body: bytes, error: str
) -> None:
    httpserver.expect_request("/token").respond_with_data(body, status=status)
    auth = {"type": "oauth2", "tokenUrl": httpserver.url_for("/token"), "clientId": "c", "clientSecret": "s3cret"}
    row = attempt(create(auth))
    assert (row.status, row.response_status, row.last_error) == ("PENDING", None, error)
    assert [request.path for request, _ in httpserver.log] == ["/token"]


# Mutual TLS


def certificate(name: str, issuer: tuple[x509.Certificate, Any] | None = None, days: int = 1) -> tuple[Any, Any]:
    """A certificate for a name, signed by an issuer or by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(item: Any) -> str:
    if isinstance(item, x509.Certificate):
        return item.public_bytes(Encoding.PEM).decode()
    return item.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def authority() -> tuple[Any, Any]:
    return certificate("Test CA")


@pytest.fixture
def gateway(authority: tuple[Any, Any], tmp_path: Path) -> Iterator[str]:
    """A server that accepts only clients with a certificate of the authority, and returns the client's name."""
    chain, key = certificate("localhost", authority)
    (tmp_path / "server.pem").write_text(pem(chain) + pem(key))
    (tmp_path / "ca.pem").write_text(pem(authority[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = str(self.connection.getpeercert()["subject"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}/hook"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def trusting(gateway: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HttpClient:
    """The HTTP client of the integration service, with the authority of the test's server."""
    http_client = HttpClient([ip_network("127.0.0.0/8")], ca_file=str(tmp_path / "ca.pem"))
    monkeypatch.setattr("heidi_services.integration.service.deliveries.webhook_client.http_client", lambda: http_client)
    return http_client


def send_with(url: str, chain: Any, key: Any) -> WebhookResponse:
    auth = EndpointAuth(type="mtls", client_certificate=pem(chain), client_key=pem(key))
    return send_webhook(WebhookRequest(url, ["whsec_c2VjcmV0"], "msg_1", "{}", auth), utcnow())


@pytest.mark.usefixtures("app", "trusting")
def test_each_client_certificate_has_connections_of_its_own(gateway: str, authority: tuple[Any, Any]) -> None:
    clients = {name: certificate(name, authority) for name in ("ada", "grace", "ada2")}
    for name in [*clients, *clients]:
        response = send_with(gateway, *clients[name])
        assert response.ok, response
        assert f"'{name}'" in response.body


@pytest.mark.usefixtures("app")
def test_without_an_accepted_certificate_nothing_is_delivered(
    gateway: str, trusting: HttpClient, authority: tuple[Any, Any]
) -> None:
    assert not send_with(gateway, *certificate("mallory")).ok
    assert send_with(gateway, *certificate("ada", authority)).ok
    with pytest.raises(OutboundError):
        trusting.request("POST", gateway, data=b"{}")


def test_an_unusable_certificate_says_why(authority: tuple[Any, Any]) -> None:
    chain, key = certificate("ada", authority)
    other = certificate("ada", authority)
    expired = certificate("ada", authority, days=-1)
    assert ClientCertificate(pem(chain), pem(key)).error(utcnow()) is None
    assert "does not belong" in str(ClientCertificate(pem(chain), pem(other[1])).error(utcnow()))
    assert "expired" in str(ClientCertificate(pem(expired[0]), pem(expired[1])).error(utcnow()))
    for chain_text, key_text in (("", pem(key)), (pem(chain), ""), (pem(key), pem(chain)), ("x", "y")):
        assert "PEM" in str(ClientCertificate(chain_text, key_text).error(utcnow()))


def test_a_certificate_is_shown_by_subject_and_expiry_and_needs_https(
    client: FlaskClient, as_user: Callable[..., Any], authority: tuple[Any, Any]
) -> None:
    chain, key = certificate("ada", authority)
    auth = {"type": "mtls", "clientCertificate": pem(chain), "clientKey": pem(key)}
    headers = as_user().headers
    created = create_integration(client, headers, webhookUrl="https://r.example/", endpointAuth=auth)
    assert created["endpointAuth"]["certificateSubject"] == "CN=ada"
    assert created["endpointAuth"].keys() == {"type", "certificateSubject", "certificateExpiresAt"}
    body = {"provider": "WEBHOOK", "name": "x", "webhookUrl": "http://r.example/", "endpointAuth": auth}
    response = client.post(API, json=body, headers=headers)
    assert [error["pointer"] for error in response.json["errors"]] == ["/webhookUrl"]
    path = f"{API}/{created['id']}"
    assert client.patch(path, json={"webhookUrl": "http://r.example/"}, headers=headers).status_code == 422
