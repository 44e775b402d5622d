"""A connection to one SMTP server. Its exceptions tell at which step a delivery failed."""

from __future__ import annotations

import re
import smtplib
import ssl
import time

from heidi_services.notification.channels.smtp_server import SmtpServer

_LINE_START_DOT = re.compile(rb"(?m)^\.")


class SMTPRejected(Exception):
    """The server rejected a command or the message."""

    def __init__(self, command: str, code: int, text: bytes) -> None:
        super().__init__(f"{command}: {code} {text.decode('utf-8', 'replace')}")
        self.command, self.code = command, code


class SMTPResponseLost(Exception):
    """The whole message was transmitted, but the connection failed before the server's response arrived."""


class SMTPMisconfigured(Exception):
    """The server's TLS, credentials or features do not match the settings. A retry cannot succeed."""


class SmtpConnection:
    """One open connection. Each command may take the time that remains until the deadline.

    Args:
        deadline: When connecting and signing in must be finished, as a value of `time.monotonic()`.
    """

    def __init__(self, server: SmtpServer, *, deadline: float) -> None:
        self._deadline = deadline
        self._smtp = _connect(server, max(deadline - time.monotonic(), 0.01))
        self._greet(server)

    def deliver(self, sender: str, recipient: str, body: bytes, *, deadline: float) -> str:
        """Transmit one message.

        Args:
            sender: The envelope sender.
            recipient: The envelope recipient.
            body: The message with CRLF line ends.
            deadline: When the delivery must be finished, as a value of `time.monotonic()`.

        Returns:
            The server's response.

        Raises:
            SMTPRejected: The server rejected the message. The connection can be used again.
            SMTPResponseLost: The server may have accepted the message.
            OSError: The connection failed earlier. smtplib's own exceptions are OSErrors.
        """
        self._deadline = deadline
        options = () if recipient.isascii() else ("SMTPUTF8",)
        if options and not self._smtp.has_extn("smtputf8"):
            raise SMTPRejected("MAIL", 550, b"the server does not support international addresses")
        self._command(250, "MAIL", f"FROM:<{sender}>", *options)
        try:
            self._command(250, "RCPT", f"TO:<{recipient}>")
            self._command(354, "DATA")
        except SMTPRejected:
            self._command(250, "RSET")  # keeps the connection usable for the next message
            raise
        return self._transmit(body)

    def close(self) -> None:
        self._smtp.close()

    def _transmit(self, body: bytes) -> str:
        self._apply_deadline()
        self._smtp.send(_LINE_START_DOT.sub(b"..", body.removesuffix(b"\r\n")) + b"\r\n.\r\n")
        try:
            self._apply_deadline()
            code, text = self._smtp.getreply()
        except OSError as error:  # a timeout or a closed connection; smtplib's own exceptions are OSErrors
            raise SMTPResponseLost(str(error) or type(error).__name__) from error
        if code != 250:
            raise SMTPRejected("message", code, text)
        return text.decode("utf-8", "replace")

    def _greet(self, server: SmtpServer) -> None:
        self._apply_deadline()
        self._smtp.ehlo_or_helo_if_needed()
        if not server.tls and server.starttls != "never":
            self._start_tls(server)
        if server.user:
            self._sign_in(server)

    def _start_tls(self, server: SmtpServer) -> None:
        if self._smtp.has_extn("starttls"):
            self._apply_deadline()
            self._smtp.starttls(context=ssl.create_default_context())
            self._smtp.ehlo()
        elif server.starttls == "required" or server.user:
            raise SMTPMisconfigured("The server does not offer STARTTLS; credentials are not sent unencrypted")

    def _sign_in(self, server: SmtpServer) -> None:
        self._apply_deadline()
        try:
            self._smtp.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < 500:
                raise SMTPRejected("AUTH", error.smtp_code, b"sign-in temporarily rejected") from error
            raise SMTPMisconfigured(f"The server rejected the credentials ({error.smtp_code})") from error
        except smtplib.SMTPNotSupportedError as error:
            raise SMTPMisconfigured("The server does not support authentication") from error

    def _command(self, expected_code: int, command: str, *arguments: str) -> None:
        self._apply_deadline()
        self._smtp.command_encoding = "utf-8"
        code, text = self._smtp.docmd(command, " ".join(arguments))
        if code != expected_code:
            raise SMTPRejected(command, code, text)

    def _apply_deadline(self) -> None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("The SMTP server did not respond in time")
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(remaining)


def _connect(server: SmtpServer, seconds: float) -> smtplib.SMTP:
    if server.tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=ssl.create_default_context())
    return smtplib.SMTP(server.host, server.port, timeout=seconds)
