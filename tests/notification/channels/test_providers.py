"""The providers' HTTP APIs: requests, and the interpretation of responses."""

import base64
import json
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flask import Flask
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from heidi_common.database.session import db
from heidi_common.http_client.client import HttpClient
from heidi_services.notification.channels import fcm_tokens
from heidi_services.notification.channels.fcm import FcmSender
from heidi_services.notification.channels.fcm_tokens import ServiceAccountTokens
from heidi_services.notification.channels.message import DeliveryOutcome, Message, Urgency
from heidi_services.notification.channels.sendgrid import SendGridSender
from heidi_services.notification.channels.simulated import SimulatedSender
from heidi_services.notification.channels.twilio import TwilioSender
from heidi_services.notification.channels.webpush import WebPushSender
from heidi_services.notification.models import PushDevice
from heidi_services.notification.service.delivery import delivery
from heidi_services.notification.service.delivery.claim import claim
from heidi_services.notification.service.delivery.delivery_decision import DeliveryTarget, ProviderDelivery
from heidi_services.notification.service.templates.template_resolver import RenderedMessage
from tests.conftest import SignedIn, make_settings
from tests.notification.conftest import Post, attempts_of, delivered
from tests.notification.devices import device_token
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port

LOOPBACK = make_settings("", "").outbound_allow_nets


def _message(recipient: str = "+15005550006", **fields: Any) -> Message:
    return Message(id=uuid4(), recipient=recipient, text="Hello", **fields)


def _settings(vendor: HTTPServer, **changes: object) -> Any:
    url = vendor.url_for("").rstrip("/")
    defaults = {
        "twilio_url": url,
        "twilio_account_sid": "AC1",
        "twilio_auth_token": "token",
        "twilio_from": "+15005550001",
        "sendgrid_url": url,
        "sendgrid_api_key": "SG.key",
        "mail_from": "Heidi <no-reply@example.com>",
        "fcm_url": url,
        "vapid_subject": "mailto:ops@example.com",
    }
    return make_settings("", "", **(defaults | changes))


# Twilio


def _twilio(vendor: HTTPServer) -> TwilioSender:
    return TwilioSender(_settings(vendor), HttpClient(LOOPBACK))


def test_twilio_receives_the_documented_form(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/2010-04-01/Accounts/AC1/Messages.json", method="POST").respond_with_json(
        {"sid": "SM1", "status": "queued"}, status=201
    )
    message = _message()
    result = _twilio(httpserver).send(message)
    assert (result.outcome, result.provider_id) == (DeliveryOutcome.SENT, "SM1")
    request = httpserver.log[0][0]
    assert request.form.to_dict() == {
        "To": "+15005550006",
        "From": "+15005550001",
        "Body": "Hello",
        "StatusCallback": f"http://heidi.test/api/v1/notifications/receipts/twilio?notification={message.id}",
    }
    assert request.authorization is not None
    assert (request.authorization.username, request.authorization.password) == ("AC1", "token")


@pytest.mark.parametrize(
    ("status", "body", "outcome", "retryable", "dead"),
    [
        (400, {"code": 21211, "message": "invalid number"}, DeliveryOutcome.PERMANENT, False, True),
        (400, {"code": 21610, "message": "unsubscribed"}, DeliveryOutcome.PERMANENT, False, True),
        (400, {"code": 21602, "message": "no body"}, DeliveryOutcome.PERMANENT, False, False),
        (401, {"code": 20003, "message": "authenticate"}, DeliveryOutcome.TECHNICAL, True, False),
        (404, {"code": 20404, "message": "no such account"}, DeliveryOutcome.TECHNICAL, True, False),
        (400, {"code": 21606, "message": "From is not a number of yours"}, DeliveryOutcome.TECHNICAL, True, False),
        (301, {}, DeliveryOutcome.TECHNICAL, True, False),
        (302, {"sid": "SM1"}, DeliveryOutcome.TECHNICAL, True, False),
        (405, {}, DeliveryOutcome.TECHNICAL, True, False),
        (408, {}, DeliveryOutcome.TEMPORARY, True, False),
        (429, {"code": 20429}, DeliveryOutcome.TEMPORARY, True, False),
        (503, {}, DeliveryOutcome.TEMPORARY, True, False),
    ],
)
def test_twilios_responses_determine_the_result(
    httpserver: HTTPServer, status: int, body: dict[str, Any], outcome: DeliveryOutcome, retryable: bool, dead: bool
) -> None:
    httpserver.expect_request("/2010-04-01/Accounts/AC1/Messages.json").respond_with_json(body, status=status)
    result = _twilio(httpserver).send(_message())
    assert (result.outcome, result.retryable, result.recipient_gone) == (outcome, retryable, dead)


def test_retry_after_is_part_of_the_result(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/2010-04-01/Accounts/AC1/Messages.json").respond_with_data(
        "slow down", status=429, headers={"Retry-After": "30"}
    )
    assert _twilio(httpserver).send(_message()).retry_after == 30


def test_a_refused_connection_is_technical_and_a_lost_response_is_ambiguous(httpserver: HTTPServer) -> None:
    unreachable = _settings(httpserver, twilio_url=f"http://127.0.0.1:{free_port()}")
    assert TwilioSender(unreachable, HttpClient(LOOPBACK)).send(_message()).outcome is DeliveryOutcome.TECHNICAL

    def hang_up(request: Request) -> Response:
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response()

    httpserver.expect_request("/2010-04-01/Accounts/AC1/Messages.json").respond_with_handler(hang_up)
    assert _twilio(httpserver).send(_message()).outcome is DeliveryOutcome.AMBIGUOUS
    until(lambda: httpserver.log)  # the server logs a request after closing its connection: not during the next test


# SendGrid


def test_sendgrid_receives_the_documented_json(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v3/mail/send", method="POST").respond_with_data(
        "", status=202, headers={"X-Message-Id": "sg-1"}
    )
    message = _message("ann@example.org", subject="Hi\nthere", unsubscribe_url="https://example.org/u")
    result = SendGridSender(_settings(httpserver), HttpClient(LOOPBACK)).send(message)
    assert (result.outcome, result.provider_id) == (DeliveryOutcome.SENT, "sg-1")
    request = httpserver.log[0][0]
    mail = request.get_json()
    assert request.headers["Authorization"] == "Bearer SG.key"
    assert mail["personalizations"] == [{"to": [{"email": "ann@example.org"}]}]
    assert mail["from"] == {"email": "no-reply@example.com", "name": "Heidi"}
    assert mail["subject"] == "Hi there"
    assert [part["type"] for part in mail["content"]] == ["text/plain", "text/html"]
    assert mail["headers"]["Message-ID"] == f"<{message.id}@example.com>"
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["custom_args"] == {"notification_id": str(message.id)}


def test_a_wrong_sendgrid_key_waits_for_the_right_one(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v3/mail/send").respond_with_json({"errors": []}, status=401)
    result = SendGridSender(_settings(httpserver), HttpClient(LOOPBACK)).send(_message("ann@example.org"))
    assert (result.outcome, result.misconfigured, result.retryable) == (DeliveryOutcome.TECHNICAL, True, True)


# FCM


@pytest.fixture(scope="module")
def account_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def account(httpserver: HTTPServer, account_key: str) -> dict[str, str]:
    """A service account that gets its access tokens from the test server."""
    return {
        "type": "service_account",
        "project_id": "heidi-test",
        "private_key_id": "1",
        "private_key": account_key,
        "client_email": "push@heidi-test.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": httpserver.url_for("/token"),
    }


def _fcm(vendor: HTTPServer, account: dict[str, str]) -> FcmSender:
    return FcmSender(_settings(vendor, fcm_service_account=json.dumps(account)), HttpClient(LOOPBACK))


@pytest.fixture
def fcm(httpserver: HTTPServer, account: dict[str, str]) -> FcmSender:
    httpserver.expect_request("/token").respond_with_json({"access_token": "at", "expires_in": 3600})
    return _fcm(httpserver, account)


def test_fcm_receives_a_message_that_replaces_its_duplicate(httpserver: HTTPServer, fcm: FcmSender) -> None:
    httpserver.expect_request("/v1/projects/heidi-test/messages:send", method="POST").respond_with_json(
        {"name": "projects/heidi-test/messages/1"}
    )
    message = _message("device-token", subject="Hi")
    assert [fcm.send(message).provider_id for _ in range(2)] == ["projects/heidi-test/messages/1"] * 2
    requests = [request for request, _ in httpserver.log if request.path.endswith(":send")]
    assert len(httpserver.log) == 3, "the access token is requested once"
    assert requests[0].headers["Authorization"] == "Bearer at"
    body = requests[0].get_json()["message"]
    assert body["token"] == "device-token"
    assert body["notification"] == {"title": "Hi", "body": "Hello"}
    assert body["android"]["collapse_key"] == body["apns"]["headers"]["apns-collapse-id"] == message.id.hex
    assert requests[1].get_json() == requests[0].get_json()


@pytest.mark.parametrize(
    ("status", "error_code", "outcome", "dead", "retryable"),
    [
        (404, "UNREGISTERED", DeliveryOutcome.PERMANENT, True, False),
        (400, "INVALID_ARGUMENT", DeliveryOutcome.PERMANENT, False, False),
        (403, "SENDER_ID_MISMATCH", DeliveryOutcome.PERMANENT, False, False),
        (401, "THIRD_PARTY_AUTH_ERROR", DeliveryOutcome.TECHNICAL, False, True),
        (404, "", DeliveryOutcome.TECHNICAL, False, True),
        (307, "", DeliveryOutcome.TECHNICAL, False, True),
        (429, "QUOTA_EXCEEDED", DeliveryOutcome.TEMPORARY, False, True),
        (503, "UNAVAILABLE", DeliveryOutcome.TEMPORARY, False, True),
    ],
)
def test_fcms_responses_determine_the_result(
    httpserver: HTTPServer,
    fcm: FcmSender,
    status: int,
    error_code: str,
    outcome: DeliveryOutcome,
    dead: bool,
    retryable: bool,
) -> None:
    error = {"error": {"code": status, "details": [{"errorCode": error_code}]}}
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json(error, status=status)
    result = fcm.send(_message("device-token"))
    assert (result.outcome, result.recipient_gone, result.retryable) == (outcome, dead, retryable)


@pytest.mark.parametrize(
    ("field", "dead"), [("message.token", True), ("message.data[0].value", False), ("message.notification", False)]
)
def test_only_an_invalid_token_ends_a_device(httpserver: HTTPServer, fcm: FcmSender, field: str, dead: bool) -> None:
    violation = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": field}]}
    details = [{"errorCode": "INVALID_ARGUMENT"}, violation]
    error = {"error": {"code": 400, "message": "invalid", "status": "INVALID_ARGUMENT", "details": details}}
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json(error, status=400)
    result = fcm.send(_message("device-token"))
    assert (result.outcome, result.recipient_gone) == (DeliveryOutcome.PERMANENT, dead)


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410, 413])
def test_a_page_for_people_says_nothing_about_a_device(httpserver: HTTPServer, fcm: FcmSender, status: int) -> None:
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_data(
        "<!doctype html><title>Error</title>", status=status, content_type="text/html; charset=utf-8"
    )
    result = fcm.send(_message("device-token"))
    assert (result.outcome, result.misconfigured, result.recipient_gone) == (DeliveryOutcome.TECHNICAL, True, False)


@pytest.mark.parametrize(
    ("status", "body", "is_temporary"),
    [
        (503, "later", True),
        (429, '{"error": "rate_limited"}', True),
        (200, "not JSON", True),
        (200, '{"access_token": 1, "expires_in": "soon"}', True),
        (400, '{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}', False),
        (302, "", False),
    ],
)
def test_without_an_access_token_nothing_is_sent(
    httpserver: HTTPServer, fcm: FcmSender, status: int, body: str, is_temporary: bool
) -> None:
    httpserver.clear()
    httpserver.expect_request("/token").respond_with_data(body, status=status)
    result = fcm.send(_message("device-token"))
    assert (result.outcome, result.misconfigured) == (DeliveryOutcome.TECHNICAL, not is_temporary)
    assert [request.path for request, _ in httpserver.log] == ["/token"]


def test_a_token_server_that_stalls_costs_one_time_out(
    httpserver: HTTPServer, account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcm_tokens, "_TIMEOUT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stalled = account | {"token_uri": f"http://127.0.0.1:{silent.getsockname()[1]}/token"}
        result = _fcm(httpserver, stalled).send(_message("device-token"))
    assert (result.outcome, result.retryable) == (DeliveryOutcome.TECHNICAL, True)
    assert "TimedOut" in str(result.error)


def test_no_thread_waits_for_the_token_request_of_another(account: dict[str, str]) -> None:
    all_have_asked = threading.Barrier(3)

    class TokenServer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            all_have_asked.wait(TIMEOUT_SECONDS)
            self.send_response(503)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/token"
    tokens = ServiceAccountTokens(account | {"token_uri": url}, HttpClient(LOOPBACK))
    with ThreadPoolExecutor(3) as pool:
        requests = [pool.submit(tokens.access_token) for _ in range(3)]
    assert {str(request.exception()) for request in requests} == {"token request: 503 "}
    server.shutdown()
    server.server_close()


def test_the_token_request_is_that_of_a_service_account(httpserver: HTTPServer, fcm: FcmSender) -> None:
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "1"})
    fcm.send(_message("device-token"))
    form = httpserver.log[0][0].form
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(form["assertion"], options={"verify_signature": False})
    assert claims["iss"] == "push@heidi-test.iam.gserviceaccount.com"
    assert (claims["aud"], claims["exp"] - claims["iat"]) == (httpserver.url_for("/token"), 3600)
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert jwt.get_unverified_header(form["assertion"]) == {"alg": "RS256", "kid": "1", "typ": "JWT"}


@pytest.mark.parametrize(("seconds", "requests"), [(3600, 1), (200, 3), (20, 3)])
def test_a_token_is_renewed_before_it_expires(
    httpserver: HTTPServer, fcm: FcmSender, seconds: int, requests: int
) -> None:
    httpserver.clear()
    httpserver.expect_request("/token").respond_with_json({"access_token": "at", "expires_in": seconds})
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "1"})
    for _ in range(3):
        assert fcm.send(_message("device-token")).outcome is DeliveryOutcome.SENT
    assert [request.path for request, _ in httpserver.log].count("/token") == requests


def test_while_the_token_is_valid_a_failed_renewal_does_not_matter(httpserver: HTTPServer, fcm: FcmSender) -> None:
    httpserver.clear()
    httpserver.expect_ordered_request("/token").respond_with_json({"access_token": "at", "expires_in": 200})
    send = "/v1/projects/heidi-test/messages:send"
    httpserver.expect_ordered_request(send).respond_with_json({"name": "1"})
    httpserver.expect_ordered_request("/token").respond_with_data("later", status=503)
    httpserver.expect_ordered_request(send).respond_with_json({"name": "2"})
    assert [fcm.send(_message("device-token")).provider_id for _ in range(2)] == ["1", "2"]


def test_a_token_that_fcm_rejects_is_replaced(httpserver: HTTPServer, fcm: FcmSender) -> None:
    send = "/v1/projects/heidi-test/messages:send"
    httpserver.expect_oneshot_request(send).respond_with_json({"error": {"status": "UNAUTHENTICATED"}}, status=401)
    httpserver.expect_request(send).respond_with_json({"name": "1"})
    assert fcm.send(_message("device-token")).outcome is DeliveryOutcome.TECHNICAL
    assert fcm.send(_message("device-token")).outcome is DeliveryOutcome.SENT
    assert [request.path for request, _ in httpserver.log].count("/token") == 2


# Web Push


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Browser:
    """The keys of a browser's subscription, which decrypt what is pushed."""

    def __init__(self) -> None:
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"

    @property
    def keys(self) -> dict[str, str]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": _b64(point), "auth": _b64(self.auth)}

    def read(self, body: bytes) -> dict[str, str]:
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        return json.loads(plain)  # type: ignore[no-any-return]


def _webpush(vendor: HTTPServer, *, allow: Any = LOOPBACK) -> WebPushSender:
    raw = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")
    return WebPushSender(_settings(vendor, vapid_private_key=_b64(raw)), HttpClient(allow))


def test_a_browser_can_decrypt_a_push_notification(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/push/1", method="POST").respond_with_data("", status=201)
    browser = Browser()
    message = _message(httpserver.url_for("/push/1"), subject="Grüße", keys=browser.keys)
    assert _webpush(httpserver).send(message).outcome is DeliveryOutcome.SENT
    request = httpserver.log[0][0]
    assert browser.read(request.get_data()) == {"title": "Grüße", "body": "Hello", "notificationId": str(message.id)}
    assert request.headers["Topic"] == message.id.hex
    assert request.headers["Content-Encoding"] == "aes128gcm" and int(request.headers["TTL"]) > 0
    assert request.headers["Authorization"].startswith("vapid t=")


@pytest.mark.parametrize(
    ("status", "outcome", "dead"),
    [
        (404, DeliveryOutcome.PERMANENT, True),
        (410, DeliveryOutcome.PERMANENT, True),
        (503, DeliveryOutcome.TEMPORARY, False),
    ],
)
def test_a_push_services_responses_determine_the_result(
    httpserver: HTTPServer, status: int, outcome: DeliveryOutcome, dead: bool
) -> None:
    httpserver.expect_request("/push/1").respond_with_data("", status=status)
    result = _webpush(httpserver).send(_message(httpserver.url_for("/push/1"), keys=Browser().keys))
    assert (result.outcome, result.recipient_gone) == (outcome, dead)


def test_a_push_endpoint_in_an_internal_network_is_not_called(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/push/1").respond_with_data("", status=201)
    message = _message(httpserver.url_for("/push/1"), keys=Browser().keys)
    result = _webpush(httpserver, allow=()).send(message)
    assert (result.outcome, result.recipient_gone, httpserver.log) == (DeliveryOutcome.PERMANENT, True, [])


@pytest.mark.parametrize("key", ["AAAA", "\N{BLACK SUN WITH RAYS}", "=", "B" * 87])
def test_invalid_keys_end_a_subscription(httpserver: HTTPServer, key: str) -> None:
    message = _message(httpserver.url_for("/push/1"), keys={"p256dh": key, "auth": "AAAA"})
    assert _webpush(httpserver).send(message).recipient_gone


def test_a_failed_encryption_does_not_end_a_subscription(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_options: object) -> None:
        raise ValueError("the library is broken")

    monkeypatch.setattr(http_ece, "encrypt", fails)
    result = _webpush(httpserver).send(_message(httpserver.url_for("/push/1"), keys=Browser().keys))
    assert (result.outcome, result.recipient_gone, result.retryable) == (DeliveryOutcome.TECHNICAL, False, True)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"endpoint": "https://10.0.0.1/push"}, "/subscription/endpoint"),
        ({"keys": {"p256dh": "AAAA"}}, "/subscription/keys/p256dh"),
        ({"keys": {"auth": "\N{BLACK SUN WITH RAYS}"}}, "/subscription/keys/auth"),
    ],
)
def test_an_unusable_subscription_is_rejected(
    client: Any, as_user: Callable[..., SignedIn], changes: dict[str, Any], pointer: str
) -> None:
    person, url = as_user(), "/api/v1/notifications/devices"
    good = {"endpoint": "https://push.example.org/1", "keys": Browser().keys}
    assert client.post(url, json={"subscription": good}, headers=person.headers).status_code == 201
    keys = good["keys"] | changes.get("keys", {})  # type: ignore[operator]
    answer = client.post(url, json={"subscription": good | changes | {"keys": keys}}, headers=person.headers)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer)


# All providers

TWILIO = {"twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": "+15005550006"}


@pytest.mark.parametrize(
    ("recipient", "outcome"),
    [
        ("+15005550006", DeliveryOutcome.SENT),
        ("+15005550001", DeliveryOutcome.TEMPORARY),
        ("never@example.org", DeliveryOutcome.PERMANENT),
        ("gone@example.org", DeliveryOutcome.PERMANENT),
        ("lost@example.org", DeliveryOutcome.AMBIGUOUS),
        ("slow@example.org", DeliveryOutcome.SENT),
    ],
)
def test_the_recipient_selects_the_simulated_outcome(recipient: str, outcome: DeliveryOutcome) -> None:
    slept: list[float] = []
    result = SimulatedSender(make_settings("", ""), sleep=slept.append).send(_message(recipient))
    assert result.outcome is outcome
    assert bool(slept) == recipient.startswith("slow")


def test_a_providers_error_is_stored_without_invalid_characters(
    reconfigure: Callable[..., None], httpserver: HTTPServer, post: Post, as_user: Callable[..., SignedIn]
) -> None:
    httpserver.expect_request("/2010-04-01/Accounts/AC1/Messages.json").respond_with_data(
        b'{"code": 21211, "message": "no \\u0000 \\ud800"}', status=400
    )
    reconfigure(sms_providers=("twilio",), twilio_url=httpserver.url_for("").rstrip("/"), **TWILIO)
    refused = delivered(post(as_user(phone="+15005550009"), channel="SMS"))
    assert (refused.status, refused.failure_reason) == ("FAILED", "refused")
    assert [attempt.error for attempt in attempts_of(refused.id)] == ["no \N{REPLACEMENT CHARACTER} ?"]


def test_a_very_long_provider_id_is_shortened(
    reconfigure: Callable[..., None], httpserver: HTTPServer, post: Post, as_user: Callable[..., SignedIn]
) -> None:
    long = secrets.token_hex(5000)
    httpserver.expect_request("/2010-04-01/Accounts/AC1/Messages.json").respond_with_json({"sid": long}, status=201)
    reconfigure(sms_providers=("twilio",), twilio_url=httpserver.url_for("").rstrip("/"), **TWILIO)
    sent = delivered(post(as_user(phone="+15005550009"), channel="SMS"))
    assert (sent.status, sent.provider_id) == ("SENT", long[:255])


@pytest.mark.parametrize("token", ["a" * 2001, "\N{BLACK SUN WITH RAYS}", "a\nb"])
def test_a_token_that_cannot_be_indexed_is_rejected(client: Any, as_user: Callable[..., SignedIn], token: str) -> None:
    answer = client.post("/api/v1/notifications/devices", json={"token": token}, headers=as_user().headers)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/token")


def test_the_next_provider_is_called_when_the_first_is_unreachable(
    reconfigure: Callable[..., None], post: Post, as_user: Callable[..., SignedIn]
) -> None:
    unreachable = f"smtp://127.0.0.1:{free_port()}"
    reconfigure(smtp_url=unreachable, email_providers=("smtp", "simulated"))
    sent = delivered(post(as_user()))
    assert sent.status == "SENT"
    assert [(a.provider, a.outcome) for a in attempts_of(sent.id)] == [("smtp", "technical"), ("simulated", "sent")]


def test_a_push_is_sent_to_every_device_and_an_unregistered_one_is_removed(
    app: Flask, client: Any, post: Post, as_user: Callable[..., SignedIn]
) -> None:
    person = as_user()
    for name in ("phone", "gone-phone"):
        answer = client.post(
            "/api/v1/notifications/devices", json={"token": device_token(name)}, headers=person.headers
        )
        assert answer.status_code == 201
    sent = delivered(post(person, channel="PUSH"))
    assert sent.status == "SENT"
    assert sorted(attempt.outcome for attempt in attempts_of(sent.id)) == ["permanent", "sent"]
    assert list(db.session.scalars(db.select(PushDevice.token))) == [device_token("phone")]


def test_of_concurrent_removals_one_succeeds_and_the_others_are_404(
    app: Flask, client: Any, as_user: Callable[..., SignedIn]
) -> None:
    person, url, start = as_user(), "/api/v1/notifications/devices", threading.Barrier(6)
    device_id = client.post(url, json={"token": device_token("a")}, headers=person.headers).get_json()["data"]["id"]

    def remove(_: int) -> int:
        with app.app_context(), app.test_client() as other:
            start.wait()
            return int(other.delete(f"{url}/{device_id}", headers=person.headers).status_code)

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(remove, range(6))) == [204] + [404] * 5


def test_devices_are_paged(client: Any, as_user: Callable[..., SignedIn]) -> None:
    person, url = as_user(), "/api/v1/notifications/devices"
    for person_, token in ((person, "a"), (as_user(), "b"), (person, "c")):
        client.post(url, json={"token": device_token(token), "label": token}, headers=person_.headers)
    first = client.get(f"{url}?limit=1&total=true", headers=person.headers).get_json()
    second = client.get(f"{url}?limit=1&cursor={first['meta']['nextCursor']}", headers=person.headers).get_json()
    assert [device["label"] for device in first["data"] + second["data"]] == ["a", "c"]
    assert (first["meta"]["total"], second["meta"]["hasMore"]) == (2, False)


# Limits and expiry


_LONG = ("ж" * 5000, "日本語" * 2000, "👩‍👩‍👧‍👦" * 900, '"\\\n' * 3000, "e\u0301" * 4000)


@pytest.mark.parametrize("text", _LONG, ids=["cyrillic", "japanese", "emoji", "escapes", "accents"])
def test_a_long_push_message_is_shortened_to_what_the_services_accept(
    httpserver: HTTPServer, fcm: FcmSender, text: str
) -> None:
    def accept_or_refuse(request: Request) -> Response:
        """FCM and APNs limit a message to 4096 bytes, without its token."""
        return Response("{}", 200 if len(request.get_data()) <= 4096 else 400)

    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_handler(accept_or_refuse)
    message = Message(uuid4(), "device-token", text, subject=text, expires_at=datetime.now(UTC) + timedelta(days=1))
    assert fcm.send(message).outcome is DeliveryOutcome.SENT
    body = httpserver.log[-1][0].get_data()
    assert b"\\u" not in body, "letters are not escaped"
    sent = json.loads(body)["message"]
    assert sent["data"]["truncated"] == "true"
    assert sent["notification"]["body"].endswith("…") and text.startswith(sent["notification"]["body"][:-1])
    fcm.send(_message("device-token"))
    assert "truncated" not in httpserver.log[-1][0].get_json()["message"]["data"]


@pytest.mark.parametrize(
    ("left", "ttl", "validity"),
    [
        (timedelta(minutes=5), range(295, 301), range(295, 301)),
        (timedelta(hours=20), range(71_990, 72_001), [36_000]),
        (timedelta(days=90), [2_419_200], [36_000]),
        (timedelta(milliseconds=300), [1], [1]),
        (timedelta(seconds=-5), [1], [1]),
    ],
    ids=["minutes", "hours", "months", "now", "past"],
)
def test_every_provider_learns_when_a_message_expires(
    httpserver: HTTPServer, fcm: FcmSender, left: timedelta, ttl: Any, validity: Any
) -> None:
    expires_at = datetime.now(UTC) + left
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "1"})
    fcm.send(_message("device-token", expires_at=expires_at, urgency=Urgency.HIGH))
    sent = httpserver.log[-1][0].get_json()["message"]
    assert int(sent["android"]["ttl"].removesuffix("s")) in ttl and sent["android"]["priority"] == "HIGH"
    assert sent["apns"]["headers"]["apns-expiration"] == str(int(expires_at.timestamp()))
    assert sent["apns"]["headers"]["apns-priority"] == "10"
    assert int(sent["webpush"]["headers"]["TTL"]) in ttl and sent["webpush"]["headers"]["Urgency"] == "high"

    httpserver.expect_request("/2010-04-01/Accounts/AC1/Messages.json").respond_with_json({"sid": "SM1"}, status=201)
    _twilio(httpserver).send(_message(expires_at=expires_at))
    assert int(httpserver.log[-1][0].form["ValidityPeriod"]) in validity

    httpserver.expect_request("/v3/mail/send").respond_with_data("", status=202)
    SendGridSender(_settings(httpserver), HttpClient(LOOPBACK)).send(_message("a@example.org", expires_at=expires_at))
    header = httpserver.log[-1][0].get_json()["headers"]["Expires"]
    assert parsedate_to_datetime(header) == expires_at.replace(microsecond=0)

    message = _message(httpserver.url_for("/push"), keys=Browser().keys, expires_at=expires_at, urgency=Urgency.LOW)
    httpserver.expect_request("/push").respond_with_data("", status=201)
    _webpush(httpserver).send(message)
    headers = httpserver.log[-1][0].headers
    assert int(headers["TTL"]) in ttl and headers["Urgency"] == "low"


def test_without_an_expiry_the_providers_have_their_own(httpserver: HTTPServer, fcm: FcmSender) -> None:
    httpserver.expect_request("/v1/projects/heidi-test/messages:send").respond_with_json({"name": "1"})
    fcm.send(_message("device-token"))
    sent = httpserver.log[-1][0].get_json()["message"]
    assert "ttl" not in sent["android"] and set(sent["apns"]["headers"]) == {"apns-collapse-id"}


@pytest.mark.parametrize(
    ("category", "kind", "urgency"),
    [
        ("security", "INFO", Urgency.HIGH),
        ("critical", "INFO", Urgency.HIGH),
        ("general", "ALERT", Urgency.HIGH),
        ("marketing", "INFO", Urgency.LOW),
        ("general", "WARNING", Urgency.NORMAL),
    ],
)
def test_the_urgency_follows_from_category_and_type(
    post: Post, as_user: Callable[..., SignedIn], category: str, kind: str, urgency: Urgency
) -> None:
    job = claim(post(as_user(), channel="PUSH", category=category, type=kind, expiresAt="2099-01-01T00:00:00Z"))
    assert job is not None
    message = delivery._message(job, ProviderDelivery(RenderedMessage(None, "Hello"), (), ()), DeliveryTarget("token"))
    assert (message.urgency, message.expires_at) == (urgency, datetime(2099, 1, 1, tzinfo=UTC))
