"""Whether a queue has messages enough: rows that wait in it need no further wake-up message.

A message that waits longer than its row's HINT_LEASE is not lost while its queue is long. Without this, the clock would
announce a large backlog again every 30 s, and the workers would read each row several times.
"""

from __future__ import annotations

import logging

from dramatiq import Broker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

log = logging.getLogger(__name__)
BUSY_MESSAGES = 20
"""More waiting messages than this keep the workers busy for a while, at up to a hundred rows each."""


def is_busy(broker: Broker, queue: str) -> bool:
    """Whether many messages wait in a queue; False if the broker cannot tell."""
    try:
        return _count_waiting(broker, queue) > BUSY_MESSAGES
    except Exception as error:  # the connection is made again when the next message is sent
        log.info("cannot count waiting messages", extra={"queue": queue, "error": repr(error)[:300]})
        return False


def _count_waiting(broker: Broker, queue: str) -> int:
    if isinstance(broker, RabbitmqBroker):
        return int(broker.channel.queue_declare(queue=queue, passive=True).method.message_count)
    if isinstance(broker, RedisBroker):
        return int(broker.client.llen(f"{broker.namespace}:{queue}"))
    return 0
