"""Cities: answers that were stored before a change are not used after it."""

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.city.service import response_cache
from workers.actors import consumer


@consumer("core")
def renew_city_answers(event: OutboxEvent) -> None:
    response_cache.invalidate_for_event(event)
