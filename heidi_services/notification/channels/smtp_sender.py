"""E-mail over SMTP, through connections that the threads of the process share."""

import ssl
import time
from datetime import UTC, datetime

from heidi_common.config.mail_sender import split_sender
from heidi_common.config.settings import Settings
from heidi_common.tracing import spans
from heidi_services.notification.channels.dkim_signature import sign_email
from heidi_services.notification.channels.enhanced_status import status_of_text
from heidi_services.notification.channels.mail_headers import InvalidAddress, parse_address
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.mime import build_email
from heidi_services.notification.channels.provider import MessageProvider, ProviderCheck
from heidi_services.notification.channels.provider_checks import CHECK_SECONDS, ProviderUnusable
from heidi_services.notification.channels.smtp_connection import (
    SmtpConnection,
    SmtpEnvelope,
    SMTPMisconfigured,
    SMTPRejected,
    SMTPResponseLost,
)
from heidi_services.notification.channels.smtp_pool import NoFreeConnection, SmtpPool
from heidi_services.notification.channels.smtp_server import SmtpServer

COMMAND_SECONDS = 300.0
"""Servers delay their responses to commands on purpose, against spam (RFC 5321, section 4.5.3.2: five minutes)."""


class SmtpSender:
    """Sends through the server of SMTP_URL, over at most SMTP_CONNECTIONS connections."""

    name = "smtp"

    def __init__(self, settings: Settings, client: object = None, *, time_limit: float = COMMAND_SECONDS) -> None:
        self._from, self._envelope_from = settings.mail_from, parse_address(split_sender(settings.mail_from).address)
        server = smtp_server(settings)
        self._host = server.host
        self._pool = SmtpPool(server, size=settings.smtp_connections)
        self._time_limit = time_limit

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        """Transmit the message.

        Takes at most `time_limit` seconds, including the wait for a connection, until the message is transmitted; the
        server's response to it may take RESPONSE_SECONDS more.
        """
        deadline = time.monotonic() + self._time_limit
        try:
            mail = build_email(message, sender=message.email.sender or self._from, now=datetime.now(UTC))
            content = mail.as_bytes()
            if message.email.dkim_key is not None:
                content = sign_email(content, message.email.dkim_key)
            with spans.span("SMTP", "client", {"network.protocol.name": "smtp", "server.address": self._host}):
                reply = self._pool.deliver(self._envelope(message), content, deadline=deadline)
        except SMTPRejected as error:
            return _rejection_result(error)
        except Exception as error:
            return _failure_result(error)
        message_id = mail["Message-ID"]
        return SendResult(DeliveryOutcome.SENT, self.name, code="250", provider_id=message_id, response=reply)

    def _envelope(self, message: Message) -> SmtpEnvelope:
        """Bounces go to MAIL_FROM, whatever the sender is: its server accepts them."""
        copies = (*message.email.cc, *message.email.bcc)
        addresses = [parse_address(split_sender(mailbox).address) for mailbox in copies]
        return SmtpEnvelope(self._envelope_from, parse_address(message.recipient), addresses)

    def interrupt(self) -> None:
        """Stop waiting for the server's responses, because the process ends."""
        self._pool.interrupt()

    def close(self) -> None:
        """Close the connections, when the process ends."""
        self._pool.close()


def smtp_server(settings: Settings) -> SmtpServer:
    """The server of SMTP_URL, to which clients introduce themselves with SMTP_HELO_NAME or the domain of MAIL_FROM."""
    domain = parse_address(split_sender(settings.mail_from).address).rpartition("@")[2]
    return SmtpServer.from_url(settings.smtp_url, helo_name=settings.smtp_helo_name or domain)


def _rejection_result(error: SMTPRejected) -> SendResult:
    outcome = DeliveryOutcome.PERMANENT if error.code >= 500 else DeliveryOutcome.TEMPORARY
    status = status_of_text(error.code, error.text) if error.command == "RCPT" else None
    is_gone = status is not None and status.is_bad_address
    return SendResult(outcome, SmtpSender.name, code=str(error.code), error=str(error), recipient_gone=is_gone)


def _failure_result(error: Exception) -> SendResult:
    if isinstance(error, InvalidAddress):
        return SendResult(DeliveryOutcome.PERMANENT, SmtpSender.name, error=str(error), recipient_gone=True)
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, NoFreeConnection):
        return SendResult(DeliveryOutcome.TEMPORARY, SmtpSender.name, error=reason)
    if isinstance(error, SMTPResponseLost):
        return SendResult(DeliveryOutcome.AMBIGUOUS, SmtpSender.name, error=reason)
    misconfigured = isinstance(error, (SMTPMisconfigured, ssl.SSLCertVerificationError))
    return SendResult(DeliveryOutcome.TECHNICAL, SmtpSender.name, error=reason, misconfigured=misconfigured)


_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def check_smtp(settings: Settings) -> str:
    """Introduce itself, start TLS, sign in and name the sender, as for a message."""
    sender, server = parse_address(split_sender(settings.mail_from).address), smtp_server(settings)
    name = server.helo_name or ""
    if "." not in name and not name.startswith("[") and server.host not in _LOCAL_HOSTS:
        raise ProviderUnusable(
            f"other servers do not accept the name {name}: set SMTP_HELO_NAME to the name of this machine, or MAIL_FROM"
        )
    connection = SmtpConnection(server, deadline=time.monotonic() + CHECK_SECONDS)
    try:
        connection.check_sender(sender)
    finally:
        connection.quit()
    return f"{server.host}:{server.port} accepts {settings.mail_from}, introduced as {server.helo_name}"


PROVIDER = MessageProvider(
    name=SmtpSender.name,
    title="SMTP",
    channels=("EMAIL",),
    create_sender=SmtpSender,
    check=ProviderCheck(
        check_smtp,
        "Check SMTP_URL, MAIL_FROM and SMTP_HELO_NAME. E-mails wait until the server is available.",
    ),
)
