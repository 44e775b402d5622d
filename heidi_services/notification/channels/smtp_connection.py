"""The conversation with one SMTP server, step by step, so that it is known where it broke."""

import re
import smtplib
import ssl
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

_LINE_START_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail goes. `starttls` is `auto` (when offered), `required` or `never`."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: bool = False
    starttls: str = "auto"

    @classmethod
    def from_url(cls, url: str) -> "Server":
        """`smtp://user:password@host:587?starttls=required` or `smtps://...` (TLS from the first byte)."""
        parts = urlsplit(url)
        tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or (465 if tls else 25),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
            starttls=parse_qs(parts.query).get("starttls", ["auto"])[0],
        )


class Refused(Exception):
    """The server's answer to a command was not the wanted one."""

    def __init__(self, command: str, code: int, text: bytes) -> None:
        super().__init__(f"{command}: {code} {text.decode('utf-8', 'replace')}")
        self.command, self.code = command, code


class AnswerLost(Exception):
    """The whole message was handed over, but not known whether the server took it."""


class Misconfigured(Exception):
    """Waiting does not help: TLS, credentials or abilities are not what the settings expect."""


class Conversation:
    """One open connection. Every step is given what is left until the deadline (of time.monotonic)."""

    def __init__(self, server: Server, *, deadline: float) -> None:
        self._deadline = deadline
        self._smtp = _connect(server, max(deadline - time.monotonic(), 0.01))
        self._greet(server)

    def deliver(self, sender: str, recipient: str, body: bytes, *, deadline: float) -> str:
        """The server's words on taking the message; `body` has CRLF line ends."""
        self._deadline = deadline
        options = () if recipient.isascii() else ("SMTPUTF8",)
        if options and not self._smtp.has_extn("smtputf8"):
            raise Refused("MAIL", 550, b"the server does not take international addresses")
        self._expect(250, "MAIL", f"FROM:<{sender}>", *options)
        try:
            self._expect(250, "RCPT", f"TO:<{recipient}>")
            self._expect(354, "DATA")
        except Refused:
            self._expect(250, "RSET")  # the connection stays good for the next message
            raise
        return self._hand_over(body)

    def close(self) -> None:
        self._smtp.close()

    def _hand_over(self, body: bytes) -> str:
        self._tick()
        self._smtp.send(_LINE_START_DOT.sub(b"..", body.removesuffix(b"\r\n")) + b"\r\n.\r\n")
        try:
            self._tick()
            code, text = self._smtp.getreply()
        except OSError as error:  # a time-out or a hang-up; smtplib's own errors are OSErrors
            raise AnswerLost(str(error) or type(error).__name__) from error
        if code != 250:
            raise Refused("message", code, text)
        return text.decode("utf-8", "replace")

    def _greet(self, server: Server) -> None:
        self._tick()
        self._smtp.ehlo_or_helo_if_needed()
        if not server.tls and server.starttls != "never":
            self._upgrade(server)
        if server.user:
            self._sign_in(server)

    def _upgrade(self, server: Server) -> None:
        if self._smtp.has_extn("starttls"):
            self._tick()
            self._smtp.starttls(context=ssl.create_default_context())
            self._smtp.ehlo()
        elif server.starttls == "required" or server.user:
            raise Misconfigured("The server offers no STARTTLS; credentials do not travel in the clear")

    def _sign_in(self, server: Server) -> None:
        self._tick()
        try:
            self._smtp.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < 500:
                raise Refused("AUTH", error.smtp_code, b"not now") from error
            raise Misconfigured(f"The server refused the credentials ({error.smtp_code})") from error
        except smtplib.SMTPNotSupportedError as error:
            raise Misconfigured("The server offers no way to sign in") from error

    def _expect(self, wanted: int, command: str, *arguments: str) -> None:
        self._tick()
        self._smtp.command_encoding = "utf-8"
        code, text = self._smtp.docmd(command, " ".join(arguments))
        if code != wanted:
            raise Refused(command, code, text)

    def _tick(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The SMTP server took too long")
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(left)


def _connect(server: Server, seconds: float) -> smtplib.SMTP:
    if server.tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=ssl.create_default_context())
    return smtplib.SMTP(server.host, server.port, timeout=seconds)
