"""Events in Kafka, for external programs: one topic, ordered by subject, each event at least once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from heidi_common.config.sections.kafka import TOPIC
from heidi_common.messaging.outbox import OutboxEvent
from workers.cloudevents import CONTENT_TYPE, as_cloudevent

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 15
"""How long a batch may take to be acknowledged by all replicas in sync. The relay repeats the batch afterwards."""
_HEADERS = [("content-type", CONTENT_TYPE.encode())]


class PublishFailed(Exception):
    """Kafka has not acknowledged all events of a batch."""


class KafkaPublisher:
    """Publishes events to `TOPIC`. It belongs to one thread.

    Args:
        options: How the client connects: `Settings.kafka_options`.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = options
        self._producer: Any = None
        self._connection_error = ""

    def publish(self, events: Sequence[OutboxEvent]) -> None:
        """Publish events, and wait until all replicas in sync have them.

        Raises:
            PublishFailed: An event was not acknowledged. Some may have been published.
        """
        producer = self._producer = self._producer or self._connect()
        errors: list[str] = []
        self._connection_error = ""

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
            reason = errors[0] if errors else f"{remaining} events were not acknowledged in time"
            raise PublishFailed(f"Kafka: {reason} {self._connection_error}".rstrip())

    def keep_alive(self) -> None:
        """Handle what the library reports while there is nothing to publish."""
        if self._producer is not None:
            self._producer.poll(0)

    def _note_error(self, error: Any) -> None:
        """Remember why there is no connection: the error of an event only says that it has waited too long."""
        self._connection_error = f"({error})"

    def _connect(self) -> Any:
        try:
            from confluent_kafka import Producer
        except ImportError:
            raise PublishFailed("KAFKA_URL needs the extra `kafka`: pip install 'heidi-services[kafka]'") from None
        return Producer(
            {
                **self._options,
                "error_cb": self._note_error,
                "client.id": "heidi-relay",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
                "delivery.timeout.ms": TIMEOUT_SECONDS * 1000,
            },
            logger=log,
        )
