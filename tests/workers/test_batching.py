"""Wake-up messages for many rows: how rows are divided, what a message carries, and how its rows are processed."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from dramatiq import Message
from dramatiq.broker import MessageProxy
from flask import Flask

from heidi_common.config.settings import Settings
from heidi_common.database.transactions import transaction
from heidi_common.logger.causes import NO_CAUSE, Cause
from heidi_common.logger.request_id import request_id
from heidi_common.messaging.events import NotificationQueued
from heidi_common.messaging.outbox import emit
from workers import actors
from workers.batching import LARGEST, OUTSIDE, hints, process_each
from workers.broker import AppContext, make_broker
from workers.relay import relay_batch


def sizes(rows: int, name: str = "welcome_user", largest: int = LARGEST) -> list[int]:
    messages = hints("notification", name, [(str(number), NO_CAUSE) for number in range(rows)], largest=largest)
    assert [row_id for message in messages for row_id in message.args] == [str(number) for number in range(rows)]
    return [len(message.args) for message in messages]


def test_rows_are_divided_among_the_threads_of_a_worker() -> None:
    assert sizes(0) == []
    assert sizes(1) == [1]
    assert sizes(8) == [1] * 8
    assert sizes(20) == [3] * 6 + [2]
    assert sizes(500) == [63] * 7 + [59]
    assert sizes(2000) == [100] * 20


def test_rows_that_wait_for_the_outside_share_a_message_with_few_others() -> None:
    assert sizes(200, largest=OUTSIDE) == [10] * 20
    for name in ("deliver_webhook", "carry_out_operation", "run_sync"):
        assert sizes(20, name) == [1] * 20


def test_a_row_occurs_once() -> None:
    (message, *others) = hints("core", "welcome_user", [("a", Cause("r1")), ("a", Cause("r2"))])
    assert (message.args, others) == (("a",), [])


class Wakened:
    """A broker that keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[Message[None]] = []

    def enqueue(self, message: Message[None]) -> None:
        self.messages.append(message)


def test_e_mails_and_in_app_messages_do_not_share_a_message(app: Flask) -> None:
    with transaction():
        for number in range(320):
            channel = "EMAIL" if number % 2 else "IN_APP"
            emit(NotificationQueued(id=uuid4(), about_user=uuid4(), channel=channel))
    broker = Wakened()
    relay_batch(broker, lambda events: None)  # type: ignore[arg-type]
    assert [len(message.args) for message in broker.messages] == [20] * 8 + [10] * 16


def test_each_row_of_a_message_has_its_request_id(app: Flask, settings: Settings) -> None:
    context = AppContext(settings)
    context.app = app
    broker = make_broker(settings.broker_url)
    ids = [str(uuid4()) for _ in range(9)]
    message = hints("core", "some_actor", [(row_id, Cause(f"r{number}")) for number, row_id in enumerate(ids)])[0]
    seen: list[str | None] = []
    proxy, before = MessageProxy(Message.decode(message.encode())), request_id()
    context.before_process_message(broker, proxy)
    process_each(proxy.args, lambda row_id: seen.append(request_id()))
    context.after_process_message(broker, proxy)
    assert seen == ["r0", "r1"]
    assert request_id() == before


def test_a_failing_row_does_not_affect_the_others(app: Flask) -> None:
    ids, seen = [uuid4() for _ in range(3)], list[UUID]()

    def fail_for_the_second(row_id: UUID) -> None:
        seen.append(row_id)
        if row_id == ids[1]:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        process_each([str(row_id) for row_id in ids], fail_for_the_second)
    assert seen == ids


def test_every_actor_accepts_the_message_of_the_previous_version_and_one_of_many_rows(app: Flask) -> None:
    """One ID of a row that does not exist: nothing is done, and nothing fails."""
    for spec in actors.load().values():
        spec.function(str(uuid4()))
        spec.function(*(str(uuid4()) for _ in range(3)))
