"""The actors of city."""

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.city.service import response_cache
from workers.actors import consumer


@consumer("core")
def renew_city_answers(event: OutboxEvent) -> None:
    """Invalidate the cached responses that a change of a city affects."""
    response_cache.invalidate_for_event(event)
