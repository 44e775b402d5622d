"""A real SMTP server in a thread, whose responses tests can override."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.polling import TIMEOUT_SECONDS
from tests.ports import free_port


class Handler:
    """Stores received e-mails.

    `rcpt_answers` and `data_answers` override the response by recipient, `mail_answers` the next ones to MAIL.
    `accepts_after` is the time in seconds that it takes to accept a message.
    `extensions` are announced in addition, such as `250-PIPELINING`.
    """

    def __init__(self, *extensions: str) -> None:
        self.extensions = extensions
        self.mails: list[EmailMessage] = []
        self.contents: list[bytes] = []
        self.recipients: list[str] = []
        self.connections: set[tuple[str, int]] = set()
        self.rcpt_answers: dict[str, str] = {}
        self.data_answers: dict[str, str] = {}
        self.mail_answers: list[str] = []
        self.commands: list[str] = []
        self.accepts_after = 0.0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.commands.append("EHLO")
        return [*responses[:-1], *self.extensions, responses[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.mail_answers.pop(0) if self.mail_answers else "250 OK"
        if answer == "hang up":
            cast(Any, server).transport.abort()
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("RSET")
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("QUIT")
        return "221 Bye"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.rcpt_answers.get(address, "250 OK")
        if answer.startswith("25"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.connections.add(session.peer)
        self.recipients += envelope.rcpt_tos
        self.contents.append(cast(bytes, envelope.content))
        self.mails.append(cast(EmailMessage, message_from_bytes(cast(bytes, envelope.content), policy=default)))
        await asyncio.sleep(self.accepts_after)
        answer = self.data_answers.get(envelope.rcpt_tos[0], "250 OK")
        if answer == "hang up":
            transport = cast(Any, server).transport
            transport.abort()
        return answer


class MailServer:
    def __init__(self, port: int, handler: Handler, url: str) -> None:
        self.port, self.handler, self.url = port, handler, url

    @property
    def mails(self) -> list[EmailMessage]:
        return self.handler.mails


@contextmanager
def mail_server(
    handler: Handler | None = None, *, port: int = 0, tls: ssl.SSLContext | None = None, **options: Any
) -> Iterator[MailServer]:
    handler, port = handler or Handler(), port or free_port()
    defaults = {"hostname": "127.0.0.1", "port": port, "tls_context": tls, "enable_SMTPUTF8": True}
    controller = Controller(handler, ready_timeout=TIMEOUT_SECONDS, **defaults, **options)
    controller.start()
    try:
        yield MailServer(port, handler, f"smtp://127.0.0.1:{port}")
    finally:
        controller.stop()
