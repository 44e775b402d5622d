"""The actors of the file service."""

from __future__ import annotations

from heidi_common.messaging.outbox import OutboxEvent
from heidi_services.files.service import cleanup, processing
from heidi_services.files.service.erasure import erase_user_data
from workers.actors import actor, consumer
from workers.batching import process_each


@consumer("files")
def erase_files(event: OutboxEvent) -> None:
    erase_user_data(event)


@actor("files")
def process_file(*object_ids: str) -> None:
    process_each(object_ids, processing.process)


@actor("files")
def remove_object(*object_ids: str) -> None:
    process_each(object_ids, cleanup.remove)
