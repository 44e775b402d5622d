"""What a worker takes from the queues: no more messages than it has threads, and for bulk fewer."""

from __future__ import annotations

from dramatiq import Broker
from dramatiq.broker import Consumer
from dramatiq.brokers.rabbitmq import RabbitmqBroker

BULK_QUEUE = "bulk"
OUTBOUND_QUEUE = "outbound"
"""Runs that call a URL, and synchronizations: they wait for servers outside of the platform."""
FILES_QUEUE = "files"


class BoundedConsumption(Broker):
    """A broker for messages that carry many rows, and that are never delayed.

    Dramatiq prefetches two messages for each thread. As each can carry a hundred rows, a process would take much work
    that others could do. Bulk messages may occupy half of the threads, so that urgent messages, which are in other
    queues, never wait for a thread and seldom for the interpreter or a database connection. Work that waits for
    servers outside of the platform may occupy three eighths, so that a thread is free even beside bulk messages.
    Messages about files occupy one, since decoding an image takes up to 200 MB of memory. Retry times are stored in
    rows, so nothing consumes the delay queues.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Create a consumer. Arguments as in Dramatiq; `prefetch` is twice the number of threads."""
        return super().consume(queue_name, bounded_prefetch(queue_name, prefetch), timeout)

    def get_declared_delay_queues(self) -> set[str]:
        return set()


class BoundedRabbitmqBroker(BoundedConsumption, RabbitmqBroker):
    """RabbitMQ."""


def bounded_prefetch(queue_name: str, prefetch: int) -> int:
    """How many messages a process may hold: as many as it has threads, for some queues fewer, and one about files."""
    if queue_name == FILES_QUEUE:
        return 1
    threads = max(1, prefetch // 2)
    shares = {BULK_QUEUE: threads // 2, OUTBOUND_QUEUE: threads * 3 // 8}
    return max(1, shares.get(queue_name, threads))
