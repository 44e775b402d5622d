"""A connection to one SMTP server. Its exceptions tell at which step a delivery failed."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass

from heidi_services.notification.channels.smtp_server import SmtpServer

_LINE_START_DOT = re.compile(rb"(?m)^\.")
_QUIT_SECONDS = 1.0
RESPONSE_SECONDS = 600.0
"""How long a server may take to accept a message that was transmitted (RFC 5321, section 4.5.3.2.6).

Whoever gives up earlier and transmits the message again makes the server deliver it twice.
"""
_RECIPIENT_ACCEPTED = (250, 251, 252)
"""251: the server forwards the message. 252: it accepts the message without having verified the address."""

_ANY_REPLY = range(200, 600)
Command = tuple[Container[int], str, str]
"""The replies that accept the command, its name, and its arguments."""
Reply = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class SmtpEnvelope:
    """The addresses of one transmission.

    Attributes:
        sender: Where bounces go.
        recipient: Without it, the message is not transmitted.
        copies: Further recipients. The message is transmitted even if the server rejects some of them.
    """

    sender: str
    recipient: str
    copies: Sequence[str] = ()


class SMTPRejected(Exception):
    """The server rejected a command or the message."""

    def __init__(self, command: str, code: int, text: bytes) -> None:
        self.command, self.code, self.text = command, code, text.decode("utf-8", "replace")
        super().__init__(f"{command}: {code} {self.text}")


class SMTPResponseLost(Exception):
    """The whole message was transmitted, but the connection failed before the server's response arrived."""


class SMTPMisconfigured(Exception):
    """The server's TLS, credentials or features do not match the settings. A retry cannot succeed."""


class SmtpConnection:
    """One open connection for one message after the other. Commands may take the time that remains until the deadline.

    Args:
        deadline: When connecting and signing in must be finished, as a value of `time.monotonic()`.

    Attributes:
        awaits_since: Since when the response to a transmitted message is awaited, as a value of `time.monotonic()`.
    """

    def __init__(self, server: SmtpServer, *, deadline: float) -> None:
        self._deadline, self._is_reused = deadline, False
        self.awaits_since: float | None = None
        self._smtp = _connect(server, max(deadline - time.monotonic(), 0.01))
        try:
            self._greet(server)
        except BaseException:
            self._smtp.close()
            raise

    def deliver(self, envelope: SmtpEnvelope, body: bytes, *, deadline: float) -> str:
        """Transmit one message.

        Args:
            envelope: The sender and the recipients.
            body: The message with CRLF line ends.
            deadline: When the message must be transmitted, as a value of `time.monotonic()`. The server may take
                RESPONSE_SECONDS more to accept it.

        Returns:
            The server's response, and the copies that it rejected.

        Raises:
            SMTPRejected: The server rejected the message or its recipient. The connection can be used again.
            SMTPResponseLost: The server may have accepted the message.
            OSError: The connection failed earlier. smtplib's own exceptions are OSErrors.
        """
        self._deadline = deadline
        sender, copies = envelope.sender, envelope.copies
        options = self._options(sender, envelope.recipient, *copies)
        # RSET also shows whether the server is still there.
        commands: list[Command] = [((250,), "RSET", "")] if self._is_reused else []
        self._is_reused = True
        commands.append(((250,), "MAIL", " ".join((f"FROM:<{sender}>", *options))))
        commands.append((_RECIPIENT_ACCEPTED, "RCPT", f"TO:<{envelope.recipient}>"))
        data: Command = ((354,), "DATA", "")
        if not copies:
            self._execute([*commands, data])
            return self._transmit(body)
        # DATA waits for the recipient: an empty message, which ends DATA after a rejection, would reach the copies.
        replies = self._execute([*commands, *((_ANY_REPLY, "RCPT", f"TO:<{copy}>") for copy in copies)])
        self._execute([data])
        return "; ".join([self._transmit(body), *_rejected_copies(copies, replies[-len(copies) :])])

    def check_sender(self, sender: str) -> None:
        """Name the sender of a message, without transmitting one.

        Raises:
            SMTPRejected: The server does not accept messages from it.
            OSError: The connection failed.
        """
        options = self._options(sender)
        self._execute([((250,), "MAIL", " ".join((f"FROM:<{sender}>", *options)))])
        self._execute([((250,), "RSET", "")])

    def interrupt(self) -> None:
        """Make a thread that awaits the server's response fail with SMTPResponseLost."""
        with suppress(OSError):
            if self._smtp.sock is not None:
                self._smtp.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection without a word, because it has failed."""
        self._smtp.close()

    def quit(self) -> None:
        """Take leave of the server and close the connection."""
        self._deadline = time.monotonic() + _QUIT_SECONDS
        with suppress(OSError):
            self._apply_deadline()
            self._smtp.docmd("QUIT")
        self._smtp.close()

    def _options(self, *addresses: str) -> tuple[str, ...]:
        """The parameters of MAIL; raises SMTPRejected if an address needs an extension that the server lacks."""
        if all(address.isascii() for address in addresses):
            return ()
        if not self._smtp.has_extn("smtputf8"):
            raise SMTPRejected("MAIL", 550, b"the server does not support international addresses")
        return ("SMTPUTF8",)

    def _execute(self, commands: Sequence[Command]) -> list[Reply]:
        """Execute commands, all in one round trip if the server supports that (RFC 2920).

        Raises:
            SMTPRejected: The server rejected a command, the first one of those that it rejected.
        """
        if not self._smtp.has_extn("pipelining"):
            return [reply for command in commands for reply in self._execute_together([command])]
        return self._execute_together(commands)

    def _execute_together(self, commands: Sequence[Command]) -> list[Reply]:
        self._apply_deadline()
        lines = [f"{name} {arguments}".rstrip() for _, name, arguments in commands]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("A command must be a single line")
        self._smtp.send("".join(f"{line}\r\n" for line in lines).encode())
        replies = [self._reply() for _ in commands]
        for (accepted, name, _), (code, text) in zip(commands, replies, strict=True):
            if code not in accepted:
                self._end_data(replies[-1][0])
                raise SMTPRejected(name, code, text)
        return replies

    def _end_data(self, code: int) -> None:
        """After a rejected command: if the server waits for the message nevertheless, transmit an empty one.

        Without a recipient nothing is delivered, and the server rejects it.
        """
        if code == 354:
            self._smtp.send(b".\r\n")
            self._reply()

    def _reply(self) -> Reply:
        self._apply_deadline()
        return self._smtp.getreply()

    def _transmit(self, body: bytes) -> str:
        self._apply_deadline()
        self._smtp.send(_LINE_START_DOT.sub(b"..", body.removesuffix(b"\r\n")) + b"\r\n.\r\n")
        self._deadline, self.awaits_since = time.monotonic() + RESPONSE_SECONDS, time.monotonic()
        try:
            code, text = self._reply()
        except OSError as error:  # a timeout or a closed connection; smtplib's own exceptions are OSErrors
            raise SMTPResponseLost(str(error) or type(error).__name__) from error
        finally:
            self.awaits_since = None
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

    def _apply_deadline(self) -> None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("The SMTP server did not respond in time")
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(remaining)


def _rejected_copies(copies: Sequence[str], replies: Sequence[Reply]) -> list[str]:
    return [
        f"not accepted for {copy}: {code} {text.decode('utf-8', 'replace')}"
        for copy, (code, text) in zip(copies, replies, strict=True)
        if code not in _RECIPIENT_ACCEPTED
    ]


def _connect(server: SmtpServer, seconds: float) -> smtplib.SMTP:
    """smtplib also waits `seconds` for the greeting, which busy servers delay."""
    if server.tls:
        return smtplib.SMTP_SSL(
            server.host, server.port, server.helo_name, timeout=seconds, context=ssl.create_default_context()
        )
    return smtplib.SMTP(server.host, server.port, server.helo_name, timeout=seconds)
