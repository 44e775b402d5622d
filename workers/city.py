"""Cities: answers that were stored before a change are not used after it."""

from heidi_common.messaging.outbox import Event
from heidi_services.city.service import fresh
from workers.actors import consumer


@consumer("core")
def renew_city_answers(event: Event) -> None:
    fresh.renew_for(event)
