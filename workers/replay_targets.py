"""The receivers of replayed events: subscribers, and the endpoints of integrations."""

from __future__ import annotations

from heidi_common.messaging.subscribers import SUBSCRIBERS
from heidi_services.core.models import EventReplay
from heidi_services.core.service.replay_target import ReplayTarget, SubscriberTarget
from heidi_services.integration.service.deliveries.event_replay import EndpointTarget
from workers.subscriptions import CONSUMERS


def target_of(replay: EventReplay) -> ReplayTarget:
    """Return the receiver of the events of a replay."""
    if replay.subscriber is not None:
        return SubscriberTarget(SUBSCRIBERS[replay.subscriber], CONSUMERS[replay.subscriber].select)
    assert replay.integration_id is not None
    return EndpointTarget(replay.integration_id)
