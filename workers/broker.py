"""The broker of BROKER_URL (`amqp://` RabbitMQ, `redis://` Valkey or Redis), and the context of each message."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from dramatiq import Broker, Middleware, Worker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import AgeLimit, Callbacks, ShutdownNotifications, SkipMessage, TimeLimit
from flask import Flask

from heidi_common.config.settings import Settings
from heidi_common.database.disk_space import disk_guard
from heidi_common.logger.causes import Cause, bound_row_causes, caused_by
from heidi_common.logger.request_id import bound_request_id
from heidi_common.server.parent_death import die_with_parent
from heidi_common.tracing import spans as tracing
from heidi_services.notification.channels.registry import close_senders, interrupt_senders
from workers.batching import row_causes
from workers.consumption import BoundedRabbitmqBroker
from workers.redis_broker import WakingRedisBroker

QUEUES = ("notification", "bulk", "scheduler", "outbound", "integration", "webhooks", "core", "files")
TIME_LIMIT_MS = 30 * 60 * 1000
"""The last resort, longer than the longest wait: that for the response of an SMTP server.

Sockets have shorter time limits of their own, since Dramatiq cannot interrupt a system call."""


def make_broker(url: str, *middleware: Middleware) -> Broker:
    """Make a broker that confirms published messages and redelivers those of killed workers."""
    chain: list[Middleware] = [AgeLimit(), TimeLimit(time_limit=TIME_LIMIT_MS), ShutdownNotifications(), Callbacks()]
    chain += middleware
    if url.startswith("amqp"):
        # Without confirms, a published message can be lost. The heartbeat detects a dead connection.
        broker: Broker = BoundedRabbitmqBroker(url=_with_heartbeat(url), confirm_delivery=True, middleware=chain)
    else:
        # With the defaults, the messages of a killed worker are redelivered after minutes; with these, after seconds.
        broker = WakingRedisBroker(url=url, heartbeat_timeout=5000, maintenance_chance=250_000, middleware=chain)
    for queue in QUEUES:
        broker.declare_queue(queue)
    return broker


def _with_heartbeat(url: str) -> str:
    if "heartbeat=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}heartbeat=15&blocked_connection_timeout=30"


class AppContext(Middleware):
    """An app context around each message. The app is created after the fork, so that processes share no sockets."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app: Flask | None = None
        self.local = threading.local()

    def after_process_boot(self, broker: Broker) -> None:
        from heidi_common.app import base_app

        # Without this, workers would survive a killed Dramatiq master and could not shut down: they log to its pipe.
        die_with_parent(signal.SIGKILL)
        master = multiprocessing.parent_process()
        if master is not None and master.pid != os.getppid():  # it was killed before the signal was requested
            os.kill(os.getpid(), signal.SIGKILL)
        self.app = base_app(self.settings, "worker")

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Deliveries that wait for a slow server record that their result is unknown, before the process is killed."""
        if self.app is not None:
            with self.app.app_context():
                interrupt_senders()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """The threads have ended, or have been given up."""
        if self.app is not None:
            with self.app.app_context():
                close_senders()
        tracing.flush()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        assert self.app is not None
        stack = self.local.stack = ExitStack()
        name, causes = f"process {message.actor_name}", row_causes(message.args, message.options)
        stack.enter_context(bound_row_causes(name, causes))
        stack.enter_context(_message_cause(name, message.options, causes))
        stack.enter_context(self.app.app_context())
        if disk_guard().is_full:
            # The row of the message stays due. The clock sends another message when there is space again.
            raise SkipMessage

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        stack = self.local.__dict__.pop("stack", None)
        if stack is not None:
            stack.close()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)


def _message_cause(
    name: str, options: Mapping[str, Any], causes: Mapping[str, Cause]
) -> AbstractContextManager[object]:
    """The cause of a message. If its rows have several, each row has a span of its own instead."""
    if causes:
        return bound_request_id(options.get("request_id"))
    return caused_by(Cause(options.get("request_id"), options.get("traceparent")), name)
