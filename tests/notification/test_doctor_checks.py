"""What `flask doctor` finds out about the configured providers, and its test message."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pytest_httpserver import HTTPServer

from heidi_common.config.mail_sender import helo_name, mail_sender
from heidi_common.config.parsers import smtp_url
from heidi_common.config.settings import Settings
from heidi_services.notification.channels.provider_checks import ProviderUnusable
from heidi_services.notification.cli.checks import checks, send_test_message
from heidi_standalone import cli
from tests.conftest import make_settings
from tests.notification.mailserver import MailServer, mail_server
from tests.ports import free_port

MAIL_FROM = "Acme, Inc. <no-reply@bücher.example>"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def _settings(**changes: Any) -> Settings:
    unused = {"email_providers": (), "sms_providers": (), "push_providers": (), "mail_from": MAIL_FROM}
    return make_settings("", "").changed(**(unused | changes))


def _result(settings: Settings) -> str:
    (check,) = checks(settings)
    try:
        return check.run(settings)
    except Exception as error:
        return f"FAIL {error}"


def test_the_settings_of_the_mail_are_tried_at_the_server(server: MailServer) -> None:
    result = _result(_settings(email_providers=("smtp",), smtp_url=server.url))
    assert result.endswith("introduced as xn--bcher-kva.example") and MAIL_FROM in result
    assert server.mails == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("550 5.7.1 Sender not allowed", "Sender not allowed"),
        ("553 5.1.8 Domain does not exist", "5.1.8"),
        ("451 greylisted", "451"),
    ],
)
def test_a_sender_that_the_server_rejects_is_found(server: MailServer, answer: str, expected: str) -> None:
    server.handler.mail_answers.append(answer)
    assert expected in _result(_settings(email_providers=("smtp",), smtp_url=server.url))


@pytest.mark.parametrize("name", ["localhost", "mailer", "app"])
def test_a_name_that_other_servers_reject_is_found(name: str) -> None:
    settings = _settings(email_providers=("smtp",), smtp_helo_name=name, smtp_url="smtp://smtp.example.org")
    assert "SMTP_HELO_NAME" in _result(settings)


def test_rejected_credentials_a_missing_server_and_missing_tls_are_found(server: MailServer) -> None:
    url = server.url.removeprefix("smtp://")
    settings = _settings(email_providers=("smtp",), smtp_url=f"smtp://user:secret@{url}")
    assert "STARTTLS" in _result(settings)
    assert "STARTTLS" in _result(replace(settings, smtp_url=f"{server.url}?starttls=required"))
    assert "refused" in _result(replace(settings, smtp_url=f"smtp://127.0.0.1:{free_port()}"))
    refusal = {"authenticator": lambda *_: AuthResult(success=False, handled=False), "auth_require_tls": False}
    with mail_server(**refusal) as strict:
        strict_url = strict.url.replace("smtp://", "smtp://user:secret@") + "?starttls=never"
        assert "credentials" in _result(replace(settings, smtp_url=strict_url))


@pytest.mark.parametrize(
    "raw",
    ["Acme, Inc. <a@b@c>", "a@b.example, c@d.example", "Acme <no-reply@-x.example>", "no-reply@exa mple.org", "a@x..y",
     "a@" + "x" * 64 + ".example", "a@☃\u200b.example"],
)  # fmt: skip
def test_an_impossible_sender_stops_the_start(raw: str) -> None:
    with pytest.raises(ValueError, match=r"must be an address|is not"):
        mail_sender(raw)


@pytest.mark.parametrize(
    ("raw", "name"),
    [("mail.example.org", "mail.example.org"), ("münchen.example", "xn--mnchen-3ya.example"),
     ("[192.0.2.1]", "[192.0.2.1]"), ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"), ("", "")],
)  # fmt: skip
def test_a_name_for_the_greeting_is_ascii(raw: str, name: str) -> None:
    assert helo_name(raw) == name


@pytest.mark.parametrize(
    "raw", ["my host", "my_host.example", "a\r\nMAIL FROM:<x>", "[example.org]", "-a.example", "a..b"]
)
def test_an_impossible_name_for_the_greeting_stops_the_start(raw: str) -> None:
    with pytest.raises(ValueError):
        helo_name(raw)


@pytest.mark.parametrize(
    "raw", ["smtp://", "http://mail.example", "smtp://h?starttls=yes", "smtp://h:99999", "smtp://h?starttls="]
)
def test_an_impossible_server_stops_the_start(raw: str) -> None:
    with pytest.raises(ValueError):
        smtp_url(raw)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(200, {"scopes": ["mail.send"]}, "the key may send"), (200, {"scopes": ["stats.read"]}, "mail.send"),
     (401, {"errors": []}, "SENDGRID_API_KEY are rejected"), (404, {}, "SENDGRID_URL"), (301, {}, "SENDGRID_URL")],
)  # fmt: skip
def test_sendgrids_key_and_url_are_tried(httpserver: HTTPServer, status: int, body: Any, expected: str) -> None:
    httpserver.expect_request("/v3/scopes").respond_with_json(body, status=status)
    url = httpserver.url_for("").rstrip("/")
    assert expected in _result(_settings(email_providers=("sendgrid",), sendgrid_api_key="k", sendgrid_url=url))
    assert "SENDGRID_API_KEY must be set" in _result(_settings(email_providers=("sendgrid",)))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(200, {"status": "active"}, "active"), (200, {"status": "suspended"}, "suspended"),
     (401, {"code": 20003}, "rejected"), (404, {"code": 20404}, "TWILIO_URL")],
)  # fmt: skip
def test_twilios_account_is_tried(httpserver: HTTPServer, status: int, body: Any, expected: str) -> None:
    httpserver.expect_request("/2010-04-01/Accounts/AC1.json").respond_with_json(body, status=status)
    account = {"twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": "+15005550001"}
    url = httpserver.url_for("").rstrip("/")
    assert expected in _result(_settings(sms_providers=("twilio",), twilio_url=url, **account))
    assert "TWILIO_FROM must be set" in _result(_settings(sms_providers=("twilio",), **account | {"twilio_from": ""}))


@pytest.mark.parametrize(
    ("token_status", "status", "body", "expected"),
    [
        (200, 400, '{"error": {"details": [{"errorCode": "INVALID_ARGUMENT"}]}}', "may send"),
        (200, 404, "<html>not here</html>", "FCM_URL"),
        (200, 401, '{"error": {"details": [{"errorCode": "THIRD_PARTY_AUTH_ERROR"}]}}', "FCM_SERVICE_ACCOUNT"),
        (200, 503, "", "FCM_URL"),
        (400, 400, "", "FCM_SERVICE_ACCOUNT"),
    ],
)
def test_fcms_account_and_url_are_tried(
    httpserver: HTTPServer, token_status: int, status: int, body: str, expected: str
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"project_id": "p", "private_key": pem, "client_email": "a@b", "token_uri": httpserver.url_for("/token")}
    token = {"access_token": "at", "expires_in": 3600}
    httpserver.expect_request("/token").respond_with_json(token, status=token_status)
    httpserver.expect_request("/v1/projects/p/messages:send").respond_with_data(
        body, status=status, content_type="text/html" if body.startswith("<") else "application/json"
    )
    url = httpserver.url_for("").rstrip("/")
    settings = _settings(push_providers=("fcm",), fcm_url=url, fcm_service_account=json.dumps(account))
    assert expected in _result(settings)
    for wrong in ("/no/such/file", "{}", '{"project_id": "p", "private_key": "x"}', "not JSON"):
        assert "FCM_SERVICE_ACCOUNT is not" in _result(settings.changed(fcm_service_account=wrong))


def test_a_test_message_shows_the_servers_response(server: MailServer) -> None:
    server.handler.data_answers["ann@example.org"] = "250 2.0.0 queued as 7"
    settings = _settings(email_providers=("smtp",), smtp_url=server.url)
    assert send_test_message(settings, "ann@example.org") == "smtp: 250 2.0.0 queued as 7"
    assert server.mails[0]["From"].addresses[0].display_name == "Acme, Inc."
    server.handler.rcpt_answers["ben@example.org"] = "550 5.1.1 no such user"
    with pytest.raises(ProviderUnusable, match="no such user"):
        send_test_message(settings, "ben@example.org")
    for address in ("ann", "+15005550006"):
        with pytest.raises(ValueError):
            send_test_message(settings, address)


def test_the_command_sends_a_test_message(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(email_providers=("smtp",), smtp_url=server.url)
    monkeypatch.setattr(Settings, "from_env", lambda *_: settings)
    monkeypatch.setattr("heidi_common.cli.doctor.report", lambda: 0)
    sent = CliRunner().invoke(cli.doctor, ["--send-test", "ann@example.org"])
    assert (sent.exit_code, [mail["To"] for mail in server.mails]) == (0, ["ann@example.org"])
    assert "ok    test message" in sent.output
    server.handler.rcpt_answers["ann@example.org"] = "450 later"
    failed = CliRunner().invoke(cli.doctor, ["--send-test", "ann@example.org"])
    assert failed.exit_code == 1 and "450 later" in failed.output
