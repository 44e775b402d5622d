"""The actors of users."""

from functools import partial

from heidi_common.import_jobs import processing
from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.users.schemas import UserImportIn
from heidi_services.users.service import deleted_files
from heidi_services.users.service.http_import import UserImporter
from heidi_services.users.service.personal_data_exporter import PersonalDataExporter
from heidi_services.users.service.user_exporter import UserExporter
from workers import exports
from workers.actors import actor, consumer
from workers.batching import process_each
from workers.consumption import BULK_QUEUE

_IMPORTER = partial(UserImporter, schema=UserImportIn(exclude=("id",)))


@consumer("core")
def clear_avatar(event: OutboxEvent) -> None:
    """Remove a deleted file from the account of which it was the avatar."""
    deleted_files.clear_avatar(event)


@actor(BULK_QUEUE)
def import_users(*import_ids: str) -> None:
    process_each(import_ids, lambda import_id: processing.process(_IMPORTER, import_id))


@actor(BULK_QUEUE)
def export_users(*export_ids: str) -> None:
    process_each(export_ids, partial(exports.process, UserExporter))


@actor(BULK_QUEUE)
def export_personal_data(*export_ids: str) -> None:
    process_each(export_ids, partial(exports.process, PersonalDataExporter))
