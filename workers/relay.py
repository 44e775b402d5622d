"""Outbox -> broker, topic exchange and Kafka: `python -m workers.relay`.

NOTIFY wakes the relay; without it, it polls every second. One transaction takes a batch: urgent events before those of
bulk work, and the oldest first. It writes the inbox rows of the subscribers, publishes the events to the exchange for
external programs, marks them sent and gives each its position in the log. The wake-up messages follow the commit, since
workers must find the rows. If the relay is killed, no event is lost, and at most one batch is repeated: the inbox rows
are keyed by the event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

from dramatiq import Broker, Message
from sqlalchemy import Select, exists, func, select, text
from sqlalchemy.orm import aliased

from heidi_common.app import base_app
from heidi_common.channels.registry import waits_for_provider
from heidi_common.config.settings import Settings
from heidi_common.database.compiled import CompiledStatement
from heidi_common.database.disk_space import disk_guard
from heidi_common.database.listener import NotifyListener
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_common.messaging.outbox import OUTBOX_CHANNEL, POSITION_SEQUENCE, POSITIONED_CHANNEL, OutboxEvent
from heidi_common.metrics.heartbeat import Pulse
from heidi_common.metrics.time_series import INSERT_DELTAS, delta_parameters
from heidi_common.rabbitmq.publisher import Publisher
from heidi_common.server.heartbeat_files import heartbeat_folder
from heidi_common.startup.process_log import start_logging
from workers.batching import LARGEST, OUTSIDE, hints
from workers.broker import make_broker
from workers.cloudevents import exchange_message
from workers.event_counts import count_events
from workers.kafka import KafkaPublisher
from workers.relay_spans import Causes, relayed
from workers.runner import run_until_stopped
from workers.subscriptions import SUBSCRIPTIONS, Hint

log = logging.getLogger(__name__)
BATCH = 500
MIN_ROUND_SECONDS = 0.02
"""Minimum time from the start of one round to the next: a single event is sent immediately, many events in batches."""
MAX_WAIT_SECONDS = 1.0
"""Time until the relay looks for events without a notification."""
LOCK = 0x4865696469_02
"""Advisory lock: one relay at a time assigns positions in the log, so that they are in the order of commits."""

INSERT_INBOX_ROWS = text(
    "INSERT INTO inbox (event_id, consumer, is_bulk, hinted_until)"
    " SELECT event_id, consumer, is_bulk, CASE WHEN is_bulk THEN now() ELSE now() + :lease END"
    " FROM unnest(CAST(:event_id AS uuid[]), CAST(:consumer AS text[]), CAST(:is_bulk AS boolean[]))"
    " AS given (event_id, consumer, is_bulk)"
    " ON CONFLICT DO NOTHING"
)
"""As text: building an INSERT of that many rows with SQLAlchemy takes as long as the rest of a batch."""

_ACQUIRE_LOCK = CompiledStatement(select(func.pg_advisory_xact_lock(LOCK)), changes=True)

_MARK_SENT = CompiledStatement(
    text(
        "WITH counted AS (" + INSERT_DELTAS + "),"  # nosec B608  # a constant
        " positions AS MATERIALIZED (SELECT id, nextval(:sequence) AS position"
        " FROM (SELECT id FROM unnest(CAST(:ids AS uuid[])) AS given (id) ORDER BY id) AS ordered), sent AS ("
        " UPDATE outbox SET sent_at = now(), position = positions.position FROM positions"
        " WHERE outbox.id = positions.id RETURNING outbox.id)"
        " SELECT pg_notify(:channel, '') FROM sent LIMIT 1"
    ).bindparams(sequence=POSITION_SEQUENCE.name, channel=POSITIONED_CHANNEL),
    changes=True,
)
"""Also counts the events. The positions are drawn before the rows are updated: an UPDATE visits rows in any order."""

Publish = Callable[[Sequence[OutboxEvent]], None]


def relay_batch(broker: Broker, publish: Publish, limit: int = BATCH) -> int:
    """Send one batch of events.

    Args:
        broker: Receives the wake-up messages of subscribers.
        publish: Publishes the events for external programs. If it fails, the batch is rolled back.
        limit: Maximum size of the batch.

    Returns:
        The number of events in the batch.
    """
    messages: list[Message[Any]] = []
    with ExitStack() as spans:
        with transaction():
            _ACQUIRE_LOCK.all()
            events = _next_events(limit)
            if events:
                messages = _fan_out(events, spans.enter_context(relayed(events)))
                publish(events)
                _mark_sent(events)
        for message in messages:
            broker.enqueue(message)
    return len(events)


def _next_events(limit: int) -> list[OutboxEvent]:
    """Read the oldest urgent events, then the oldest of bulk work, and put the batch into the order of their IDs."""
    events = list(db.session.scalars(_urgent(limit)))
    if len(events) < limit:
        events += db.session.scalars(_bulk(limit - len(events)))
    return sorted(events, key=lambda event: event.id)


@cache
def _urgent(limit: int) -> Select[OutboxEvent]:
    """Events that are not of bulk work, unless they would overtake such an event with the same subject."""
    earlier = aliased(OutboxEvent)
    overtaken = exists().where(earlier.sent_at.is_(None), earlier.is_bulk, earlier.subject == OutboxEvent.subject)
    return _oldest(limit).where(~OutboxEvent.is_bulk, ~overtaken)


@cache
def _bulk(limit: int) -> Select[OutboxEvent]:
    return _oldest(limit).where(OutboxEvent.is_bulk)


def _oldest(limit: int) -> Select[OutboxEvent]:
    unsent = select(OutboxEvent).where(OutboxEvent.sent_at.is_(None)).order_by(OutboxEvent.id).limit(limit)
    return unsent.with_for_update(skip_locked=True, of=OutboxEvent)


def _fan_out(events: Sequence[OutboxEvent], causes: Causes) -> list[Message[Any]]:
    """Write the inbox rows of the subscribers; returns the wake-up messages to send after the commit."""
    messages: list[Message[Any]] = []
    rows: list[tuple[str, str, bool]] = []
    for subscription in SUBSCRIPTIONS:
        if isinstance(subscription, Hint):
            messages += _hints_for_subjects(subscription, events, causes)
        else:
            selected = subscription.select(events)
            rows += [(str(event.id), subscription.actor, event.is_bulk) for event in selected]
            # The clock releases the rows of bulk events at a limited rate.
            wake_ups = [(str(event.id), causes[event.id]) for event in selected if not event.is_bulk]
            messages += hints(subscription.queue, subscription.actor, wake_ups)
    if rows:
        event_ids, consumers, are_bulk = map(list, zip(*rows, strict=True))
        parameters = {"event_id": event_ids, "consumer": consumers, "is_bulk": are_bulk, "lease": HINT_LEASE}
        db.session.execute(INSERT_INBOX_ROWS, parameters)
    return messages


def _hints_for_subjects(subscription: Hint, events: Iterable[OutboxEvent], causes: Causes) -> Iterator[Message[Any]]:
    """Rows whose work differs in cost do not share a message: an in-app message needs no other system."""
    matching = [event for event in events if event.type == subscription.pattern]
    for waits_outside in (False, True):
        rows = [(event.subject, causes[event.id]) for event in matching if _waits_outside(event) == waits_outside]
        yield from hints(subscription.queue, subscription.actor, rows, largest=OUTSIDE if waits_outside else LARGEST)


def _waits_outside(event: OutboxEvent) -> bool:
    return waits_for_provider(event.data.get("channel"))


def _mark_sent(events: Sequence[OutboxEvent]) -> None:
    """Mark the events sent, count them, and give them their positions in the log, in the order of their IDs."""
    _MARK_SENT.all(ids=[event.id for event in events], **delta_parameters(count_events(events)))


class ExchangePublisher:
    """Publishes events to the topic exchange if the broker is RabbitMQ; with other brokers it does nothing."""

    def __init__(self, broker_url: str) -> None:
        self.publisher = Publisher(broker_url) if broker_url.startswith("amqp") else None

    def publish(self, events: Sequence[OutboxEvent]) -> None:
        if self.publisher is not None:
            self.publisher.publish_many([exchange_message(event) for event in events])

    def keep_alive(self) -> None:
        """Answer heartbeats while there is nothing to publish."""
        if self.publisher is not None:
            self.publisher.keep_alive()


def main() -> None:
    start_logging("relay")
    settings = Settings.from_env()
    app = base_app(settings, "relay")
    broker = make_broker(settings.broker_url)
    publishers: list[ExchangePublisher | KafkaPublisher] = [ExchangePublisher(settings.broker_url)]
    publishers += [KafkaPublisher(settings.kafka_url)] if settings.kafka_url else []
    listener = NotifyListener(settings.direct_database_url, OUTBOX_CHANNEL, name="relay-listener")

    pulse = Pulse("relay", heartbeat_folder(settings.heartbeat_folder))

    def publish(events: Sequence[OutboxEvent]) -> None:
        for publisher in publishers:
            publisher.publish(events)

    def relay_all() -> None:
        started_at = time.monotonic()
        with app.app_context():
            while not disk_guard().is_full and relay_batch(broker, publish) == BATCH:
                pulse.beat()
        listener.wait(MAX_WAIT_SECONDS)
        time.sleep(max(0.0, started_at + MIN_ROUND_SECONDS - time.monotonic()))
        for publisher in publishers:
            publisher.keep_alive()

    def beat() -> None:
        with app.app_context():
            pulse.beat()

    run_until_stopped("relay", relay_all, beat=beat)
    pulse.end()


if __name__ == "__main__":
    main()
