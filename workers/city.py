"""The actors of city."""

from heidi_common.import_jobs import processing
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.city.service import response_cache
from heidi_services.city.service.http_import import CityImporter
from workers.actors import actor, consumer
from workers.batching import process_each
from workers.consumption import BULK_QUEUE


@consumer("core")
def renew_city_answers(event: OutboxEvent) -> None:
    """Invalidate the cached responses that a change of a city affects."""
    response_cache.invalidate_for_event(event)


@actor(BULK_QUEUE)
def import_cities(*import_ids: str) -> None:
    process_each(import_ids, lambda import_id: processing.process(CityImporter, import_id))
