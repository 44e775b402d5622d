"""The SMTP sender against a real server: what it transmits, and its results."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.smtp_sender import SmtpSender
from tests.conftest import make_settings
from tests.notification.mailserver import Handler, MailServer, mail_server
from tests.polling import TIMEOUT_SECONDS
from tests.ports import free_port


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def _sender(url: str, time_limit: float = TIMEOUT_SECONDS) -> SmtpSender:
    settings = make_settings("", "", smtp_url=url, mail_from="Heidi <no-reply@example.com>")
    return SmtpSender(settings, time_limit=time_limit)


def _message(recipient: str = "ann@example.org", text: str = "Hello", id: UUID | None = None) -> Message:
    return Message(id=id or uuid4(), recipient=recipient, subject="Hi", text=text)


def test_an_email_arrives_unchanged(server: MailServer) -> None:
    message = _message(text=".hidden\n..dots\n\nGrüße – 日本語\n.\nend")
    assert _sender(server.url).send(message) == SendResult(
        DeliveryOutcome.SENT, "smtp", code="250", provider_id=f"<{message.id}@example.com>"
    )
    mail = server.mails[0]
    body = mail.get_body(("plain",))
    assert body is not None and body.get_content().replace("\r\n", "\n") == message.text + "\n"
    assert mail["To"] == "ann@example.org" and mail["From"] == "Heidi <no-reply@example.com>"


def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    handler, port = Handler(), free_port()
    sender = _sender(f"smtp://127.0.0.1:{port}")
    for _ in range(2):
        with mail_server(handler, port=port):
            assert sender.send(_message()).sent
    assert len(handler.mails) == 2


def test_an_unknown_mailbox_is_permanent_and_the_connection_stays_open(server: MailServer) -> None:
    server.handler.rcpt_answers["gone@example.org"] = "550 5.1.1 No such user"
    sender = _sender(server.url)
    assert sender.send(_message()).sent
    result = sender.send(_message("gone@example.org"))
    assert (result.outcome, result.code, result.recipient_gone, result.retryable) == (
        DeliveryOutcome.PERMANENT,
        "550",
        True,
        False,
    )
    assert "No such user" in result.error
    assert sender.send(_message()).sent
    assert len(server.handler.connections) == 1


def test_a_rejected_text_is_permanent_but_the_recipient_is_not_gone(server: MailServer) -> None:
    server.handler.data_answers["ann@example.org"] = "554 5.7.1 Looks like spam"
    result = _sender(server.url).send(_message())
    assert (result.outcome, result.recipient_gone) == (DeliveryOutcome.PERMANENT, False)


@pytest.mark.parametrize("answers", ["rcpt_answers", "data_answers"])
def test_a_temporary_rejection_is_retryable(server: MailServer, answers: str) -> None:
    getattr(server.handler, answers)["ann@example.org"] = "451 4.7.1 Greylisted"
    result = _sender(server.url).send(_message())
    assert (result.outcome, result.code, result.retryable) == (DeliveryOutcome.TEMPORARY, "451", True)


@pytest.mark.parametrize("answer", ["251 User not local; will forward", "252 Cannot verify", "250 OK"])
def test_a_recipient_that_the_server_forwards_or_cannot_verify_is_accepted(server: MailServer, answer: str) -> None:
    server.handler.rcpt_answers["ann@example.org"] = answer
    assert _sender(server.url).send(_message()).sent
    assert server.mails[0]["Subject"] == "Hi"


def test_a_server_may_take_longer_to_accept_a_message_than_to_receive_it(server: MailServer) -> None:
    sender = _sender(server.url, time_limit=0.5)
    server.handler.accepts_after = 1.0
    assert sender.send(_message()).sent
    assert len(server.mails) == 1


def test_a_response_lost_after_the_text_is_ambiguous(server: MailServer) -> None:
    server.handler.data_answers["ann@example.org"] = "hang up"
    result = _sender(server.url).send(_message())
    assert (result.outcome, result.retryable) == (DeliveryOutcome.AMBIGUOUS, True)
    assert len(server.mails) == 1


def test_a_repeat_after_an_ambiguous_attempt_carries_the_same_message_id(server: MailServer) -> None:
    server.handler.data_answers["ann@example.org"] = "hang up"
    sender, message = _sender(server.url), _message()
    sender.send(message)
    server.handler.data_answers.clear()
    assert sender.send(message).sent
    assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"]


def test_a_refused_connection_is_technical_and_retryable() -> None:
    result = _sender(f"smtp://127.0.0.1:{free_port()}").send(_message())
    assert (result.outcome, result.retryable) == (DeliveryOutcome.TECHNICAL, True)


def test_a_server_that_does_not_respond_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = _sender(f"smtp://127.0.0.1:{silent.getsockname()[1]}", time_limit=0.3).send(_message())
    assert (result.outcome, result.retryable) == (DeliveryOutcome.TECHNICAL, True)


def test_an_invalid_address_is_not_sent_to_the_server(server: MailServer) -> None:
    result = _sender(server.url).send(_message("ann@example.org>\r\nRCPT TO:<eve@example.org"))
    assert (result.outcome, result.recipient_gone) == (DeliveryOutcome.PERMANENT, True)
    assert server.handler.recipients == []


def test_an_international_address_is_delivered(server: MailServer) -> None:
    assert _sender(server.url).send(_message("jürgen@example.org")).sent
    assert server.handler.recipients == ["jürgen@example.org"]


def test_credentials_are_not_sent_unencrypted(server: MailServer) -> None:
    result = _sender(f"smtp://ann:secret@127.0.0.1:{server.port}").send(_message())
    assert (result.outcome, result.misconfigured) == (DeliveryOutcome.TECHNICAL, True)
    assert "secret" not in result.error


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # what a relay on a private network does
@pytest.mark.parametrize(("password", "sent"), [("right", True), ("wrong", False)])
def test_the_sender_signs_in_where_the_server_requires_it(password: str, sent: bool) -> None:
    def authenticate(server: SMTP, session: Session, envelope: Envelope, kind: str, login: LoginPassword) -> AuthResult:
        return AuthResult(success=login.password == b"right", handled=False)

    with mail_server(authenticator=authenticate, auth_require_tls=False, auth_required=True) as running:
        result = _sender(f"smtp://ann:{password}@127.0.0.1:{running.port}?starttls=never").send(_message())
    assert result.sent is sent
    assert result.misconfigured is not sent


def test_a_self_signed_certificate_is_not_trusted(tmp_path: Path) -> None:
    with mail_server(tls=_self_signed(tmp_path)) as running:
        result = _sender(running.url).send(_message())
        assert running.mails == []
    assert (result.outcome, result.misconfigured) == (DeliveryOutcome.TECHNICAL, True)
    assert "certificate" in result.error.lower()


def _self_signed(folder: Path) -> ssl.SSLContext:
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    pem = folder / "server.pem"
    pem.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
