"""Outbox -> broker and topic exchange: `python -m workers.relay`.

Woken by LISTEN/NOTIFY, and looking every second anyway. One transaction takes a batch oldest first, gives each fact
its place in the log, writes the inbox rows of its subscribers, publishes it for anyone outside and stamps it. The
hints follow the commit, since a worker must find the rows. A relay killed at any instruction loses nothing and repeats
at most its batch: the inbox rows are keyed by the fact.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from dramatiq import Broker, Message
from sqlalchemy import Select, func, text, update
from sqlalchemy import select as sql_select

from heidi_common.app import base_app
from heidi_common.config.settings import Settings
from heidi_common.database.listener import NotifyListener
from heidi_common.database.session import db
from heidi_common.database.transactions import transaction
from heidi_common.messaging.jobs import HINT_LEASE
from heidi_common.messaging.outbox import OUTBOX_CHANNEL, POSITION_SEQUENCE, POSITIONED_CHANNEL, OutboxEvent
from heidi_common.rabbitmq.publisher import Publisher
from workers.actors import hint
from workers.broker import make_broker
from workers.cloudevents import message
from workers.runner import forever
from workers.subscriptions import SUBSCRIPTIONS, Hint

log = logging.getLogger(__name__)
BATCH = 500
PACE_SECONDS = 0.02
"""Rounds begin so far apart: a lone fact goes at once, a stream of them in company, since a round has its price."""
LONGEST_WAIT = 1.0
"""Seconds until the relay looks for events without a notification."""
LOCK = 0x4865696469_02
"""One relay at a time writes places in the log, so that their order is the order of commits."""

GIVE = text(
    "INSERT INTO inbox (event_id, consumer, hinted_until) SELECT event_id, consumer, now() + :lease"
    " FROM unnest(CAST(:event_id AS uuid[]), CAST(:consumer AS text[])) AS given (event_id, consumer)"
    " ON CONFLICT DO NOTHING"
)
"""As text: putting an INSERT of so many rows together costs as much as all the rest of a batch."""

Publish = Callable[[Sequence[OutboxEvent]], None]


def relay_batch(broker: Broker, publish: Publish, limit: int = BATCH) -> int:
    """Pass on one batch of events; returns how many there were."""
    hints: list[Message[Any]] = []
    with transaction():
        db.session.execute(sql_select(func.pg_advisory_xact_lock(LOCK)))
        events = list(db.session.scalars(_unsent(limit)))
        if events:
            hints = _fan_out(events)
            publish(events)
            _mark_sent(events)
    for wake_up in hints:
        broker.enqueue(wake_up)
    return len(events)


def _unsent(limit: int) -> Select[OutboxEvent]:
    oldest_first = sql_select(OutboxEvent).where(OutboxEvent.sent_at.is_(None)).order_by(OutboxEvent.id).limit(limit)
    return oldest_first.with_for_update(skip_locked=True)


def _fan_out(events: Sequence[OutboxEvent]) -> list[Message[Any]]:
    """The subscribers' inbox rows, and the hints to send once they are committed."""
    hints: list[Message[Any]] = []
    rows: list[dict[str, str]] = []
    for subscription in SUBSCRIPTIONS:
        if isinstance(subscription, Hint):
            own = [event for event in events if event.type == subscription.pattern]
            hints += [hint(subscription.queue, subscription.actor, e.subject, request_id=e.request_id) for e in own]
        else:
            wanted = subscription.wanted(events)
            rows += [{"event_id": str(event.id), "consumer": subscription.actor} for event in wanted]
            hints += [hint(subscription.queue, subscription.actor, str(e.id), request_id=e.request_id) for e in wanted]
    if rows:
        given = {name: [row[name] for row in rows] for name in ("event_id", "consumer")}
        db.session.execute(GIVE, given | {"lease": HINT_LEASE})
    return hints


def _mark_sent(events: Sequence[OutboxEvent]) -> None:
    """Sent, and with a place in the log: in the order of ids within a batch, drawn before the rows are touched."""
    batch = (
        sql_select(OutboxEvent.id)
        .where(OutboxEvent.id.in_([event.id for event in events]))
        .order_by(OutboxEvent.id)
        .subquery()
    )
    places = sql_select(batch.c.id, POSITION_SEQUENCE.next_value().label("position")).subquery()
    statement = (
        update(OutboxEvent).where(OutboxEvent.id == places.c.id).values(sent_at=func.now(), position=places.c.position)
    )
    db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.execute(sql_select(func.pg_notify(POSITIONED_CHANNEL, "")))


class _Outside:
    """The topic exchange when the broker is RabbitMQ; elsewhere there is nobody outside."""

    def __init__(self, broker_url: str) -> None:
        self.publisher = Publisher(broker_url) if broker_url.startswith("amqp") else None

    def publish(self, events: Sequence[OutboxEvent]) -> None:
        if self.publisher is not None:
            self.publisher.publish_many([message(event) for event in events])

    def keep_alive(self) -> None:
        """Answer heartbeats, also when there is nothing to say."""
        if self.publisher is not None:
            self.publisher.keep_alive()


def main() -> None:
    settings = Settings.from_env()
    app = base_app(settings, "relay")
    broker = make_broker(settings.broker_url)
    outside = _Outside(settings.broker_url)
    listener = NotifyListener(settings.database_url, OUTBOX_CHANNEL, name="relay-listener")

    def relay_all() -> None:
        started_at = time.monotonic()
        with app.app_context():
            while relay_batch(broker, outside.publish) == BATCH:
                pass
        listener.wait(LONGEST_WAIT)
        time.sleep(max(0.0, started_at + PACE_SECONDS - time.monotonic()))
        outside.keep_alive()

    forever("relay", relay_all)


if __name__ == "__main__":
    main()
