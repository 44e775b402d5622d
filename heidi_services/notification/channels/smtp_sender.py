"""E-mail over SMTP: one kept connection per thread, and an honest word on how each attempt ended."""

import re
import smtplib
import ssl
import threading
import time
from datetime import UTC, datetime
from email.utils import parseaddr

from heidi_common.config.settings import Settings
from heidi_services.notification.channels.message import Message, Outcome, Result
from heidi_services.notification.channels.mime import BadAddress, build
from heidi_services.notification.channels.smtp_connection import (
    AnswerLost,
    Conversation,
    Misconfigured,
    Refused,
    Server,
)

_HANGING_UP = 421
_NO_SUCH_MAILBOX = re.compile(r"\b5\.1\.(1|2|3|6|10)\b")  # enhanced status codes (RFC 3463): the address is bad


class SmtpSender:
    """Sends through one server. Threads share the sender, never a connection."""

    name = "smtp"

    def __init__(self, settings: Settings, client: object = None, *, time_limit: float = 25.0) -> None:
        self._server, self._from = Server.from_url(settings.smtp_url), settings.mail_from
        self._envelope_from, self._time_limit = parseaddr(self._from)[1], time_limit
        self._local = threading.local()

    def takes(self, message: Message) -> bool:
        return True

    def send(self, message: Message) -> Result:
        """Hands the message over; takes `time_limit` seconds at most, connecting included."""
        try:
            mail = build(message, sender=self._from, now=datetime.now(UTC))
            self._deliver(message.recipient, mail.as_bytes())
        except Refused as error:
            if error.code == _HANGING_UP:
                self.close()
            return _refused(error)
        except Exception as error:
            self.close()
            return _broken(error)
        return Result(Outcome.SENT, self.name, code="250", provider_id=mail["Message-ID"])

    def close(self) -> None:
        """Hangs up this thread's connection."""
        kept, self._local.kept = self._kept(), None
        if kept is not None:
            kept.close()

    def _kept(self) -> Conversation | None:
        return getattr(self._local, "kept", None)

    def _deliver(self, recipient: str, body: bytes) -> None:
        kept, deadline = self._kept(), time.monotonic() + self._time_limit
        if kept is not None:
            try:
                kept.deliver(self._envelope_from, recipient, body, deadline=deadline)
                return
            except (smtplib.SMTPServerDisconnected, ConnectionError):
                self.close()  # it hung up while idle, or asked for too much: not this message's fault
            except Refused as error:
                if error.code != _HANGING_UP:
                    raise
                self.close()
        fresh = self._local.kept = Conversation(self._server, deadline=deadline)
        fresh.deliver(self._envelope_from, recipient, body, deadline=deadline)


def _refused(error: Refused) -> Result:
    outcome = Outcome.PERMANENT if error.code >= 500 else Outcome.TEMPORARY
    dead = error.command == "RCPT" and bool(_NO_SUCH_MAILBOX.search(str(error)))
    return Result(outcome, SmtpSender.name, code=str(error.code), error=str(error), dead=dead)


def _broken(error: Exception) -> Result:
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, BadAddress):
        return Result(Outcome.PERMANENT, SmtpSender.name, error=str(error), dead=True)
    if isinstance(error, AnswerLost):
        return Result(Outcome.AMBIGUOUS, SmtpSender.name, error=reason)
    final = isinstance(error, (Misconfigured, ssl.SSLCertVerificationError))
    return Result(Outcome.TECHNICAL, SmtpSender.name, error=reason, final=final)
