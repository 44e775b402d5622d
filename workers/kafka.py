"""Events in Kafka, for external programs: one topic, ordered by subject, each event at least once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import orjson

from heidi_common.messaging.outbox import OutboxEvent
from workers.cloudevents import CONTENT_TYPE, as_cloudevent

log = logging.getLogger(__name__)
TOPIC = "heidi.events"
TIMEOUT_SECONDS = 15
"""How long a batch may take to be acknowledged by all replicas in sync. The relay repeats the batch afterwards."""
_HEADERS = [("content-type", CONTENT_TYPE.encode())]


class PublishFailed(Exception):
    """Kafka has not acknowledged all events of a batch."""


class KafkaPublisher:
    """Publishes events to `TOPIC`. It belongs to one thread.

    Args:
        servers: KAFKA_URL: `host:port` of one or several brokers, separated by commas.
    """

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._producer: Any = None

    def publish(self, events: Sequence[OutboxEvent]) -> None:
        """Publish events, and wait until all replicas in sync have them.

        Raises:
            PublishFailed: An event was not acknowledged. Some may have been published.
        """
        producer = self._producer = self._producer or self._connect()
        errors: list[str] = []

        def record(error: Any, _message: Any) -> None:
            if error is not None:
                errors.append(str(error))

        for event in events:
            body = orjson.dumps(as_cloudevent(event))
            producer.produce(TOPIC, body, event.subject.encode(), headers=_HEADERS, on_delivery=record)
        remaining = producer.flush(TIMEOUT_SECONDS)
        if remaining or errors:
            # What is still queued must not be sent later, behind events that are repeated before it.
            producer.purge()
            self._producer = None
            raise PublishFailed(
                f"Kafka: {errors[0] if errors else f'{remaining} events were not acknowledged in time'}"
            )

    def keep_alive(self) -> None:
        """Handle what the library reports while there is nothing to publish."""
        if self._producer is not None:
            self._producer.poll(0)

    def _connect(self) -> Any:
        from confluent_kafka import Producer  # an extra of this distribution

        return Producer(
            {
                "bootstrap.servers": self._servers,
                "client.id": "heidi-relay",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
                "delivery.timeout.ms": TIMEOUT_SECONDS * 1000,
            },
            logger=log,
        )
