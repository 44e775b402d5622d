"""The actors of users."""

from functools import partial

from heidi_common.import_jobs import processing
from heidi_services.users.schemas import UserImportIn
from heidi_services.users.service.http_import import UserImporter
from workers.actors import actor
from workers.batching import process_each
from workers.consumption import BULK_QUEUE

_IMPORTER = partial(UserImporter, schema=UserImportIn(exclude=("id",)))


@actor(BULK_QUEUE)
def import_users(*import_ids: str) -> None:
    process_each(import_ids, lambda import_id: processing.process(_IMPORTER, import_id))
