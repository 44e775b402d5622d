"""SMTP connections: kept open between messages, at most so many, and replaced when the server has closed them."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from uuid import uuid4

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from heidi_common.config.settings import Settings
from heidi_services.notification.channels import registry, smtp_pool
from heidi_services.notification.channels.message import DeliveryOutcome, Message
from heidi_services.notification.channels.smtp_connection import SmtpEnvelope
from heidi_services.notification.channels.smtp_pool import SmtpPool
from heidi_services.notification.channels.smtp_sender import SmtpSender
from heidi_services.notification.channels.smtp_server import SmtpServer
from heidi_services.notification.enums import Channel
from tests.conftest import make_settings
from tests.notification.mailserver import Handler, MailServer, mail_server
from tests.polling import TIMEOUT_SECONDS, until
from tests.ports import free_port
from workers.broker import AppContext


@pytest.fixture(params=[(), ("250-PIPELINING",)], ids=["one by one", "pipelining"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    with mail_server(Handler(*request.param)) as running:
        yield running


def _sender(url: str, time_limit: float = TIMEOUT_SECONDS, **settings: Any) -> SmtpSender:
    values = {"smtp_url": url, "mail_from": "no-reply@example.com"} | settings
    return SmtpSender(make_settings("", "", **values), time_limit=time_limit)


def _message(recipient: str = "ann@example.org") -> Message:
    return Message(id=uuid4(), recipient=recipient, subject="Hi", text="Hello")


def test_messages_share_one_connection_which_is_reset_between_them(server: MailServer) -> None:
    sender = _sender(server.url)
    for _ in range(3):
        assert sender.send(_message()).sent
    assert len(server.mails) == 3
    assert len(server.handler.connections) == 1
    assert server.handler.commands == ["EHLO", "RSET", "RSET"]


def test_a_slow_server_occupies_half_of_the_connections(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_pool, "SLOW_SECONDS", 0.3)
    server.handler.accepts_after = 1.0
    sender = _sender(server.url, smtp_connections=4)
    assert sender.send(_message()).sent
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: sender.send(_message()), range(8)))
    assert sorted(result.outcome for result in results) == ["sent"] * 2 + ["temporary"] * 6
    assert len(server.mails) == 3

    server.handler.accepts_after = 0.0
    monkeypatch.setattr(smtp_pool, "SLOW_SECONDS", TIMEOUT_SECONDS)  # on a busy machine every server is slow
    assert sender.send(_message()).sent
    with ThreadPoolExecutor(8) as threads:
        assert all(result.sent for result in threads.map(lambda _: sender.send(_message()), range(8)))


def test_a_process_that_ends_stops_waiting_for_a_slow_server(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_pool, "INTERRUPT_AFTER_SECONDS", 0.0)
    server.handler.accepts_after = TIMEOUT_SECONDS
    sender = _sender(server.url)
    with ThreadPoolExecutor(1) as threads:
        delivery = threads.submit(sender.send, _message())
        until(lambda: len(server.handler.connections) == 1)
        sender.interrupt()
        assert delivery.result(TIMEOUT_SECONDS).outcome is DeliveryOutcome.AMBIGUOUS


def test_threads_open_at_most_the_configured_number_of_connections(server: MailServer) -> None:
    sender = _sender(server.url, smtp_connections=2)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: sender.send(_message()), range(40)))
    assert all(result.sent for result in results)
    assert len(server.mails) == 40
    assert 1 <= len(server.handler.connections) <= 2


class _Slow(Handler):
    """Accepts a message only when the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived, self.allowed = threading.Event(), threading.Event()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.arrived.set()
        while not self.allowed.is_set():
            await asyncio.sleep(0.01)
        return await super().handle_DATA(server, session, envelope)


def test_a_message_that_gets_no_connection_in_time_was_not_sent_and_is_retried() -> None:
    handler = _Slow()
    with mail_server(handler) as running, ThreadPoolExecutor(1) as threads:
        sender = _sender(running.url, smtp_connections=1)
        first = threads.submit(sender.send, _message())
        assert handler.arrived.wait(TIMEOUT_SECONDS)
        sender._time_limit = 0.1
        result = sender.send(_message())
        handler.allowed.set()
        assert first.result().sent
    assert (result.outcome, result.retryable, result.unreachable) == (DeliveryOutcome.TEMPORARY, True, False)
    assert len(handler.mails) == 1


def test_a_connection_that_the_server_closes_with_421_is_replaced(server: MailServer) -> None:
    sender = _sender(server.url)
    assert sender.send(_message()).sent
    server.handler.mail_answers = ["421 4.7.0 Too many messages"]
    assert sender.send(_message()).sent
    assert sender.send(_message()).sent
    assert len(server.mails) == 3
    assert len(server.handler.connections) == 2


def test_a_421_on_a_new_connection_is_temporary_and_closes_it(server: MailServer) -> None:
    server.handler.mail_answers = ["421 4.7.0 Try again later"]
    sender = _sender(server.url)
    result = sender.send(_message())
    assert (result.outcome, result.code) == (DeliveryOutcome.TEMPORARY, "421")
    assert sender.send(_message()).sent
    assert server.handler.commands == ["EHLO", "EHLO"]


def test_a_421_in_reply_to_the_text_was_not_accepted_and_is_sent_again(server: MailServer) -> None:
    sender = _sender(server.url)
    assert sender.send(_message()).sent
    server.handler.data_answers["bob@example.org"] = "421 4.3.2 Shutting down"
    result = sender.send(_message("bob@example.org"))
    assert (result.outcome, result.code) == (DeliveryOutcome.TEMPORARY, "421")
    assert len(server.handler.connections) == 2


def test_a_message_whose_connection_is_lost_before_the_text_is_sent_over_a_new_one(server: MailServer) -> None:
    sender = _sender(server.url)
    assert sender.send(_message()).sent
    server.handler.mail_answers = ["hang up"]
    assert sender.send(_message()).sent, "the loss says nothing about this message"
    assert len(server.mails) == 2


def test_a_new_connection_that_is_lost_before_the_text_is_not_ambiguous(server: MailServer) -> None:
    server.handler.mail_answers = ["hang up"]
    result = _sender(server.url).send(_message())
    assert (result.outcome, result.retryable) == (DeliveryOutcome.TECHNICAL, True)


def test_a_response_that_is_lost_after_the_text_is_ambiguous_and_not_repeated(server: MailServer) -> None:
    sender = _sender(server.url)
    assert sender.send(_message()).sent
    server.handler.data_answers["bob@example.org"] = "hang up"
    assert sender.send(_message("bob@example.org")).outcome is DeliveryOutcome.AMBIGUOUS
    assert len(server.mails) == 2
    assert sender.send(_message()).sent


def test_all_idle_connections_may_be_dead() -> None:
    handler, port = Handler(), free_port()
    sender = _sender(f"smtp://127.0.0.1:{port}")
    gate = threading.Barrier(3)

    def send(_: int) -> bool:
        gate.wait(TIMEOUT_SECONDS)
        return sender.send(_message()).sent

    for _ in range(2):
        with mail_server(handler, port=port), ThreadPoolExecutor(3) as threads:
            assert all(threads.map(send, range(3)))
    assert len(handler.mails) == 6


@pytest.mark.parametrize("answers", ["rcpt_answers", "data_answers"])
def test_a_rejected_message_leaves_the_connection_open(server: MailServer, answers: str) -> None:
    sender = _sender(server.url)
    getattr(server.handler, answers)["gone@example.org"] = "550 5.1.1 No such user"
    result = sender.send(_message("gone@example.org"))
    assert (result.outcome, result.code) == (DeliveryOutcome.PERMANENT, "550")
    assert result.recipient_gone is (answers == "rcpt_answers")
    assert sender.send(_message()).sent
    assert server.handler.recipients[-1:] == ["ann@example.org"]
    assert server.handler.commands == ["EHLO", "RSET"]


def test_an_unused_connection_is_closed(server: MailServer) -> None:
    pool = SmtpPool(SmtpServer.from_url(server.url), size=2, idle_seconds=0.2)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    body = b"Subject: Hi\r\n\r\nHello\r\n"
    pool.deliver(SmtpEnvelope("a@example.com", "ann@example.org"), body, deadline=deadline)
    until(lambda: "QUIT" in server.handler.commands)
    until(lambda: pool._closer is None)
    pool.deliver(SmtpEnvelope("a@example.com", "ann@example.org"), body, deadline=deadline)
    assert len(server.handler.connections) == 2
    until(lambda: server.handler.commands.count("QUIT") == 2)


def test_the_connections_are_closed_when_the_worker_ends(app: Flask, settings: Settings, mail: MailServer) -> None:
    context, unused = AppContext(settings), cast(Any, None)
    context.after_worker_shutdown(unused, unused)  # a worker that did not start
    context.app = app
    (sender,) = registry.senders_for(Channel.EMAIL)
    assert sender.send(_message()).sent
    context.after_worker_shutdown(unused, unused)
    assert mail.handler.commands == ["EHLO", "QUIT"]
    assert sender.send(_message()).sent, "a thread that outlives the shutdown can finish its message"
    until(lambda: mail.handler.commands.count("QUIT") == 2)


def test_a_line_end_in_an_envelope_never_reaches_the_server(server: MailServer) -> None:
    pool = SmtpPool(SmtpServer.from_url(server.url), size=1)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with pytest.raises(ValueError, match="single line"):
        envelope = SmtpEnvelope("a@example.com", "ann@example.org>\r\nRCPT TO:<eve@example.org")
        pool.deliver(envelope, b"Hi\r\n", deadline=deadline)
    assert server.handler.recipients == []
