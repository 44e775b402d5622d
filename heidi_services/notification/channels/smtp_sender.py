"""E-mail over SMTP, with one persistent connection per thread."""

import re
import smtplib
import ssl
import threading
import time
from datetime import UTC, datetime
from email.utils import parseaddr

from heidi_common.config.settings import Settings
from heidi_services.notification.channels.message import DeliveryOutcome, Message, SendResult
from heidi_services.notification.channels.mime import InvalidAddress, build_email
from heidi_services.notification.channels.smtp_connection import (
    SmtpConnection,
    SMTPMisconfigured,
    SMTPRejected,
    SMTPResponseLost,
)
from heidi_services.notification.channels.smtp_server import SmtpServer

_CLOSING = 421
_UNKNOWN_MAILBOX = re.compile(r"\b5\.1\.(1|2|3|6|10)\b")  # enhanced status codes (RFC 3463) of a bad address


class SmtpSender:
    """Sends through the server of SMTP_URL. Threads share the sender, but not its connections."""

    name = "smtp"

    def __init__(self, settings: Settings, client: object = None, *, time_limit: float = 25.0) -> None:
        self._server, self._from = SmtpServer.from_url(settings.smtp_url), settings.mail_from
        self._envelope_from, self._time_limit = parseaddr(self._from)[1], time_limit
        self._local = threading.local()

    def supports(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> SendResult:
        """Transmit the message. Takes at most `time_limit` seconds, including the time to connect."""
        try:
            mail = build_email(message, sender=self._from, now=datetime.now(UTC))
            self._deliver(message.recipient, mail.as_bytes())
        except SMTPRejected as error:
            if error.code == _CLOSING:
                self.close()
            return _rejection_result(error)
        except Exception as error:
            self.close()
            return _failure_result(error)
        return SendResult(DeliveryOutcome.SENT, self.name, code="250", provider_id=mail["Message-ID"])

    def close(self) -> None:
        """Close this thread's connection."""
        connection, self._local.connection = self._open_connection(), None
        if connection is not None:
            connection.close()

    def _open_connection(self) -> SmtpConnection | None:
        return getattr(self._local, "connection", None)

    def _deliver(self, recipient: str, body: bytes) -> None:
        connection, deadline = self._open_connection(), time.monotonic() + self._time_limit
        if connection is not None and self._was_delivered(connection, recipient, body, deadline):
            return
        new_connection = self._local.connection = SmtpConnection(self._server, deadline=deadline)
        new_connection.deliver(self._envelope_from, recipient, body, deadline=deadline)

    def _was_delivered(self, connection: SmtpConnection, recipient: str, body: bytes, deadline: float) -> bool:
        """Use the open connection. False if the server has closed it, which says nothing about this message."""
        try:
            connection.deliver(self._envelope_from, recipient, body, deadline=deadline)
            return True
        except (smtplib.SMTPServerDisconnected, ConnectionError):
            self.close()  # the server closed it while it was idle, or after its limit of messages
        except SMTPRejected as error:
            if error.code != _CLOSING:
                raise
            self.close()
        return False


def _rejection_result(error: SMTPRejected) -> SendResult:
    outcome = DeliveryOutcome.PERMANENT if error.code >= 500 else DeliveryOutcome.TEMPORARY
    unknown_mailbox = error.command == "RCPT" and bool(_UNKNOWN_MAILBOX.search(str(error)))
    return SendResult(outcome, SmtpSender.name, code=str(error.code), error=str(error), recipient_gone=unknown_mailbox)


def _failure_result(error: Exception) -> SendResult:
    if isinstance(error, InvalidAddress):
        return SendResult(DeliveryOutcome.PERMANENT, SmtpSender.name, error=str(error), recipient_gone=True)
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, SMTPResponseLost):
        return SendResult(DeliveryOutcome.AMBIGUOUS, SmtpSender.name, error=reason)
    final = isinstance(error, (SMTPMisconfigured, ssl.SSLCertVerificationError))
    return SendResult(DeliveryOutcome.TECHNICAL, SmtpSender.name, error=reason, final=final)
